"""Structure factors: symmetry, expansion to P1, dense tables, calculation from coordinates, Wilson statistics."""
