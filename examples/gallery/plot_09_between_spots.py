"""
Between the spots
=================

Three cells along each axis leave bridges between reflections, bright enough to show the structure factors there. The
amplitude of the nearest reflection changes in steps half-way between reflections; the tricubic polynomial through the
surrounding reflections is continuous.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

CELL = (40, 50, 60, 90, 90, 90)

cfg = nb.Config(
    crystal=nb.Crystal(cell=CELL, misset_deg=(10, 20, 30), n_cells=3),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 21 21 21", b_factor=10, d_min_A=2.5, seed=2),
    beam=nb.Beam(wavelength_A=1.0),
    detector=nb.Detector.flat(distance_mm=250, pixels=(300, 300), pixel_mm=0.25),
    sampling=nb.Sampling(oversample=1),
)

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axis, interpolate in zip(axes, (False, True), strict=True):
    factors = cfg.structure_factors.replace(interpolate=interpolate)
    image = nb.simulate(cfg.replace(structure_factors=factors))
    axis.imshow(image + 1e-9, cmap="magma", norm="log", vmin=1e-4 * image.max(), vmax=0.3 * image.max())
    axis.set_title("tricubic" if interpolate else "nearest reflection")
    axis.set_axis_off()
plt.show()
