"""The trace of a pixel: every intermediate result, and its explanation."""
