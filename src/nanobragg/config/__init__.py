"""The Config and its parts: validated, immutable, serialisable models with units in their field names."""
