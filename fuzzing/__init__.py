"""Foreign bytes for every reader: `python -m fuzzing READER` (docs/robustness.md)."""
