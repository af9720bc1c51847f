"""A Config with every default settled, in SI units, and its form for the kernel."""
