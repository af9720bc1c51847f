"""Sub-pixel sampling and the resolution limit."""

from pydantic import Field

from .base import Model


class Sampling(Model):
    """Sub-pixel sampling and resolution limit.

    Attributes
    ----------
    oversample
        Sub-pixels along each side of a pixel; None: from the crystal's largest dimension (docs/theory.md).
    d_min_A
        Resolution limit: scattering at smaller d is left out.
    oversample_omega, oversample_polar, oversample_thick
        Switches of the C program (docs/quirks.md, row 4), for `compat="c"` only. `compat=None` always evaluates solid
        angle, polarization and absorption per sub-pixel.
    """

    oversample: int | None = Field(default=None, ge=1, le=1000)
    d_min_A: float = Field(default=0.0, ge=0)
    oversample_omega: bool = False
    oversample_polar: bool = False
    oversample_thick: bool = False
