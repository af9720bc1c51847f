"""The steps of an exposure: from expected to registered photons, and from these to detector units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import number, short
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.devices import beside
from .recorders import OnProcessors

LARGEST_PARAMETER, LARGEST_OFFSET = 1e30, 1e15  # products with photons stay finite, sums fit into 64 bits

FLICKER, PHOTONS, READOUT, CALIBRATION = range(4)  # purposes of random streams


class Streams:
    """Random deviates of every pixel, one stream for each purpose: those of a pixel depend on its number only."""

    def __init__(self, seed: int | None, calibration_seed: int, recorder: OnProcessors) -> None:
        for name, value in (("seed", seed), ("calibration_seed", calibration_seed)):
            if value is not None:
                _check_seed(name, value)
        self._key, self._calibration_key = _key(seed), _key(calibration_seed)
        self._recorder = recorder

    def poisson(self, means: FloatArray, first_pixel: int, counts: FloatArray) -> None:
        """Fill `counts` with Poisson deviates of the pixels from `first_pixel` on."""
        self._recorder.poisson_deviates(means.reshape(-1), first_pixel, PHOTONS, self._key, counts.reshape(-1))

    def normal(self, purpose: int, shape: tuple[int, ...], first_pixel: int = 0) -> FloatArray:
        """Return normal deviates of the pixels from `first_pixel` on."""
        deviates: FloatArray = self._recorder.empty(shape)
        key = self._calibration_key if purpose == CALIBRATION else self._key
        self._recorder.normal_deviates(first_pixel, purpose, key, deviates.reshape(-1))
        return deviates


def _key(seed: int | None) -> int:
    """Return the 64 bits of the generator's key for a seed of any length, or fresh ones from the operating system."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


@dataclass
class Exposure:
    """The steps from expected photons to registered photons."""

    streams: Streams
    means: NDArray[np.floating]
    flicker: float
    calibration_error: float
    gain_map: NDArray[Any] | None

    def __post_init__(self) -> None:
        check_range("flicker", self.flicker)
        check_range("calibration_error", self.calibration_error)
        fluctuation = float(self.streams.normal(FLICKER, (1,))[0])
        self.brightness = max(0.0, 1.0 + self.flicker * fluctuation)

    def photons(self, rows: slice, scratch: FloatArray) -> FloatArray:
        """Return the registered photons of some rows, using `scratch` of shape (2, rows, fast)."""
        means: FloatArray = scratch[0]
        counts: FloatArray = scratch[1]
        first = rows.start * counts.shape[1]
        np.multiply(beside(means, self.means[rows]), self.brightness, out=means, dtype=np.float64)
        self.streams.poisson(means, first, counts)
        if self.calibration_error:
            pattern = self.streams.normal(CALIBRATION, counts.shape, first)
            counts *= np.maximum(0.0, 1.0 + self.calibration_error * pattern)
        if self.gain_map is not None:
            counts *= beside(counts, self.gain_map[rows])
        return counts


@dataclass
class Electronics:
    """The steps from registered photons to ADU."""

    streams: Streams
    gain: float
    offset: float
    readout_noise: float
    saturation: float | None
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        check_range("gain_adu_per_photon", self.gain)
        check_range("readout_noise_adu", self.readout_noise)
        check_offset(self.offset)
        self.integer = np.issubdtype(self.dtype, np.integer)
        if not self.integer and not np.issubdtype(self.dtype, np.floating):
            raise ConfigError(f"dtype = {self.dtype} is not valid; give an integer or floating type")
        limits = np.iinfo(self.dtype) if self.integer else np.finfo(self.dtype)
        given = _largest(limits) if self.saturation is None else self.saturation
        saturation = math.inf if given == math.inf else number("saturation_adu", given)
        if not saturation > 0.0 or (self.integer and saturation > limits.max):
            raise ConfigError(f"saturation_adu = {saturation}: must be positive and fit {self.dtype}")
        self.lowest, self.highest = float(limits.min), min(saturation, float(limits.max))

    def digitise(self, photons: FloatArray, rows: slice, out: NDArray[Any]) -> None:
        """Write the ADU of some rows to `out`, overwriting their photons."""
        adu = photons
        if self.gain != 1.0:
            adu *= self.gain
        if self.offset != 0.0:
            adu += self.offset
        if self.readout_noise:
            adu += self.readout_noise * self.streams.normal(READOUT, adu.shape, rows.start * adu.shape[1])
        if self.integer:
            np.rint(adu, out=adu)
        np.clip(adu, self.lowest, self.highest, out=adu)
        out[...] = adu if isinstance(adu, np.ndarray) else beside(out, adu.astype(self.dtype))


def _largest(limits: np.iinfo[Any] | np.finfo[Any]) -> float:
    """Return the largest float64 within a type's range; the maximum of 64-bit integers is not representable."""
    nearest = float(limits.max)
    return float(np.nextafter(nearest, 0.0)) if nearest > limits.max else nearest


def _check_seed(name: str, seed: object) -> None:
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"{name} = {short(seed)} is not a valid seed; give an integer of at least 0")


def check_range(name: str, value: float) -> None:
    """Raise `ConfigError` unless a parameter is from 0 to the largest one."""
    if not 0.0 <= number(name, value) <= LARGEST_PARAMETER:
        raise ConfigError(f"{name} = {value} is not valid; give a number from 0 to {LARGEST_PARAMETER:g}")


def check_offset(adc_offset: float) -> None:
    """Raise `ConfigError` for an offset that is too large."""
    if not abs(number("adc_offset", adc_offset)) <= LARGEST_OFFSET:
        raise ConfigError(
            f"adc_offset = {adc_offset} is not valid; give a number from -{LARGEST_OFFSET:g} to {LARGEST_OFFSET:g}"
        )
