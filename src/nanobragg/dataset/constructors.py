"""Functions that make distributions: `nb.normal(1.0, 0.002)` and its like."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ..calls import public
from .distributions import Choice, Column, Integers, LogNormal, Normal, Number, Poisson, RotationSeries, Uniform
from .drift import PanelDrift
from .orientations import RandomOrientations
from .spectra import GaussianSpectrum, MeasuredSpectra, SaseSpectrum, TwoColourSpectrum


@public
def uniform(low: Number, high: Number) -> Uniform:
    """Return a uniform distribution.

    Parameters
    ----------
    low, high
        Limits: numbers, or tuples for a field of several numbers, which are drawn independently.
    """
    return Uniform(low=low, high=high)


@public
def normal(mean: Number, sd: Number, *, low: float = -math.inf, high: float = math.inf) -> Normal:
    """Return a normal distribution.

    Parameters
    ----------
    mean, sd
        Mean and standard deviation: numbers, or tuples for a field of several numbers, which are drawn independently.
    low, high
        Deviates outside these limits are drawn again.
    """
    return Normal(mean=mean, sd=sd, low=low, high=high)


@public
def log_normal(median: Number, sigma: float, *, low: float = 0.0, high: float = math.inf) -> LogNormal:
    """Return a log-normal distribution.

    Parameters
    ----------
    median
        Median: a number, or a tuple for a field of several numbers, which are drawn independently.
    sigma
        Standard deviation of the natural logarithm.
    low, high
        Deviates outside these limits are drawn again.
    """
    return LogNormal(median=median, sigma=sigma, low=low, high=high)


@public
def integers(low: int, high: int) -> Integers:
    """Return a distribution of whole numbers from `low` to `high`, both included, equally likely."""
    return Integers(low=low, high=high)


@public
def poisson(mean: float) -> Poisson:
    """Return a Poisson distribution of a mean up to 500, for numbers of crystals."""
    return Poisson(mean=mean)


@public
def choice(values: Sequence[Any], weights: Sequence[float] | None = None) -> Choice:
    """Return a distribution over some values of any kind, such as models.

    Parameters
    ----------
    values
        The values.
    weights
        Their probabilities in any unit; default: equal.
    """
    return Choice(values=tuple(values), weights=None if weights is None else tuple(weights))


@public
def table(path: str | os.PathLike[str], column: str) -> Column:
    """Return the values of a column of a text file, one row for each shot; the first line names the columns."""
    return Column(path=Path(path), column=column)


@public
def rotation_series() -> RotationSeries:
    """Return the start angles of a rotation series, for "scan.start_deg": each starts where the last one ended."""
    return RotationSeries()


@public
def random_orientations(*, low_discrepancy: bool = False) -> RandomOrientations:
    """Return random rotations, uniform over all of them, for "crystal.rotation".

    Parameters
    ----------
    low_discrepancy
        Spread the orientations of successive shots evenly in place of independent draws.
    """
    return RandomOrientations(low_discrepancy=low_discrepancy)


@public
def gaussian_spectrum(
    bandwidth_percent: float, *, lines: int = 25, energy_jitter_percent: float = 0.0
) -> GaussianSpectrum:
    """Return Gaussian spectra about the energy of the beam, for "beam.spectrum".

    Parameters
    ----------
    bandwidth_percent
        Full width at half maximum, in percent of the energy.
    lines
        Number of wavelengths.
    energy_jitter_percent
        Standard deviation of the mean energy from shot to shot, in percent of it.
    """
    return GaussianSpectrum(
        bandwidth_percent=bandwidth_percent, lines=lines, energy_jitter_percent=energy_jitter_percent
    )


@public
def two_colour_spectrum(
    separation_percent: float,
    bandwidth_percent: float,
    *,
    share: float = 0.5,
    share_sd: float = 0.0,
    lines: int = 24,
    energy_jitter_percent: float = 0.0,
) -> TwoColourSpectrum:
    """Return spectra of two Gaussian lines about the energy of the beam, for "beam.spectrum".

    Parameters
    ----------
    separation_percent, bandwidth_percent
        Distance of the lines, and full width at half maximum of each, in percent of the energy.
    share, share_sd
        Mean and standard deviation of the share of the photons in the line of lower energy.
    lines, energy_jitter_percent
        As for `gaussian_spectrum`; each colour has half of the lines.
    """
    return TwoColourSpectrum(
        separation_percent=separation_percent, bandwidth_percent=bandwidth_percent, share=share, share_sd=share_sd,
        lines=lines, energy_jitter_percent=energy_jitter_percent,
    )  # fmt: skip


@public
def sase_spectrum(
    bandwidth_percent: float = 0.2,
    *,
    spike_percent: float = 0.01,
    lines: int = 100,
    energy_jitter_percent: float = 0.0,
) -> SaseSpectrum:
    """Return spectra of a free-electron laser, new in every shot, about the energy of the beam, for "beam.spectrum".

    Parameters
    ----------
    bandwidth_percent
        Full width at half maximum of the mean spectrum, in percent of the energy.
    spike_percent
        Width of a spike.
    lines
        Number of wavelengths that the spikes are sampled at; each is a source of the beam.
    energy_jitter_percent
        Standard deviation of the mean energy from shot to shot, in percent of it.
    """
    return SaseSpectrum(
        bandwidth_percent=bandwidth_percent, spike_percent=spike_percent, lines=lines,
        energy_jitter_percent=energy_jitter_percent,
    )  # fmt: skip


@public
def measured_spectra(
    path: str | os.PathLike[str], *, order: Literal["random", "sequence"] = "random"
) -> MeasuredSpectra:
    """Return measured spectra, for "beam.spectrum".

    Parameters
    ----------
    path
        An .npz file with `energies_eV` or `wavelengths_A` of shape (m,), and `weights` of shape (spectra, m).
    order
        "random": any of them in each shot; "sequence": one after the other, again from the first after the last.
    """
    return MeasuredSpectra(path=Path(path), order=order)


@public
def panel_drift(*, shift_um: float = 0.0, rotation_mrad: float = 0.0, shots: float = 1000.0) -> PanelDrift:
    """Return the panels of a detector that drifts, for "detector.panels".

    Parameters
    ----------
    shift_um, rotation_mrad
        Standard deviations of the shifts of each panel along its axes, and of the rotations about them.
    shots
        Number of shots over which the displacements stay correlated.
    """
    return PanelDrift(shift_um=shift_um, rotation_mrad=rotation_mrad, shots=shots)
