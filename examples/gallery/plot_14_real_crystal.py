"""
A real crystal in seconds
=========================

A crystal of 50 µm scatters as millions of small blocks. ``Crystal.realistic`` chooses blocks, mosaic domains and their
number; what cannot be seen is left out of the image (:doc:`/culling`), with a proven bound on every pixel.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

import nanobragg as nb

CELL = (79.1, 79.1, 38.4, 90, 90, 90)
cfg = nb.Config(
    crystal=nb.Crystal.realistic(0.05, cell=CELL, mosaic_spread_deg=0.1).replace(misset_deg=(21, 43, 65)),
    structure_factors=nb.StructureFactors.wilson(CELL, "P 43 21 2", b_factor=15, d_min_A=2, seed=1),
    beam=nb.Beam(wavelength_A=1, flux_ph_s=1e12, exposure_s=0.1, size_mm=0.05),
    detector=nb.Detector.named("EIGER2 1M", distance_mm=100),
    background=nb.Background(water_um=60),
)
scene = nb.Scene(cfg)
image, report = nb.simulate(scene, tolerance=1e-7, report=True)
print(report)

# %%
# The brightest spot beside the same pixels from the exact engine, and the difference.

slow, fast = np.unravel_index(np.argmax(image), image.shape)
box = nb.Box(0, slice(slow - 8, slow + 9), slice(fast - 8, fast + 9))
exact = nb.simulate(scene, pixels=[box], tolerance=0)
figure, axes = plt.subplots(1, 4, figsize=(16, 4))
shown = LogNorm(max(float(np.median(image)), 1e-3), float(image.max()))
for axis, part, title in zip(
    axes, (image, box.cut(image), box.cut(exact)), ("image", "brightest spot", "every term"), strict=False
):
    axis.imshow(np.maximum(part, shown.vmin), norm=shown, cmap="gray_r")
    axis.set_title(f"{title}, photons")
missing = box.cut(exact) - box.cut(image)
print(f"no pixel here misses more than {missing.max():.2g} photons; allowed: {report.bound_ph:.2g}")
figure.colorbar(axes[3].imshow(missing, cmap="viridis"), ax=axes[3])
axes[3].set_title("what is missing, photons")
figure.tight_layout()
plt.show()
