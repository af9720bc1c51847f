"""Plots of radial averages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ..analysis.radial import radial_average
from ..analysis.resolution import mean_wavelength_A
from ..calls import public
from ..config.config import Config
from ..geometry import FloatArray
from ..scene.scene import Scene
from .figures import RING, figure_of, new_figure
from .rings import choose_rings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BINS, STEEP = 97.0, 20.0  # a percentile of the bins, and how many times higher the largest bin may be


@public
def plot_radial(
    image: npt.ArrayLike,
    experiment: Config | Scene,
    *,
    bins: int = 200,
    statistic: Literal["mean", "median"] = "mean",
    log: bool = False,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot an image's mean or median photons against the scattering angle, with the resolution along the top.

    A linear axis is cut off above the bulk of the bins if a few, such as the direct beam's, are far higher.

    Parameters
    ----------
    image, experiment, bins, statistic
        As for `radial_average`.
    log
        Whether the photon axis is logarithmic, if any value is positive.
    title
        Title of the plot.
    ax
        Axes to draw into.

    Returns
    -------
    Figure

    Raises
    ------
    ConfigError, ShapeError
        See `radial_average`; or matplotlib is not installed.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    average = radial_average(image, scene, bins=bins, statistic=statistic)
    if ax is None:
        ax = new_figure(6.5, 3.8).add_subplot()
    some = average.pixels > 0
    log = log and bool((average.value[some] > 0).any())
    ax.plot(average.two_theta_deg[some], average.value[some], color="black", linewidth=0.9)
    ax.set_xlim(max(0.0, float(average.two_theta_deg[0])), float(average.two_theta_deg[-1]))
    ax.set(xlabel="2θ (degrees)", ylabel=f"{statistic} per pixel", yscale="log" if log else "linear")
    if not log:
        ax.set_ylim(min(0.0, float(np.nanmin(average.value))), _top(average.value[some]))
    _resolution_axis(ax, scene)
    if title:
        ax.set_title(title, fontsize=9)
    return figure_of(ax)


def _top(values: FloatArray) -> float | None:
    """Return the upper limit of a linear axis that cuts off a few very high bins, or None if there are none."""
    most = float(np.percentile(values, MOST_BINS))
    return 2.0 * most if most > 0 and values.max() > STEEP * most else None


def _resolution_axis(ax: Axes, scene: Scene) -> None:
    """Draw an axis of round resolutions along the top."""
    wavelength, rings = mean_wavelength_A(scene), choose_rings(scene)

    def angles(rings: list[float]) -> FloatArray:
        return np.degrees(2.0 * np.arcsin(wavelength / 2.0 / np.array(rings)))

    top = ax.secondary_xaxis("top")
    top.set_xticks(angles(rings), [f"{d:g}" for d in rings])
    top.set_xlabel("d (Å)")
    for angle in angles(rings):
        ax.axvline(float(angle), color=RING, linewidth=0.4, alpha=0.6)
