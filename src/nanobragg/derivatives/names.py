"""Names of parameters that belong together."""

CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
ROTATIONS = ("rot_x", "rot_y", "rot_z")
COUNTS = ("n_a", "n_b", "n_c")
SPREADS = ("mosaic_a", "mosaic_b", "mosaic_c")
CORRELATIONS = ("correlation_a", "correlation_b", "correlation_c")
DISPLACEMENTS = ("displacement_a", "displacement_b", "displacement_c")
MOTIONS = ("tx", "ty", "tz", "rx", "ry", "rz")  # behind the name of a panel or a group
