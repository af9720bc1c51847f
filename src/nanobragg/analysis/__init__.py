"""Quantities derived from a scene or an image."""
