"""What records an exposure: the settings of a Config's noise and detector, resolved."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.config import Config
from ..config.noise import Noise, Psf
from ..detectors.readout import GENERIC, readout_of
from ..errors import ConfigError


class Recording(NamedTuple):
    """The parameters of `add_noise`, resolved; maps have the shape of the image, or are None."""

    seed: int | None
    gain_adu_per_photon: float
    adc_offset: float
    readout_noise_adu: float
    saturation_adu: float | None
    dtype: npt.DTypeLike
    calibration_error: float
    calibration_seed: int
    flicker: float
    psf: Psf
    psf_fwhm_px: float
    gain_map: npt.NDArray[np.float64] | None
    dead_pixels: npt.NDArray[np.bool_] | None
    hot_pixels: npt.NDArray[np.bool_] | None


def resolve_recording(config: Config | None) -> Recording:
    """Return the parameters of a Config's noise, or without one those of its detector, or of no detector at all."""
    noise = (config.noise if config is not None else None) or Noise()
    readout = GENERIC if config is None else readout_of(config.detector.name)
    saturation = noise.saturation_adu
    dtype = noise.dtype or readout.dtype
    if saturation is None and config is not None and not readout.sums:
        saturation = config.detector.saturation_adu
        if saturation is not None and np.dtype(dtype).kind in "iu":
            saturation = min(saturation, float(np.iinfo(dtype).max))
    shape = None if config is None else config.detector.shape
    dead, hot = (_map(getattr(noise, name), shape, name) for name in ("dead_pixels", "hot_pixels"))
    return Recording(
        seed=noise.seed,
        gain_adu_per_photon=_or(noise.gain_adu_per_photon, readout.gain_adu_per_photon),
        adc_offset=_or(noise.adc_offset, readout.adc_offset),
        readout_noise_adu=_or(noise.readout_noise_adu, readout.readout_noise_adu),
        saturation_adu=saturation,
        dtype=dtype,
        calibration_error=noise.calibration_error,
        calibration_seed=noise.calibration_seed,
        flicker=noise.flicker,
        psf=noise.psf,
        psf_fwhm_px=noise.psf_fwhm_px,
        gain_map=_map(noise.gain_map, shape, "gain_map"),
        dead_pixels=None if dead is None else dead != 0,
        hot_pixels=None if hot is None else hot != 0,
    )


def _or(given: float | None, default: float) -> float:
    return default if given is None else given


def _map(given: Any, shape: tuple[int, ...] | None, name: str) -> npt.NDArray[Any] | None:
    """Return a map of pixels in the shape of the image, read if it is a file."""
    if given is None:
        return None
    array = given
    if isinstance(given, Path):
        from ..io import read_image

        array, _ = read_image(given, shape=None if shape is None else (int(np.prod(shape[:-1])), shape[-1]))
    if shape is not None and array.size != np.prod(shape):
        raise ConfigError(f"Noise.{name}: shape {array.shape} is not that of the image, {shape}")
    return np.asarray(array if shape is None else array.reshape(shape))
