"""Pictures of two compared images, their difference and their ratio, with axes, titles and colour bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.png import grey_limits
from .figures import new_figure, save_figure
from .grey_scale import grey_map

PERCENTILES = (40.0, 99.8)
EDGE_INCH = 6.0

Image = npt.NDArray[Any]


def save_comparison(folder: Path, ours: Image, theirs: Image, difference_scale: float, ratio_scale: float) -> None:
    """Write ours.png, theirs.png, difference.png and ratio.png to a folder.

    Parameters
    ----------
    folder
        An existing folder.
    ours, theirs : ndarray, shape (slow, fast)
        Photons; drawn on a common grey scale.
    difference_scale, ratio_scale
        Photons, and factor, at full colour: red where ours is larger.
    """
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    white, black = grey_limits(np.concatenate([a.ravel(), b.ravel()]), PERCENTILES)
    grey = {"cmap": grey_map(), "vmin": white, "vmax": black}
    _save(folder / "ours.png", a, "nanobragg", "photons per pixel", **grey)
    _save(folder / "theirs.png", b, "reference", "photons per pixel", **grey)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        difference, ratio = a - b, a / b
    ratio[a == b] = 1.0
    red = {"cmap": _red_map()}
    scale = difference_scale or 1.0
    _save(
        folder / "difference.png", difference, "nanobragg - reference", "photons per pixel", vmin=-scale, vmax=scale,
        **red,
    )  # fmt: skip
    _save(
        folder / "ratio.png", ratio, "nanobragg / reference", "ratio", norm=_log_norm(1.0 / ratio_scale, ratio_scale),
        **red,
    )  # fmt: skip


def _red_map() -> Any:
    from matplotlib import colormaps

    return colormaps["bwr"].with_extremes(bad="0.5")


def _log_norm(low: float, high: float) -> Any:
    from matplotlib.colors import LogNorm

    return LogNorm(low, high)


def _save(path: Path, values: Image, title: str, unit: str, **scale: Any) -> None:
    slow, fast = values.shape
    height = min(max(EDGE_INCH * slow / fast, 2.5), 2 * EDGE_INCH)
    figure = new_figure(EDGE_INCH + 1.2, height + 0.6)
    ax = figure.add_subplot()
    drawn = ax.imshow(values, extent=(0, fast, slow, 0), interpolation="nearest", **scale)
    ax.set(title=title, xlabel="fast (pixels)", ylabel="slow (pixels)")
    bar = figure.colorbar(drawn, ax=ax, label=unit, extend="both")
    if "norm" in scale:
        low, high = scale["norm"].vmin, scale["norm"].vmax
        bar.set_ticks([low, 1.0, high], labels=[f"{low:g}", "1", f"{high:g}"])
        bar.minorticks_off()
    save_figure(path, figure)
