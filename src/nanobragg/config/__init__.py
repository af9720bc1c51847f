"""What the user says: validated, immutable, serialisable models with units in their field names."""
