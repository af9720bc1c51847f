"""Crystals of a few cells between their reflections, against sums over all of their atoms."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from tests.physics.experiment import PLAIN, config, positions

CELL = (24.0, 28.0, 32.0, 90.0, 90.0, 90.0)
OBLIQUE = (24.0, 28.0, 32.0, 82.0, 97.0, 104.0)
DETECTOR = nb.Detector.flat(distance_mm=60, pixels=(32, 36), pixel_mm=1.5)
WAVELENGTH_A, D_MIN_A, B_A2 = 1.6, 1.7, 40.0
ELEMENTS = "CNOS"

pytestmark = pytest.mark.filterwarnings("ignore:oversample = 1")


class Model(NamedTuple):
    """Atoms of an asymmetric unit: fractional coordinates and elements."""

    cell: tuple[float, ...]
    group: str
    fract: np.ndarray
    elements: list[str]

    @property
    def copies(self) -> np.ndarray:
        """Copies of all atoms by all operators as they are, shape (operators, atoms, 3)."""
        ops = gemmi.SpaceGroup(self.group).operations()
        turned = [self.fract @ np.array(op.rot).T / op.DEN + np.array(op.tran) / op.DEN for op in ops]
        return np.array(turned)

    def write(self, path: Path) -> Path:
        structure, chain = gemmi.Structure(), gemmi.Chain("A")
        structure.cell, structure.spacegroup_hm = gemmi.UnitCell(*self.cell), self.group
        for number, (place, element) in enumerate(zip(self.fract, self.elements, strict=True), 1):
            residue, atom = gemmi.Residue(), gemmi.Atom()
            residue.name, residue.seqid = "UNL", gemmi.SeqId(str(number))
            atom.name, atom.element, atom.b_iso = element, gemmi.Element(element), B_A2
            atom.pos = structure.cell.orthogonalize(gemmi.Fractional(*place))
            residue.add_atom(atom)
            chain.add_residue(residue)
        model = gemmi.Model(1)
        model.add_chain(chain)
        structure.add_model(model)
        structure.make_mmcif_document().write_file(str(path))
        return path


def ball(cell: tuple[float, ...], group: str, centre: tuple[float, float, float], radius_A: float) -> Model:
    """Return a molecule of random atoms in a ball."""
    rng = np.random.default_rng(5)
    places = rng.uniform(-1, 1, (200, 3))
    places = places[np.linalg.norm(places, axis=1) < 1][:40] * radius_A
    orthogonal = np.array(gemmi.UnitCell(*cell).orth.mat.tolist())
    fract = places @ np.linalg.inv(orthogonal).T + np.array(centre)
    return Model(cell, group, fract, [ELEMENTS[i % 4] for i in range(len(fract))])


def scattering(model: Model, s_squared: np.ndarray) -> np.ndarray:
    """Return the scattering factors of a model's atoms with their B, shape (n, atoms)."""
    factors = {e: [gemmi.Element(e).it92.calculate_sf(s / 4) for s in s_squared.tolist()] for e in set(model.elements)}
    f = np.array([factors[element] for element in model.elements]).T
    return f * np.exp(-B_A2 / 4 * s_squared)[:, np.newaxis]


def sum_over_atoms(model: Model, places: np.ndarray, h: np.ndarray, s_squared: np.ndarray) -> np.ndarray:
    """Return the transform of copies at `places` (copies, atoms, 3) at indices h, (n, 3), whole or not."""
    f = scattering(model, s_squared)
    return sum((f * np.exp(2j * np.pi * h @ copy.T)).sum(axis=1) for copy in places)


def reflections(model: Model, d_min_A: float = D_MIN_A) -> tuple[np.ndarray, np.ndarray]:
    """Return all h k l of the P1 sphere but 0 0 0, and 1/d²."""
    cell = gemmi.UnitCell(*model.cell)
    half = np.asarray(gemmi.make_miller_array(cell, gemmi.SpaceGroup("P 1"), d_min_A))
    indices = np.concatenate([half, -half])
    return indices, cell.calculate_1_d2_array(indices)


def experiment(**fields: Any) -> nb.Config:
    return config(**{
        "crystal": nb.Crystal(cell=CELL, n_cells=(2, 3, 1), misset_deg=(20, 40, 70)), "detector": DETECTOR,
        "beam": PLAIN.replace(wavelength_A=WAVELENGTH_A), **fields,
    })  # fmt: skip


