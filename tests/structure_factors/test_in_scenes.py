"""Structure factors in a scene: which cell and energy apply, and how much of the image the table covers."""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.summary import summarize_scene
from nanobragg.cli import main
from nanobragg.constants import EV_ANGSTROM
from nanobragg.errors import ConfigError, NanobraggWarning
from tests import builders

CELL = (30.0, 40.0, 50.0, 90.0, 90.0, 90.0)
ENERGIES = np.array([9000.0, 9100.0, 9300.0])


@pytest.fixture
def mtz(tmp_path: Path) -> Path:
    """Write amplitudes of P 21 21 21 to 3 Å, and return the path."""
    found = gemmi.Mtz(with_base=True)
    found.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    found.set_cell_for_all(gemmi.UnitCell(*CELL))
    found.add_dataset("ours")
    found.set_cell_for_all(gemmi.UnitCell(*CELL))
    found.add_column("FP", "F")
    unique = gemmi.make_miller_array(found.cell, found.spacegroup, 3.0)
    amplitudes = np.random.default_rng(1).uniform(10, 100, len(unique))
    found.set_data(np.column_stack([unique, amplitudes]).astype(np.float32))
    found.write_to_file(str(tmp_path / "a.mtz"))
    return tmp_path / "a.mtz"


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
    with pytest.raises(ConfigError, match=r"no_cell\.mtz: holds no cell; give Crystal.cell or StructureFactors.cell"):
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
    with pytest.raises(ConfigError, match="'P 99' is unknown"):
        nb.StructureFactors.from_asu([[1, 2, 3]], [1], "P 99")


def with_energies(amplitudes: np.ndarray, energies: np.ndarray = ENERGIES, **options) -> nb.StructureFactors:
    indices = np.indices((9, 9, 9)).reshape(3, -1).T - 4
    return nb.StructureFactors(indices=indices, amplitudes=amplitudes, energies_eV=energies, **options)


def beam(energies: list[float]) -> nb.Beam:
    wavelengths = EV_ANGSTROM / np.array(energies)
    positions = np.tile([-1.0, 0, 0], (len(energies), 1))
    return nb.Beam(
        wavelength_A=wavelengths.mean(),
        sources=nb.Sources(positions=positions, wavelengths_A=wavelengths, weights=1.0 + np.arange(len(energies))),
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("interpolate", [False, True])
def test_each_source_sees_its_own_amplitudes(dtype: str, interpolate: bool) -> None:
    """The image of a spectrum is the sum of images of its lines, each with the amplitudes interpolated to it."""
    amplitudes = np.random.default_rng(3).uniform(10, 100, (3, 729))
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=4)
    detector = nb.Detector.flat(distance_mm=400, pixels=48, pixel_mm=0.4)
    energies, at = [9000.0, 9050.0, 9100.0, 9250.0], [(0, 0), (0, 0.5), (1, 0), (1, 0.75)]
    both = {"crystal": crystal, "detector": detector}
    spectrum = nb.simulate(
        config(structure_factors=with_energies(amplitudes, interpolate=interpolate), beam=beam(energies), **both),
        dtype=dtype,
    )
    total = np.zeros_like(spectrum, dtype=np.float64)
    for number, (energy, (row, share)) in enumerate(zip(energies, at, strict=True)):
        mixed = (1 - share) * amplitudes[row] + share * amplitudes[row + 1]
        line = nb.StructureFactors(indices=with_energies(amplitudes).indices, amplitudes=mixed, interpolate=interpolate)
        image = nb.simulate(config(structure_factors=line, beam=beam([energy]), **both), dtype=dtype)
        total += (number + 1) / 10 * image.astype(np.float64)
    assert spectrum.max() > 0
    np.testing.assert_allclose(spectrum, total, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-6 * total.max())


