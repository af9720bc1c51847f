"""The constructors of `StructureFactors` that do not read a file: arrays, one number, Wilson statistics, states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..unit_cell import Cell
from .structure_factor_files import StructureFactorFiles
from .structure_factor_states import checked_states, mixed_fields

if TYPE_CHECKING:
    from typing_extensions import Self


class StructureFactorConstructors(StructureFactorFiles):
    """Base class of `StructureFactors` with all its constructors."""

    @classmethod
    def _of(cls, **fields: Any) -> Self:
        """Return the structure factors of fields that are defined by `StructureFactors`."""
        return cls(**fields)

    @classmethod
    def from_asu(
        cls, indices: Any, amplitudes: Any, space_group: str, *, cell: Cell | None = None, **options: Any
    ) -> Self:
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
            Symbol, or number as a text such as "96".
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
        factors = cls._of(indices=indices, amplitudes=amplitudes, space_group=space_group, cell=cell, **options)
        factors.p1_reflections  # noqa: B018  expand now, so that errors are raised here
        return factors

    @classmethod
    def constant(cls, amplitude: float, *, cell: Any = None) -> Self:
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
        return cls._of(default_F=amplitude, cell=cell)

    @classmethod
    def wilson(
        cls, cell: Sequence[float], space_group: str, *, b_factor: float, d_min_A: float, seed: int, **options: Any
    ) -> Self:
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

        checked: Any = cls._of(cell=cell)
        whole: Cell = checked.cell
        indices, amplitudes = wilson_amplitudes(whole, space_group, b_factor=b_factor, d_min_A=d_min_A, seed=seed)
        return cls._of(indices=indices, amplitudes=amplitudes, cell=whole, **options)

    @classmethod
    def mixed(
        cls,
        states: Sequence[tuple[float, Self]],
        *,
        coherent: bool = False,
        interpolate: bool | Literal["phased"] | None = None,
    ) -> Self:
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
        shares, factors = checked_states(cls, states)
        fields = mixed_fields(shares, factors, coherent, interpolate == "phased")
        return cls._of(**fields, interpolate=interpolate)
