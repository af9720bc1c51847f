"""Detectors: panels in the laboratory, by hand, by convention or by name."""
