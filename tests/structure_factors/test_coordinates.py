"""Amplitudes calculated from coordinates, against gemmi's direct summation; and models that are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FormatError, NanobraggWarning
from nanobragg.io.atoms import read_atoms
from tests.paths import INPUTS, ROOT

MAKE_MODEL = ROOT / "examples" / "make_model.py"
CRYSTALS = ("triclinic", "orthorhombic", "hexagonal")
F000_ELECTRONS = 4 * (18 * (7 + 6 + 6 + 8 + 6) + 2 * (7 + 6 + 6 + 8 + 6 + 16))  # four helices of 18 ALA and 2 MET

ATOM = "ATOM      1  CA  ALA A   1       1.000   2.000   3.000  1.00 10.00           C  \n"
CRYST = "CRYST1   20.000   21.000   22.000  90.00  90.00  90.00 P 1\n"
SMALL = INPUTS / "small.cif"


@pytest.fixture(scope="module", params=CRYSTALS)
def model(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / f"{request.param}.pdb"
    subprocess.run([sys.executable, MAKE_MODEL, request.param, path], check=True)
    return path


@pytest.fixture(scope="module")
def triclinic(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "triclinic.pdb"
    subprocess.run([sys.executable, MAKE_MODEL, "triclinic", path], check=True)
    return path


def direct_sums(path: Path, indices: np.ndarray, energy_eV: float | None = None) -> np.ndarray:
    """Return |F| by gemmi's summation over atoms: A with f', and the part of f'', which adds in quadrature."""
    structure = gemmi.read_structure(str(path))
    structure.setup_cell_images()
    normal = gemmi.StructureFactorCalculatorX(structure.cell)
    both = gemmi.StructureFactorCalculatorX(structure.cell)
    for element in map(gemmi.Element, "CNOS") if energy_eV else ():
        f_prime, f_double_prime = gemmi.cromer_liberman(element.atomic_number, energy_eV)
        normal.addends.set(element, f_prime)
        both.addends.set(element, f_prime + f_double_prime)
    a = np.array([normal.calculate_sf_from_model(structure[0], hkl) for hkl in indices.tolist()])
    b = np.array([both.calculate_sf_from_model(structure[0], hkl) for hkl in indices.tolist()]) - a
    return np.abs(a + 1j * b)


def r_factor(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).sum() / theirs.sum())


def sample(factors: nb.StructureFactors, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return some reflections of the P1 sphere, including those at its edge."""
    assert factors.listing is not None
    indices, amplitudes = factors.listing
    chosen = np.random.default_rng(1).permutation(len(indices))[:count]
    return indices[chosen], amplitudes[..., chosen]


def amplitude(factors: nb.StructureFactors, *hkl: int) -> float:
    assert factors.listing is not None
    indices, amplitudes = factors.listing
    return float(amplitudes[(indices == hkl).all(axis=1)][0])


def test_density_and_direct_summation_agree(model: Path) -> None:
    """The bound is 1 %; the grid and its blur give 2e-5."""
    factors = nb.StructureFactors.from_coordinates(model, d_min_A=1.5, k_sol=0)
    indices, amplitudes = sample(factors, 300)
    assert r_factor(amplitudes, direct_sums(model, indices)) < 1e-4


def test_the_sphere_is_complete_and_has_f000(model: Path) -> None:
    factors = nb.StructureFactors.from_coordinates(model, d_min_A=3.01, k_sol=0)
    structure = gemmi.read_structure(str(model))
    group = structure.find_spacegroup()
    assert factors.known_cell == pytest.approx(structure.cell.parameters)
    everything = gemmi.make_miller_array(structure.cell, gemmi.SpaceGroup("P 1"), 3.01)
    assert len(factors.listing[0]) == 2 * len(everything) + 1
    assert amplitude(factors, 0, 0, 0) == pytest.approx(F000_ELECTRONS * len(group.operations()), rel=2e-3)


def test_anomalous_scattering_sets_bijvoet_mates_apart(model: Path) -> None:
    factors = nb.StructureFactors.from_coordinates(model, d_min_A=2.0, k_sol=0, energies_eV=7000)
    indices, amplitudes = sample(factors, 60)
    mates = np.array([amplitude(factors, *(-hkl).tolist()) for hkl in indices])
    theirs, their_mates = (direct_sums(model, each, 7000) for each in (indices, -indices))
    assert r_factor(amplitudes, theirs) < 1e-4
    differences = theirs - their_mates
    assert np.abs(differences).mean() > 0.1
    assert np.abs((amplitudes - mates) - differences).max() < 0.02 * np.abs(differences).mean()
    assert "anomalous at 7000 eV" in factors.note


