"""
A still of one crystal
======================

A nanocrystal with the cell of lysozyme in one shot of an X-ray laser. The beam is parallel and monochromatic and the
crystal perfect, so that only reflections on the Ewald sphere diffract. They lie on circles, where the sphere cuts the
planes of the reciprocal lattice.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)

cfg = nb.Config(
    crystal=nb.Crystal(cell=CELL, misset_deg=(3, 88, 20), n_cells=(15, 15, 30)),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.8, seed=1),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e26, kahn_factor=1.0),
    detector=nb.Detector.flat(distance_mm=150, pixels=(300, 300), pixel_mm=0.5),
    sampling=nb.Sampling(oversample=6),
)
image = nb.simulate(cfg)

figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
axis.imshow(image, cmap="gray_r", norm="asinh", vmin=0, vmax=0.02 * image.max())
axis.set_axis_off()
plt.show()
