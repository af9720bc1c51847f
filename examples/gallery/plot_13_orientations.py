"""
Random orientations
===================

The direction of c* in fifteen hundred crystals of random orientation, in an equal-area projection of the hemisphere.
Random orientations of nanobragg (left) cover it evenly; those of the C program (right, ``compat="c"``) are drawn from a
cap of 90 *radians* and concentrate around the axis of rotation.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

cfg = nb.Config(
    crystal=nb.Crystal(cell=(60, 70, 80), misset_deg="random"),
    structure_factors=nb.StructureFactors.constant(100),
    detector=nb.Detector.flat(distance_mm=100, pixels=16, pixel_mm=4),
)

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axis, compat in zip(axes, (None, "c"), strict=True):
    scenes = (
        nb.Scene(cfg.replace(crystal=cfg.crystal.replace(misset_seed=seed), compat=compat)) for seed in range(1, 1501)
    )
    c_star = np.array([scene.lattice.reciprocal[2] for scene in scenes])
    c_star /= np.linalg.norm(c_star, axis=1, keepdims=True)
    c_star *= np.where(c_star[:, 2:] < 0, -1, 1)  # c* and -c* are the same axis
    radius = np.sqrt(1 / (1 + c_star[:, 2]))
    axis.plot(c_star[:, 0] * radius, c_star[:, 1] * radius, ".", markersize=2)
    axis.add_artist(plt.Circle((0, 0), 1, fill=False))
    axis.set(title=f"compat={compat!r}", aspect="equal", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
    axis.set_axis_off()
plt.show()
