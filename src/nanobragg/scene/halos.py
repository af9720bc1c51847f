"""Diffuse halos around the reflections (docs/theory.md, Diffuse scattering)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._core import CRYSTAL
from .._functions import block_of
from ..config.crystal import Crystal, Lattice
from ..config.diffuse import Diffuse
from ..config.domains import crystal_axes
from ..config.every_reflection import every_reflection
from ..config.structure_factors import StructureFactors
from ..geometry import FloatArray
from ..structure_factors.symmetry import IndexArray, rotations_of, space_group_of_cell
from ..unit_cell import cell_from_vectors
from .filled import filled
from .quadratic_form import form_of

SAME = 1e-9  # relative difference of quadratic forms that count as one


class Halo(NamedTuple):
    """The halos of all reflections, as one rotation of the point group turns them.

    Attributes
    ----------
    share
        Of the rotations, that make the same halos.
    radius : ndarray, shape (3, 3)
        Matrix of the squared radius of an offset from the reflection.
    exponent : ndarray, shape (3, 3)
        Matrix of the exponent x of a reflection, which the displacements damp by exp(-x).
    peak
        Of the halo for an exponent and an amplitude of 1.
    """

    share: float
    radius: FloatArray
    exponent: FloatArray
    peak: float


def build_halos(crystal: Crystal, lattice: Lattice, cells: float) -> tuple[Halo, ...]:
    """Return the halos of a crystal with `cells` unit cells in a block; none if it has no diffuse scattering."""
    if crystal.diffuse is None:
        return ()
    rotations = halo_rotations(crystal.diffuse, lattice)
    forms, peak = turned_forms(crystal.diffuse, lattice, rotations), halo_peak(crystal.diffuse, lattice, cells)
    groups = same_forms(forms)
    return tuple(
        Halo(len(group) / len(forms), radius=forms[group[0], 0], exponent=forms[group[0], 1], peak=peak)
        for group in groups
    )


def turned_forms(diffuse: Diffuse, lattice: Lattice, rotations: npt.NDArray[np.int64]) -> FloatArray:
    """Return the matrices of radius and exponent for every rotation, shape (n, 2, 3, 3)."""
    components = lattice.reciprocal @ crystal_axes(lattice).T  # of a*, b*, c* along the crystal's own axes
    widths = np.array([diffuse.along_axes("correlation_length_A"), diffuse.along_axes("displacement_A")])
    forms = 4.0 * np.pi**2 * (components * widths[:, np.newaxis] ** 2) @ components.T
    turns = rotations[:, np.newaxis]
    return np.asarray(turns @ forms @ turns.transpose(0, 1, 3, 2))


def halo_peak(diffuse: Diffuse, lattice: Lattice, cells: float) -> float:
    """Return the peak of a halo for an exponent and an amplitude of 1."""
    return cells * 8.0 * math.pi * math.prod(diffuse.along_axes("correlation_length_A")) / lattice.volume


def same_forms(forms: FloatArray) -> list[list[int]]:
    """Return the numbers of the rotations that make the same halos, in groups."""
    groups: list[list[int]] = []
    size = np.abs(forms).max(axis=(0, 2, 3), keepdims=True)[0]
    for number, form in enumerate(forms):
        for group in groups:
            if (np.abs(form - forms[group[0]]) <= SAME * size).all():
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def halo_rotations(diffuse: Diffuse, lattice: Lattice) -> npt.NDArray[np.int64]:
    """Return the rotations R of the point group that halos are averaged over, shape (n, 3, 3); h·R is equivalent to h.

    Warns if the cell does not have this symmetry.
    """
    if diffuse.space_group is None:
        return np.eye(3, dtype=np.int64)[None]
    cell = cell_from_vectors(lattice.direct)
    return rotations_of(space_group_of_cell(diffuse.space_group, cell, "Diffuse.space_group").operations())


def halo_crystal(halo: Halo, crystal: Crystal, n_cells: tuple[float, float, float]) -> npt.NDArray[np.void]:
    """Return the kernel's crystal of a halo, an array of CRYSTAL, shape (1,)."""
    assert crystal.diffuse is not None
    _, inverse = block_of((*n_cells, *crystal.n_cells_off))
    return filled(
        CRYSTAL, 1,
        n=n_cells, inverse_n=inverse, cells=math.sqrt(halo.share * halo.peak), metric=form_of(halo.radius),
        around=crystal.diffuse.neighbours,
    )  # fmt: skip


def exponents(indices: IndexArray, matrix: FloatArray) -> FloatArray:
    """Return the exponent of every reflection (n, 3)."""
    index = indices.astype(np.float64)  # whose products are fast
    return np.asarray(((index @ matrix) * index).sum(axis=1))


def spot_factor(halos: tuple[Halo, ...], indices: IndexArray) -> FloatArray:
    """Return the share of F² that the spot of every reflection keeps."""
    return sum((halo.share * np.exp(-exponents(indices, halo.exponent)) for halo in halos), np.zeros(len(indices)))


def halo_factor(halo: Halo, indices: IndexArray) -> FloatArray:
    """Return the share of F² that a halo of every reflection has."""
    x = exponents(indices, halo.exponent)
    return np.asarray(x * np.exp(-x))


def scaled(factors: StructureFactors, squares: FloatArray) -> StructureFactors:
    """Return structure factors of a list with F² times a factor for each reflection."""
    indices, amplitudes = factors.scattering_list
    return _relisted(factors, indices, amplitudes * np.sqrt(squares))


def listed(factors: StructureFactors, lattice: Lattice, longest: float, crystal: Crystal) -> StructureFactors:
    """Return structure factors as a list of every reflection whose spot or halo a scattering vector can see.

    `longest`: of these vectors, Å⁻¹.
    """
    assert crystal.diffuse is not None
    reach = (crystal.diffuse.neighbours + 1) * float(np.linalg.norm(lattice.reciprocal, axis=1).sum())
    indices, amplitudes = every_reflection(factors, lattice.reciprocal, longest + reach, "Crystal.diffuse")
    if len(indices) == 0:  # nothing scatters
        indices, amplitudes = np.zeros((1, 3), np.int32), np.zeros(1)
    return _relisted(factors, indices, amplitudes)


def _relisted(factors: StructureFactors, indices: IndexArray, amplitudes: FloatArray) -> StructureFactors:
    """Return structure factors with another list, of all reflections."""
    interpolate = bool(factors.interpolate) if factors.listing is None else factors.interpolate
    return StructureFactors(
        indices=indices, amplitudes=amplitudes, energies_eV=factors.energies if factors.has_energy_axis else None,
        interpolate=interpolate,
    )  # fmt: skip
