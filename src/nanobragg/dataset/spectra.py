"""Spectra that differ from shot to shot."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from ..config.spectrum import Spectrum
from ..constants import EV_ANGSTROM, FWHM
from ..errors import ConfigError, FormatError
from ..geometry import FloatArray
from .distributions import Distribution, Place
from .streams import Stream

REACH = 1.5  # full widths at half maximum on either side of the centre
WEAKEST = 1e-4  # of the strongest line; weaker ones are left out
FINER = 4  # grid points of the field in one width of a spike


class _Lines(Distribution):
    """A spectrum around the energy of the shot's beam."""

    late = True
    lines: int = Field(default=25, ge=1, le=100_000)
    energy_jitter_percent: float = Field(default=0.0, ge=0, le=50)

    def draw(self, stream: Stream, place: Place) -> Spectrum:
        """Return the spectrum of a shot."""
        middle = EV_ANGSTROM / place.config.beam.wavelength
        middle *= 1.0 + self.energy_jitter_percent / 100.0 * stream.normal()
        energies, weights = self._density(stream, middle)
        kept = weights > WEAKEST * weights.max()
        return Spectrum(energies_eV=energies[kept], weights=weights[kept])

    def _density(self, stream: Stream, middle: float) -> tuple[FloatArray, FloatArray]:
        raise NotImplementedError


class GaussianSpectrum(_Lines):
    """A Gaussian spectrum.

    Attributes
    ----------
    bandwidth_percent
        Full width at half maximum, in percent of the energy.
    lines
        Number of wavelengths.
    energy_jitter_percent
        Standard deviation of the mean energy from shot to shot, in percent of it.
    """

    kind = "gaussian_spectrum"
    bandwidth_percent: float = Field(gt=0, le=50)

    def _density(self, stream: Stream, middle: float) -> tuple[FloatArray, FloatArray]:
        width = middle * self.bandwidth_percent / 100.0
        energies = _grid(middle, REACH * width, self.lines)
        return energies, _gaussian(energies, middle, width)


