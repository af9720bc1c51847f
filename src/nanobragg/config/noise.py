"""The noise of an exposure: how a detector turns expected photons into recorded numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from .base import Amplitudes, MaskArray, Model

Psf = Literal["none", "gaussian", "fiber"]


class Noise(Model):
    """The noise of an exposure, for `add_noise`; rendering ignores it. What is not given is that of the detector.

    Attributes
    ----------
    seed
        Seed of photons, flicker and read-out noise; None: a new one for every image.
    gain_adu_per_photon, adc_offset, readout_noise_adu
        Recorded units per photon, of a pixel without photons, and standard deviation of the electronics' noise.
        Default: those of the detector's family (`nanobragg.detectors.readout`): photon counters have none of them.
    saturation_adu
        Largest value of a pixel; default: `Detector.saturation_adu`, otherwise the maximum of the type.
    dtype
        Type of the recorded numbers; default: that of the detector's family.
    calibration_error, calibration_seed
        Relative standard deviation of the pixels' gain, and the seed of its pattern; one per detector.
    flicker
        Relative standard deviation of the fluence of an exposure.
    psf, psf_fwhm_px
        Point-spread function, "none", "gaussian" or "fiber", and its full width at half maximum.
    gain_map
        Relative gain of each pixel: an array of the image's shape or an image file.
    dead_pixels, hot_pixels
        Pixels that are not 0 record no photons, or saturate: arrays of the image's shape or image files.
    """

    seed: int | None = Field(default=None, ge=0)
    gain_adu_per_photon: float | None = Field(default=None, gt=0)
    adc_offset: float | None = None
    readout_noise_adu: float | None = Field(default=None, ge=0)
    saturation_adu: float | None = Field(default=None, gt=0)
    dtype: Literal["uint16", "uint32", "int32", "float32", "float64"] | None = None
    calibration_error: float = Field(default=0.0, ge=0)
    calibration_seed: int = Field(default=0, ge=0)
    flicker: float = Field(default=0.0, ge=0)
    psf: Psf = "none"
    psf_fwhm_px: float = Field(default=0.0, ge=0)
    gain_map: Path | Amplitudes | None = None
    dead_pixels: Path | MaskArray | None = None
    hot_pixels: Path | MaskArray | None = None
