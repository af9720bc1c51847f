"""The constructors of `StructureFactors` that read a file."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import Model

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..structure_factors.p1 import P1Reflections


class StructureFactorFiles(Model):
    """Base class of `StructureFactors` with the constructors that read a file."""

    @property
    @abstractmethod
    def p1_reflections(self) -> P1Reflections | None:
        """Listed reflections expanded to P1; None without a list."""

    @property
    @abstractmethod
    def needs_beam_energy(self) -> bool:
        """Whether anomalous scattering is calculated at the energy of the beam."""

    @classmethod
    def _from_file(cls, path: str | os.PathLike[str], file_format: str, **fields: Any) -> Self:
        """Return the structure factors of a file, which is read now so that its errors are raised here."""
        factors = cls(**{"path": Path(path), "file_format": file_format, **fields})
        if not factors.needs_beam_energy:
            factors.p1_reflections  # noqa: B018
        return factors

    @classmethod
    def from_hkl(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Read a text file of lines `h k l F`; no symmetry is applied.

        Parameters
        ----------
        path
            The file.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            The structure factors, already read.

        Raises
        ------
        FileError
            The file cannot be opened or read.
        FormatError
            A line is not valid; the message names it.
        """
        return cls._from_file(path, "hkl", **options)

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Read an Fdump.bin of the C program.

        Parameters
        ----------
        path
            The file.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            The structure factors, already read.

        Raises
        ------
        FileError
            The file cannot be opened or read.
        FormatError
            The file is not a valid Fdump.bin.
        """
        return cls._from_file(path, "dump", **options)

    @classmethod
    def from_shelx(cls, path: str | os.PathLike[str], *, space_group: str, cell: Any = None, **options: Any) -> Self:
        """Read a SHELX list of reflections (HKLF 4: h k l, F² and σ in fixed columns), and merge its equivalents.

        The amplitude is the root of the mean F², weighted by 1/σ², of equivalent reflections. Bijvoet mates are kept
        separate, and a missing one is taken from its mate. `note` states R_merge.

        Parameters
        ----------
        path
            The file.
        space_group
            Symbol or number; a list does not contain it.
        cell
            a b c (Å) α β γ (degrees), if known; the crystal uses it unless it has its own.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            The structure factors, already read, merged and expanded to P1.

        Raises
        ------
        ConfigError, FormatError, FileError
            An unknown space group, a line that is not valid, or the overlapping reflections of a twin (HKLF 5).

        Warns
        -----
        NanobraggWarning
            Negative mean intensities are set to 0.
        """
        return cls._from_file(path, "shelx", space_group=space_group, cell=cell, **options)

    @classmethod
    def from_mtz(
        cls, path: str | os.PathLike[str], *, column: str | None = None, space_group: str | None = None, **options: Any
    ) -> Self:
        """Read an MTZ file of merged reflections, with their phases for `interpolate="phased"`.

        Parameters
        ----------
        path
            The file; the crystal uses its cell unless it has its own.
        column
            Label of amplitudes or intensities; "F(+)" and "I(+)" include the (-) column. None: observed before
            calculated, then F(+) and F(-), F, I(+) and I(-), I; `note` and the printed summary name the choice.
        space_group
            Replaces that of the file.
        **options
            The fields cell, default_F, interpolate, contents_centre and phase_column. By default phases are those whose
            label goes with that of the amplitudes (FC and PHIC, FWT and PHWT), or the only ones.

        Returns
        -------
        StructureFactors
            The structure factors, already read.

        Raises
        ------
        ConfigError, FormatError, FileError
            A missing column (the message lists the existing ones), an unknown space group, unmerged or corrupt data.

        Warns
        -----
        NanobraggWarning
            Negative intensities are set to 0.
        """
        return cls._from_file(path, "mtz", column=column, space_group=space_group, **options)

    @classmethod
    def from_cif(
        cls, path: str | os.PathLike[str], *, column: str | None = None, space_group: str | None = None, **options: Any
    ) -> Self:
        """Read reflections from a structure-factor mmCIF or a small-molecule CIF.

        Parameters
        ----------
        path
            The file; the crystal uses its cell unless it has its own.
        column
            An item without its category: "F_meas_au", "pdbx_F_plus", "F_squared_calc", "_shelx_hkl_file". None: chosen
            as in `from_mtz`.
        space_group
            Replaces that of the file.
        **options
            The fields block, cell, default_F, interpolate, contents_centre and phase_column; by default phases are
            phase_calc.

        Returns
        -------
        StructureFactors
            The structure factors, already read.

        Raises
        ------
        ConfigError, FormatError, FileError
            A missing column (the message lists the existing ones), an unknown space group, unmerged or corrupt data.

        Warns
        -----
        NanobraggWarning
            Several blocks hold reflections, rows are left out, or operators and symbol of the file disagree.
        """
        return cls._from_file(path, "cif", column=column, space_group=space_group, **options)

    @classmethod
    def from_coordinates(
        cls,
        path: str | os.PathLike[str],
        *,
        d_min_A: float,
        k_sol: float | None = None,
        b_sol_A2: float = 46.0,
        energies_eV: Any = None,
        **options: Any,
    ) -> Self:
        """Calculate amplitudes from a PDB, mmCIF or small-molecule CIF file.

        Parameters
        ----------
        path
            The file; the crystal uses its cell unless it has its own.
        d_min_A
            Resolution limit (Å).
        k_sol, b_sol_A2
            Bulk solvent, electrons/Å³ and Å²; k_sol 0: none. Default: 0.35, and 0 for a small molecule.
        energies_eV
            Energy or energies at which f' and f'' are added, or "beam"; None: no anomalous scattering.
        **options
            The fields space_group, cell, block, unknown_atoms, default_F, interpolate and contents_centre; and
            f000=True. By default F(000) is listed but does not scatter: its spot, in the direct beam, outshines all
            others.

        Returns
        -------
        StructureFactors
            The structure factors, already calculated unless they need the energy of the beam.

        Raises
        ------
        ConfigError, FormatError, FileError
            No atoms, cell or space group, an invalid limit or energy, a corrupt file.

        Warns
        -----
        NanobraggWarning
            Entries that are missing, doubtful or contradictory, with their number (docs/readers.md).
        """
        return cls._from_file(
            path, "coordinates", d_min_A=d_min_A, k_sol=k_sol, b_sol_A2=b_sol_A2, energies_eV=energies_eV, **options
        )
