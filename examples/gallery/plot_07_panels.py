"""
A detector of panels
====================

Eight panels around a central hole, each with its own position and direction, one of them visibly tilted. The image is
an array with a leading panel axis. The figure shows each panel at its position, seen from the sample: lab x to the
right, y down.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)

panels = []
for turn in range(4):
    angle = np.radians(90 * turn)
    along, across = np.array([np.cos(angle), np.sin(angle), 0]), np.array([-np.sin(angle), np.cos(angle), 0])
    for step in range(2):
        tilt = np.radians(8 if (turn, step) == (2, 1) else 0.5 * step)
        fast, slow = along * np.cos(tilt) + across * np.sin(tilt), across * np.cos(tilt) - along * np.sin(tilt)
        origin = np.array([0, 0, 90.0]) + along * (-9 + 40 * step) + across * (9 + 2 * step)
        panels.append(
            nb.Panel(
                origin_mm=tuple(origin), fast_axis=tuple(fast), slow_axis=tuple(slow), pixel_mm=0.2, pixels=(190, 160)
            )
        )  # fmt: skip

cfg = nb.Config(
    crystal=nb.Crystal(
        cell=CELL, misset_deg=(21, 43, 65), n_cells=(15, 15, 30), mosaic_spread_deg=0.4, mosaic_domains=20
    ),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=1.8, seed=1),
    beam=nb.Beam(wavelength_A=1.3, fluence_ph_m2=1e26, kahn_factor=1.0),
    detector=nb.Detector(panels=panels, convention="dials"),
    background=nb.Background(water_um=0.2),
)
image = nb.add_noise(nb.simulate(cfg), seed=1, adc_offset=0)

figure, axis = plt.subplots(figsize=(6.5, 6.5), layout="constrained")
for panel, pixels in zip(panels, image, strict=True):
    fast, slow, _ = panel.axes()
    edges = np.meshgrid(np.arange(161) * 0.2, np.arange(191) * 0.2)
    x, y = (panel.origin_mm[i] + edges[0] * fast[i] + edges[1] * slow[i] for i in range(2))
    axis.pcolormesh(x, y, pixels, cmap="gray_r", vmin=0, vmax=40, rasterized=True)
axis.set(xlabel="lab x, mm", ylabel="lab y, mm", aspect="equal", xlim=(-68, 68), ylim=(68, -68))
plt.show()
