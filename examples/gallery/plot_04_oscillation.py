"""
An oscillation image
====================

A crystal rotates by 1.5 degrees during the exposure. Each plane of the reciprocal lattice cuts the Ewald sphere in a
circle; while the plane rotates, the circle sweeps over the reflections between its first and its last position. The
resulting crescents are called lunes.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)

cfg = nb.Config(
    crystal=nb.Crystal(
        cell=CELL, misset_deg=(4, 86, 10), n_cells=(15, 15, 30), shape="gauss", mosaic_spread_deg=0.1, mosaic_domains=5
    ),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=20, d_min_A=1.7, seed=3),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e26, kahn_factor=0.98),
    detector=nb.Detector.flat(distance_mm=150, pixels=(350, 350), pixel_mm=0.45),
    scan=nb.Scan(start_deg=0, range_deg=1.5, steps=30),
    sampling=nb.Sampling(oversample=6),
)
image = nb.simulate(cfg)

figure, axis = plt.subplots(figsize=(6.5, 6.5), layout="constrained")
axis.imshow(image, cmap="gray_r", norm="asinh", vmin=0, vmax=0.005 * image.max())
axis.set_axis_off()
plt.show()
