"""Draw named detectors with its modules and gaps, and a diffraction image on it.

    python examples/named_detectors.py named_detectors.png

The view is along the beam, which the cross marks. Needs matplotlib.
"""

from __future__ import annotations

import sys
import warnings

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Affine2D

import nanobragg as nb

BLOCK = 4  # the brightest of BLOCK × BLOCK pixels is drawn
CRYSTAL = nb.Crystal(cell=(120, 120, 90), n_cells=10, shape="gauss", misset_deg=(12, 25, 7))
FACTORS = nb.StructureFactors.wilson((120, 120, 90, 90, 90, 90), "P 4", b_factor=20, d_min_A=1.5, seed=1)

SHOWN = (
    "EIGER2 16M", "PILATUS3 6M", "PILATUS3 2M", "PILATUS3 300K", "JUNGFRAU 4M", "JUNGFRAU 16M", "Rayonix MX340",
    "ADSC Q315r", "AGIPD 1M", "ePix10k 2M", "CSPAD", "EIGER2 4M",
)  # fmt: skip


def image_on(detector: nb.Detector) -> np.ndarray:
    """Return the expected photons of an image, shape (panels, slow, fast), NaN where masked."""
    config = nb.Config(
        crystal=CRYSTAL,
        structure_factors=FACTORS,
        detector=detector,
        scan=nb.Scan(range_deg=2.0, steps=5),
        sampling=nb.Sampling(oversample=2),
    )
    image = nb.simulate(config)
    if detector.mask is not None:
        image[~detector.mask] = np.nan
    return image.reshape(len(detector.panels), *detector.panels[0].pixels)


def draw(axes: Axes, name: str, detector: nb.Detector) -> None:
    """Draw one detector in the plane perpendicular to the beam, in mm."""
    image, (ns, nf) = image_on(detector), detector.panels[0].pixels
    high, wide = ns // BLOCK, nf // BLOCK
    blocks = image[:, : high * BLOCK, : wide * BLOCK].reshape(-1, high, BLOCK, wide, BLOCK)
    drawn = np.fmax.reduce(np.fmax.reduce(blocks, axis=4), axis=2)
    brightest = np.nanpercentile(drawn, 99.5)
    for panel, pixels in zip(detector.panels, drawn, strict=True):
        fast, slow, _ = panel.axes()
        step = panel.pixel_mm
        place = Affine2D.from_values(
            fast[0] * step, fast[1] * step, slow[0] * step, slow[1] * step, panel.origin_mm[0], panel.origin_mm[1]
        )
        axes.imshow(
            pixels, extent=(0, nf, ns, 0), vmin=0, vmax=brightest, cmap="gray_r", interpolation="nearest",
            transform=place + axes.transData, zorder=1,
        )  # fmt: skip
        if len(detector.panels) > 1:
            corners = panel.corners_mm()[[0, 1, 3, 2, 0], :2]
            axes.plot(*corners.T, color="tab:blue", linewidth=0.3)
    corners = np.concatenate([panel.corners_mm() for panel in detector.panels])[:, :2]
    axes.set_xlim(corners[:, 0].min() - 5, corners[:, 0].max() + 5)
    axes.set_ylim(corners[:, 1].max() + 5, corners[:, 1].min() - 5)
    axes.plot(0, 0, "+", color="tab:red", markersize=8)
    axes.set_aspect("equal")
    axes.set_facecolor("wheat")
    axes.set_title(f"{name}\n{' × '.join(map(str, detector.shape))}", fontsize=8)
    axes.tick_params(labelsize=6)


def main(path: str) -> None:
    """Draw the detectors and save the figure."""
    warnings.simplefilter("ignore", nb.errors.NanobraggWarning)  # two sub-pixels are sufficient for a picture
    figure, grid = plt.subplots(4, 3, figsize=(9, 12.5), layout="constrained")
    for axes, name in zip(grid.flat, SHOWN, strict=True):
        size = {"PILATUS3 300K": 60.0}.get(name, 150.0)
        draw(axes, name, nb.Detector.named(name, distance_mm=size, convention="xds"))
    figure.supxlabel("mm, along the beam", fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "named_detectors.png")
