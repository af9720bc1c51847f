"""Sub-pixel sampling and the resolution limit."""

from pydantic import Field

from .base import Model


class Sampling(Model):
    """Sub-pixel sampling, resolution limit, and what an image may miss.

    Attributes
    ----------
    oversample
        Sub-pixels along each side of a pixel; None: from the crystal's largest dimension (docs/theory.md).
    d_min_A
        Resolution limit: scattering at smaller d is left out.
    tolerance
        What any pixel may miss, as a share of the brightest pixel of the whole image: terms that are too weak to matter
        are not evaluated (docs/culling.md). 0: every term is evaluated. None: only terms that no floating-point number
        can hold beside the brightest pixel's are left out, which is possible for the shapes gauss, gauss_star and
        tophat.
    tolerance_ph
        The same as a number of photons, in place of `tolerance`.
    oversample_omega, oversample_polar, oversample_thick
        Switches of the C program (docs/quirks.md, row 4), for `compat="c"` only. `compat=None` always evaluates solid
        angle, polarization and absorption per sub-pixel.
    """

    oversample: int | None = Field(default=None, ge=1, le=1000)
    d_min_A: float = Field(default=0.0, ge=0)
    tolerance: float | None = Field(default=None, ge=0, lt=1)
    tolerance_ph: float | None = Field(default=None, ge=0)
    oversample_omega: bool = False
    oversample_polar: bool = False
    oversample_thick: bool = False
