"""Random structure factors with Wilson statistics on the absolute scale of a protein crystal."""

import math

import gemmi
import numpy as np
import numpy.typing as npt

from ..bounds import number, whole
from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.limits import allowed_memory
from ..unit_cell import Cell
from .symmetry import expand_to_p1, rotations_of, space_group_of_cell

PROTEIN_ATOMS = {"C": 0.63, "N": 0.17, "O": 0.19, "S": 0.01}  # fractions of the non-hydrogen atoms of a protein
DALTON_PER_ATOM = 14.5  # protein mass, hydrogens included, per non-hydrogen atom
BYTES_PER_REFLECTION = 200  # while they are expanded
MATTHEWS_A3_PER_DALTON = 2.4  # B. W. Matthews, J. Mol. Biol. 33 (1968) 491-497


def wilson_amplitudes(
    cell: Cell, space_group: str, *, b_factor: float, d_min_A: float, seed: int
) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Return random amplitudes of a protein-like crystal, expanded to P1 with Friedel mates.

    The mean intensity is ε·Σf²·exp(-B s²/2) over the atoms of a cell filled with protein at 2.4 Å³ per dalton.
    Acentric intensities are exponentially distributed, centric ones as the square of a normal deviate
    (A. J. C. Wilson, Acta Cryst. 2 (1949) 318-321). F(000) is omitted.

    Parameters
    ----------
    cell
        a b c (Å) α β γ (degrees).
    space_group
        Hermann–Mauguin symbol or number.
    b_factor
        Overall B (Å²).
    d_min_A
        Resolution limit (Å).
    seed
        Seed of the random numbers.

    Returns
    -------
    indices : ndarray of int32, shape (n, 3)
    amplitudes : ndarray, shape (n,)
        Electrons.
    """
    group = space_group_of_cell(space_group, cell, "StructureFactors.wilson")
    unit_cell, operations = gemmi.UnitCell(*cell), group.operations()
    d_min_A = number("StructureFactors.wilson: d_min_A", d_min_A, field="StructureFactors.d_min_A")
    b_factor = number("StructureFactors.wilson: b_factor", b_factor, field="StructureFactors.b_sol_A2")
    whole("StructureFactors.wilson: seed", seed, 0, 2**128 - 1)
    _check_count(unit_cell.volume, d_min_A)
    unique = gemmi.make_miller_array(unit_cell, group, d_min_A)
    inverse_d_sqr = unit_cell.calculate_1_d2_array(unique)
    epsilon = np.array([operations.epsilon_factor_without_centering(hkl) for hkl in unique.tolist()])
    centric = np.array([operations.is_reflection_centric(hkl) for hkl in unique.tolist()], dtype=bool)
    mean = epsilon * len(list(operations.cen_ops)) * _scattering_power(unit_cell.volume, inverse_d_sqr)
    intensity = mean * np.exp(-b_factor * inverse_d_sqr / 2.0) * _normalised_intensities(centric, seed)
    return expand_to_p1(unique, np.sqrt(intensity), rotations_of(operations))


def _check_count(volume_A3: float, d_min: float) -> None:
    """Raise `ConfigError` if the reflections within the resolution limit do not fit into memory."""
    count = 4.0 / 3.0 * math.pi * volume_A3 / d_min**3
    if count * BYTES_PER_REFLECTION > allowed_memory():
        raise ConfigError(
            f"StructureFactors.wilson: {count:.3g} reflections to {d_min:g} Å do not fit into memory; raise d_min_A"
        )


def _scattering_power(volume_A3: float, inverse_d_sqr: FloatArray) -> FloatArray:
    """Return Σf² (electrons²) over the atoms of a cell at each 1/d²."""
    atoms: float = volume_A3 / MATTHEWS_A3_PER_DALTON / DALTON_PER_ATOM
    total: FloatArray = np.zeros(len(inverse_d_sqr), dtype=np.float64)
    for symbol, share in PROTEIN_ATOMS.items():
        form = gemmi.Element(symbol).it92
        amplitude: FloatArray = np.array([form.calculate_sf(stol_sqr) for stol_sqr in inverse_d_sqr / 4.0])
        total += share * amplitude**2
    total *= atoms
    return total


def _normalised_intensities(centric: npt.NDArray[np.bool_], seed: int) -> FloatArray:
    """Return random |E|² with a mean of 1: exponential, or the square of a normal deviate where centric."""
    uniform = np.random.Generator(np.random.PCG64(seed)).random((2, len(centric)))
    acentric: FloatArray = -np.log1p(-uniform[0])
    normal_squared: FloatArray = 2.0 * acentric * np.cos(2.0 * np.pi * uniform[1]) ** 2
    return np.where(centric, normal_squared, acentric)
