"""
Mosaic spread
=============

The same crystal, perfect and with mosaic domains rotated by up to 0.4° and 1.2°. Each domain brings other reflections
onto the Ewald sphere: there are more spots, and each is an arc around the beam whose length grows with the distance
from it.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)

cfg = nb.Config(
    crystal=nb.Crystal(cell=CELL, misset_deg=(21, 43, 65), n_cells=(15, 15, 30)),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.8, seed=1),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e26, kahn_factor=1.0),
    detector=nb.Detector.flat(distance_mm=150, pixels=(160, 160), pixel_mm=0.5),
    sampling=nb.Sampling(oversample=6),
)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
for axis, (spread, domains) in zip(axes, [(0, 1), (0.4, 40), (1.2, 120)], strict=True):
    image = nb.simulate(cfg.replace(crystal=cfg.crystal.replace(mosaic_spread_deg=spread, mosaic_domains=domains)))
    axis.imshow(image, cmap="gray_r", vmin=0, vmax=200)
    axis.set_title(f"{spread}°, {domains} domain{'s' * (domains > 1)}")
    axis.set_axis_off()
plt.show()
