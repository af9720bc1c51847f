"""The beam: wavelength, polarization, fluence, and sources (docs/theory.md, "Sources")."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field, model_validator

from ..bounds import MOST_STEPS, check_bound
from ..constants import EV_ANGSTROM
from ..errors import ConfigError
from ..geometry import FloatArray, Vector, dot, rotate_about, unit
from ..step_rules import Sweep, resolve_sweep
from .base import Model, Numbers, Rows
from .spectrum import Spectrum

DEFAULT_FLUENCE = 125932015286227086360700780544.0  # 1 / r_e^2, so that a pixel's photons are F^2 times solid angle
SOURCE_DISTANCE = 10.0  # metres; only the direction matters
SHORTEST = 1e-100  # vector whose square is not 0
PARALLEL = 1e-9  # largest sine of the angle between parallel directions


class Sources(Model):
    """An explicit list of sources, in place of divergence and dispersion.

    Attributes
    ----------
    path
        Text file with one source per line: x y z weight wavelength (metres). Missing fields default to the beam's
        direction, 1, and the beam's wavelength.
    positions
        Vectors from the sample towards each source, of any length, shape (n, 3).
    weights
        Relative intensities, shape (n,); default: equal.
    wavelengths_A
        Shape (n,); default: the beam's.
    """

    path: Path | None = None
    positions: Rows | None = None
    weights: Numbers | None = None
    wavelengths_A: Numbers | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Sources:
        if (self.path is None) == (self.positions is None):
            raise ConfigError("Sources: give either path or positions")
        count = 0 if self.positions is None else len(self.positions)
        if self.positions is not None and (self.positions.shape[1:] != (3,) or count == 0):
            raise ConfigError(f"Sources.positions: shape {self.positions.shape} is not (n, 3) with n of at least 1")
        for name in ("weights", "wavelengths_A"):
            values = getattr(self, name)
            if values is not None and len(values) != count:
                raise ConfigError(f"Sources.{name}: {len(values)} values for {count} positions; give one for each")
        return self

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Sources:
        """Return the sources listed in a text file.

        Parameters
        ----------
        path
            One source per line: x y z weight wavelength, in metres; trailing fields may be omitted.

        Returns
        -------
        Sources
            The file is read when a Scene is made.
        """
        return cls(path=Path(path))

    def rows(self, *, ignore_rest: bool = False) -> FloatArray:
        """Return x y z weight wavelength (m) of each source, shape (n, 5); NaN where not given.

        `ignore_rest`: a line of the file may go on after its fifth field, as the C program allows.
        """
        if self.path is not None:
            from ..io.text_columns import read_sources

            return read_sources(self.path, ignore_rest=ignore_rest)
        assert self.positions is not None  # see _consistent
        rows = np.full((len(self.positions), 5), np.nan)
        rows[:, :3] = self.positions
        if self.weights is not None:
            rows[:, 3] = self.weights
        if self.wavelengths_A is not None:
            rows[:, 4] = self.wavelengths_A / 1e10
        return rows


class Beam(Model):
    """The X-ray beam.

    Attributes
    ----------
    wavelength_A, energy_eV
        Wavelength or photon energy; default: the mean of the spectrum, otherwise 1 Å.
    fluence_ph_m2
        Photons per square metre over the whole exposure; default 1/r_e², r_e the classical electron radius in metres.
    flux_ph_s, exposure_s
        Photons per second and exposure time. If the flux is given, the fluence is flux · exposure/size².
    size_mm
        Edge of the square beam; crystal sizes across the beam are clipped to it. None: unlimited.
    kahn_factor, polarized
        Kahn's polarization factor in [-1, 1] (0: unpolarized); `polarized=False` omits the polarization correction.
    direction, polarization_axis
        Lab vectors; default: those of the detector's convention. The component of the polarization axis along the beam
        is ignored.
    divergence_mrad, divergence_steps, divergence_step_mrad
        (horizontal, vertical) angular range, number of steps and step.
    round_divergence
        Keep only the directions within an ellipse of the divergence grid.
    dispersion_percent, dispersion_steps
        Full range of wavelengths in percent of the wavelength, and number of wavelengths.
    bandwidth_percent
        Full width at half maximum of the photon energy in percent, normally distributed about every wavelength of the
        beam: in closed form, for crystals with mosaic_sampling="analytic".
    spectrum
        Photons at each wavelength in place of a dispersion; combined with every direction of a divergence.
    sources
        An explicit list of sources in place of divergence and dispersion.
    """

    wavelength_A: float = Field(default=1.0, gt=0)
    energy_eV: float | None = Field(default=None, gt=0)
    fluence_ph_m2: float = Field(default=DEFAULT_FLUENCE, ge=0)
    flux_ph_s: float | None = Field(default=None, ge=0)
    exposure_s: float = Field(default=1.0, gt=0)
    size_mm: float | None = Field(default=0.1, gt=0)
    kahn_factor: float = Field(default=0.0, ge=-1, le=1)
    polarized: bool = True
    direction: Vector | None = None
    polarization_axis: Vector | None = None
    divergence_mrad: tuple[float | None, float | None] = (None, None)
    divergence_steps: tuple[int | None, int | None] = (None, None)
    divergence_step_mrad: tuple[float | None, float | None] = (None, None)
    round_divergence: bool = True
    dispersion_percent: float | None = Field(default=0.0, ge=0)
    dispersion_steps: int | None = Field(default=None, ge=1)
    bandwidth_percent: float = Field(default=0.0, ge=0)
    spectrum: Spectrum | None = None
    sources: Sources | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Beam:
        if self.energy_eV is not None and "wavelength_A" in self.model_fields_set:
            raise ConfigError(
                f"Beam.energy_eV = {self.energy_eV} and Beam.wavelength_A = {self.wavelength_A}: give one of them"
            )
        if self.spectrum is not None and (self.sources is not None or self.dispersion_percent or self.dispersion_steps):
            rival = "sources" if self.sources is not None else "dispersion_percent and dispersion_steps"
            raise ConfigError(f"Beam.spectrum and Beam.{rival} contradict each other; leave one out")
        for name in ("direction", "polarization_axis"):
            if getattr(self, name) is not None:
                unit(getattr(self, name), f"Beam.{name}")
        if self.flux_ph_s and self.size_mm is None:
            raise ConfigError("Beam.flux_ph_s: needs Beam.size_mm, the area that the photons are spread over")
        for name in ("divergence_mrad", "divergence_steps", "divergence_step_mrad"):
            if any(value is not None and value < 0 for value in getattr(self, name)):
                raise ConfigError(f"Beam.{name} = {getattr(self, name)}: must not be negative; None: not given")
        return self

    @property
    def wavelength(self) -> float:
        """Wavelength in Å, from the wavelength or energy if given, otherwise the mean of the spectrum."""
        if self.energy_eV is None and self.spectrum is not None and "wavelength_A" not in self.model_fields_set:
            return self.spectrum.mean_wavelength_A
        return self.wavelength_A if self.energy_eV is None else EV_ANGSTROM / self.energy_eV

    @property
    def fluence(self) -> float:
        """Photons per square metre, calculated from the flux if that is given."""
        if not self.flux_ph_s or self.size_mm is None:
            return self.fluence_ph_m2
        size = self.size_mm / 1000.0
        fluence = self.flux_ph_s * self.exposure_s / size / size
        check_bound("Beam.fluence_ph_m2 (of flux_ph_s, exposure_s and size_mm)", fluence, field="Beam.fluence_ph_m2")
        return fluence


class SourceList(NamedTuple):
    """Resolved sources: directions of travel (n, 3), wavelengths in metres (n,), weights with a sum of 1 (n,)."""

    directions: FloatArray
    wavelengths: FloatArray
    weights: FloatArray


def polarization_axis(beam: Beam, direction: FloatArray, axis: Vector, *, like_c: bool) -> FloatArray:
    """Return `axis` made perpendicular to the beam's `direction`, of length 1.

    `like_c` only normalises it, as the C program does (docs/quirks.md, row 27). If nothing is polarized, an axis along
    the beam is replaced by any perpendicular direction.

    Raises
    ------
    ConfigError
        The axis is parallel to a polarized beam.
    """
    given = unit(axis, "Beam.polarization_axis")
    along = dot(given, direction)
    if like_c or along == 0:
        return given
    across = given - along * direction
    if np.linalg.norm(across) >= PARALLEL:
        return unit(across)
    if beam.polarized and beam.kahn_factor != 0:
        raise ConfigError(
            f"Beam.polarization_axis = {tuple(given.tolist())}: is parallel to the beam; give a perpendicular direction"
        )
    other = np.eye(3)[np.abs(direction).argmin()]
    return unit(other - dot(other, direction) * direction)


def build_sources(beam: Beam, direction: FloatArray, polarization_axis: FloatArray, *, like_c: bool) -> SourceList:
    """Return the sources of a beam along `direction`; both vectors are unit vectors.

    `like_c` ignores the weights of a list and allows any polarization axis, as the C program does (docs/quirks.md, rows
    5 and 27).
    """
    if beam.sources is None:
        positions, wavelengths, weights = _source_grid(beam, direction, polarization_axis)
    else:
        rows = beam.sources.rows(ignore_rest=like_c)
        positions = np.where(np.isnan(rows[:, :3]), -SOURCE_DISTANCE * direction, rows[:, :3])
        weights = np.where(np.isnan(rows[:, 3]), 1.0, rows[:, 3])
        wavelengths = np.where(np.isnan(rows[:, 4]), beam.wavelength / 1e10, rows[:, 4])
        weights = np.ones(len(positions)) if like_c else weights
        _check_sources(beam.sources, positions, weights, wavelengths)
    lengths = np.sqrt(positions[:, 0] ** 2 + positions[:, 1] ** 2 + positions[:, 2] ** 2)
    directions = -(positions / lengths[:, np.newaxis])
    polarized = beam.polarized and beam.kahn_factor != 0
    if polarized and not like_c and not np.cross(polarization_axis, directions).any(axis=1).all():
        raise ConfigError(
            f"Beam.polarization_axis = {tuple(polarization_axis.tolist())}: is parallel to a source's direction; "
            "give a perpendicular direction"
        )
    return SourceList(directions, wavelengths, weights / weights.sum())


def _check_sources(sources: Sources, positions: FloatArray, weights: FloatArray, wavelengths: FloatArray) -> None:
    where = f"sources {sources.path or ''}".strip()
    if not (np.isfinite(positions).all() and (positions != 0).any(axis=1).all()):
        raise ConfigError(f"{where}: positions must be finite and not zero")
    if not (np.isfinite(wavelengths).all() and (wavelengths > 0).all()):
        raise ConfigError(f"{where}: wavelengths must be positive (metres in a file)")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ConfigError(f"{where}: weights must not be negative or all zero")
    check_bound(f"{where}: a position", positions, field="Sources.positions")
    if not (np.abs(positions).max(axis=1) >= SHORTEST).all():
        raise ConfigError(f"{where}: a position is closer than {SHORTEST:g} m; only its direction matters, enlarge it")
    check_bound(f"{where}: a weight", weights, field="Sources.weights")
    with np.errstate(over="ignore"):  # the bound refuses infinity
        in_A = wavelengths * 1e10
    check_bound(f"{where}: a wavelength (Å)", in_A, field="Beam.wavelength_A")


def _source_grid(
    beam: Beam, direction: FloatArray, polarization_axis: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return positions, wavelengths (m) and weights over horizontal and vertical divergence, then wavelength."""
    horizontal, vertical, dispersion = _sweeps(beam)
    angles_h = horizontal.step * np.arange(horizontal.count) - horizontal.range / 2.0
    angles_v = vertical.step * np.arange(vertical.count) - vertical.range / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        radius = [
            (angles**2 - sweep.step**2 / 4.0 * (1 - sweep.count % 2)) / sweep.range / sweep.range
            for angles, sweep in ((angles_h, horizontal), (angles_v, vertical))
        ]
        dropped = 4.0 * (radius[0][:, np.newaxis] + radius[1]) > 1.1
    wavelengths, weights = _wavelengths(beam, dispersion)
    across = np.cross(direction, polarization_axis)
    vertical_axis = unit(across) if across.any() else across  # zero only as in the C program
    positions = [
        rotate_about(rotate_about(-SOURCE_DISTANCE * direction, polarization_axis, v), vertical_axis, h)
        for i, h in enumerate(angles_h)
        for j, v in enumerate(angles_v)
        if not (beam.round_divergence and dropped[i, j])
    ]
    if not positions:
        raise ConfigError(
            f"Beam.divergence_mrad = {beam.divergence_mrad}: round_divergence leaves no source; "
            "use more steps or round_divergence=False (-square_div)"
        )
    count = len(positions)
    return (
        np.repeat(np.array(positions), len(wavelengths), axis=0),
        np.tile(wavelengths, count),
        np.tile(weights, count),
    )


