"""The sampling of a pixel, and the resolution limit."""

from __future__ import annotations

from pydantic import Field

from .base import Model


class Sampling(Model):
    """How finely a pixel is sampled, and what is left out.

    Attributes
    ----------
    oversample
        Sub-pixels along each side of a pixel; None: enough for the crystal's largest dimension.
    d_min_A
        Scattering of higher resolution than this is left out.
    oversample_omega, oversample_polar, oversample_thick
        The C program's switches (C quirks, row 4); only with `compat="c"`. Otherwise solid angle,
        polarization and absorption are always those of the sub-pixel.
    """

    oversample: int | None = Field(default=None, ge=1, le=1000)
    d_min_A: float = Field(default=0.0, ge=0)
    oversample_omega: bool = False
    oversample_polar: bool = False
    oversample_thick: bool = False
