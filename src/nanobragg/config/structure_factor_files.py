"""Constructors of `StructureFactors` that read a file."""

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
    """Base class of `StructureFactors`: its constructors that read a file."""

    @property
    @abstractmethod
    def p1_reflections(self) -> P1Reflections | None:
        """All that is listed, expanded to P1; None if nothing is."""

    @property
    @abstractmethod
    def needs_beam_energy(self) -> bool:
        """Whether anomalous scattering is to be taken at an energy that only the beam knows."""

    @classmethod
    def _from_file(cls, path: str | os.PathLike[str], file_format: str, **fields: Any) -> Self:
        """Return the structure factors of a file, which is read now, so that a bad one is found here."""
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
            Already read.

        Raises
        ------
        FileError
            It cannot be opened or read.
        FormatError
            It is not what it should be; the message has the line.
        """
        return cls._from_file(path, "hkl", **options)

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """Read the C program's Fdump.bin.

        Parameters
        ----------
        path
            The file.
        **options
            The fields default_F and interpolate.

        Returns
        -------
        StructureFactors
            Already read.

        Raises
        ------
        FileError
            It cannot be opened or read.
        FormatError
            It is no dump.
        """
        return cls._from_file(path, "dump", **options)

    @classmethod
    def from_mtz(
        cls, path: str | os.PathLike[str], *, column: str | None = None, space_group: str | None = None, **options: Any
    ) -> Self:
        """Read an MTZ file of merged reflections.

        Parameters
        ----------
        path
            The file; its cell becomes the crystal's, unless that has one.
        column
            Label of amplitudes or intensities; "F(+)" or "I(+)" brings its mate along. None: measured before
            calculated, then F(+) and F(-) before F before I(+) and I(-) before I; `note` and the printed summary
            name it.
        space_group
            In place of the file's.
        **options
            The fields cell, default_F and interpolate.

        Returns
        -------
        StructureFactors
            Already read.

        Raises
        ------
        ConfigError, FormatError, FileError
            No such column (the message lists those there are), an unknown space group, unmerged or damaged data.

        Warns
        -----
        NanobraggWarning
            Negative intensities, which count as 0.
        """
        return cls._from_file(path, "mtz", column=column, space_group=space_group, **options)

    @classmethod
    def from_cif(
        cls, path: str | os.PathLike[str], *, column: str | None = None, space_group: str | None = None, **options: Any
    ) -> Self:
        """Read reflections from structure-factor mmCIF or a small molecule's CIF.

        Parameters
        ----------
        path
            The file; its cell becomes the crystal's, unless that has one.
        column
            An item without its category: "F_meas_au", "pdbx_F_plus", "F_squared_calc", "_shelx_hkl_file". None: chosen
            as by `from_mtz`.
        space_group
            In place of the file's.
        **options
            The fields cell, default_F and interpolate.

        Returns
        -------
        StructureFactors
            Already read.

        Raises
        ------
        ConfigError, FormatError, FileError
            No such column (the message lists those there are), an unknown space group, unmerged or damaged data.
        """
        return cls._from_file(path, "cif", column=column, space_group=space_group, **options)

    @classmethod
    def from_coordinates(
        cls,
        path: str | os.PathLike[str],
        *,
        d_min: float,
        k_sol: float | None = None,
        b_sol: float = 46.0,
        energies_eV: Any = None,
        **options: Any,
    ) -> Self:
        """Calculate amplitudes from a PDB, mmCIF or small-molecule CIF file.

        Parameters
        ----------
        path
            The file; its cell becomes the crystal's, unless that has one.
        d_min
            Resolution limit (Å).
        k_sol, b_sol
            Bulk solvent, electrons/Å³ and Å²; k_sol 0: none. Default: 0.35, and 0 for a small molecule.
        energies_eV
            Energies at which f' and f'' are added, a number, several, or "beam"; None: without them.
        **options
            The fields space_group, cell, default_F and interpolate.

        Returns
        -------
        StructureFactors
            Already calculated, unless it waits for the energy of the beam.

        Raises
        ------
        ConfigError, FormatError, FileError
            No atoms, cell or space group, an impossible limit or energy, a damaged file.
        """
        return cls._from_file(
            path, "coordinates", d_min_A=d_min, k_sol=k_sol, b_sol_A2=b_sol, energies_eV=energies_eV, **options
        )