def test_several_energies_make_a_table_with_an_axis(triclinic: Path) -> None:
    energies = [7000.0, 8000.0, 9000.0]
    table = nb.StructureFactors.from_coordinates(triclinic, d_min_A=4, energies_eV=energies)
    assert table.listing[1].shape == (3, len(table.listing[0]))
    for row, energy in enumerate(energies):
        alone = nb.StructureFactors.from_coordinates(triclinic, d_min_A=4, energies_eV=energy)
        np.testing.assert_array_equal(alone.listing[1], table.listing[1][row])


def test_bulk_solvent_fills_what_the_atoms_leave(triclinic: Path) -> None:
    """F(000) grows by k_sol times the solvent's volume, high orders are unchanged, and B_sol damps."""
    without = nb.StructureFactors.from_coordinates(triclinic, d_min_A=2.0, k_sol=0)
    usual = nb.StructureFactors.from_coordinates(triclinic, d_min_A=2.0)
    volume = gemmi.UnitCell(*usual.known_cell).volume
    solvent = (amplitude(usual, 0, 0, 0) - amplitude(without, 0, 0, 0)) / 0.35
    assert 0.7 * volume < solvent < 0.95 * volume  # four helices in a roomy cell
    indices = usual.listing[0]
    inverse_d = np.sqrt(gemmi.UnitCell(*usual.known_cell).calculate_1_d2_array(indices))
    change = np.abs(usual.listing[1] - without.listing[1])
    assert change[inverse_d > 0.4].mean() < 0.01 * change[(inverse_d > 0) & (inverse_d < 0.1)].mean()
    flat = nb.StructureFactors.from_coordinates(triclinic, d_min_A=2.0, b_sol_A2=500)
    kept = np.abs(flat.listing[1] - without.listing[1])
    assert kept[inverse_d > 0.2].max() < 0.1 * change[inverse_d > 0.2].max()
    assert "solvent 0.35 e/Å³, 46 Å²" in usual.note


def test_mmcif_and_pdb_are_the_same_model(triclinic: Path, tmp_path: Path) -> None:
    structure = gemmi.read_structure(str(triclinic))
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(tmp_path / "model.cif"))
    pdb, mmcif = (nb.StructureFactors.from_coordinates(path, d_min_A=3) for path in (triclinic, tmp_path / "model.cif"))
    np.testing.assert_allclose(pdb.listing[1], mmcif.listing[1], rtol=1e-5, atol=1e-3)


def test_small_molecule_on_a_special_position() -> None:
    """Symmetry comes from the operators, occupancy is divided on the inversion centre, and U is made Cartesian."""
    factors = nb.StructureFactors.from_coordinates(SMALL, d_min_A=0.8)
    small = gemmi.read_small_structure(str(SMALL))
    small.setup_cell_images()
    small.change_occupancies_to_crystallographic()
    calculator = gemmi.StructureFactorCalculatorX(small.cell)
    indices, amplitudes = sample(factors, 300)
    theirs = np.array([abs(calculator.calculate_sf_from_small_structure(small, hkl)) for hkl in indices.tolist()])
    assert r_factor(amplitudes, theirs) < 1e-3
    assert amplitude(factors, 0, 0, 0) == pytest.approx(2 * 29 + 4 * 8 + 4 * 3, rel=2e-3)
    assert "solvent" not in factors.note


def test_systematic_absences_are_zero(tmp_path: Path) -> None:
    subprocess.run([sys.executable, MAKE_MODEL, "hexagonal", tmp_path / "m.pdb"], check=True)
    factors = nb.StructureFactors.from_coordinates(tmp_path / "m.pdb", d_min_A=3)
    assert amplitude(factors, 0, 0, 5) == 0
    assert amplitude(factors, 0, 0, 6) > 1


