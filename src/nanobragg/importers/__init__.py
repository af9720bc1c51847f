"""Import of experiments from DIALS and NXmx files."""
