"""Structure factors from a file, arrays, coordinates or Wilson statistics."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from ..bounds import check_bound, number
from ..errors import ConfigError
from ..geometry import FloatArray, Vector
from ..io.compressed import without_compression_suffix
from ..structure_factors.mixture import Listed, mean_intensities
from ..structure_factors.p1 import (
    Coordinates,
    P1Reflections,
    calculate_mixture,
    calculate_reflections,
    expand_arrays,
    read_reflections,
)
from ..structure_factors.phased import Contents, phased_tables
from ..structure_factors.symmetry import IndexArray
from ..structure_factors.tables import HeldTable, Limits, Table, amplitudes_at, check_table_size, dense_tables
from ..unit_cell import Cell
from .base import Amplitudes, Indices, Numbers
from .crystal import CellField
from .structure_factor_files import StructureFactorFiles

log = logging.getLogger(__name__)
SHARES_TOLERANCE, CELL_TOLERANCE = 1e-6, 1e-3  # of states that are mixed
KEPT_BYTES = 2**26  # of the largest table that is kept for the next scene

FileFormat = Literal["hkl", "dump", "shelx", "mtz", "cif", "coordinates"]
Kind = Literal["hkl", "dump", "shelx", "mtz", "cif", "coordinates", "arrays", "constant"]
SUFFIXES: dict[str, FileFormat] = {
    ".bin": "dump", ".mtz": "mtz", ".cif": "cif", ".mmcif": "cif", ".pdb": "coordinates", ".ent": "coordinates",
}  # fmt: skip
PHASELESS = {
    "constant": "one constant has", "arrays": "arrays of amplitudes alone have", "hkl": "a text file has",
    "dump": "an Fdump.bin has", "shelx": "a SHELX list has",
}  # fmt: skip


class StructureFactors(StructureFactorFiles):
    """Amplitudes of the P1 cell, in electrons, from a file, arrays, or one number.

    No symmetry is applied to text tables, dumps and arrays without a `space_group`, not even Friedel's law. Files with
    a space group, and arrays with `space_group`, are expanded to P1: equivalents get the same amplitude, and Bijvoet
    mates are kept separate where both are listed.

    Attributes
    ----------
    path
        File, read when the amplitudes are first needed.
    file_format
        "hkl" text, the C program's "dump", "shelx" (HKLF 4), "mtz", "cif" (reflections), "coordinates" (PDB, mmCIF,
        small-molecule CIF); None: by the suffix, and for .cif by the content.
    column
        Label of amplitudes or intensities in an MTZ or CIF file; None: see `from_mtz`.
    indices, amplitudes
        Arrays in place of a file: integers h k l of shape (n, 3), and amplitudes of shape (n,) or (energies, n). Later
        duplicates replace earlier ones. Phases of complex amplitudes become `phases_deg`.
    phases_deg
        Phases of the amplitudes, of the same shape: F(h) = Σ f exp(2πi h·x) over the atoms. Used by
        `interpolate="phased"`.
    phase_column
        Label of the phases in an MTZ or CIF file; None: see `from_mtz`.
    space_group
        Symbol or number; replaces that of the file, or expands arrays that list the asymmetric unit.
    cell
        Replaces the cell of the file; the crystal uses it unless it has its own.
    d_min_A, k_sol, b_sol_A2
        For coordinates: resolution limit; bulk solvent density (electrons/Å³; None: 0.35, 0 for small molecules) and B.
    energies_eV
        For coordinates: energies at which anomalous scattering is added, or "beam" for the energy of the beam; None: no
        anomalous scattering. With several energies, or `amplitudes` of shape (energies, n), each source uses the
        amplitudes at its own energy, interpolated linearly and constant outside the range.
    block
        Name of the data block of a CIF; None: the first that holds reflections or atoms, with a warning if several do.
    unknown_atoms
        For coordinates: element as which atoms of unknown element (X, UNX) count; None: they are left out.
    f000
        For coordinates: whether F(000), the direct beam's reflection, scatters. It outshines all others.
    default_F
        Amplitude of reflections that are not listed.
    interpolate
        What counts between reflections. True: tricubic interpolation of amplitudes. "phased": the transform of one
        cell's contents, from amplitudes with phases. False: the nearest reflection. None: True with a list and at most
        2 cells along any axis, else False.
    contents_centre
        For `interpolate="phased"`: the middle (fractional coordinates) of one cell's contents. Those of coordinates are
        whole molecules: the copies by all operators, each moved by whole cells so that its centroid is next to the
        middle; None: the centroid of the listed atoms. Those of reflections are the density in a box of one cell; None:
        its faces cut the least density (docs/theory.md).
    """

    path: Path | None = None
    file_format: FileFormat | None = None
    column: str | None = None
    indices: Indices | None = None
    amplitudes: Amplitudes | None = None
    phases_deg: Amplitudes | None = None
    phase_column: str | None = None
    space_group: str | None = None
    cell: CellField | None = None
    d_min_A: float | None = Field(default=None, gt=0)
    k_sol: float | None = Field(default=None, ge=0)
    b_sol_A2: float = Field(default=46.0, ge=0)
    energies_eV: Literal["beam"] | Numbers | None = None
    block: str | None = None
    unknown_atoms: str | None = None
    f000: bool = False
    default_F: float = 0.0
    interpolate: bool | Literal["phased"] | None = None
    contents_centre: Vector | None = None

    @model_validator(mode="before")
    @classmethod
    def _separate_phases(cls, fields: Any) -> Any:
        """Replace complex amplitudes by amplitudes and phases."""
        values = fields.get("amplitudes") if isinstance(fields, dict) else None
        if values is None or not np.iscomplexobj(values):
            return fields
        if fields.get("phases_deg") is not None:
            raise ConfigError("StructureFactors.phases_deg: the amplitudes are complex and have phases; give real ones")
        return {**fields, "amplitudes": np.abs(values), "phases_deg": np.degrees(np.angle(values))}

    @field_validator("energies_eV", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, (int, float)) else value

    @model_validator(mode="after")
    def _consistent(self) -> StructureFactors:
        if (self.indices is None) != (self.amplitudes is None):
            raise ConfigError("StructureFactors: indices and amplitudes must be given together")
        if self.path is not None and self.indices is not None:
            raise ConfigError(f"StructureFactors.path = {self.path}: contradicts StructureFactors.indices; give one")
        if self.indices is not None and self.amplitudes is not None:
            _check_arrays(self.indices, self.amplitudes)
        self._check_options()
        self._check_phases()
        return self

    def _check_phases(self) -> None:
        """Raise `ConfigError` unless phases go with amplitudes, and are there if they are needed."""
        if self.phases_deg is not None and (self.amplitudes is None or self.phases_deg.shape != self.amplitudes.shape):
            given = "none" if self.amplitudes is None else f"amplitudes of shape {self.amplitudes.shape}"
            raise ConfigError(
                f"StructureFactors.phases_deg: shape {self.phases_deg.shape}, but {given}; give one phase per amplitude"
            )
        if not self.is_phased:
            for name in ("phase_column", "contents_centre"):
                if getattr(self, name) is not None:
                    raise ConfigError(
                        f"StructureFactors.{name}: is for interpolate = 'phased'; give it, or leave it out"
                    )
        elif self.kind not in ("mtz", "cif", "coordinates") and self.phases_deg is None:
            raise ConfigError(
                f"StructureFactors.interpolate = 'phased': {PHASELESS.get(self.kind, self.kind)} no phases; give "
                "from_coordinates, an MTZ or CIF file with phases, or complex amplitudes"
            )
        elif self.default_F != 0:
            raise ConfigError(
                f"StructureFactors.default_F = {self.default_F:g}: has no phase, which interpolate = 'phased' needs; "
                "leave it out"
            )

    def _check_options(self) -> None:
        kind = self.kind
        allowed = {
            "column": ("mtz", "cif"),
            "phase_column": ("mtz", "cif"),
            "block": ("cif", "coordinates"),
            "unknown_atoms": ("cif", "coordinates"),
            "space_group": ("shelx", "mtz", "cif", "coordinates", "arrays"),
            "d_min_A": ("cif", "coordinates"),
            "k_sol": ("cif", "coordinates"),
            "energies_eV": ("cif", "coordinates", "arrays"),
        }
        for name, kinds in allowed.items():
            if getattr(self, name) is not None and kind not in kinds:
                raise ConfigError(f"StructureFactors.{name}: is not valid for {kind}, only for {', '.join(kinds)}")
        energies = self.energies
        if energies is not None and not (len(energies) and (energies > 0).all() and (np.diff(energies) > 0).all()):
            raise ConfigError("StructureFactors.energies_eV: must be positive and increasing")
        if self.amplitudes is not None:
            axis = None if self.amplitudes.ndim == 1 else len(self.amplitudes)
            if axis != (None if energies is None else len(energies)) or self.needs_beam_energy:
                raise ConfigError(
                    f"StructureFactors.amplitudes: shape {self.amplitudes.shape} does not match energies_eV; "
                    "amplitudes of shape (energies, n) need energies_eV with one energy per row"
                )

    @property
    def kind(self) -> Kind:
        """Source of the amplitudes; the suffix decides if no format is given ("cif": reflections or coordinates)."""
        if self.path is None:
            return "constant" if self.indices is None else "arrays"
        name = without_compression_suffix(self.path.name)
        return self.file_format or SUFFIXES.get(Path(name).suffix.lower(), "hkl")

    @property
    def is_phased(self) -> bool:
        """True if the molecular transform between reflections is interpolated, which needs phases."""
        return self.interpolate == "phased"

    @property
    def energies(self) -> FloatArray | None:
        """The energies (eV) as an array; None if not given as numbers."""
        return self.energies_eV if isinstance(self.energies_eV, np.ndarray) else None

    @property
    def needs_beam_energy(self) -> bool:
        """Whether anomalous scattering is calculated at the energy of the beam."""
        return isinstance(self.energies_eV, str)

    @property
    def has_energy_axis(self) -> bool:
        """Whether amplitudes depend on the energy of the source."""
        return self.energies is not None and len(self.energies) > 1

    @property
    def may_know_cell(self) -> bool:
        """Whether the structure factors can supply a cell, as far as is known without reading the file."""
        return self.cell is not None or self.kind in ("mtz", "cif", "coordinates")

    def at_energy(self, energy_eV: float) -> StructureFactors:
        """Return the structure factors with `energies_eV="beam"` replaced by an energy; results are cached.

        Parameters
        ----------
        energy_eV
            Energy of the beam.

        Returns
        -------
        StructureFactors
            `self` unless `energies_eV` is "beam".
        """
        if not self.needs_beam_energy:
            return self
        if energy_eV not in self._at_energies:
            self._at_energies[energy_eV] = self.replace(energies_eV=[energy_eV])
        return self._at_energies[energy_eV]

    @cached_property
    def _at_energies(self) -> dict[float, StructureFactors]:
        return {}

    @classmethod
    def from_asu(
        cls, indices: Any, amplitudes: Any, space_group: str, *, cell: Cell | None = None, **options: Any
    ) -> StructureFactors:
        """Return structure factors from arrays that list an asymmetric unit, with symmetry and Friedel mates added.

        Any choice of asymmetric unit is valid. Bijvoet mates are kept separate where both are listed.

        Parameters
        ----------
        indices
            Integers h k l, shape (n, 3).
        amplitudes
            Electrons, shape (n,), or (energies, n) with the option energies_eV. Complex ones have phases, which
            equivalents get by the translations of the operators.
        space_group
            Symbol or number.
        cell
            a b c (Å) α β γ (degrees); the crystal uses it unless it has its own.
        **options
            The fields energies_eV, default_F, interpolate and contents_centre.

        Returns
        -------
        StructureFactors
            The structure factors, expanded to P1.

        Raises
        ------
        ConfigError, FormatError
            Shapes that do not match, an unknown space group, or equivalents with different amplitudes.
        """
        factors = cls(indices=indices, amplitudes=amplitudes, space_group=space_group, cell=cell, **options)
        factors.p1_reflections  # noqa: B018  expand now, so that errors are raised here
        return factors

    @classmethod
    def constant(cls, amplitude: float, *, cell: Any = None) -> StructureFactors:
        """Return structure factors with the same amplitude for every reflection.

        Parameters
        ----------
        amplitude
            Electrons.
        cell
            a b c (Å) α β γ (degrees); the crystal uses it unless it has its own.

        Returns
        -------
        StructureFactors
            Structure factors without a list of reflections.

        Raises
        ------
        ConfigError
            The amplitude is not finite.
        """
        return cls(default_F=amplitude, cell=cell)

    @classmethod
    def wilson(
        cls, cell: Sequence[float], space_group: str, *, b_factor: float, d_min_A: float, seed: int, **options: Any
    ) -> StructureFactors:
        """Return random amplitudes with the statistics and symmetry of a protein crystal (docs/theory.md).

        Parameters
        ----------
        cell
            a b c (Å) α β γ (degrees); the crystal uses it unless it has its own.
        space_group
            Symbol or number; amplitudes obey its symmetry and Friedel's law.
        b_factor
            Wilson B, Å².
        d_min_A
            Resolution limit, Å.
        seed
            Seed of the random numbers.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            Amplitudes in electrons, on the absolute scale of a cell full of protein at 2.4 Å³ per dalton.

        Raises
        ------
        ConfigError
            An unknown space group, or an invalid cell or limit.
        """
        from ..structure_factors.wilson import wilson_amplitudes

        whole = cls(cell=cell).cell
        assert whole is not None
        indices, amplitudes = wilson_amplitudes(whole, space_group, b_factor=b_factor, d_min_A=d_min_A, seed=seed)
        return cls(indices=indices, amplitudes=amplitudes, cell=whole, **options)

    @classmethod
    def mixed(
        cls,
        states: Sequence[tuple[float, StructureFactors]],
        *,
        coherent: bool = False,
        interpolate: bool | Literal["phased"] | None = None,
    ) -> StructureFactors:
        """Return the structure factors of a crystal whose molecules are in several states, such as before and after.

        Parameters
        ----------
        states
            Pairs of the share of a state and its structure factors: `[(0.7, ground), (0.3, excited)]`. The shares add
            up to 1, and the states have the same cell and energies.
        coherent
            False: domains of the crystal are in either state, and intensities add: F² = Σ share·F². True: the molecules
            of every cell are in either state at random, and amplitudes add: F = |Σ share·F|, for states from
            coordinates in the same cell, space group and origin.
        interpolate
            As the field; "phased" needs coherent=True.

        Returns
        -------
        StructureFactors
            A list of all reflections of the states; a reflection that a state does not list has its `default_F`.

        Raises
        ------
        ConfigError
            Shares that do not add up to 1, or states that do not go together.
        """
        shares, factors = _checked_states(states)
        cell = next((each.known_cell for each in factors if each.known_cell is not None), None)
        energies = factors[0].energies if factors[0].has_energy_axis else None
        if coherent:
            paths = [each.path for each in factors if each.path is not None and each._holds_coordinates(each.path)]
            if len(paths) < len(factors):
                raise ConfigError(
                    "StructureFactors.mixed: coherent = True needs the phases of all states; give each from_coordinates"
                )
            given = [each._coordinates(path) for each, path in zip(factors, paths, strict=True)]
            found = calculate_mixture(shares, given, phased=interpolate == "phased")
            values: Any = found.amplitudes if found.contents is None else found.contents.values
            if not any(each.f000 for each in factors):
                values = np.where(found.indices.any(axis=1), values, 0.0)
            mixture = Listed(found.indices, values, 0.0)
        else:
            shape = (0,) if energies is None else (len(energies), 0)
            nothing = (np.zeros((0, 3), np.int32), np.zeros(shape))
            lists = [nothing if each.listing is None else each.scattering_list for each in factors]
            rest = [each.default_F for each in factors]
            mixture = mean_intensities(shares, list(map(Listed, *zip(*lists, strict=True), rest)))
        if len(mixture.indices) == 0:
            return cls(default_F=mixture.default_F, cell=cell, interpolate=interpolate)
        return cls(
            indices=mixture.indices, amplitudes=mixture.amplitudes, default_F=mixture.default_F, cell=cell,
            energies_eV=energies, interpolate=interpolate,
        )  # fmt: skip

    @cached_property
    def p1_reflections(self) -> P1Reflections | None:
        """Listed reflections expanded to P1; None without a list."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # the bound refuses what comes of it
            found = self._p1_reflections()
        if found is not None and self.path is not None:
            check_bound(f"{self.path}: an amplitude", found.amplitudes, field="StructureFactors.amplitudes")
        return found

    def _p1_reflections(self) -> P1Reflections | None:
        if self.needs_beam_energy:
            raise ConfigError('StructureFactors.energies_eV = "beam": needs the energy of a beam; use Scene(config)')
        if self.indices is not None and self.amplitudes is not None:
            amplitudes = self.amplitudes if self.has_energy_axis else self.amplitudes.reshape(-1)
            if self.is_phased and self.phases_deg is not None:
                turn = np.exp(1j * np.radians(self.phases_deg)).reshape(amplitudes.shape)
                return expand_arrays(self.indices, amplitudes * turn, self.space_group, self.cell, self.contents_centre)
            return expand_arrays(self.indices, amplitudes, self.space_group, self.cell)
        if self.path is None:
            return None
        if self._holds_coordinates(self.path):
            return calculate_reflections(
                self._coordinates(self.path), phased=self.is_phased, centre=self.contents_centre
            )
        return read_reflections(
            self.path, self.kind, column=self.column, block=self.block, space_group=self.space_group, cell=self.cell,
            phased=self.is_phased, phase_column=self.phase_column, centre=self.contents_centre,
        )  # fmt: skip

    def _coordinates(self, path: Path) -> Coordinates:
        return Coordinates(
            path, self.d_min_A, self.k_sol, self.b_sol_A2, self.energies, self.space_group, self.cell, self.block,
            self.unknown_atoms,
        )  # fmt: skip

    def _holds_coordinates(self, path: Path) -> bool:
        """Return whether the file holds coordinates; without a format, a CIF is inspected."""
        if self.kind != "cif" or self.file_format is not None:
            return self.kind == "coordinates"
        from ..io.cif import holds_reflections

        return self.d_min_A is not None or not holds_reflections(path)

    @cached_property
    def _leaves_out_f000(self) -> bool:
        """Whether F(000) is left out of the scattering: it was calculated, and not requested with `f000`."""
        return not self.f000 and self.path is not None and self._holds_coordinates(self.path)

    @property
    def listing(self) -> tuple[IndexArray, FloatArray] | None:
        """Indices (n, 3) and amplitudes, (n,) or (energies, n), in P1; None without a list."""
        return None if self.p1_reflections is None else (self.p1_reflections.indices, self.p1_reflections.amplitudes)

    @property
    def scattering_list(self) -> tuple[IndexArray, FloatArray]:
        """The listing with the amplitudes that scatter: F(000) is 0 where it is left out."""
        assert self.listing is not None
        indices, amplitudes = self.listing
        return (indices, np.where(indices.any(axis=1), amplitudes, 0.0)) if self._leaves_out_f000 else self.listing

    @cached_property
    def contents(self) -> Contents:
        """The contents of one cell for `interpolate="phased"`, without the mean density if F(000) is left out."""
        assert self.p1_reflections is not None
        assert self.p1_reflections.contents is not None
        found = self.p1_reflections.contents
        return found.without_mean() if self._leaves_out_f000 else found

    @cached_property
    def _held(self) -> dict[str, HeldTable]:
        return {}

    def held(self, values: npt.NDArray[Any]) -> HeldTable | None:
        """Return the table that has these values, if it is held."""
        return next((held for held in self._held.values() if held.table.values is values), None)

    def __getstate__(self) -> dict[Any, Any]:
        """Leave held tables out of pickles: they are derived from the list."""
        state = super().__getstate__()
        return {**state, "__dict__": {name: value for name, value in state["__dict__"].items() if name != "_held"}}

    def hold(self, held: HeldTable) -> None:
        """Keep a dense table of all listed reflections, for the scenes that need one of its data type.

        Parameters
        ----------
        held
            A table from `tables` without limits, of amplitudes that do not depend on the energy.
        """
        self._held[held.table.values.dtype.name] = held._replace(serves_all=True)

    @property
    def note(self) -> str:
        """Column that was read or calculation that was done, for the summary; may be empty."""
        return "" if self.p1_reflections is None else self.p1_reflections.note

    @property
    def known_cell(self) -> Cell | None:
        """Cell of the amplitudes; None: not known."""
        if not self.may_know_cell or self.p1_reflections is None:
            return self.cell
        return self.p1_reflections.cell

    @cached_property
    def limits(self) -> Limits | None:
        """Range of the listed indices; None without a list."""
        if self.listing is None:
            return None
        indices, _ = self.listing
        first, last = indices.min(axis=0).tolist(), indices.max(axis=0).tolist()
        return Limits((first[0], first[1], first[2]), (last[0], last[1], last[2]))

    @cached_property
    def largest(self) -> float:
        """Largest magnitude of an amplitude, `default_F` included."""
        listed = 0.0 if self.listing is None else float(np.abs(self.listing[1]).max())
        return max(listed, abs(self.default_F))

    def table(self) -> Table:
        """Return the dense table of all listed reflections, with gaps and border filled with `default_F`.

        Returns
        -------
        Table
            `values` of shape (h, k, l), electrons, and their `limits`.

        Raises
        ------
        ConfigError
            There is no list, the amplitudes depend on the energy, or the table does not fit into memory.
        """
        if self.has_energy_axis:
            raise ConfigError("StructureFactors.table: amplitudes depend on the energy; use tables(energies_eV)")
        tables = self.tables([0.0])
        return Table(tables.values[0], tables.limits)

    def tables(self, energies_eV: Sequence[float], limits: Limits | None = None, dtype: type = np.float64) -> Table:
        """Return dense tables at several energies: as `table`, with an axis of energies in front of `values`.

        A table from `hold` is returned whole, whatever the limits. The last table is kept for the next scene,
        read-only, if amplitudes do not depend on the energy and it is small.

        Parameters
        ----------
        energies_eV
            Energies, interpolated linearly between the listed ones and clamped to their range.
        limits
            Limits of the tables; default: all listed reflections.
        dtype
            np.float64 or np.float32.
        """
        if self.listing is None or self.limits is None:
            raise ConfigError("StructureFactors.table: needs a list of reflections; give a path or indices")
        held, limits = self._held.get(np.dtype(dtype).name), limits or self.limits
        if held is not None and (held.serves_all or (held.table.limits == limits and len(energies_eV) == 1)):
            return held.table
        indices, amplitudes = self.scattering_list
        check_table_size(limits, len(energies_eV), dtype, self._where)
        rows = (amplitudes_at(energy, amplitudes, self.energies) for energy in energies_eV)
        table = dense_tables(indices, rows, len(energies_eV), limits, self.default_F, dtype)
        if not self.has_energy_axis and len(energies_eV) == 1 and table.values.nbytes <= KEPT_BYTES:
            table.values.flags.writeable = False
            self._held[table.values.dtype.name] = HeldTable(table, {})
        log.debug(
            "table of %d x %d x %d amplitudes, %.1f MB, from %d reflections of %s",
            *table.values.shape[1:], table.values.nbytes / 1e6, len(indices), self.path or "an array",
        )  # fmt: skip
        return table

    def transforms(self, energies_eV: Sequence[float], limits: Limits, dtype: type = np.float64) -> Table:
        """Return tables of the transform between reflections: as `tables`, for `interpolate="phased"`.

        Real and imaginary parts alternate along the last axis of `values` (see `phased.phased_tables`). The last table
        is kept like that of `tables`.
        """
        key = f"phased {np.dtype(dtype).name}"
        held = self._held.get(key)
        if held is not None and held.table.limits == limits and len(energies_eV) == 1:
            return held.table
        rows = (amplitudes_at(energy, self.contents.values, self.energies) for energy in energies_eV)
        table = phased_tables(self.contents, rows, len(energies_eV), limits, dtype, self._where)
        if not self.has_energy_axis and len(energies_eV) == 1 and table.values.nbytes <= KEPT_BYTES:
            table.values.flags.writeable = False
            self._held[key] = HeldTable(table, {})
        return table

    @property
    def _where(self) -> str:
        return f"StructureFactors {self.path or 'arrays'}"


