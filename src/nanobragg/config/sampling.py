"""Sub-pixel sampling, the resolution limit, and what an image may miss."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..bounds import number
from ..errors import ConfigError
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
    tolerance: float | None = Field(default=None, ge=0)
    tolerance_ph: float | None = Field(default=None, ge=0)
    oversample_omega: bool = False
    oversample_polar: bool = False
    oversample_thick: bool = False

    @model_validator(mode="after")
    def _one_tolerance(self) -> Sampling:
        check_tolerance(self.tolerance, self.tolerance_ph)
        return self


def check_tolerance(tolerance: float | None, tolerance_ph: float | None) -> None:
    """Raise `ConfigError` unless at most one is given, and in its range."""
    if tolerance is not None and tolerance_ph is not None:
        raise ConfigError(f"tolerance = {tolerance} and tolerance_ph = {tolerance_ph}: give one of them")
    if tolerance is not None and not 0 <= number("tolerance", tolerance) < 1:
        raise ConfigError(f"tolerance = {tolerance}: must be a share of the brightest pixel, from 0 to below 1")
    if tolerance_ph is not None and not number("tolerance_ph", tolerance_ph) >= 0:
        raise ConfigError(f"tolerance_ph = {tolerance_ph}: must be a number of photons, 0 or more")
