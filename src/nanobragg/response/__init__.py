"""Detector response: point spread, noise, conversion to integers."""
