"""
Water and photons
=================

The same crystal in the same film of water with ten times more photons in each image, as recorded by a photon-counting
detector. The ratio of spots to background is constant; the noise of the background determines which weak spots are
visible.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)

cfg = nb.Config(
    crystal=nb.Crystal(
        cell=CELL, misset_deg=(21, 43, 65), n_cells=(15, 15, 30), mosaic_spread_deg=0.5, mosaic_domains=25
    ),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.8, seed=1),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e24, kahn_factor=1.0),
    detector=nb.Detector.flat(distance_mm=150, pixels=(300, 300), pixel_mm=0.5),
    sampling=nb.Sampling(oversample=7),
    background=nb.Background(water_um=0.25),
)
expected = nb.simulate(cfg)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.8), layout="constrained")
for axis, fluence in zip(axes, (1e24, 1e25, 1e26), strict=True):
    counts = nb.add_noise(expected * (fluence / 1e24), seed=1, adc_offset=0, dtype=np.int32)
    axis.imshow(counts, cmap="gray_r", vmin=0, vmax=3 * np.median(counts) + 4)
    axis.set_title(f"{fluence:.0e} photons/m²")
    axis.set_axis_off()
plt.show()
