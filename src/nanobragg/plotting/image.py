"""Plots of detector images with resolution rings, predicted spots and close-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..analysis.resolution import mean_direction, reshape_to_scene
from ..analysis.spots.absorption import mean_position
from ..analysis.spots.predict import Spots, predict_spots
from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.png import grey_limits
from ..scene.scene import Scene
from .figures import BEAM, SPOT, figure_of, new_figure
from .grey_scale import block_size, grey_map, shrink
from .panel_layout import PanelLayout, panel_layout, stacked_layout
from .rings import choose_rings, draw_rings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERCENTILES = (40.0, 99.8)
STRONG = 4.0  # levels of the background above which all spots are black
MOST_PIXELS = 1200  # along an edge of the plot
MOST_SPOTS = 500
MOST_INSETS, INSET_PIXELS = 8, 12  # INSET_PIXELS on either side of a spot
EDGE_INCH = 6.5

Image = npt.NDArray[Any]


@public
def plot(
    image: npt.ArrayLike,
    experiment: Config | Scene | None = None,
    *,
    spots: bool | Spots = True,
    rings: Sequence[float] | None = None,
    zoom: int | Sequence[int] = 0,
    percentiles: tuple[float, float] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw an image: dark spots on white, resolution rings, beam centre, predicted spots, close-ups.

    Parameters
    ----------
    image : array_like, shape (slow, fast) or (panels, slow, fast)
        Photons or detector units; several panels may be stacked along the slow axis. NaN and masked pixels are
        beige.
    experiment
        The `Config` or `Scene` of the image. Without one, no rings and spots are drawn.
    spots
        Whether to circle the 500 brightest predicted spots, or the spots to circle.
    rings
        Resolutions in Å. Default: as many round values as fit; `()` draws none.
    zoom
        Number of close-ups, of bright spots at different resolutions; or the rows of the spots to enlarge.
    percentiles
        Percentiles of the pixels that are drawn white and black. Default: such that the background is light and spots
        above it are black.
    title
        Title of the plot; default: wavelength, distance and the brightest pixel.
    ax
        Axes to draw into, without close-ups.

    Returns
    -------
    Figure
        A matplotlib Figure; write it with its `savefig`, or `nanobragg.plotting.figures.save_figure`.

    Raises
    ------
    ConfigError, ShapeError
        Matplotlib is not installed, the image does not fit the Config, or there are no spots for close-ups.
    """
    scene = experiment if isinstance(experiment, Scene) or experiment is None else Scene(experiment)
    panels = _panels(image, scene)
    layout = stacked_layout(panels.shape[1:]) if scene is None else panel_layout(scene)
    shown = _spots(scene, spots)
    chosen = _close_ups(shown, zoom)
    alone, small = ax is None, list[Any]()
    if ax is None:
        ax, small = _axes(layout, len(chosen))
    limits = _draw_panels(ax, panels, layout, percentiles, bar=alone)
    if scene is not None:
        draw_rings(ax, scene, layout, choose_rings(scene) if rings is None else rings)
        _draw_beam(ax, scene, layout)
    _draw_spots(ax, layout, shown[:MOST_SPOTS])
    for number, (row, inset) in enumerate(zip(chosen, small, strict=False), 1):
        _draw_close_up(inset, panels, shown[row : row + 1], limits, number)
        _mark(ax, layout, shown, row, number)
    ax.set_title(_title(panels, scene) if title is None else title, fontsize=9)
    return figure_of(ax)


def _title(panels: Image, scene: Scene | None) -> str:
    brightest = f"brightest pixel {float(np.nanmax(panels)):.4g}" if np.isfinite(panels).any() else "no pixels"
    if scene is None:
        return brightest
    return f"{scene.config.beam.wavelength:.5g} Å, {scene.distance * 1000:.5g} mm; {brightest}"


