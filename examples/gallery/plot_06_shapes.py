"""
Shapes of a crystal
===================

A spot is the squared transform of the crystal's shape: eight cells along an axis give six fringes between two spots, an
ellipsoid gives rings. The Gaussians and the top-hat are spots without fringes, for experiments that do not resolve
them. In this cubic cell both Gaussians are isotropic.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

cfg = nb.Config(
    crystal=nb.Crystal(cell=(100,), n_cells=(8, 8, 8)),
    structure_factors=nb.StructureFactors.constant(100),
    beam=nb.Beam(wavelength_A=1.0),
    detector=nb.Detector.flat(distance_mm=500, pixels=(256, 256), pixel_mm=0.05),
    sampling=nb.Sampling(oversample=1),
)

figure, axes = plt.subplots(1, 5, figsize=(12.5, 2.9), layout="constrained")
for axis, shape in zip(axes, ("square", "round", "gauss", "gauss_star", "tophat"), strict=True):
    image = nb.simulate(cfg.replace(crystal=cfg.crystal.replace(shape=shape)))
    axis.imshow(image + 1e-9, cmap="magma", norm="log", vmin=1e-6 * image.max(), vmax=image.max())
    axis.set_title(shape)
    axis.set_axis_off()
plt.show()
