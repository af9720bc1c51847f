"""A Config as TOML: round trips, files written by hand, damaged files, failed writes."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config import toml
from nanobragg.config.toml import parse_toml
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggError
from tests.builders import config

PANEL = {"origin_mm": (100, 8, -12), "fast_axis": (0, 0, 1), "slow_axis": (0, -1, 0), "pixels": (32, 48)}


def rich() -> nb.Config:
    """Return a Config whose every part has values that are not the default."""
    rng = np.random.default_rng(3)
    return nb.Config(
        crystal=nb.Crystal(
            cell=(60.1, 70, 80, 85, 95, 100), misset_deg=(1, 2, 3.5), n_cells=(3, 4, 5), shape="gauss", fudge=0.7,
            mosaic_spread_deg=0.25, mosaic_domains=3, mosaic_seed=4, mosaic_model="gaussian", spindle_axis=(0, 1, 0),
        ),
        structure_factors=nb.StructureFactors(
            indices=rng.integers(-9, 9, (40, 3)), amplitudes=rng.uniform(0, 9, 40), default_F=0.5, interpolate=False
        ),
        beam=nb.Beam(
            wavelength_A=1.1, fluence_ph_m2=1e24, size_mm=None, kahn_factor=0.9, direction=(1, 0.01, 0),
            sources=nb.Sources(positions=[[-1, 0, 0], [-1, 0.01, 0]], weights=[1, 2], wavelengths_A=[1, 1.01]),
        ),
        detector=nb.Detector.flat(
            distance_mm=90, pixels=(32, 48), pixel_mm=0.5, convention="xds", rotation_deg=(1, 2, 3), twotheta_deg=4,
            sensor_thickness_um=300, sensor_layers=2, attenuation_um=math.inf, mask=rng.uniform(size=(32, 48)) > 0.2,
        ),
        scan=nb.Scan(start_deg=1, range_deg=2, steps=3),
        sampling=nb.Sampling(oversample=2, d_min_A=1.5, oversample_polar=True),
        background=nb.Background(water_um=3),
        roi=np.s_[2:31, 1:41],
        compat="c",
    )  # fmt: skip


def test_a_config_and_its_arrays_round_trip_through_toml(tmp_path):
    """Values are equal bit for bit, arrays are in the .npz beside it, and no other file is left."""
    path = tmp_path / "rich.toml"
    rich().to_toml(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rich.npz", "rich.toml"]
    assert nb.Config.from_toml(path) == rich()
    document = parse_toml(path.read_text())
    assert (document["schema"], document["arrays"]) == (1, "rich.npz")


def test_a_config_without_arrays_writes_only_values_that_are_not_the_default(tmp_path):
    path = tmp_path / "plain.toml"
    config(scan=nb.Scan(start_deg=1.5)).to_toml(path)
    assert [p.name for p in tmp_path.iterdir()] == ["plain.toml"]
    document = parse_toml(path.read_text())
    assert document["scan"] == {"start_deg": 1.5}
    assert "beam" not in document
    assert nb.Config.from_toml(path) == config(scan=nb.Scan(start_deg=1.5))


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": nb.Beam(energy_eV=12000)},
        {"beam": nb.Beam(size_mm=None, dispersion_percent=None, divergence_mrad=(None, 2))},
        {"crystal": nb.Crystal(cell=(60,), misset_deg="random", misset_seed=7)},
        {"crystal": nb.Crystal(matrix=((0.01, 0, 0), (0, 0.02, 0), (0, 0, 0.03)))},
        {"detector": nb.Detector(panels=(nb.Panel(**PANEL, name="a"), nb.Panel(**PANEL, name="b")))},
        {"structure_factors": nb.StructureFactors(default_F=3, interpolate=True)},
    ],
    ids=["energy", "none", "random", "matrix", "panels", "interpolate"],
)
def test_toml_round_trips(tmp_path, fields):
    path = tmp_path / "again.toml"
    config(**fields).to_toml(path)
    assert nb.Config.from_toml(path) == config(**fields)


def test_paths_in_toml_are_relative_to_the_file(tmp_path, monkeypatch):
    data, home, elsewhere = tmp_path / "data", tmp_path / "home", tmp_path / "elsewhere"
    for folder in (data, home, elsewhere):
        folder.mkdir()
    (data / "a.hkl").write_text("0 0 1 5\n1 2 3 4\n")
    (data / "s.txt").write_text("-1 0 0\n")
    monkeypatch.chdir(home)
    original = config(
        structure_factors=nb.StructureFactors.from_hkl(data / "a.hkl"),
        beam=nb.Beam(sources=nb.Sources.from_file(Path("../data/s.txt"))),
    )
    original.to_toml("still.toml")
    document = parse_toml((home / "still.toml").read_text())
    assert document["structure_factors"]["path"] == "../data/a.hkl"
    assert document["beam"]["sources"]["path"] == "../data/s.txt"
    monkeypatch.chdir(elsewhere)
    again = nb.Config.from_toml("../home/still.toml")
    indices, amplitudes = again.structure_factors.listing
    assert (indices.tolist(), amplitudes.tolist()) == ([[0, 0, 1], [1, 2, 3]], [5, 4])
    assert again.beam.sources.rows()[0, 0] == -1
    tmp_path.rename(tmp_path.with_name("moved"))  # the folder as a whole goes elsewhere
    moved = nb.Config.from_toml(tmp_path.with_name("moved") / "home" / "still.toml")
    assert len(moved.structure_factors.listing[1]) == 2


def test_toml_written_by_hand():
    """The example of the user guide."""
    text = """
