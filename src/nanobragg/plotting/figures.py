"""Figures without windows, and the files they become."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..io.atomic import StrPath, atomic_write, check_writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
DPI = 150
RING, BEAM, SPOT = "#1f6fb4", "#d62728", "#d62728"


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """An empty figure that no window and no global state knows of.

    Raises
    ------
    ConfigError
        Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError("pictures need matplotlib: pip install 'nanobragg[plot]'") from None
    return Figure(figsize=(width_inch, height_inch), dpi=DPI, layout="constrained")


def figure_of(ax: Axes) -> Figure:
    """The figure that an axes belongs to."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # an axes without a figure has been removed from it
    return figure


def check_figure_path(path: StrPath) -> None:
    """Raise `ConfigError` or `FileError` unless `path` names a picture format and can be written."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: suffix tells no kind of picture; use one of {' '.join(SUFFIXES)}")
    check_writable(path)


def save_figure(path: StrPath, figure: Figure) -> None:
    """Write a figure as .png, .pdf or .svg; the file appears whole or not at all."""
    check_figure_path(path)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:].lower(), dpi=DPI)
