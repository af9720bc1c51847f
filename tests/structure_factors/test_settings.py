"""Every tabulated setting of every space group: amplitudes equal a sum over the operators, however they are stated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.structure_factors import coordinates
from tests.structure_factors.cif_files import write_cif

SETTINGS = list(gemmi.spacegroup_table())
NAMES = [f"{group.xhm()} ({group.number})" for group in SETTINGS]
CELLS = {
    "triclinic": (5.1, 6.2, 7.3, 81, 94, 105), "orthorhombic": (5.1, 6.2, 7.3, 90, 90, 90),
    "tetragonal": (5.6, 5.6, 7.3, 90, 90, 90), "trigonal": (5.6, 5.6, 7.3, 90, 90, 120),
    "hexagonal": (5.6, 5.6, 7.3, 90, 90, 120), "cubic": (9.1, 9.1, 9.1, 90, 90, 90),
}  # fmt: skip
MONOCLINIC = {"a": (5.1, 6.2, 7.3, 102, 90, 90), "b": (5.1, 6.2, 7.3, 90, 102, 90), "c": (5.1, 6.2, 7.3, 90, 90, 102)}
SHIFT = (Fraction(1, 10), Fraction(7, 100), Fraction(-3, 25))
Operator = tuple[np.ndarray, list[Fraction]]
UNSHIFTED = (Fraction(0),) * 3
ELEMENTS = ("Fe", 0.012), ("O", 0.02), ("S", 0.015)


def cell_of(group: gemmi.SpaceGroup) -> tuple[float, ...]:
    system = group.crystal_system_str()
    if system == "monoclinic":
        return MONOCLINIC[group.monoclinic_unique_axis()]
    return (5.9, 5.9, 5.9, 83, 83, 83) if group.ext == "R" else CELLS[system]


def operators(group: gemmi.SpaceGroup) -> list[Operator]:
    """Return the operators with exact translations."""
    return [(np.array(op.rot) // op.DEN, [Fraction(step, op.DEN) for step in op.tran]) for op in group.operations()]


def moved(
    operator: tuple[np.ndarray, list[Fraction]], shift: tuple[Fraction, ...]
) -> tuple[np.ndarray, list[Fraction]]:
    """Return an operator for an origin that is shifted: x + s transforms as x did."""
    rotation, translation = operator
    turned = [sum(int(r) * s for r, s in zip(row, shift, strict=True)) for row in rotation]
    return rotation, [t + s - turn for t, s, turn in zip(translation, shift, turned, strict=True)]


def triplet(operator: Operator, *, decimals: bool) -> str:
    rotation, translation = operator
    parts = []
    for row, step in zip(rotation, translation, strict=True):
        letters = "".join(f"{'+' if r > 0 else '-'}{axis}" for r, axis in zip(row, "xyz", strict=True) if r)
        parts.append(letters + (f"{float(step):+.6f}" if decimals else f"{'+' if step >= 0 else ''}{step}"))
    return ",".join(parts)


def copies_of(group: gemmi.SpaceGroup, position: np.ndarray) -> np.ndarray:
    return np.array([rotation @ position + np.array(translation, float) for rotation, translation in operators(group)])


def are_apart(group: gemmi.SpaceGroup, cell: tuple[float, ...], points: list[np.ndarray]) -> bool:
    """Return whether copies of points are in one place or more than 0.5 Å apart."""
    orthogonal = np.array(gemmi.UnitCell(*cell).orth.mat.tolist())
    copies = np.concatenate([copies_of(group, point) for point in points])
    apart = copies - np.array(points)[:, None]
    distances = np.linalg.norm((apart - np.rint(apart)) @ orthogonal.T, axis=2)
    return not ((distances > 1e-6) & (distances < 0.5)).any()


def make_sites(group: gemmi.SpaceGroup, cell: tuple[float, ...]) -> list:
    """Return two atoms in general positions and, if an operator of order 2 has fixed points, one on such a point."""
    rng = np.random.default_rng(1)
    for _ in range(1000):
        points = list(rng.uniform(0, 1, (3, 3)))
        for rotation, translation in operators(group)[1:]:
            steps = np.array(translation, dtype=float)
            if (rotation @ rotation == np.eye(3)).all() and not (rotation @ steps + steps).any():
                points[2] = (points[2] + rotation @ points[2] + steps) / 2
                break
        if are_apart(group, cell, points):
            return [(element, point, u) for (element, u), point in zip(ELEMENTS, points, strict=True)]
    raise AssertionError("no such points")


def expected(group: gemmi.SpaceGroup, cell: tuple[float, ...], sites: list, indices: np.ndarray) -> np.ndarray:
    """Return F(h) as a sum over the distinct positions of each site."""
    unit_cell = gemmi.UnitCell(*cell)
    inverse_d2 = unit_cell.calculate_1_d2_array(indices)
    total = np.zeros(len(indices), complex)
    for element, position, u in sites:
        copies = copies_of(group, np.array(position)) % 1
        apart = copies[:, None] - copies
        first = (np.abs(apart - np.rint(apart)).max(axis=2) < 1e-6).argmax(axis=1) == np.arange(len(copies))
        coefficients = gemmi.Element(element).it92
        f = np.array([coefficients.calculate_sf(s2 / 4) for s2 in inverse_d2]) * np.exp(-2 * np.pi**2 * u * inverse_d2)
        total += f * np.exp(2j * np.pi * indices @ copies[first].T).sum(axis=1)
    return np.abs(total)


def rows(sites: list, shift: tuple[Fraction, ...]) -> list[str]:
    found = []
    for number, (element, position, u) in enumerate(sites):
        place = " ".join(f"{x + float(s):.9f}" for x, s in zip(position, shift, strict=True))
        found.append(f"{element}{number} {element} {place} {u} 1")
    return found


def is_right(factors: nb.StructureFactors, group: gemmi.SpaceGroup, cell: tuple[float, ...], sites: list) -> None:
    assert factors.listing is not None
    indices, amplitudes = factors.listing
    f000 = expected(group, cell, sites, np.zeros((1, 3), int))[0]
    theirs = expected(group, cell, sites, indices)
    assert np.abs(amplitudes - theirs).max() < 1e-3 * f000
    whole = gemmi.make_miller_array(gemmi.UnitCell(*cell), gemmi.SpaceGroup("P 1"), factors.d_min_A)
    assert len(indices) >= 2 * len(whole)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("settings")


@pytest.mark.parametrize("group", [
    pytest.param(group, id=name, marks=[] if group.is_reference_setting() else [pytest.mark.slow])
    for group, name in zip(SETTINGS, NAMES, strict=True)
])  # fmt: skip
def test_amplitudes_are_those_of_the_operators(folder: Path, group: gemmi.SpaceGroup) -> None:
    """By operators, by the symbol alone, and by operators of a shifted origin, which no table has."""
    cell = cell_of(group)
    sites = make_sites(group, cell)
    listed = [triplet(operator, decimals=False) for operator in operators(group)]
    shifted = [triplet(moved(operator, SHIFT), decimals=True) for operator in operators(group)]
    path = folder / "a.cif"
    for symbol, triplets, shift in (
        (None, listed, UNSHIFTED), (group.xhm(), (), UNSHIFTED), (group.xhm(), shifted, SHIFT)
    ):  # fmt: skip
        write_cif(path, cell, rows(sites, shift), symbol=symbol, operators=triplets)
        is_right(nb.StructureFactors.from_coordinates(path, d_min_A=2), group, cell, sites)


DENSITY_NAMES = ("C 1", "F -1", "P 1 21/c 1", "I 2 2 2a", "R 3 2:H", "P 42/n c m:1", "F d -3 m:2")


@pytest.mark.parametrize("name", DENSITY_NAMES)
def test_the_density_has_the_symmetry_of_the_operators(folder: Path, monkeypatch, name: str) -> None:
    """As above for structures that are too large to be summed over their atoms."""
    monkeypatch.setattr(coordinates, "QUICK_TERMS", 0)
    monkeypatch.setattr(coordinates, "MOST_TERMS", 0)
    group = next(each for each in SETTINGS if each.xhm() == name)
    cell = tuple(2.6 * x if i < 3 else x for i, x in enumerate(cell_of(group)))
    sites, path = make_sites(group, cell), folder / "a.cif"
    shifted = [triplet(moved(operator, SHIFT), decimals=True) for operator in operators(group)]
    for symbol, triplets, shift in ((group.xhm(), (), UNSHIFTED), (None, shifted, SHIFT)):
        write_cif(path, cell, rows(sites, shift), symbol=symbol, operators=triplets)
        is_right(nb.StructureFactors.from_coordinates(path, d_min_A=4.5), group, cell, sites)