def in_pixels(what: nb.Config) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the index and 1/d² in the middle of every pixel, flat, and its solid angle."""
    scene, places = nb.Scene(what), positions(what.detector).reshape(-1, 3)
    distance = np.linalg.norm(places, axis=1)
    q = (places / distance[:, np.newaxis] - scene.beam_direction) / WAVELENGTH_A
    pixel = what.detector.panels[0].pixel_mm / 1000
    omega = pixel**2 * scene.distance / distance**3
    return q @ (scene.core("float64").cells[0] * 1e10).T, (q**2).sum(axis=1), omega


def crystal_of_atoms(what: nb.Config, model: Model, places: np.ndarray) -> np.ndarray:
    """Return the photons of all atoms in all cells, added as waves."""
    h, s_squared, omega = in_pixels(what)
    cells = np.stack(np.meshgrid(*map(np.arange, what.crystal.n_cells), indexing="ij"), axis=-1).reshape(-1, 3)
    waves = sum_over_atoms(model, places, h, s_squared) * np.exp(2j * np.pi * h @ cells.T).sum(axis=1)
    return (np.abs(waves) ** 2 * omega).reshape(what.detector.shape)


def away(image: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(image - expected).sum() / expected.sum())


@cache
def in_one_cell() -> Model:
    """A molecule that does not reach the faces of a cell around it."""
    return ball(OBLIQUE, "P 1", (0.31, 0.83, 0.12), 9.0)


def listed(model: Model, **options: Any) -> nb.StructureFactors:
    indices, s_squared = reflections(model)
    values = sum_over_atoms(model, model.copies, indices, s_squared)
    return nb.StructureFactors(indices=indices, amplitudes=values, interpolate="phased", **options)


def computed(model: Model, folder: Path, **options: Any) -> nb.StructureFactors:
    path = model.write(folder / "model.cif")
    return nb.StructureFactors.from_coordinates(
        path, **{"d_min_A": D_MIN_A, "k_sol": 0, "interpolate": "phased", **options}
    )


@pytest.mark.parametrize("source", ["reflections", "coordinates"])
def test_a_molecule_in_one_cell_is_the_crystal_of_atoms(tmp_path: Path, source: str) -> None:
    """Amplitudes alone differ by more than a tenth of the photons."""
    model = in_one_cell()
    factors = listed(model) if source == "reflections" else computed(model, tmp_path)
    what = experiment(structure_factors=factors, crystal=experiment().crystal.replace(cell=OBLIQUE))
    h, s_squared, _ = in_pixels(what)
    mean = sum_over_atoms(model, model.copies, np.zeros((1, 3)), np.zeros(1))[0]
    centre = np.array(what.structure_factors.contents.centre)
    centre -= np.rint(centre - model.fract.mean(axis=0))  # the box with the listed molecule
    box = mean * np.sinc(h).prod(axis=1) * np.exp(2j * np.pi * h @ centre)  # without F(000): in a medium
    cells = np.stack(np.meshgrid(*map(np.arange, (2, 3, 1)), indexing="ij"), axis=-1).reshape(-1, 3)
    waves = (sum_over_atoms(model, model.copies, h, s_squared) - box) * np.exp(2j * np.pi * h @ cells.T).sum(axis=1)
    expected = (np.abs(waves) ** 2 * in_pixels(what)[2]).reshape(DETECTOR.shape)
    image = nb.simulate(what, dtype="float64")
    assert away(image, expected) < 0.003
    traced = nb.trace(what, slow=9, fast=21)
    assert traced.final.pixel == pytest.approx(image[9, 21], rel=1e-12)
    assert {term.F_cell_from for term in traced.terms} == {"interpolated"}
    for interpolate, error in ((True, 0.1), (False, 0.3)):
        factors = what.structure_factors.replace(interpolate=interpolate)
        assert away(nb.simulate(what.replace(structure_factors=factors), dtype="float64"), expected) > error


@pytest.mark.parametrize(("group", "centre"), [("P 21 21 21", (0.9, 0.05, 0.35)), ("C 1 2 1", (0.2, 0.6, 0.9))])
def test_coordinates_are_the_crystal_of_whole_molecules(tmp_path: Path, group: str, centre: Any) -> None:
    """Every copy is whole and next to the listed one; some reach across the faces of any box of one cell."""
    model = ball(CELL, group, centre, 7.5)
    factors, crystal = computed(model, tmp_path, f000=True), nb.Crystal(n_cells=(2, 1, 1), misset_deg=(20, 40, 70))
    what = experiment(structure_factors=factors, crystal=crystal)
    copies = model.copies
    copies -= np.floor(copies.mean(axis=1) - model.fract.mean(axis=0) + 0.5 + 1e-6)[:, np.newaxis]
    expected = crystal_of_atoms(what, model, copies)
    image = nb.simulate(what, dtype="float64")
    assert away(image, expected) < 0.02
    cut = crystal_of_atoms(what, model, copies % 1.0)
    assert away(image, cut) > 0.2


def test_solvent_is_around_the_molecules_too(tmp_path: Path) -> None:
    """Reflections have the amplitudes of the crystal; forward there is no solvent but what the molecules displace."""
    factors = computed(in_one_cell(), tmp_path, k_sol=0.35, f000=True, d_min_A=3.0)
    indices, values, _, per_index = factors.contents
    whole = (indices % per_index == 0).all(axis=1) & indices.any(axis=1)
    known = dict(zip(map(tuple, factors.listing[0].tolist()), factors.listing[1].tolist(), strict=True))
    expected = [known[tuple(hkl)] for hkl in (indices[whole] // per_index).tolist()]
    np.testing.assert_allclose(np.abs(values[whole]), expected, atol=1e-3)
    forward = known[0, 0, 0] - 0.35 * gemmi.UnitCell(*OBLIQUE).volume
    assert values[~indices.any(axis=1)] == pytest.approx([forward], abs=1e-2)
