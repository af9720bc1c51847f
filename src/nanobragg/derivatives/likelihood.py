"""How likely an image is, given the expected photons: losses, their derivatives and weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from .._gradient import NOISE_KINDS, likelihood_terms
from ..calls import public
from ..errors import ConfigError
from ..geometry import FloatArray

FEWEST = 1e-6  # photons: below this expectation, or variance, the loss is a straight line


class PixelTerms(NamedTuple):
    """Loss of every pixel, its slope by the expected photons, Fisher weight, and squared deviation over variance."""

    loss: FloatArray
    slope: FloatArray
    weight: FloatArray
    deviation: FloatArray


@public
class Likelihood(NamedTuple):
    """How measured photons scatter about the expected ones.

    Attributes
    ----------
    kind
        "poisson": counted photons. "normal": normal with the variance m + sigma², m the expected photons.
    sigma
        Read-out noise, photons; for "normal".
    robust
        Deviations beyond this many standard deviations count linearly instead of as squares (P. J. Huber, Ann. Math.
        Stat. 35 (1964) 73-101); for "normal". None: all as squares.
    """

    kind: Literal["poisson", "normal"] = "poisson"
    sigma: float = 0.0
    robust: float | None = None

    def terms(self, data: FloatArray, model: FloatArray, weights: FloatArray | None = None) -> PixelTerms:
        """Return loss, slope, Fisher weight and squared deviation of every pixel.

        The loss is the negative logarithm of the likelihood, less that of a model equal to the data.

        Parameters
        ----------
        data, model : ndarray, shape (n,)
            Measured and expected photons.
        weights : ndarray, shape (n,), optional
            Inverse variances that are known: least squares, whatever `kind` says.
        """
        kind = self.kind if weights is None else "weighted"
        return PixelTerms(*likelihood_terms(
            NOISE_KINDS[kind], self.sigma, self.limit, np.ascontiguousarray(data), np.ascontiguousarray(model), weights
        ))  # fmt: skip

    @property
    def limit(self) -> float:
        """Standard deviations beyond which deviations count linearly."""
        return np.inf if self.robust is None else self.robust

    def variance(self, model: FloatArray) -> FloatArray:
        """Return the variance of every pixel, photons²."""
        sigma = self.sigma if self.kind == "normal" else 0.0
        return np.maximum(model + sigma**2, FEWEST)


def as_noise(noise: Likelihood | str | float) -> Likelihood:
    """Return a Likelihood from its kind, or from the read-out noise of a normal one.

    Raises
    ------
    ConfigError
        An unknown kind, or numbers that are not positive.
    """
    if isinstance(noise, str):
        noise = Likelihood(noise)  # type: ignore[arg-type]
    elif not isinstance(noise, Likelihood):
        noise = Likelihood("normal", float(noise))
    if noise.kind not in ("poisson", "normal"):
        raise ConfigError(f"noise = {noise.kind!r}: must be 'poisson' or 'normal', or the read-out noise in photons")
    if not 0 <= noise.sigma < np.inf or (noise.robust is not None and not noise.robust > 0):
        raise ConfigError(f"noise = {noise}: sigma must not be negative, and robust must be positive")
    if noise.kind == "poisson" and (noise.sigma or noise.robust is not None):
        raise ConfigError("noise: sigma and robust are for kind='normal'")
    return noise
