"""Structure factors in a scene: which cell applies, files on the command line, fields without meaning."""

from __future__ import annotations

import pickle
import re
from functools import partial
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.errors import ConfigError, NanobraggWarning
from tests import builders
from tests.structure_factors.mtz_files import CELL, write_mtz


@pytest.fixture
def mtz(tmp_path: Path) -> Path:
    """Write amplitudes of P 21 21 21 to 3 Å, and return the path."""
    indices = gemmi.make_miller_array(gemmi.UnitCell(*CELL), gemmi.SpaceGroup("P 21 21 21"), 3.0)
    amplitudes = np.random.default_rng(1).uniform(10, 100, len(indices))
    return write_mtz(tmp_path / "a.mtz", {"FP": ("F", amplitudes)}, indices=indices)


config = partial(
    builders.config,
    crystal=nb.Crystal(n_cells=5),
    detector=nb.Detector.flat(distance_mm=60, pixels=(40, 40), pixel_mm=0.4),  # corners at 5.3 Å
)


def test_the_files_cell_becomes_the_crystals(mtz: Path) -> None:
    factors = nb.StructureFactors.from_mtz(mtz)
    scene = nb.Scene(config(structure_factors=factors))
    assert scene.config.crystal.cell == CELL
    np.testing.assert_allclose(np.linalg.norm(scene.lattice.direct, axis=1), CELL[:3])
    given = nb.simulate(config(structure_factors=factors, crystal=nb.Crystal(cell=CELL, n_cells=5)))
    np.testing.assert_array_equal(nb.simulate(scene), given)
    assert given.max() > 0


def test_the_given_cell_is_used_and_a_mismatch_warns(mtz: Path) -> None:
    factors = nb.StructureFactors.from_mtz(mtz)
    nb.Scene(
        config(structure_factors=factors, crystal=nb.Crystal(cell=(30.1, 40.1, 50.1, 90, 90.4, 90)))
    )  # within 0.5 % and 0.5°
    for cell in ((30.2, 40, 50), (30, 40, 50, 90, 90.6, 90)):
        with pytest.warns(NanobraggWarning, match="the crystal's cell .* is not that of the structure factors"):
            scene = nb.Scene(config(structure_factors=factors, crystal=nb.Crystal(cell=cell)))
        assert scene.config.crystal.cell[:3] == cell[:3]


def test_a_cell_must_come_from_somewhere(tmp_path: Path, mtz: Path) -> None:
    with pytest.raises(ConfigError, match="Crystal: give a cell"):
        config(structure_factors=nb.StructureFactors.constant(10))
    stored = gemmi.read_mtz_file(str(mtz))
    stored.set_cell_for_all(gemmi.UnitCell(1, 1, 1, 90, 90, 90))
    stored.write_to_file(str(tmp_path / "no_cell.mtz"))
    factors = nb.StructureFactors.from_mtz(tmp_path / "no_cell.mtz")
    with pytest.raises(
        ConfigError, match=r"no_cell\.mtz: does not hold a cell; give Crystal.cell or StructureFactors.cell"
    ):
        nb.Scene(config(structure_factors=factors))
    assert nb.Scene(config(structure_factors=factors.replace(cell=CELL))).config.crystal.cell == CELL


