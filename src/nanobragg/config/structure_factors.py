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

from ..bounds import check_bound
from ..errors import ConfigError
from ..geometry import FloatArray, Vector
from ..io.compressed import without_compression_suffix
from ..structure_factors.kept_tables import KeptTables
from ..structure_factors.p1 import P1Reflections
from ..structure_factors.phased import Contents, phased_tables
from ..structure_factors.symmetry import IndexArray
from ..structure_factors.tables import HeldTable, Limits, Table, amplitudes_at, check_table_size, dense_tables
from ..unit_cell import Cell
from .base import Amplitudes, Indices, Numbers
from .crystal import CellField
from .structure_factor_checks import check_arrays, check_energies, check_options, check_phases
from .structure_factor_constructors import StructureFactorConstructors
from .structure_factor_listing import holds_coordinates, list_in_p1

log = logging.getLogger(__name__)

FileFormat = Literal["hkl", "dump", "shelx", "mtz", "cif", "coordinates"]
Kind = Literal["hkl", "dump", "shelx", "mtz", "cif", "coordinates", "arrays", "constant"]
SUFFIXES: dict[str, FileFormat] = {
    ".bin": "dump", ".mtz": "mtz", ".cif": "cif", ".mmcif": "cif", ".pdb": "coordinates", ".ent": "coordinates",
}  # fmt: skip


class StructureFactors(StructureFactorConstructors):
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
        check_arrays(self)
        check_options(self)
        check_energies(self)
        check_phases(self)
        return self

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

    @cached_property
    def p1_reflections(self) -> P1Reflections | None:
        """Listed reflections expanded to P1; None without a list."""
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # the bound refuses what comes of it
            found = list_in_p1(self)
        if found is not None and self.path is not None:
            check_bound(f"{self.path}: an amplitude", found.amplitudes, field="StructureFactors.amplitudes")
        return found

    @cached_property
    def _leaves_out_f000(self) -> bool:
        """Whether F(000) is left out of the scattering: it was calculated, and not requested with `f000`."""
        return not self.f000 and holds_coordinates(self)

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
    def _kept(self) -> KeptTables:
        return KeptTables()

    def held(self, values: npt.NDArray[Any]) -> HeldTable | None:
        """Return the table that has these values, if it is held."""
        return self._kept.with_values(values)

    def hold(self, held: HeldTable) -> None:
        """Keep a dense table of all listed reflections, for the scenes that need one of its data type.

        Parameters
        ----------
        held
            A table from `tables` without limits, of amplitudes that do not depend on the energy.
        """
        self._kept.hold(held.table.values.dtype.name, held)

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
        kind, limits = np.dtype(dtype).name, limits or self.limits
        kept = self._kept.find(kind, limits, len(energies_eV))
        if kept is not None:
            return kept
        indices, amplitudes = self.scattering_list
        check_table_size(limits, len(energies_eV), dtype, self._where)
        rows = (amplitudes_at(energy, amplitudes, self.energies) for energy in energies_eV)
        table = dense_tables(indices, rows, len(energies_eV), limits, self.default_F, dtype)
        if not self.has_energy_axis:
            self._kept.keep(kind, table)
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
        kind = f"phased {np.dtype(dtype).name}"
        kept = self._kept.find(kind, limits, len(energies_eV))
        if kept is not None:
            return kept
        rows = (amplitudes_at(energy, self.contents.values, self.energies) for energy in energies_eV)
        table = phased_tables(self.contents, rows, len(energies_eV), limits, dtype, self._where)
        if not self.has_energy_axis:
            self._kept.keep(kind, table)
        return table

    @property
    def _where(self) -> str:
        return f"StructureFactors {self.path or 'arrays'}"
