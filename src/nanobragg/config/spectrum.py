"""The spectrum of the beam: photons at each wavelength."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from ..bounds import check_bound
from ..constants import EV_ANGSTROM
from ..errors import ConfigError, FormatError
from ..geometry import FloatArray
from .base import Model, Numbers

SpectrumAxis = Literal["wavelength_A", "energy_eV"]


class Lines(NamedTuple):
    """A resolved spectrum: wavelengths (Å) in the order given, and positive weights with a sum of 1."""

    wavelengths_A: FloatArray
    weights: FloatArray


class Spectrum(Model):
    """Photons at each wavelength, from arrays or from a file of two columns; each becomes a source of the beam.

    Attributes
    ----------
    path
        Text file with wavelength or energy and weight in each line. A first line "wavelength_A weight" or
        "energy_eV weight", with or without #, names the columns; other lines that start with # are comments.
    axis
        Quantity in the first column, "wavelength_A" or "energy_eV", if the file does not name it.
    wavelengths_A, energies_eV
        Wavelengths or energies in place of a file, shape (n,).
    weights
        Photons at each wavelength, in any unit, shape (n,); entries of weight zero are dropped. Weights are not
        densities: a density on an uneven axis must be multiplied by the width of each step.
    bins
        Number of bins of equal width along the axis to merge into, each at its mean wavelength.
    """

    path: Path | None = None
    axis: SpectrumAxis | None = None
    wavelengths_A: Numbers | None = None
    energies_eV: Numbers | None = None
    weights: Numbers | None = None
    bins: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Spectrum:
        given = [name for name in ("path", "wavelengths_A", "energies_eV") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigError(
                f"Spectrum: give one of path, wavelengths_A and energies_eV, not {' and '.join(given) or 'none'}"
            )
        values = self.energies_eV if self.wavelengths_A is None else self.wavelengths_A
        if values is None:
            if self.weights is not None:
                raise ConfigError(f"Spectrum.weights: contradicts the file {self.path}; give one of them")
            return self
        if self.axis is not None:
            raise ConfigError(f"Spectrum.axis = {self.axis!r}: is for a file; leave it out with {given[0]}")
        if self.weights is None or len(self.weights) != len(values):
            count = "no" if self.weights is None else str(len(self.weights))
            raise ConfigError(f"Spectrum.weights: {count} weights for {len(values)} {given[0]}; give one for each")
        _check(f"Spectrum.{given[0]}", given[0], values, self.weights)
        return self

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, axis: SpectrumAxis | None = None, bins: int | None = None
    ) -> Spectrum:
        """Read a spectrum from a file of two columns.

        Parameters
        ----------
        path
            The file.
        axis
            Quantity in the first column, "wavelength_A" or "energy_eV", if the file does not name it.
        bins
            Number of bins of equal width to merge into.

        Returns
        -------
        Spectrum
            The spectrum, already read.

        Raises
        ------
        FileError
            The file cannot be opened or read.
        FormatError
            A line is not two numbers, or the quantity in the first column is unknown.
        ConfigError
            A wavelength, energy or weight is invalid.
        """
        spectrum = cls(path=Path(path), axis=axis, bins=bins)
        spectrum.lines  # noqa: B018  read the file now, so that errors are raised here
        return spectrum

    @cached_property
    def lines(self) -> Lines:
        """Wavelengths and weights, merged into bins if `bins` is given."""
        axis, values, weights = self._given()
        kept = weights > 0
        values, weights = values[kept], weights[kept]
        wavelengths = values if axis == "wavelength_A" else EV_ANGSTROM / values
        if self.bins is not None:
            wavelengths, weights = _merged(values, wavelengths, weights, self.bins)
        return Lines(wavelengths, weights / weights.sum())

    @property
    def mean_wavelength_A(self) -> float:
        """Weighted mean wavelength."""
        return float(self.lines.wavelengths_A @ self.lines.weights)

    def _given(self) -> tuple[SpectrumAxis, FloatArray, FloatArray]:
        if self.path is None:
            assert self.weights is not None  # see _consistent
            if self.wavelengths_A is not None:
                return "wavelength_A", self.wavelengths_A, self.weights
            assert self.energies_eV is not None
            return "energy_eV", self.energies_eV, self.weights
        from ..io.text_columns import read_spectrum

        axis, rows = read_spectrum(self.path)
        if axis and self.axis and axis != self.axis:
            raise ConfigError(f"Spectrum.axis = {self.axis!r}: {self.path} lists {axis}; leave the axis out")
        axis = axis or self.axis
        if axis is None:
            raise FormatError(
                f"{self.path}: does not name its first column; give axis='wavelength_A' or 'energy_eV', "
                "or put 'energy_eV weight' on the first line"
            )
        _check(f"{self.path}", "energies_eV" if axis == "energy_eV" else "wavelengths_A", rows[:, 0], rows[:, 1])
        return "energy_eV" if axis == "energy_eV" else "wavelength_A", rows[:, 0], rows[:, 1]


def _check(where: str, field: str, values: FloatArray, weights: FloatArray) -> None:
    """Raise `ConfigError` unless the values of a field of `Spectrum`, and their weights, are valid."""
    if not (len(values) and (values > 0).all()):
        raise ConfigError(f"{where}: wavelengths and energies must be positive")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ConfigError(f"{where}: weights must be finite, not negative, and not all zero")
    check_bound(f"{where}: {field}", values, field=f"Spectrum.{field}")
    check_bound(f"{where}, Spectrum.weights", weights, field="Spectrum.weights")


def _merged(
    values: FloatArray, wavelengths: FloatArray, weights: FloatArray, bins: int
) -> tuple[FloatArray, FloatArray]:
    """Return mean wavelengths and summed weights of the bins that hold photons."""
    low, high = float(values.min()), float(values.max())
    width = (high - low) / bins or 1.0
    part = np.minimum(((values - low) / width).astype(np.int64), bins - 1)
    summed: FloatArray = np.bincount(part, weights, bins).astype(np.float64)
    means = np.bincount(part, weights * wavelengths, bins)
    filled = summed > 0
    return means[filled] / summed[filled], summed[filled]
