"""Benchmarks of nanobragg against the C program: `python -m benchmarks` (docs/performance.md)."""
