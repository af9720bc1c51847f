"""Refinement of experiments against measured images."""
