"""Sphinx support for the documentation: run examples, tables from the source, pictures."""