def _panels(image: npt.ArrayLike, scene: Scene | None) -> Image:
    """Return the image as (panels, slow, fast), with NaN in masked pixels."""
    array = np.asarray(image) if scene is None else reshape_to_scene(image, scene)
    if array.ndim not in (2, 3) or array.size == 0:
        raise ConfigError(f"image of shape {array.shape}: must be (slow, fast) or (panels, slow, fast)")
    if scene is None:
        return array.reshape(1, -1, array.shape[-1])
    if scene.mask is not None:
        array = np.where(scene.rendered, array, np.nan)
    return array.reshape(-1, *array.shape[-2:])


def _spots(scene: Scene | None, spots: bool | Spots) -> Spots:
    if isinstance(spots, Spots):
        return spots
    if spots and scene is not None:
        return predict_spots(scene)
    return Spots.none()


def _close_ups(spots: Spots, zoom: int | Sequence[int]) -> list[int]:
    """Return the rows of the spots to enlarge."""
    if not isinstance(zoom, int):
        rows = [int(row) for row in zoom]
        if not all(0 <= row < len(spots) for row in rows):
            raise ConfigError(f"zoom = {rows}: rows must be 0 to {len(spots) - 1}")
        return rows[:MOST_INSETS]
    if zoom < 0 or (zoom and not len(spots)):
        raise ConfigError(f"zoom = {zoom}: close-ups need predicted spots and a number of at least 0")
    count = min(zoom, MOST_INSETS, len(spots))
    if count == 0:
        return []
    edges = np.quantile(spots.d_A**-2, np.linspace(0.0, 1.0, count + 1))
    shell = np.clip(np.searchsorted(edges, spots.d_A**-2, side="right") - 1, 0, count - 1)
    return [int(np.flatnonzero(shell == i)[0]) for i in range(count) if (shell == i).any()]


