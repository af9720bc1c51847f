"""Names of parameters that belong together."""

CELL = ("cell_a", "cell_b", "cell_c", "cell_alpha", "cell_beta", "cell_gamma")
ROTATIONS = ("rot_x", "rot_y", "rot_z")
COUNTS = ("n_a", "n_b", "n_c")
COUNTS_OFF = ("n_ab", "n_bc", "n_ac")
SPREADS = ("mosaic_a", "mosaic_b", "mosaic_c")
CORRELATIONS = ("correlation_a", "correlation_b", "correlation_c")
DISPLACEMENTS = ("displacement_a", "displacement_b", "displacement_c")
STRAIN_NAMES = ("strain_11", "strain_22", "strain_33", "strain_23", "strain_13", "strain_12")
MOTIONS = ("tx", "ty", "tz", "rx", "ry", "rz")  # behind the name of a panel or a group
