"""Experiments described by other programs, as a Config."""