def atoms(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "m.pdb"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", FormatError, "no atoms"),
        (CRYST, FormatError, "no atoms"),
        (ATOM, ConfigError, "does not hold a cell .*give StructureFactors.cell"),
        (CRYST.replace("P 1", "Q 7") + ATOM, ConfigError, "'Q 7' is not a valid space group; give space_group"),
        (CRYST.replace("P 1", "") + ATOM, ConfigError, "the space group is missing; give space_group"),
        (CRYST + ATOM.replace(" C  ", " X  "), FormatError, "no scattering factors for element X"),
        (CRYST + ATOM.replace("1.00 10", "0.00 10"), FormatError, "every atom has occupancy 0"),
        (CRYST + ATOM.replace("1.00 10", "9.00 10"), FormatError, "occupancies from 9 to 9 are not valid"),
        (CRYST + ATOM.replace("10.00", "-9.00"), FormatError, "B from -9"),
        (CRYST + ATOM.replace("   3.000", "     nan"), FormatError, "are not finite, or far too large"),
        (CRYST.replace("20.000", " 9e5  ").replace("21.000", " 9e5  ") + ATOM, ConfigError, "needs a grid of .* GiB"),
        (CRYST.replace("90.00  90.00  90.00", "20.00  20.00 170.00") + ATOM, FormatError, "20, 20, 170"),
        (CRYST.replace("20.000   21.000   22.000", "20.000    1.000   22.000") + ATOM, ConfigError, "give k_sol = 0"),
        ("data_x\n_cell.length_a 5\n", FormatError, r"lists no atoms \(_atom_site\)"),
        ("data_x\nloop_\n_a\n_b\n1\n", FormatError, "is not a valid CIF"),
        ("\0\1\2 nonsense", FormatError, "m.pdb"),
    ],
)
def test_models_that_are_refused(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        nb.StructureFactors.from_coordinates(atoms(tmp_path, text), d_min_A=2)
    assert "\n" not in str(caught.value)


def test_energies_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="5 eV is not a valid energy; anomalous scattering is known from 1000"):
        nb.StructureFactors.from_coordinates(atoms(tmp_path, CRYST + ATOM), d_min_A=2, energies_eV=5)


def test_missing_occupancies_count_as_one(tmp_path: Path) -> None:
    whole = nb.StructureFactors.from_coordinates(atoms(tmp_path, CRYST + ATOM), d_min_A=3)
    with pytest.warns(NanobraggWarning, match="1 atoms have no occupancy; 1 is used"):
        blank = nb.StructureFactors.from_coordinates(
            atoms(tmp_path, CRYST + ATOM.replace("1.00 10", "     10")), d_min_A=3
        )
    np.testing.assert_array_equal(blank.listing[1], whole.listing[1])
    path = tmp_path / "m.cif"
    structure = gemmi.read_pdb_string(CRYST + ATOM)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path))
    path.write_text(path.read_text().replace(" 3 1 10", " 3 ? 10"))
    with pytest.warns(NanobraggWarning, match="1 atoms have no occupancy"):
        nb.StructureFactors.from_coordinates(path, d_min_A=3)


def test_the_first_of_several_models_counts(tmp_path: Path) -> None:
    text = f"{CRYST}MODEL        1\n{ATOM}ENDMDL\nMODEL        2\n{ATOM}ENDMDL\n"
    with pytest.warns(NanobraggWarning, match="holds 2 models; only the first is used"):
        factors = nb.StructureFactors.from_coordinates(atoms(tmp_path, text), d_min_A=3, k_sol=0)
    assert amplitude(factors, 0, 0, 0) == pytest.approx(6, rel=2e-3)


def test_b_replaces_anisotropic_displacements_that_are_not_positive(tmp_path: Path) -> None:
    line = "ANISOU    1  CA  ALA A   1    -1000   1000   1000      0      0      0       C  \n"
    with pytest.warns(NanobraggWarning, match="displacement tensors U of 1 atoms are not positive definite"):
        model = read_atoms(atoms(tmp_path, CRYST + ATOM + line))
    assert not model.structure[0][0][0][0].aniso.nonzero()


def test_strict_ncs_is_expanded(tmp_path: Path) -> None:
    matrices = "".join(
        f"MTRIX{i + 1}   1{row}      {shift:9.5f}\n"
        for i, (row, shift) in enumerate([
            ("  1.000000  0.000000  0.000000", 0), ("  0.000000  1.000000  0.000000", 5),
            ("  0.000000  0.000000  1.000000", 0),
        ])
    )  # fmt: skip
    factors = nb.StructureFactors.from_coordinates(atoms(tmp_path, CRYST + matrices + ATOM), d_min_A=3, k_sol=0)
    assert amplitude(factors, 0, 0, 0) == pytest.approx(12, rel=2e-3)
