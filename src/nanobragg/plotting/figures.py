"""Creating matplotlib figures without pyplot, and writing them to files."""

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
    """Return an empty figure outside pyplot that a notebook shows; raise `ConfigError` if matplotlib is missing."""
    try:
        from .shown_figure import ShownFigure
    except ImportError:
        raise ConfigError("plots need matplotlib: pip install 'nanobragg[plot]'") from None
    return ShownFigure(figsize=(width_inch, height_inch), dpi=DPI, layout="constrained")


def figure_of(ax: Axes) -> Figure:
    """Return the figure of an axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # None only after the axes was removed
    return figure


def check_figure_path(path: StrPath) -> None:
    """Raise `ConfigError` if the suffix is not a plot format, or `FileError` if `path` cannot be written."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{path}: {Path(path).suffix!r} is not a valid plot suffix; use one of {' '.join(SUFFIXES)}")
    check_writable(path)


def save_figure(path: StrPath, figure: Figure) -> None:
    """Write a figure as .png, .pdf or .svg; the file appears whole or not at all."""
    check_figure_path(path)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:].lower(), dpi=DPI)
