"""Data sets on disk: complete, resumable, verifiable, and the same bytes whatever happened in between."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.dataset import block, manifest, run, shot
from nanobragg.dataset.block import Job, make_block
from nanobragg.dataset.layout import Layout, usual_per_file
from nanobragg.errors import ConfigError, FileError, NanobraggWarning
from nanobragg.rendering.instruction_sets import pin_instruction_set, select_instruction_set

from .plans import BASE, ROTATED, plan

pytest.importorskip("pyarrow")
h5py = pytest.importorskip("h5py")
pytest.importorskip("hdf5plugin")
parquet = pytest.importorskip("pyarrow.parquet")
pytestmark = pytest.mark.filterwarnings("ignore:oversample")
VARIED = {
    **ROTATED,
    "beam.wavelength_A": nb.normal(1.0, 0.002),
    "beam.flux_ph_s": nb.log_normal(1e12, 0.2),
    "crystal.size_mm": nb.uniform(0.005, 0.02),
}
DATA = plan(n=7, vary=VARIED, crystals_per_shot=nb.poisson(1.2))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "out"
    report = DATA.run(folder, workers=1, images_per_file=3, spots=True)
    assert (report.made, report.there, report.complete) == (7, 0, True)
    return folder


def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_master_shows_all_shots_as_one_series(undisturbed):
    with h5py.File(undisturbed / "images_master.h5") as master:
        images = master["entry/data/data"]
        assert images.shape == (7, 24, 40)
        for k in range(7):
            np.testing.assert_array_equal(images[k], DATA.shot(k).image)
        wavelengths = master["entry/instrument/beam/incident_wavelength"][:]
        assert wavelengths == pytest.approx([DATA.values(k).shot["beam.wavelength_A"] for k in range(7)])
        fluxes = master["entry/instrument/beam/total_flux"][:]
        np.testing.assert_array_equal(fluxes, [DATA.values(k).shot["beam.flux_ph_s"] for k in range(7)])
    image, _ = nb.read_image(undisturbed / "images_master.h5", index=5)
    np.testing.assert_array_equal(image, DATA.shot(5).image)


def test_the_tables_hold_what_varied_and_the_truth(undisturbed):
    shots = parquet.read_table(undisturbed / "shots").to_pylist()
    crystals = parquet.read_table(undisturbed / "crystals").to_pylist()
    spots = parquet.read_table(undisturbed / "spots")
    assert [row["shot"] for row in shots] == list(range(7))
    assert [row["frame"] for row in shots] == [0, 1, 2, 0, 1, 2, 0]
    rows = iter(crystals)
    for k, row in enumerate(shots):
        shot = DATA.shot(k)
        assert row["file"] == f"images_{k // 3 + 1:06d}.h5"
        assert row["beam.wavelength_A"] == shot.values.shot["beam.wavelength_A"]
        assert (row["crystals"], row["photons"], row["noise_seed"]) == (len(shot.truth), shot.photons, shot.noise_seed)
        for i, truth in enumerate(shot.truth):
            own = next(rows)
            assert (own["shot"], own["crystal"], own["spots"]) == (k, i, len(truth.spots))
            np.testing.assert_array_equal(own["A"], truth.orientation.A.ravel())
            np.testing.assert_array_equal(own["crystal.rotation"], shot.values.crystals[i]["crystal.rotation"].ravel())
            assert own["crystal.size_mm"] == shot.values.crystals[i]["crystal.size_mm"]
            assert own["photons"] == pytest.approx(truth.spots.photons.sum())
    assert next(rows, None) is None
    assert spots.num_rows == sum(row["spots"] for row in crystals)


def test_each_individual_of_a_twin_is_a_crystal_in_the_tables(tmp_path):
    twin = nb.Crystal(cell=(60, 60, 40), n_cells=10, size_mm=0.01, shape="gauss").twinned("k,h,-l", 0.3)
    data = plan(n=2, base=DATA.base.replace(crystal=twin), crystals_per_shot=2)
    data.run(tmp_path / "out", workers=1, spots=True)
    rows = parquet.read_table(tmp_path / "out" / "crystals").to_pylist()
    spots = parquet.read_table(tmp_path / "out" / "spots")
    truths = [truth for shot in data for truth in shot.truth]
    assert [(row["shot"], row["crystal"]) for row in rows] == [(k, i) for k in range(2) for i in range(4)]
    for row, truth in zip(rows, truths, strict=True):
        np.testing.assert_array_equal(row["A"], truth.orientation.A.ravel())
        drawn = data.values(row["shot"]).crystals[row["crystal"] // 2]
        np.testing.assert_array_equal(row["crystal.rotation"], drawn["crystal.rotation"].ravel())
        own = [k for k in spots.to_pylist() if (k["shot"], k["crystal"]) == (row["shot"], row["crystal"])]
        assert [(k["h"], k["k"], k["l"]) for k in own] == [tuple(hkl) for hkl in truth.spots.hkl.tolist()]


def test_spectra_and_panels_are_columns_and_the_master_has_the_spectra(tmp_path):
    vary = {"beam.spectrum": nb.sase_spectrum(lines=6), "detector.panels": nb.panel_drift(shift_um=20)}
    data = plan(n=3, vary=vary)
    data.run(tmp_path / "out", workers=1)
    rows = parquet.read_table(tmp_path / "out" / "shots").to_pylist()
    for k, row in enumerate(rows):
        shot = data.values(k).shot
        np.testing.assert_array_equal(row["beam.spectrum.weights"], shot["beam.spectrum"].lines.weights)
        np.testing.assert_array_equal(row["detector.panels"][:3], shot["detector.panels"][0].origin_mm)
    with h5py.File(tmp_path / "out" / "images_master.h5") as master:
        beam = master["entry/instrument/beam"]
        weights = beam["incident_wavelength_1Dspectrum_weights"][:]
        np.testing.assert_allclose(weights.sum(axis=1), 1.0)
        means = (beam["incident_wavelength_1Dspectrum"][:] * weights).sum(axis=1)
        np.testing.assert_allclose(means, beam["incident_wavelength"][:])


def test_a_rotation_series_states_the_angles_of_its_images(tmp_path):
    base = plan().base.replace(scan=nb.Scan(start_deg=3, range_deg=0.5, steps=2))
    nb.Dataset(base=base, n=4, vary={"scan.start_deg": nb.rotation_series()}).run(tmp_path / "out", workers=1)
    with h5py.File(tmp_path / "out" / "images_master.h5") as master:
        angles = master["entry/sample/transformations"]
        np.testing.assert_allclose(angles["omega"][:], [3, 3.5, 4, 4.5])
        np.testing.assert_allclose(angles["omega_end"][:], [3.5, 4, 4.5, 5])


def test_a_second_run_makes_the_same_bytes(undisturbed, tmp_path):
    DATA.run(tmp_path / "again", workers=1, images_per_file=3, spots=True)
    assert contents(tmp_path / "again") == contents(undisturbed)


@pytest.mark.parametrize(
    "lost",
    ["images_000002.h5", "shots/000002.parquet", "records/000002.json", "images_master.h5", "spots/000001.parquet"],
)
def test_what_is_lost_is_made_again_with_the_same_bytes(undisturbed, tmp_path, lost):
    folder = copy(undisturbed, tmp_path)
    (folder / lost).unlink()
    report = DATA.run(folder, workers=1, images_per_file=3, spots=True, resume=True)
    assert report.made == (0 if "master" in lost else 3)
    assert contents(folder) == contents(undisturbed)


def test_parts_made_alone_add_up_to_the_whole(undisturbed, tmp_path):
    folder, options = tmp_path / "out", {"workers": 1, "images_per_file": 3, "spots": True}
    assert DATA.run(folder, only=slice(4, 5), **options)[1:4] == (3, 0, False)
    assert DATA.run(folder, only=(0, 4), **options)[1:4] == (3, 3, False)
    assert not (folder / "images_master.h5").exists()
    assert DATA.run(folder, resume=True, **options)[1:4] == (1, 6, True)
    assert contents(folder) == contents(undisturbed)


@pytest.mark.parametrize("step", ["measure", "_check_new"])
def test_parts_may_begin_at_the_same_time(undisturbed, tmp_path, monkeypatch, step):
    """Another run begins while one looks whether it is the first."""
    options, original = {"workers": 1, "images_per_file": 3, "spots": True}, getattr(run, step)

    def after_another(*arguments):
        monkeypatch.undo()
        DATA.run(tmp_path / "out", only=(0, 3), **options)
        return original(*arguments)

    monkeypatch.setattr(run, step, after_another)
    assert DATA.run(tmp_path / "out", only=(3, 7), **options).complete
    assert contents(tmp_path / "out") == contents(undisturbed)


def test_an_intact_data_set_is_verified(undisturbed):
    found = nb.verify_dataset(undisturbed)
    assert (found.shots, found.there, found.complete, found.problems) == (7, 7, True, [])


@pytest.mark.parametrize("name", ["images_000002.h5", "crystals/000003.parquet", "images_master.h5", "plan.toml"])
def test_damage_is_found(undisturbed, tmp_path, name):
    folder = copy(undisturbed, tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    found = nb.verify_dataset(folder)
    assert not found.complete
    assert found.problems == [f"{name}: is damaged: its SHA-256 differs"]
    (folder / name).write_bytes(content[:-1])
    assert "bytes, not" in nb.verify_dataset(folder).problems[0]
    (folder / name).unlink()
    assert nb.verify_dataset(folder).problems == [f"{name}: is missing"]


def test_an_interrupted_data_set_is_not_complete(tmp_path):
    DATA.run(tmp_path / "out", workers=1, images_per_file=3, only=(0, 3))
    found = nb.verify_dataset(tmp_path / "out")
    assert (found.there, found.complete) == (3, False)
    assert found.problems == ["images_000002.h5: has not been made yet", "images_000003.h5: has not been made yet"]


def test_a_full_disk_leaves_no_file_and_the_rest_is_made_later(undisturbed, tmp_path, monkeypatch):
    folder, made = tmp_path / "out", []

    def fail_at_second(job, block, **options):
        if made:
            raise FileError("images_000002.h5: cannot be written (No space left on device)")
        made.append(block)
        return make_block(job, block, **options)

    monkeypatch.setattr("nanobragg.dataset.run.make_block", fail_at_second)
    with pytest.raises(FileError, match="No space left"):
        DATA.run(folder, workers=1, images_per_file=3, spots=True)
    monkeypatch.undo()
    assert not (folder / "images_000002.h5").exists()
    assert DATA.run(folder, workers=1, images_per_file=3, spots=True, resume=True).made == 4
    assert contents(folder) == contents(undisturbed)


def test_what_follows_the_last_shot_of_a_data_file_is_told_before_any_of_its_files_appears(tmp_path):
    events = []
    layout = Layout(tmp_path, DATA.n, 3)
    for kind in ("shots", "crystals", "records"):
        layout.table(kind, 0).parent.mkdir()

    def after_last():
        events.append([path for path in tmp_path.rglob("*.*") if path.suffix in (".h5", ".parquet", ".json")])

    job = Job(DATA, layout, "bslz4", False, 1, select_instruction_set())
    make_block(job, 0, after_shot=lambda: events.append("shot"), after_last=after_last)
    assert events == ["shot", "shot", "shot", []]
    assert layout.data(0).is_file()
    assert layout.record(0).is_file()


@pytest.mark.parametrize(
    ("field", "changes", "size"),
    [
        ("beam.wavelength_A", {"detector.mask": np.ones((24, 40))}, 2),
        ("structure_factors.default_F", {}, 1),
        ("beam.wavelength_A", {"crystal.mosaic_domains": 2, "crystal.mosaic_spread_deg": 0.1}, 1),
        ("beam.wavelength_A", {"detector.mask": "mask.img"}, 1),
    ],
)
def test_shots_are_set_up_together_unless_they_are_large(tmp_path, monkeypatch, field, changes, size):
    monkeypatch.chdir(tmp_path)
    nb.write_image("mask.img", np.ones((24, 40), np.uint16))
    base = BASE.replace(changes)
    data, layout, events = plan(base, n=5, vary={field: nb.uniform(1.0, 1.1)}), Layout(tmp_path, 5, 5), []
    for kind in ("shots", "crystals", "records"):
        layout.table(kind, 0).parent.mkdir()

    def set_up(plan, number):
        events.append(f"set up {number}")
        return shot.set_up(plan, number)

    def expose(unexposed, *options):
        events.append(f"image {unexposed.number}")
        return shot.expose(unexposed, *options)

    monkeypatch.setattr(block, "set_up", set_up)
    monkeypatch.setattr(block, "expose", expose)
    monkeypatch.setattr(block, "TOGETHER", 2)
    monkeypatch.setattr(block, "SMALL_BYTES", 72)  # one orientation
    make_block(Job(data, layout, None, False, 1, select_instruction_set()), 0)
    groups = [range(first, min(first + size, 5)) for first in range(0, 5, size)]
    assert events == [f"{what} {k}" for group in groups for what in ("set up", "image") for k in group]


def test_a_disk_that_is_too_small_is_refused_unless_forced(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(ConfigError, match=r"7 shots need about .* GB, 1e-08 GB are free"):
        DATA.run(tmp_path / "out", workers=1)
    assert DATA.run(tmp_path / "out", workers=1, force=True, only=(0, 1)).made == 1
    with pytest.raises(ConfigError, match=r"6 shots need about .* GB, 1e-08 GB are free"):
        DATA.run(tmp_path / "out", workers=1, resume=True)
    assert DATA.run(tmp_path / "out", workers=1, force=True, resume=True).complete


@pytest.mark.parametrize(
    ("refused", "only", "message"),
    [
        (DATA, None, "free some space"),
        (DATA, (5, 8), "only = 5:8"),
        (plan(vary={"crystal.cell": nb.normal((60.0,) * 3, 1e4)}), (2, 3), "lengths must be positive"),
    ],
)
def test_what_is_refused_leaves_nothing_so_that_another_plan_may_follow(tmp_path, monkeypatch, refused, only, message):
    folder = tmp_path / "new" / "out"
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    with pytest.raises(ConfigError, match=message):
        refused.run(folder, workers=1, only=only)
    assert not folder.parent.exists()
    monkeypatch.undo()
    assert refused.replace(n=1, vary={}).run(folder, workers=1).complete


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (DATA, {}, "holds this data set already; go on with resume=True"),
        (DATA.replace(seed=9), {"resume": True}, "holds a data set of another plan"),
        (DATA, {"resume": True, "images_per_file": 2}, "images_per_file = 3, not 2"),
        (DATA, {"resume": True, "spots": False}, "spots = True, not False"),
        (DATA, {"resume": True, "compression": "gzip"}, "compression = 'bslz4', not 'gzip'"),
        (DATA, {"resume": True, "only": (5, 8)}, "only = 5:8: the data set has 7 shots"),
        (DATA, {"resume": True, "only": 3}, "only = 3: must be the first shot"),
    ],
)
def test_a_folder_with_something_else_is_refused(undisturbed, other, options, message):
    with pytest.raises(ConfigError, match=message):
        other.run(undisturbed, workers=1, **{"images_per_file": 3, "spots": True, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images_per_file": -1}, "images_per_file = -1: must be from 1"),
        ({"images_per_file": 2.5}, "images_per_file = 2.5: must be an integer"),
        ({"workers": "2"}, "workers = '2': must be an integer"),
        ({"workers": True}, "workers = True: must be an integer"),
        ({"timeout_s": "long"}, "timeout_s = 'long': must be a number"),
        ({"scheduler": "nowhere", "workers": None}, "scheduler nowhere: is not an address; start it with"),
    ],
)
def test_impossible_options_are_refused_before_a_folder_is_made(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        DATA.run(tmp_path / "out", **{"workers": 1, **options})
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("draft")
    with pytest.raises(ConfigError, match="is not empty, and holds no data set"):
        DATA.run(tmp_path, workers=1)


def test_other_versions_are_explained_and_refused_unless_forced(undisturbed, tmp_path, monkeypatch):
    folder = copy(undisturbed, tmp_path)
    (folder / "records" / "000003.json").unlink()
    now = manifest.versions()
    monkeypatch.setattr(manifest, "versions", lambda: {**now, "numpy": "9.9"})
    options = {"workers": 1, "images_per_file": 3, "spots": True, "resume": True}
    with pytest.raises(ConfigError, match=rf"begun with numpy {now['numpy']} \(now 9.9\)"):
        DATA.run(folder, **options)
    assert DATA.run(folder, force=True, **options).complete


def test_an_input_file_that_changed_is_refused(tmp_path):
    path = tmp_path / "spectra.npz"
    np.savez(path, energies_eV=[12398.0, 12399.0], weights=[[1.0, 2.0]])
    data = plan(n=4, vary={"beam.spectrum": nb.measured_spectra(path)})
    data.run(tmp_path / "out", workers=1, images_per_file=2, only=(0, 2))
    np.savez(path, energies_eV=[12398.0, 12399.0], weights=[[1.0, 1.0]])
    with pytest.raises(ConfigError, match=r"spectra\.npz has changed"):
        data.run(tmp_path / "out", workers=1, resume=True)


def test_a_folder_without_a_data_set_cannot_be_verified(tmp_path):
    with pytest.raises(ConfigError, match="is not the folder of a data set"):
        nb.verify_dataset(tmp_path)


def test_the_manifest_states_versions_settings_and_seed(undisturbed):
    stated = json.loads((undisturbed / "manifest.json").read_text())
    assert stated["versions"] == manifest.versions()
    assert (stated["seed"], stated["shots"], stated["images_per_file"], stated["complete"]) == (5, 7, 3, True)
    again = nb.Dataset.from_toml(undisturbed / "plan.toml")
    np.testing.assert_array_equal(again.shot(4).image, DATA.shot(4).image)


def test_what_a_run_killed_after_its_last_data_file_left_for_workers_is_removed(undisturbed, tmp_path):
    folder = copy(undisturbed, tmp_path)
    (folder / "workers").mkdir()
    (folder / "workers" / "job.pickle").touch()
    assert DATA.run(folder, workers=1, images_per_file=3, spots=True, resume=True).made == 0
    assert contents(folder) == contents(undisturbed)


def test_progress_counts_shots(tmp_path):
    counts = []
    DATA.run(tmp_path / "out", workers=1, progress=lambda done, total: counts.append((done, total)))
    assert counts == [(k, 7) for k in range(1, 8)]


def test_expected_photons_are_stored_as_floats(tmp_path):
    data = plan(base=plan().base.replace(noise=None), n=2)
    data.run(tmp_path / "out", workers=1)
    image, _ = nb.read_image(tmp_path / "out" / "images_master.h5", index=1)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, data.shot(1).image)


def test_files_hold_up_to_a_hundred_shots():
    assert [usual_per_file(n) for n in (1, 20, 21, 400, 2000, 10**6)] == [1, 1, 2, 20, 100, 100]
    layout = Layout(Path("out"), 250, 100)
    assert layout.blocks == 3
    assert layout.numbers(2) == range(200, 250)
    assert layout.blocks_of(100, 200) == range(1, 2)


def test_another_instruction_set_is_refused():
    with pytest.raises(ConfigError, match="would differ in the last bits"):
        pin_instruction_set("vax")


def test_the_images_are_a_dask_array_that_makes_shots_when_it_is_computed():
    array = pytest.importorskip("dask.array")
    images = DATA.images()
    assert isinstance(images, array.Array)
    assert (images.shape, images.dtype) == ((7, 24, 40), DATA.shot(0).image.dtype)
    np.testing.assert_array_equal(images[4:6].compute(scheduler="sync"), [DATA.shot(k).image for k in (4, 5)])


def test_shots_that_threads_make_at_once_issue_no_warnings():
    pytest.importorskip("dask.array")
    coarse = plan(BASE.replace({"crystal.n_cells": 300}), n=64)
    with pytest.warns(NanobraggWarning, match="oversample"):
        nb.simulate(coarse.base)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coarse.images().compute(scheduler="threads", num_workers=4)
