"""Pictures with matplotlib: an image, its radial average, a slice of reciprocal space.

Only Figure objects are made: no window opens, and matplotlib's global state stays as it is.
"""

from .image import plot
from .radial import plot_radial
from .reciprocal import plot_slice

__all__ = ["plot", "plot_radial", "plot_slice"]