def _axes(layout: PanelLayout, insets: int) -> tuple[Axes, list[Axes]]:
    """Return the axes of the image, and one for each close-up in columns beside it."""
    (left, right), (bottom, top) = layout.limits()
    ratio = abs((top - bottom) / (right - left))
    width, height = (EDGE_INCH, EDGE_INCH * ratio) if ratio <= 1 else (EDGE_INCH / ratio, EDGE_INCH)
    width, height = max(width, 2.5), max(height, 2.5)
    columns = -(-insets // 4)
    rows = -(-insets // columns) if columns else 1
    figure = new_figure(width + 0.7 + columns * 1.6, height + 0.75)
    grid = figure.add_gridspec(rows, 1 + columns, width_ratios=[width, *[1.5] * columns])
    small = [figure.add_subplot(grid[i % rows, 1 + i // rows]) for i in range(insets)]
    return figure.add_subplot(grid[:, 0]), small


def _draw_panels(
    ax: Axes, panels: Image, layout: PanelLayout, percentiles: tuple[float, float] | None, *, bar: bool
) -> tuple[float, float]:
    """Draw all panels on one grey scale, with a colour bar if `bar`; return the values drawn white and black."""
    from matplotlib.transforms import Affine2D

    block = block_size(layout.pixels, max(64, round(MOST_PIXELS / len(panels) ** 0.5)))
    reduced = [shrink(panel, block) for panel in panels]
    values = np.concatenate([part.ravel() for part in reduced])
    white, black = grey_limits(values, PERCENTILES if percentiles is None else percentiles)
    level = _above_background(values) if percentiles is None else 0.0
    if level > 0.0:  # weak spots are drawn beside strong ones, and noise stays light
        black = min(max(black, level), STRONG * level)
    for i, part in enumerate(reduced):
        affine = np.concatenate([layout.maps[i], [[0.0, 0.0, 1.0]]])
        drawn = ax.imshow(
            part, cmap=grey_map(), vmin=white, vmax=black, interpolation="nearest" if block == 1 else "auto",
            extent=(0.0, part.shape[1] * block, part.shape[0] * block, 0.0), transform=Affine2D(affine) + ax.transData,
        )  # fmt: skip
        if len(panels) > 1:
            ax.fill(*layout.corners(i).T, facecolor="none", edgecolor="0.7", linewidth=0.4, zorder=2)
    (left, right), (bottom, top) = layout.limits()
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel=layout.labels[0], ylabel=layout.labels[1])
    ax.tick_params(labelsize=7)
    if bar:
        scale = figure_of(ax).colorbar(drawn, cax=ax.inset_axes((1.03, 0.1, 0.03, 0.8)), extend="both")
        scale.set_label("photons or detector units per pixel", fontsize=7)
        scale.ax.tick_params(labelsize=7)
    return white, black


def _above_background(values: FloatArray) -> float:
    """Return a level that noise of the background does not reach: its median plus ten standard deviations.

    The deviation is that of the values below the median, which spots do not affect.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0
    low, middle = np.percentile(finite, [15.87, 50.0]).tolist()
    return float(middle + 10.0 * (middle - low))


def _draw_beam(ax: Axes, scene: Scene, layout: PanelLayout) -> None:
    """Draw a cross where the beam meets the detector or a gap."""
    if len(scene.geometry) > 1:
        place = np.zeros((1, 2))
    else:
        at = mean_position(scene, mean_direction(scene)[np.newaxis], np.zeros(1, np.int32))
        place = layout.at(0, at[:, 1], at[:, 0])
    ax.plot(*place.T, "+", color=BEAM, markersize=9, markeredgewidth=1.1, zorder=6)


def _draw_spots(ax: Axes, layout: PanelLayout, spots: Spots) -> None:
    for panel in np.unique(spots.panel):
        on = spots[spots.panel == panel]
        x, y = layout.at(int(panel), on.fast_px, on.slow_px).T
        ax.scatter(x, y, s=20, facecolors="none", edgecolors=SPOT, linewidths=0.4, zorder=4)


def _mark(ax: Axes, layout: PanelLayout, spots: Spots, row: int, number: int) -> None:
    """Draw a numbered frame around the area of a close-up."""
    reach = INSET_PIXELS + 0.5
    fast, slow = np.floor(spots.fast_px[row]) + 0.5, np.floor(spots.slow_px[row]) + 0.5
    box = layout.at(
        int(spots.panel[row]), fast + reach * np.array([-1, 1, 1, -1]), slow + reach * np.array([-1, -1, 1, 1])
    )
    ax.fill(*box.T, facecolor="none", edgecolor="black", linewidth=0.8, zorder=7)
    ax.annotate(str(number), box[1], xytext=(2, 1), textcoords="offset points", fontsize=7, weight="bold", zorder=7)


def _draw_close_up(ax: Axes, panels: Image, spot: Spots, limits: tuple[float, float], number: int) -> None:
    """Draw the pixels around a spot, with a cross at its predicted centre."""
    panel, fast, slow = int(spot.panel[0]), int(spot.fast_px[0]), int(spot.slow_px[0])
    r = INSET_PIXELS
    first_slow, first_fast = max(slow - r, 0), max(fast - r, 0)
    part: FloatArray = panels[panel, first_slow : slow + r + 1, first_fast : fast + r + 1].astype(float)
    extent = (first_fast, first_fast + part.shape[1], first_slow + part.shape[0], first_slow)
    ax.imshow(part, cmap=grey_map(), vmin=limits[0], vmax=max(limits[1], 0.7 * float(np.nanmax(part))), extent=extent)
    ax.plot(spot.fast_px, spot.slow_px, "+", color=SPOT, markersize=8, markeredgewidth=0.9)
    ax.set(xlim=(fast - r, fast + r + 1), ylim=(slow + r + 1, slow - r), xticks=[], yticks=[], facecolor="0.85")
    h, k, l = spot.hkl[0].tolist()
    ax.set_title(f"{number}:  {h} {k} {l}   {spot.d_A[0]:.2f} Å", fontsize=7, pad=2)