def _wavelengths(beam: Beam, dispersion: Sweep) -> tuple[FloatArray, FloatArray]:
    """Return wavelengths (m) and weights of the spectrum, or of the dispersion."""
    if beam.spectrum is not None:
        lines = beam.spectrum.lines
        return lines.wavelengths_A / 1e10, lines.weights
    factors: FloatArray = 1.0 + dispersion.step * np.arange(float(dispersion.count)) - dispersion.range / 2.0
    wavelengths = beam.wavelength / 1e10 * factors
    if wavelengths.min() <= 0:
        raise ConfigError(
            f"Beam.dispersion_percent = {beam.dispersion_percent}: gives wavelengths that are not positive; reduce it"
        )
    return wavelengths, np.ones(len(wavelengths), np.float64)


def _sweeps(beam: Beam) -> tuple[Sweep, Sweep, Sweep]:
    """Return the sweeps over horizontal and vertical divergence (radians) and dispersion (a fraction)."""
    sweeps = [
        resolve_sweep("beam", count or None, _part(span, 1000.0), _part(step, 1000.0))
        for count, span, step in zip(
            beam.divergence_steps, beam.divergence_mrad, beam.divergence_step_mrad, strict=True
        )
    ]
    sweeps.append(resolve_sweep("beam", beam.dispersion_steps, _part(beam.dispersion_percent, 100.0), None))
    horizontal, vertical, dispersion = sweeps
    colours = dispersion.count if beam.spectrum is None else len(beam.spectrum.lines.weights)
    if horizontal.count * vertical.count * colours > MOST_STEPS:
        raise ConfigError(f"Beam: more than {MOST_STEPS} sources; use fewer steps of divergence or dispersion")
    return horizontal, vertical, dispersion


def _part(value: float | None, whole: float) -> float | None:
    return None if value is None else value / whole
