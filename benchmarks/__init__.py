"""How fast nanobragg is, beside the C program: `python -m benchmarks` (docs/performance.md)."""
