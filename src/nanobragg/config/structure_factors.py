"""Structure factors: where they come from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from ..errors import ConfigError
from ..geometry import FloatArray
from ..structure_factors.p1 import P1Reflections, calculate_reflections, expand_arrays, read_reflections
from ..structure_factors.symmetry import IndexArray
from ..structure_factors.tables import Limits, Table, amplitudes_at, check_table_size, dense_tables
from ..unit_cell import Cell
from .base import Amplitudes, Indices, Numbers
from .crystal import CellField
from .structure_factor_files import StructureFactorFiles

log = logging.getLogger(__name__)

FileFormat = Literal["hkl", "dump", "mtz", "cif", "coordinates"]
Kind = Literal["hkl", "dump", "mtz", "cif", "coordinates", "arrays", "constant"]
SUFFIXES: dict[str, FileFormat] = {
    ".bin": "dump", ".mtz": "mtz", ".cif": "cif", ".mmcif": "cif", ".pdb": "coordinates", ".ent": "coordinates",
}  # fmt: skip


class StructureFactors(StructureFactorFiles):
    """Amplitudes of the P1 cell, in electrons, from a file, arrays, or one number.

    Text tables, dumps and plain arrays are taken as they are: no symmetry is applied, not even Friedel's. Files that
    know their space group, and arrays with a `space_group`, are expanded to P1: equivalents get the same amplitude,
    Bijvoet mates stay apart where both are listed.

    Attributes
    ----------
    path
        File that is read when the amplitudes are first needed.
    file_format
        "hkl" text, the C program's "dump", "mtz", "cif" (reflections), "coordinates" (PDB, mmCIF, CIF of a small
        molecule); None: by the suffix, and for .cif by the content.
    column
        Label in an MTZ or CIF file, of amplitudes or intensities; None: chosen as `from_mtz` says.
    indices, amplitudes
        In place of a file: integers h k l of shape (n, 3), and n amplitudes, or (energies, n); later duplicates win.
        Of complex amplitudes the phases are dropped.
    space_group
        Symbol or number; in place of the file's, or of arrays that list the asymmetric unit.
    cell
        In place of the file's; the crystal takes it if it has none of its own.
    d_min_A, k_sol, b_sol_A2
        For coordinates: resolution limit; bulk solvent (electrons/Å³, None: 0.35, or 0 for a small molecule; and B).
    energies_eV
        For coordinates: energies at which anomalous scattering is added, or "beam" for that of the beam; None: without
        it. Of several, as of `amplitudes` of shape (energies, n), each source takes its own: linear between energies
        that are listed, the nearest outside.
    default_F
        Amplitude of reflections that are not listed.
    interpolate
        Tricubic interpolation between reflections; None: when there is a table and any number of cells is ≤ 2.
    """

    path: Path | None = None
    file_format: FileFormat | None = None
    column: str | None = None
    indices: Indices | None = None
    amplitudes: Amplitudes | None = None
    space_group: str | None = None
    cell: CellField | None = None
    d_min_A: float | None = Field(default=None, gt=0)
    k_sol: float | None = Field(default=None, ge=0)
    b_sol_A2: float = Field(default=46.0, ge=0)
    energies_eV: Literal["beam"] | Numbers | None = None
    default_F: float = 0.0
    interpolate: bool | None = None

    @field_validator("amplitudes", mode="before")
    @classmethod
    def _without_phases(cls, value: Any) -> Any:
        return np.abs(value) if np.iscomplexobj(value) else value

    @field_validator("energies_eV", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, (int, float)) else value

    @model_validator(mode="after")
    def _consistent(self) -> StructureFactors:
        if (self.indices is None) != (self.amplitudes is None):
            raise ConfigError("StructureFactors: indices and amplitudes belong together; one of them is missing")
        if self.path is not None and self.indices is not None:
            raise ConfigError(f"StructureFactors.path = {self.path}: contradicts the arrays; give one of them")
        if self.indices is not None and self.amplitudes is not None:
            _check_arrays(self.indices, self.amplitudes)
        self._check_options()
        return self

    def _check_options(self) -> None:
        kind = self.kind
        allowed = {
            "column": ("mtz", "cif"),
            "space_group": ("mtz", "cif", "coordinates", "arrays"),
            "d_min_A": ("cif", "coordinates"),
            "k_sol": ("cif", "coordinates"),
            "energies_eV": ("cif", "coordinates", "arrays"),
        }
        for name, kinds in allowed.items():
            if getattr(self, name) is not None and kind not in kinds:
                raise ConfigError(f"StructureFactors.{name}: means nothing for {kind}; it is for {', '.join(kinds)}")
        energies = self.energies
        if energies is not None and not (len(energies) and (energies > 0).all() and (np.diff(energies) > 0).all()):
            raise ConfigError("StructureFactors.energies_eV: must be positive and increasing")
        if self.amplitudes is not None:
            axis = None if self.amplitudes.ndim == 1 else len(self.amplitudes)
            if axis != (None if energies is None else len(energies)) or self.needs_beam_energy:
                raise ConfigError(
                    f"StructureFactors.amplitudes of shape {self.amplitudes.shape}: an axis of energies in front "
                    "and energies_eV, one for each of its rows, belong together"
                )

    @property
    def kind(self) -> Kind:
        """Where the amplitudes come from; a file without a format is known by its suffix ("cif": either of two)."""
        if self.path is None:
            return "constant" if self.indices is None else "arrays"
        return self.file_format or SUFFIXES.get(self.path.suffix.lower(), "hkl")

    @property
    def energies(self) -> FloatArray | None:
        """The energies (eV) as an array; None if there are none."""
        return self.energies_eV if isinstance(self.energies_eV, np.ndarray) else None

    @property
    def needs_beam_energy(self) -> bool:
        """Whether anomalous scattering is to be taken at an energy that only the beam knows."""
        return isinstance(self.energies_eV, str)

    @property
    def has_energy_axis(self) -> bool:
        """Whether amplitudes depend on the source's energy."""
        return self.energies is not None and len(self.energies) > 1

    @property
    def may_know_cell(self) -> bool:
        """Whether there is a cell in here for the crystal, as far as can be told without reading."""
        return self.cell is not None or self.kind in ("mtz", "cif", "coordinates")

    def at_energy(self, energy_eV: float) -> StructureFactors:
        """With `energies_eV="beam"` the same at this energy, made once; else itself.

        Parameters
        ----------
        energy_eV
            Of the beam.

        Returns
        -------
        StructureFactors
            Amplitudes that no longer depend on the beam.
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
        """From arrays that list the asymmetric unit: symmetry and Friedel mates are added.

        Any choice of asymmetric unit will do. Where both h k l and -h -k -l are listed they stay apart.

        Parameters
        ----------
        indices
            Integers h k l, shape (n, 3).
        amplitudes
            Electrons, shape (n,); or (energies, n) with the option energies_eV. Of complex ones the phases are dropped.
        space_group
            Symbol or number.
        cell
            a b c (Å) α β γ (degrees); the crystal takes it if it has none of its own.
        **options
            The fields energies_eV, default_F and interpolate.

        Returns
        -------
        StructureFactors
            Expanded to P1.

        Raises
        ------
        ConfigError, FormatError
            Shapes that do not fit or an unknown space group; equivalents with different amplitudes.
        """
        factors = cls(indices=indices, amplitudes=amplitudes, space_group=space_group, cell=cell, **options)
        factors.p1_reflections  # noqa: B018  now, so that a bad list is found here
        return factors

    @classmethod
    def constant(cls, amplitude: float) -> StructureFactors:
        """The same amplitude for every reflection.

        Parameters
        ----------
        amplitude
            Electrons.

        Returns
        -------
        StructureFactors
            Without a list.

        Raises
        ------
        ConfigError
            It is not finite.
        """
        return cls(default_F=amplitude)

    @classmethod
    def wilson(
        cls,
        cell: Sequence[float],
        space_group: str,
        *,
        b_factor: float,
        d_min: float,
        seed: int,
        **options: Any,
    ) -> StructureFactors:
        """Made-up amplitudes with the statistics and the symmetry of a protein crystal.

        Parameters
        ----------
        cell
            a b c (Å) α β γ (degrees).
        space_group
            Symbol; it and Friedel's law are obeyed.
        b_factor
            Wilson B, Å².
        d_min
            Resolution limit, Å.
        seed
            Of the random numbers.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            Amplitudes in electrons, on the absolute scale of a cell full of protein at 2.4 Å³ per dalton.

        Raises
        ------
        ConfigError
            An unknown space group, or an impossible cell or limit.
        """
        from ..structure_factors.wilson import wilson_amplitudes

        whole = cls(cell=cell).cell
        assert whole is not None
        indices, amplitudes = wilson_amplitudes(whole, space_group, b_factor=b_factor, d_min=d_min, seed=seed)
        return cls(indices=indices, amplitudes=amplitudes, **options)

    @cached_property
    def p1_reflections(self) -> P1Reflections | None:
        """All that is listed, expanded to P1; None if nothing is."""
        if self.needs_beam_energy:
            raise ConfigError('StructureFactors.energies_eV = "beam": only a Config knows the beam; use Scene(config)')
        if self.indices is not None and self.amplitudes is not None:
            amplitudes = self.amplitudes if self.has_energy_axis else self.amplitudes.reshape(-1)
            return expand_arrays(self.indices, amplitudes, self.space_group, self.cell)
        if self.path is None:
            return None
        given: dict[str, Any] = {"space_group": self.space_group, "cell": self.cell}
        if self._holds_coordinates(self.path):
            return calculate_reflections(
                self.path, d_min_A=self.d_min_A, k_sol=self.k_sol, b_sol_A2=self.b_sol_A2, energies_eV=self.energies,
                **given,
            )  # fmt: skip
        return read_reflections(self.path, self.kind, column=self.column, **given)

    def _holds_coordinates(self, path: Path) -> bool:
        """Whether the file is one of atoms; a CIF whose format is not given is looked into."""
        if self.kind != "cif" or self.file_format is not None:
            return self.kind == "coordinates"
        from ..io.cif import holds_reflections, read_cif_document

        return self.d_min_A is not None or not holds_reflections(read_cif_document(path))

    @property
    def listing(self) -> tuple[IndexArray, FloatArray] | None:
        """Indices (n, 3) and amplitudes, (n,) or (energies, n), of what is listed; None if nothing is."""
        return None if self.p1_reflections is None else (self.p1_reflections.indices, self.p1_reflections.amplitudes)

    @property
    def note(self) -> str:
        """Which column was taken, what was calculated; "" if there is nothing to say."""
        return "" if self.p1_reflections is None else self.p1_reflections.note

    @property
    def known_cell(self) -> Cell | None:
        """The cell that the amplitudes belong to, the file's if it is read from one; None: not known."""
        if not self.may_know_cell or self.p1_reflections is None:
            return self.cell
        return self.p1_reflections.cell

    @cached_property
    def limits(self) -> Limits | None:
        """The span of the listed indices; None if nothing is listed."""
        if self.listing is None:
            return None
        indices, _ = self.listing
        first, last = indices.min(axis=0).tolist(), indices.max(axis=0).tolist()
        return Limits((first[0], first[1], first[2]), (last[0], last[1], last[2]))

    @cached_property
    def largest(self) -> float:
        """Largest amplitude there is, `default_F` included, without its sign."""
        listed = 0.0 if self.listing is None else float(np.abs(self.listing[1]).max())
        return max(listed, abs(self.default_F))

    def table(self) -> Table:
        """Return the dense table of all that is listed, gaps and border filled with `default_F`.

        Returns
        -------
        Table
            `values` of shape (h, k, l), electrons, and their `limits`.

        Raises
        ------
        ConfigError
            Nothing is listed, the amplitudes depend on the energy, or the indices span a table that does not fit
            into memory.
        """
        if self.has_energy_axis:
            raise ConfigError("StructureFactors.table: amplitudes depend on the energy; give energies_eV to tables")
        tables = self.tables([0.0])
        return Table(tables.values[0], tables.limits)

    def tables(self, energies_eV: Sequence[float], limits: Limits | None = None, dtype: type = np.float64) -> Table:
        """Return dense tables at several energies: like `table`, with an axis of energies in front of `values`.

        Parameters
        ----------
        energies_eV
            Amplitudes with an axis of energies are interpolated linearly, and constant outside it.
        limits
            Limits of the tables; default: all that is listed.
        dtype
            np.float64 or np.float32.
        """
        if self.listing is None or self.limits is None:
            raise ConfigError("StructureFactors: there is no list of reflections to make a table of")
        indices, amplitudes = self.listing
        where = f"StructureFactors {self.path or 'arrays'}"
        check_table_size(limits or self.limits, len(energies_eV), dtype, where)
        rows = (amplitudes_at(energy, amplitudes, self.energies) for energy in energies_eV)
        table = dense_tables(indices, rows, len(energies_eV), limits or self.limits, self.default_F, dtype)
        log.debug(
            "table of %d x %d x %d amplitudes, %.1f MB, from %d reflections of %s",
            *table.values.shape[1:], table.values.nbytes / 1e6, len(indices), self.path or "an array",
        )  # fmt: skip
        return table


def _check_arrays(indices: IndexArray, amplitudes: FloatArray) -> None:
    if amplitudes.ndim not in (1, 2) or indices.shape != (amplitudes.shape[-1], 3):
        count = amplitudes.shape[-1] if amplitudes.ndim else 0
        raise ConfigError(f"StructureFactors.indices: shape {indices.shape} does not fit {count} amplitudes")
    if len(indices) == 0:
        raise ConfigError("StructureFactors.indices: is empty; leave it out to use default_F everywhere")
