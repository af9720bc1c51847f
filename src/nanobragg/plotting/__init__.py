"""Plots with matplotlib: an image, its radial average, a plane of the reciprocal lattice.

They only create Figure objects: no window opens, and matplotlib's global state does not change.
"""

from .image import plot
from .radial import plot_radial
from .reciprocal import plot_slice

__all__ = ["plot", "plot_radial", "plot_slice"]
