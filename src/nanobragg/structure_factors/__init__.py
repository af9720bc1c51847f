"""Structure factors: symmetry, expansion to P1, grids and models."""
