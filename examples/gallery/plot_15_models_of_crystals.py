"""
Models of crystals
==================

The same crystal as isotropic mosaic, with domains that turn about its own b* most, with strained domains, with spread
and bandwidth in closed form, as a twin, with a second crystal in the beam, with diffuse scattering, and as powder.
Strain and bandwidth lengthen spots along the radius, in proportion to it; the anisotropic spread lengthens them across
its axis only. The closed form shows the distribution itself, not the domains and wavelengths that sample it. Molecules
whose displacements are correlated farther along a than across it make halos that are flat along a*.
"""

import matplotlib.pyplot as plt

import nanobragg as nb

crystal = nb.Crystal(cell=(60, 60, 45, 90, 90, 92), misset_deg=(20, 35, 10), n_cells=(12, 12, 16), shape="gauss")
mosaic = {"mosaic_model": "gaussian", "mosaic_domains": 60}
models = {
    "isotropic": crystal.replace(mosaic_spread_deg=0.4, **mosaic),
    "about b*": crystal.replace(mosaic_spread_deg=(0.02, 0.8, 0.02), **mosaic),
    "strained": crystal.replace(strain_percent=1.0, **mosaic),
    "twinned": crystal.replace(mosaic_spread_deg=0.1, **mosaic).twinned("k,h,-l", 0.4),
}
cfg = nb.Config(
    crystal=crystal,
    structure_factors=nb.StructureFactors.wilson(crystal.cell, "P 1", b_factor=15, d_min_A=2.2, seed=1),
    beam=nb.Beam(dispersion_percent=1, dispersion_steps=15),
    detector=nb.Detector.flat(distance_mm=90, pixels=(360, 360), pixel_mm=0.22),
    sampling=nb.Sampling(oversample=3),
)
images = {name: nb.simulate(cfg.replace(crystal=model)) for name, model in models.items()}
second = crystal.replace(n_cells=12, cell=(40, 50, 60), misset_deg=(80, -30, 15))
factors = nb.StructureFactors.wilson(second.cell, "P 1", b_factor=15, d_min_A=2.2, seed=2)
both = cfg.replace(crystals=[crystal, second], factors_of_crystals=[cfg.structure_factors, factors])
smeared = crystal.replace(mosaic_sampling="analytic", mosaic_spread_deg=(0.02, 0.8, 0.02), mosaic_model="gaussian")
images["in closed form"] = nb.simulate(cfg.replace(crystal=smeared, beam=nb.Beam(bandwidth_percent=0.7)))
images["two crystals"] = nb.simulate(both)
liquid = crystal.replace(diffuse=nb.Diffuse(correlation_length_A=(60, 20, 20), displacement_A=0.6))
images["diffuse"] = nb.simulate(cfg.replace(crystal=liquid))
images["powder"] = nb.powder(cfg)

figure, axes = plt.subplots(2, 4, figsize=(12, 6.5), layout="constrained")
for axis in axes.flat:
    axis.set_axis_off()
for axis, (name, image) in zip(axes.flat, images.items(), strict=False):
    axis.imshow(image + 1e-12, cmap="magma", norm="log", vmin=1e-5 * image.max(), vmax=image.max())
    axis.set_title(name)
plt.show()