schema = 1

[crystal]
cell = [40, 50, 60, 90, 90, 90]
misset_deg = [10, 20, 30]
n_cells = 20

[structure_factors]
default_F = 100

[[detector.panels]]
origin_mm = [100, 51.25, -51.25]
fast_axis = [0, 0, 1]
slow_axis = [0, -1, 0]
pixels = [1024, 1024]
"""
    document = parse_toml(text)
    document.pop("schema")
    found = nb.Config(**document)
    assert found.crystal.n_cells == (20, 20, 20)
    assert found.detector.panels[0].pixels == (1024, 1024)


DAMAGED = {
    "no TOML": ("crystal = [", FormatError, "is not valid TOML"),
    "not text": (b"\xff\xfe\x00", FormatError, "is not valid TOML"),
    "empty": ("", ConfigError, "Config.crystal: is required"),
    "of the future": ("schema = 2\n", FormatError, "schema = 2: this version reads schema = 1"),
    "schema as text": ("schema = 'one'\n", FormatError, "schema = 'one'"),
    "without a crystal": ("schema = 1\n[structure_factors]\ndefault_F = 1\n", ConfigError, "Config.crystal"),
    "unknown table": ("schema = 1\n[cristal]\ncell = [50]\n", ConfigError, "Config.cristal: is not a field of Config"),
    "text for a number": ("schema = 1\n[scan]\nstart_deg = 'x'\n", ConfigError, "Scan.start_deg = 'x'"),
    "a table that is a number": ("schema = 1\ncrystal = 5\n", ConfigError, "Config.crystal = 5"),
    "arrays that are not there": ("schema = 1\narrays = 'no.npz'\n", FileError, "no.npz"),
    "arrays that are no name": ("schema = 1\narrays = 5\n", FormatError, "arrays = 5: must be the name"),
    "an array that is not there": (
        "schema = 1\n[structure_factors]\nindices = {npz = 'x'}\n", FormatError, "'x' is not an array of the .npz"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_toml_is_refused_and_named(tmp_path, name):
    content, kind, message = DAMAGED[name]
    path = tmp_path / "bad.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(kind, match=message) as caught:
        nb.Config.from_toml(path)
    if kind is not ConfigError:
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_file_is_named_in_the_error(tmp_path):
    with pytest.raises(FileError, match=r"none\.toml: .*No such file"):
        nb.Config.from_toml(tmp_path / "none.toml")
    with pytest.raises(FileError, match="directory"):
        nb.Config.from_toml(tmp_path)
    rich().to_toml(tmp_path / "a.toml")
    whole = (tmp_path / "a.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:40] + bytes(40) + whole[80:]):
        (tmp_path / "a.npz").write_bytes(damaged)
        with pytest.raises((FormatError, FileError), match=r"a\.npz"):
            nb.Config.from_toml(tmp_path / "a.toml")


def test_an_npz_of_objects_is_not_unpickled(tmp_path):
    rich().to_toml(tmp_path / "a.toml")
    np.savez(tmp_path / "a.npz", **{"structure_factors.indices": np.array([{}], dtype=object)})
    with pytest.raises(NanobraggError, match=r"a\.npz"):
        nb.Config.from_toml(tmp_path / "a.toml")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.toml"
    config().to_toml(path)
    before = path.read_bytes()
    with pytest.raises(FileError, match="missing"):
        config().to_toml(tmp_path / "missing" / "a.toml")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]


def with_amplitude(value):
    """Return a Config whose wavelength and only amplitude agree, to recognize a mixed pair of files."""
    factors = nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[value])
    return config(structure_factors=factors, beam=nb.Beam(wavelength_A=value))


def amplitude_of(path):
    found = nb.Config.from_toml(path)
    assert found.structure_factors.amplitudes.tolist() == [found.beam.wavelength_A]
    return found.beam.wavelength_A


def test_a_reader_sees_toml_and_arrays_of_one_config_while_both_are_replaced(tmp_path):
    path, stop = tmp_path / "a.toml", threading.Event()
    with_amplitude(1.0).to_toml(path)

    def write(value):
        while not stop.is_set():
            with_amplitude(value).to_toml(path)

    writers = [threading.Thread(target=write, args=(value,)) for value in (1.0, 2.0)]
    for writer in writers:
        writer.start()
    try:
        seen = {amplitude_of(path) for _ in range(60)}
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert seen <= {1.0, 2.0}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failing", ["a.toml", ".npz"])
def test_a_config_survives_a_failure_of_either_file(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.toml"
    with_amplitude(1.0).to_toml(path)
    real = toml.atomic_write

    def failing_write(target):
        if str(target).endswith(failing):
            raise FileError(f"{target}: no space")
        return real(target)

    monkeypatch.setattr(toml, "atomic_write", failing_write)
    with pytest.raises(FileError, match="no space"):
        with_amplitude(2.0).to_toml(path)
    assert amplitude_of(path) == 1.0
    monkeypatch.undo()
    with_amplitude(3.0).to_toml(path)
    assert amplitude_of(path) == 3.0
    assert len(list(tmp_path.iterdir())) == 2


def test_arrays_of_another_file_are_refused(tmp_path):
    with_amplitude(1.0).to_toml(tmp_path / "a.toml")
    with_amplitude(2.0).to_toml(tmp_path / "b.toml")
    (tmp_path / "b.npz").replace(tmp_path / "a.npz")
    with pytest.raises(FormatError, match=r"a\.npz: is not the file that .*a\.toml was written with"):
        nb.Config.from_toml(tmp_path / "a.toml")


def test_the_arrays_of_a_config_that_has_none_any_more_are_removed(tmp_path):
    with_amplitude(1.0).to_toml(tmp_path / "a.toml")
    config().to_toml(tmp_path / "a.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]


def test_files_that_only_look_alike_stay(tmp_path):
    """An .npz that belongs to another TOML file, or that the TOML file did not name."""
    np.savez(tmp_path / "a.npz", mine=1)
    with_amplitude(2.0).to_toml(tmp_path / f"a-{'0' * 16}.toml")
    config().to_toml(tmp_path / "a.toml")
    assert (tmp_path / "a.npz").exists()
    for value in (1.0, 3.0, 4.0):
        with_amplitude(value).to_toml(tmp_path / "a.toml")
    assert amplitude_of(tmp_path / f"a-{'0' * 16}.toml") == 2.0