class TwoColourSpectrum(_Lines):
    """Two Gaussian lines, as of a pair of undulators.

    Attributes
    ----------
    separation_percent
        Distance of the lines, in percent of the energy midway between them, which is that of the beam.
    bandwidth_percent
        Full width at half maximum of each line, in percent of the energy.
    share
        Mean share of the photons in the line of lower energy.
    share_sd
        Standard deviation of this share from shot to shot; it stays between 0 and 1.
    lines, energy_jitter_percent
        As for a Gaussian spectrum; each colour has half of the lines.
    """

    kind = "two_colour_spectrum"
    separation_percent: float = Field(gt=0, le=100)
    bandwidth_percent: float = Field(gt=0, le=50)
    share: float = Field(default=0.5, ge=0, le=1)
    share_sd: float = Field(default=0.0, ge=0)

    def _density(self, stream: Stream, middle: float) -> tuple[FloatArray, FloatArray]:
        width, half = middle * self.bandwidth_percent / 100.0, middle * self.separation_percent / 200.0
        share = min(max(self.share + self.share_sd * stream.normal(), 0.0), 1.0)
        count = max(1, self.lines // 2)
        parts = []
        for colour, part in ((middle - half, share), (middle + half, 1.0 - share)):
            energies = _grid(colour, REACH * width, count)
            weights = _gaussian(energies, colour, width)
            parts.append((energies, part * weights / weights.sum()))
        return np.concatenate([e for e, _ in parts]), np.concatenate([w for _, w in parts])


class SaseSpectrum(_Lines):
    """Self-amplified spontaneous emission: narrow spikes under a Gaussian envelope, new in every shot.

    The field is chaotic: complex Gaussian noise, correlated over the width of a spike, times the square root of the
    envelope; the spectrum is its squared modulus (T. Pfeifer et al., Opt. Lett. 35, 3441, 2010).

    Attributes
    ----------
    bandwidth_percent
        Full width at half maximum of the mean spectrum, in percent of the energy.
    spike_percent
        Full width at half maximum of the correlation of the field between two energies.
    lines
        Number of wavelengths that the spikes are sampled at.
    energy_jitter_percent
        As for a Gaussian spectrum.
    """

    kind = "sase_spectrum"
    bandwidth_percent: float = Field(default=0.2, gt=0, le=50)
    spike_percent: float = Field(default=0.01, gt=0, le=50)
    lines: int = Field(default=100, ge=2, le=100_000)

    def _density(self, stream: Stream, middle: float) -> tuple[FloatArray, FloatArray]:
        width, spike = middle * self.bandwidth_percent / 100.0, middle * self.spike_percent / 100.0
        energies = _grid(middle, REACH * width, self.lines)
        return energies, _gaussian(energies, middle, width) * _chaotic(stream, energies, spike)


class MeasuredSpectra(Distribution):
    """Spectra from an .npz file with `energies_eV` or `wavelengths_A` (m,) and `weights` (spectra, m).

    Attributes
    ----------
    path
        The file.
    order
        "random": any of the spectra in each shot; "sequence": one after the other, again from the first after the last.
    """

    kind = "measured_spectra"
    path: Path
    order: Literal["random", "sequence"] = "random"

    def draw(self, stream: Stream, place: Place) -> Spectrum:
        """Return one of the spectra."""
        axis, values, weights = self._content
        row = place.shot if self.order == "sequence" else int(stream.uniform() * len(weights))
        return Spectrum(**{axis: values, "weights": weights[row % len(weights)]})

    def check(self, field: str, count: int) -> None:
        """Raise an error unless the file holds spectra."""
        self._content  # noqa: B018  read the file now

    @cached_property
    def _content(self) -> tuple[str, FloatArray, FloatArray]:
        """The name of the axis, its values, and the weights."""
        from ..io.npy import read_npz

        arrays = read_npz(self.path, kinds="uif")
        axes = [name for name in ("energies_eV", "wavelengths_A") if name in arrays]
        weights = arrays.get("weights")
        if len(axes) != 1 or weights is None or weights.ndim != 2 or weights.shape[1:] != arrays[axes[0]].shape:
            raise FormatError(
                f"{self.path}: must hold energies_eV or wavelengths_A of shape (m,) and weights of shape "
                f"(spectra, m); it holds {', '.join(f'{k} {v.shape}' for k, v in arrays.items()) or 'nothing'}"
            )
        if not len(weights) or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any(1).all()):
            raise ConfigError(f"{self.path}: weights must be finite, not negative, and not all zero in a spectrum")
        return axes[0], arrays[axes[0]].astype(np.float64), weights.astype(np.float64)


def _grid(middle: float, reach: float, count: int) -> FloatArray:
    """Return `count` equally wide steps around `middle`, at their centres."""
    return middle + reach * (2.0 * np.arange(count) + 1.0 - count) / count


def _gaussian(energies: FloatArray, middle: float, fwhm: float) -> FloatArray:
    return np.asarray(np.exp(-0.5 * ((energies - middle) * (FWHM / fwhm)) ** 2))


def _chaotic(stream: Stream, energies: FloatArray, spike: float) -> FloatArray:
    """Return |field|² of mean 1 at each energy, for a field that is correlated over the width of a spike.

    White noise on a grid finer than a spike is convolved with a Gaussian of 1/√2 of its width, whose autocorrelation
    then has the width of the spike.
    """
    step = spike / FINER
    sigma = spike / FWHM / math.sqrt(2.0)
    reach = math.ceil(5.0 * sigma / step)
    first, last = energies[0] - reach * step, energies[-1] + reach * step
    count = math.ceil((last - first) / step) + 1
    noise = stream.normals(2, count)
    at = np.clip(np.rint((energies - first) / step).astype(np.int64), reach, count - 1 - reach)
    offsets = np.arange(-reach, reach + 1)
    near = first + step * (at[:, np.newaxis] + offsets) - energies[:, np.newaxis]
    kernel = np.exp(-0.5 * (near / sigma) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    field = (noise[:, at[:, np.newaxis] + offsets] * kernel).sum(axis=2)
    return np.asarray(0.5 * (field**2).sum(axis=0))
