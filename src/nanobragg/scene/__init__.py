"""A Config with every default resolved, in SI units, and its form for the kernel."""