def test_equal_rows_give_the_same_image_as_one_table() -> None:
    amplitudes = np.random.default_rng(4).uniform(10, 100, 729)
    both = {"crystal": nb.Crystal(cell=(50, 60, 70), n_cells=4), "beam": beam([9000.0, 9100.0, 9300.0])}
    table = with_energies(np.tile(amplitudes, (3, 1)))
    plain = nb.StructureFactors(indices=table.indices, amplitudes=amplitudes)
    for dtype in ("float32", "float64"):
        np.testing.assert_array_equal(
            nb.simulate(config(structure_factors=table, **both), dtype=dtype),
            nb.simulate(config(structure_factors=plain, **both), dtype=dtype),
        )


def test_a_trace_shows_the_amplitude_of_each_source() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    detector = nb.Detector.flat(distance_mm=4000, pixels=8)  # nothing but 0 0 0
    scene = nb.Scene(config(
        structure_factors=with_energies(amplitudes), beam=beam([9000.0, 9100.0, 9200.0]), detector=detector,
        crystal=nb.Crystal(cell=(50, 60, 70), n_cells=4),
    ))  # fmt: skip
    traced = nb.trace(scene, slow=4, fast=3)
    assert [term.F_cell for term in traced.terms] == [10, 20, 30]
    assert traced.final.pixel == nb.simulate(scene, dtype="float64")[4, 3]


def test_sources_outside_take_the_nearest_energys_and_warn() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=4)
    with pytest.warns(NanobraggWarning, match=r"1 of 1 sources \(8500 to 8500 eV\) are outside .* \(9000 to 9300 eV\)"):
        below = nb.simulate(
            config(structure_factors=with_energies(amplitudes), beam=beam([8500.0]), crystal=crystal), dtype="float64"
        )
    same = nb.StructureFactors(indices=with_energies(amplitudes).indices, amplitudes=amplitudes[0])
    np.testing.assert_array_equal(
        below, nb.simulate(config(structure_factors=same, beam=beam([8500.0]), crystal=crystal), dtype="float64")
    )


