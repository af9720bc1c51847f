"""Rendering of scenes, and traces of single pixels."""