def _check_arrays(indices: IndexArray, amplitudes: FloatArray) -> None:
    if amplitudes.ndim not in (1, 2) or indices.shape != (amplitudes.shape[-1], 3):
        count = amplitudes.shape[-1] if amplitudes.ndim else 0
        raise ConfigError(f"StructureFactors.indices: shape {indices.shape} does not match {count} amplitudes")
    if len(indices) == 0:
        raise ConfigError("StructureFactors.indices: must not be empty; leave it out to use default_F everywhere")


def _checked_states(states: Any) -> tuple[list[float], list[StructureFactors]]:
    """Return the shares and structure factors of states; raises `ConfigError` unless they can be mixed."""
    where = "StructureFactors.mixed"
    try:
        pairs = [(share, factors) for share, factors in states]
    except (TypeError, ValueError):
        pairs = []
    if not pairs or not all(isinstance(factors, StructureFactors) for _, factors in pairs):
        raise ConfigError(f"{where}: give pairs of a share and structure factors, [(0.7, ground), (0.3, excited)]")
    shares = [number(f"{where}: a share", share, 0.0, 1.0) for share, _ in pairs]
    if abs(sum(shares) - 1.0) > SHARES_TOLERANCE:
        raise ConfigError(f"{where}: the shares {shares} add up to {sum(shares):g}; must be 1")
    factors = [each for _, each in pairs]
    if any(each.needs_beam_energy for each in factors):
        raise ConfigError(f'{where}: energies_eV = "beam" has no energy yet; give each state energies_eV=[…]')
    first = factors[0]
    for each in factors[1:]:
        one, other = (() if x.energies is None else tuple(x.energies.tolist()) for x in (first, each))
        if one != other:
            raise ConfigError(f"{where}: the states have energies_eV {one} and {other}; give all the same")
    cells = [each.known_cell for each in factors if each.known_cell is not None]
    for cell in cells[1:]:
        if not np.allclose(cell, cells[0], rtol=CELL_TOLERANCE):
            raise ConfigError(
                f"{where}: the states have the cells {cells[0]} and {cell}; give all the same, or render them as "
                "several crystals (Config.crystals)"
            )
    return shares, factors