@pytest.mark.parametrize("energy", [8996.0, 9304.0])
def test_sources_more_than_5_eV_beyond_the_energies_warn(energy: float) -> None:
    factors = with_energies(np.ones((3, 729)))
    nb.Scene(config(structure_factors=factors, beam=beam([energy]), crystal=nb.Crystal(cell=(50, 60, 70))))
    further = 2 * energy - float(np.clip(energy, 9000.0, 9300.0))
    with pytest.warns(NanobraggWarning, match="1 of 1 sources .* are outside the energies of the structure factors"):
        nb.Scene(config(structure_factors=factors, beam=beam([further]), crystal=nb.Crystal(cell=(50, 60, 70))))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"amplitudes": np.ones((2, 729))}, r"shape \(2, 729\): an axis of energies in front"),
        ({"energies": None}, "an axis of energies in front"),
        ({"energies": [3.0, 2.0, 1.0]}, "must be positive and increasing"),
        ({"energies": "beam"}, "an axis of energies in front"),
        ({"amplitudes": np.ones((3, 700))}, "does not fit 700 amplitudes"),
        ({"amplitudes": np.ones((1, 3, 729))}, "does not fit 729 amplitudes"),
    ],
)
def test_invalid_energy_axes_are_refused(fields, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_energies(**{"amplitudes": np.ones((3, 729)), **fields})


def test_energies_are_refused_with_compat_c() -> None:
    factors, crystal = with_energies(np.ones((3, 729))), nb.Crystal(cell=CELL)
    with pytest.raises(ConfigError, match="energies_eV: the C program knows no energy axis"):
        config(structure_factors=factors, crystal=crystal, compat="c")
    from nanobragg.nanobragg_c.flags.from_config import config_to_flags

    with pytest.raises(ConfigError, match="energies_eV: several energies"):
        config_to_flags(config(structure_factors=factors, crystal=crystal), "nowhere")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"column": "FP"}, "column: means nothing for constant; it is for mtz, cif"),
        ({"path": Path("a.hkl"), "d_min_A": 2}, "d_min_A: means nothing for hkl"),
        ({"path": Path("a.mtz"), "energies_eV": 9000}, "energies_eV: means nothing for mtz"),
        ({"path": Path("a.pdb"), "d_min_A": 0}, "d_min_A = 0: .*greater than 0"),
        ({"path": Path("a.mtz"), "cell": (1, 1, 1, 10, 20, 150)}, "10, 20, 150"),
    ],
)
def test_fields_without_meaning_are_refused(fields, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nb.StructureFactors(**fields)


@pytest.mark.parametrize("curved", [False, True])
def test_coverage_counts_pixels(curved: bool) -> None:
    """Against a count by the angle between each pixel's ray and the beam."""
    indices = np.indices((11, 11, 11)).reshape(3, -1).T - 5
    indices = indices[(np.abs(indices) ** 2).sum(axis=1) <= 25]  # to 10 Å in a cube of 50 Å
    factors = nb.StructureFactors(indices=indices, amplitudes=np.ones(len(indices)))
    mask = np.ones((60, 80), bool)
    mask[:10] = False
    detector = nb.Detector.flat(distance_mm=60, pixels=(60, 80), pixel_mm=0.3, mask=mask, curved=curved)
    scene = nb.Scene(
        config(structure_factors=factors, crystal=nb.Crystal(cell=(50, 50, 50)), detector=detector, roi=(0, 69, 0, 59))
    )
    panel = detector.panels[0]
    fast, slow, normal = panel.axes()
    s, f = np.mgrid[10:60, 0:70] + 0.5
    place = np.asarray(panel.origin_mm) + 0.3 * (s[..., None] * slow + f[..., None] * fast)
    if curved:
        a, b = place @ slow / 60, place @ fast / 60
        two_theta = np.arccos(np.cos(a) * np.cos(b))
    else:
        two_theta = np.arccos(place @ normal / np.linalg.norm(place, axis=-1))
    d = 1.0 / (2 * np.sin(two_theta / 2))
    coverage = scene.coverage
    assert coverage.share == pytest.approx((d < 10).mean(), abs=1e-9)
    assert 0.1 < coverage.share < 0.9
    assert coverage.table_d_min_A == pytest.approx(10)
    assert coverage.image_d_min_A == pytest.approx(d.min(), rel=1e-9)
    assert summarize_scene(scene)[3].startswith(
        "coverage      the table of structure factors ends at 10.00 Å, the image"
    )


def test_a_table_that_ends_within_the_image_warns(mtz: Path) -> None:
    factors = nb.StructureFactors.from_mtz(mtz)
    wide = nb.Detector.flat(distance_mm=60, pixels=(100, 100), pixel_mm=0.5)
    with pytest.warns(NanobraggWarning) as caught:
        scene = nb.Scene(config(structure_factors=factors, detector=wide))
    message = str(caught[0].message)
    assert re.search(r"ends at 3\.0\d Å, the image reaches 1\.8\d Å: \d\d % of the pixels see default_F = 0", message)
    assert f"{100 * scene.coverage.share:.2g} %" in message
    for quiet in (
        config(structure_factors=factors, detector=wide, sampling=nb.Sampling(d_min_A=3.05)),
        config(structure_factors=factors, detector=wide, compat="c"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nb.Scene(quiet)


@pytest.mark.parametrize(("columns", "warns"), [(1, False), (3, True)])
def test_one_percent_of_the_pixels_beyond_the_table_warns(mtz: Path, columns: int, warns: bool) -> None:
    """Only the first columns of a wide detector, which are beyond the table, and 160 in its middle are not masked."""
    factors = nb.StructureFactors.from_mtz(mtz)
    mask = np.zeros((20, 400), bool)
    mask[:, 120:280] = True
    mask[:, :columns] = True
    detector = nb.Detector.flat(distance_mm=60, pixels=mask.shape, pixel_mm=0.25, mask=mask)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scene = nb.Scene(config(structure_factors=factors, detector=detector))
    assert scene.coverage.share == pytest.approx(columns / (160 + columns))
    assert ["the table of structure factors ends at" in str(each.message) for each in caught] == [True] * warns


PDB = """CRYST1   20.000   21.000   22.000  90.00  90.00  90.00 P 21 21 21
ATOM      1  S   MET A   1       1.000   2.000   3.000  1.00 10.00           S
ATOM      2 FE   HEM A   2       4.000   6.000   9.000  1.00 10.00          FE
"""


def test_anomalous_scattering_at_the_beams_energy(tmp_path: Path) -> None:
    (tmp_path / "m.pdb").write_text(PDB)
    follows = nb.StructureFactors.from_coordinates(tmp_path / "m.pdb", d_min=2.5, energies_eV="beam")
    with pytest.raises(ConfigError, match="only a Config knows the beam"):
        _ = follows.listing
    wanted = config(structure_factors=follows, beam=nb.Beam(energy_eV=7200), crystal=nb.Crystal(n_cells=5))
    scene = nb.Scene(wanted)
    at = nb.StructureFactors.from_coordinates(tmp_path / "m.pdb", d_min=2.5, energies_eV=7200)
    np.testing.assert_allclose(scene.config.structure_factors.listing[1], at.listing[1], rtol=1e-12)
    assert nb.Scene(wanted).config.structure_factors is scene.config.structure_factors  # calculated once


@pytest.mark.parametrize(("name", "fields"), [("a.mtz", ""), ("m.pdb", "d_min_A = 3.0"), ("m.cif", "d_min_A = 3.0")])
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
    with pytest.raises(ConfigError, match=r"m\.pdb: amplitudes are calculated .*give d_min_A"):
        _ = nb.StructureFactors(path=tmp_path / "m.pdb").listing


def test_coverage_of_a_large_image_is_sampled_evenly(monkeypatch) -> None:
    indices = np.array([[5, 0, 0], [0, 0, 0]])
    factors = nb.StructureFactors(indices=indices, amplitudes=[1, 1])
    mask = np.ones((300, 400), bool)
    mask[:, 200:] = False
    detector = nb.Detector.flat(distance_mm=60, pixels=(300, 400), pixel_mm=0.06, mask=mask)
    scene = nb.Scene(config(structure_factors=factors, crystal=nb.Crystal(cell=(50, 50, 50)), detector=detector))
    whole = scene.coverage
    monkeypatch.setattr("nanobragg.scene.coverage.PIXELS_ENOUGH", 10_000)
    sampled = nb.Scene(scene.config).coverage
    assert sampled.share == pytest.approx(whole.share, abs=0.01)
    assert sampled.share != whole.share


def test_predicted_spots_take_each_energys_amplitudes() -> None:
    amplitudes = np.outer([10.0, 20.0, 40.0], np.ones(729))
    detector = nb.Detector.flat(distance_mm=200, pixels=200, pixel_mm=0.3)
    crystal = nb.Crystal(cell=(50, 60, 70), n_cells=8, misset_deg=(10, 20, 30))
    both = {"detector": detector, "crystal": crystal}

    def spots(energies: list[float]) -> nb.Spots:
        return nb.predict_spots(
            config(structure_factors=with_energies(amplitudes), beam=beam(energies), **both), threshold=0
        )

    np.testing.assert_allclose(spots([9100.0]).amplitude, 20, rtol=1e-12)
    mixed = spots([9000.0, 9150.0])  # of weights 1/3 and 2/3
    lines = [dict(zip(map(tuple, found.hkl), found.photons, strict=True)) for found in map(spots, ([9000.0], [9150.0]))]
    seen = [i for i in range(len(mixed)) if all(tuple(mixed.hkl[i]) in line for line in lines)]
    assert len(seen) > 10
    for i in seen:
        one, other = (line[tuple(mixed.hkl[i])] for line in lines)
        assert mixed.photons[i] == pytest.approx(one / 3 + 2 * other / 3, rel=1e-9)
        mean_square = (one + 2 * other) / (one / 10**2 + 2 * other / 25**2)
        assert mixed.amplitude[i] == pytest.approx(np.sqrt(mean_square), rel=1e-9)
    with pytest.raises(ConfigError, match="depend on the energy; give energies_eV"):
        with_energies(amplitudes).table()
