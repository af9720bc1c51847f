"""
Point spread of a detector
==========================

The same spots as photons, with a Gaussian point spread, and with that of a fibre-optic taper, both with a width of 1.5
pixels. The tail of the taper decreases with 1/r³ only, so that a strong spot raises the background of its neighbours.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

cfg = nb.Config(
    crystal=nb.Crystal(cell=(79.1, 79.1, 38.4), misset_deg=(3, 88, 20), n_cells=(15, 15, 30), shape="gauss"),
    structure_factors=nb.StructureFactors.constant(400),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e26),
    detector=nb.Detector.flat(distance_mm=150, pixels=(128, 128), pixel_mm=0.25),
)
photons = nb.simulate(cfg)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
for axis, (psf, width) in zip(axes, (("none", 0), ("gaussian", 1.5), ("fiber", 1.5)), strict=True):
    seen = nb.add_noise(photons, seed=1, adc_offset=0, psf=psf, psf_fwhm_px=width, saturation_adu=np.inf, dtype=float)
    axis.imshow(seen + 0.1, cmap="magma", norm="log", vmin=0.1, vmax=photons.max())
    axis.set_title(psf)
    axis.set_axis_off()
plt.show()
