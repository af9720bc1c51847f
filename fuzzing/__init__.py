"""Fuzzing of the file readers: `python -m fuzzing READER` (docs/robustness.md)."""
