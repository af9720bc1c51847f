"""The linear response of a detector to expected photons: point-spread function and gain, and the transposed map."""

from __future__ import annotations

from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.noise import Psf
from ..errors import ConfigError
from ..geometry import FloatArray
from ..response.psf import spread


@public
class Response(NamedTuple):
    """The recorded signal of expected photons, as far as it is linear: a point-spread function, then a gain.

    Photons that spread beyond the edge of a panel are lost. Those of masked pixels, and of pixels outside the ROI, are
    not computed, so that they do not reach their neighbours.

    Attributes
    ----------
    psf
        Shape of the point-spread function, as in `Noise`.
    psf_fwhm_px
        Its full width at half maximum, pixels.
    gain
        Recorded units per photon: a number, or an array of the image's shape.
    """

    psf: Psf = "none"
    psf_fwhm_px: float = 0.0
    gain: npt.ArrayLike = 1.0

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ConfigError` unless the fields are valid for an image of this shape."""
        if self.psf not in get_args(Psf) or (self.psf == "none") != (self.psf_fwhm_px == 0) or self.psf_fwhm_px < 0:
            raise ConfigError(
                f"response: psf = {self.psf!r} with psf_fwhm_px = {self.psf_fwhm_px:g}: give one of "
                f"{', '.join(get_args(Psf))}, and a width if it is not none"
            )
        gain = np.asarray(self.gain, np.float64)
        if gain.ndim and gain.shape != shape:
            raise ConfigError(
                f"response: gain of shape {gain.shape}: must be a number or have the image's shape {shape}"
            )
        if not (np.isfinite(gain).all() and (gain > 0).all()):
            raise ConfigError("response: gain must be positive and finite; mask pixels that record nothing")

    def apply(self, image: FloatArray, threads: int) -> FloatArray:
        """Return the signal of an image, shape (…, slow, fast)."""
        return self._spread(image, threads) * np.asarray(self.gain, np.float64)

    def transpose(self, image: FloatArray, threads: int) -> FloatArray:
        """Return the transposed map of an image: a cotangent of the signal as one of the photons."""
        return self._spread(image * np.asarray(self.gain, np.float64), threads)

    def _spread(self, image: FloatArray, threads: int) -> FloatArray:
        """The point-spread function is even, so that this is its own transpose."""
        if self.psf == "none":
            return image
        panels = image.reshape(-1, *image.shape[-2:])
        signals = [spread(panel, self.psf, self.psf_fwhm_px, threads) for panel in panels]
        return np.array(signals).reshape(image.shape)