def test_arrays_of_an_asymmetric_unit() -> None:
    """Phases are dropped, symmetry and Friedel mates added, the cell handed to the crystal."""
    phased = np.array([3 + 4j, 5 + 12j])
    factors = nb.StructureFactors.from_asu([[1, 2, 3], [-1, -2, -3]], phased, "P 21 21 21", cell=CELL)
    found = dict(zip(map(tuple, factors.listing[0].tolist()), factors.listing[1].tolist(), strict=True))
    assert found == {
        (h, k, l): 5 if h * k * l > 0 else 13 for h in (1, -1) for k in (2, -2) for l in (3, -3)
    }  # both mates are listed, and stay apart
    assert (
        nb.Scene(
            config(structure_factors=factors, detector=nb.Detector.flat(distance_mm=600, pixels=64))
        ).config.crystal.cell
        == CELL
    )
    with pytest.raises(ConfigError, match="'P 99' is not a valid space group"):
        nb.StructureFactors.from_asu([[1, 2, 3]], [1], "P 99")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"column": "FP"}, "column: is not valid for constant, only for mtz, cif"),
        ({"path": Path("a.hkl"), "d_min_A": 2}, "d_min_A: is not valid for hkl"),
        ({"path": Path("a.mtz"), "energies_eV": 9000}, "energies_eV: is not valid for mtz"),
        ({"path": Path("a.pdb"), "d_min_A": 0}, "d_min_A = 0: .*greater than 0"),
        ({"path": Path("a.mtz"), "cell": (1, 1, 1, 10, 20, 150)}, "10, 20, 150"),
    ],
)
def test_fields_without_meaning_are_refused(fields, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nb.StructureFactors(**fields)


PDB = """CRYST1   20.000   21.000   22.000  90.00  90.00  90.00 P 21 21 21
ATOM      1  S   MET A   1       1.000   2.000   3.000  1.00 10.00           S
ATOM      2 FE   HEM A   2       4.000   6.000   9.000  1.00 10.00          FE
"""


def test_anomalous_scattering_at_the_beams_energy(tmp_path: Path) -> None:
    (tmp_path / "m.pdb").write_text(PDB)
    follows = nb.StructureFactors.from_coordinates(tmp_path / "m.pdb", d_min_A=2.5, energies_eV="beam")
    with pytest.raises(ConfigError, match="needs the energy of a beam"):
        _ = follows.listing
    wanted = config(structure_factors=follows, beam=nb.Beam(energy_eV=7200), crystal=nb.Crystal(n_cells=5))
    scene = nb.Scene(wanted)
    at = nb.StructureFactors.from_coordinates(tmp_path / "m.pdb", d_min_A=2.5, energies_eV=7200)
    np.testing.assert_allclose(scene.config.structure_factors.listing[1], at.listing[1], rtol=1e-12)
    assert nb.Scene(wanted).config.structure_factors is scene.config.structure_factors  # calculated once


@pytest.mark.parametrize(
    ("name", "fields"),
    [("a.mtz", ""), ("m.pdb", "d_min_A = 3.0\nf000 = true"), ("m.cif", "d_min_A = 3.0\nf000 = true")],
)
def test_a_toml_file_on_the_command_line(mtz: Path, name: str, fields: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(mtz.parent)
    Path("m.pdb").write_text(PDB)
    structure = gemmi.read_pdb_string(PDB)
    structure.setup_entities()
    structure.make_mmcif_document().write_file("m.cif")
    Path("a.toml").write_text(
        f'schema = 1\n[crystal]\nn_cells = [3, 3, 3]\n[structure_factors]\npath = "{name}"\n{fields}\n[detector]\n'
        "[[detector.panels]]\norigin_mm = [100, -2, -2]\nfast_axis = [0, 0, 1]\nslow_axis = [0, 1, 0]\npixel_mm = 0.2\n"
        "pixels = [20, 20]\n"
    )
    assert main(["simulate", "a.toml", "-o", "a.npy", "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    assert f"amplitudes    {name}: " in printed
    assert re.search(r"from          (FP \(amplitudes; the only one\)|calculated to 3 Å)", printed)
    assert np.load("a.npy").max() > 0


def test_coordinates_need_a_resolution(tmp_path: Path) -> None:
    (tmp_path / "m.pdb").write_text(PDB)
    with pytest.raises(
        ConfigError, match=r"m\.pdb: coordinates need a resolution limit; give StructureFactors\.d_min_A"
    ):
        _ = nb.StructureFactors(path=tmp_path / "m.pdb").listing


@pytest.fixture
def wilson() -> nb.StructureFactors:
    return nb.StructureFactors.wilson((60, 70, 80, 85, 95, 100), "P 1", b_factor=20.0, d_min_A=3.0, seed=1)


def test_scenes_share_the_table_of_their_factors(wilson: nb.StructureFactors) -> None:
    first, second = (nb.Scene(config(structure_factors=wilson)).core("float32").tables for _ in range(2))
    assert first is second


def test_a_shared_table_is_that_of_the_scenes_own_reach(wilson: nb.StructureFactors) -> None:
    listing = dict(zip(("indices", "amplitudes"), wilson.listing or (), strict=True))
    crystal = builders.TRICLINIC.replace(mosaic_spread_deg=0.1, mosaic_domains=200)
    for distance in (100.0, 500.0, 100.0):
        detector = nb.Detector.flat(distance_mm=distance, pixels=(128, 128), pixel_mm=0.3)
        here = config(crystal=crystal, detector=detector)
        shared, fresh = (here.replace(structure_factors=f) for f in (wilson, nb.StructureFactors(**listing)))
        scene = nb.Scene(shared)
        again = nb.Scene(shared.replace(detector=nb.Detector.flat(distance_mm=50.0, pixels=(128, 128), pixel_mm=0.3)))
        scene.core("float32"), again.core("float32")  # the other scene's table is kept before the first one's plan
        np.testing.assert_array_equal(nb.simulate(scene, tolerance=1e-6), nb.simulate(fresh, tolerance=1e-6))


def test_a_kept_table_is_not_pickled(wilson: nb.StructureFactors) -> None:
    table = wilson.tables([0.0])
    assert wilson.held(table.values) is not None
    assert pickle.loads(pickle.dumps(wilson)).tables([0.0]).values is not table.values
    assert len(pickle.dumps(wilson)) < len(pickle.dumps(wilson.listing)) + table.values.nbytes
