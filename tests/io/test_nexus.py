"""NXmx: images come back equal, other programs read them, and nothing is left half-written."""

import os
import subprocess
import sys
import weakref

import fabio
import h5py
import hdf5plugin
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError
from tests.io.nexus_experiments import PIXELS, TURNING, counts, made

# images


@pytest.mark.parametrize("compression", ["bslz4", "lz4", "gzip", None])
@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.int32, np.float32])
def test_images_come_back_equal(tmp_path, dtype, compression):
    images = counts(3, dtype=dtype)
    assert nb.write_nexus(tmp_path / "a.nxs", images, TURNING, compression=compression) == 3
    with h5py.File(tmp_path / "a.nxs") as file:
        stored = file["entry/data/data"]
        assert stored.dtype == dtype
        assert stored.chunks == (1, *PIXELS)
        assert np.array_equal(stored[()], images)
    again, metadata = nb.read_image(tmp_path / "a.nxs", index=2)
    assert np.array_equal(again, images[2])
    assert again.dtype == dtype
    assert metadata["frames"] == 3
    assert metadata["omega_deg"] == 6.0


@pytest.mark.parametrize("per_file", [None, 2])
def test_fabio_reads_the_same(tmp_path, per_file):
    images = counts(3)
    nb.write_nexus(tmp_path / "a.h5", images, TURNING, images_per_file=per_file)
    with fabio.open(f"{tmp_path / 'a.h5'}::/entry/data/data") as theirs:
        assert theirs.nframes == 3
        assert all(np.array_equal(theirs.getframe(i).data, images[i]) for i in range(3))


def test_the_default_compression_is_the_detectors(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(1), TURNING)
    with h5py.File(tmp_path / "a.nxs") as file:
        filters = file["entry/data/data"].id.get_create_plist()
        assert filters.get_filter(0)[0] == hdf5plugin.Bitshuffle.filter_id
        assert filters.get_filter(0)[2][-1] == 2  # LZ4


@pytest.mark.parametrize(
    ("given", "stored"),
    [("u1", "u2"), ("i1", "i4"), ("i2", "i4"), ("i8", "i4"), ("u8", "u4"), ("f8", "f4"), (">u2", "u2")],
)
def test_other_types_are_stored_as_the_next_one(tmp_path, given, stored):
    images = (counts(2) % 100).astype(given)
    nb.write_nexus(tmp_path / "a.nxs", images, TURNING)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/data/data"].dtype == np.dtype(stored)
        assert np.array_equal(file["entry/data/data"][()], images)


def test_images_are_written_as_they_come(tmp_path):
    """The writer keeps at most the image that it has just stored, and the file appears after the last one."""
    given, kept, present = [], [], []

    def frames():
        for image in counts(5):
            kept.append(sum(each() is not None for each in given))
            present.append(os.listdir(tmp_path))
            given.append(weakref.ref(fresh := image.copy()))
            yield fresh
            del fresh

    nb.write_nexus(tmp_path / "a.nxs", frames(), TURNING)
    assert max(kept) <= 1
    assert present == [[]] * 5
    assert os.listdir(tmp_path) == ["a.nxs"]


@pytest.mark.parametrize(("per_file", "lengths"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_data_files_and_a_master(tmp_path, per_file, lengths):
    images = counts(5)
    nb.write_nexus(tmp_path / "a_master.h5", images, TURNING, images_per_file=per_file)
    names = [f"a_{i:06d}.h5" for i in range(1, len(lengths) + 1)]
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "a_master.h5"])
    (tmp_path / "moved").mkdir()
    for name in [*names, "a_master.h5"]:
        (tmp_path / name).rename(tmp_path / "moved" / name)
    with h5py.File(tmp_path / "moved" / "a_master.h5") as file:
        data = file["entry/data"]
        assert np.array_equal(data["data"][()], images)
        assert [len(data[f"data_{i:06d}"]) for i in range(1, len(lengths) + 1)] == lengths
    assert np.array_equal(nb.read_image(tmp_path / "moved" / "a_master.h5", index=4)[0], images[4])
    (tmp_path / "moved" / names[-1]).unlink()
    with pytest.raises(FormatError, match=rf"images are in {names[-1]}, which is missing"):
        nb.read_image(tmp_path / "moved" / "a_master.h5", index=4)
    if len(names) > 1:
        assert np.array_equal(nb.read_image(tmp_path / "moved" / "a_master.h5", index=0)[0], images[0])


# bad input


def image_with(value, dtype):
    image = np.ones(PIXELS, dtype)
    image[2, 3] = value
    return image


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        ([np.ones((9, 6), np.uint16)], r"image 0 has shape \(9, 6\), the Config's detector \(6, 9\)"),
        ([image_with(-1, np.int32)], r"image 0: pixel \(slow 2, fast 3\) = -1 is negative, and readers"),
        ([image_with(np.nan, np.float32)], r"slow 2, fast 3\) = nan is not finite"),
        ([image_with(1e300, np.float64)], r"1e\+300 is not finite as float32"),
        ([image_with(2**40, np.int64)], r"does not fit into int32"),
        ([np.ones(PIXELS, complex)], "complex128 is not a valid type"),
        ([np.ones(PIXELS, bool)], "bool is not a valid type"),
        (
            [np.ones(PIXELS, np.uint16), np.ones(PIXELS, np.float32)],
            "image 1: float32 is stored as float32, but the",
        ),
    ],
)
@pytest.mark.parametrize("per_file", [None, 1])
def test_bad_images_are_refused_and_nothing_is_left(tmp_path, frames, told, per_file):
    with pytest.raises(FormatError, match=told):
        nb.write_nexus(tmp_path / "a.nxs", frames, TURNING, images_per_file=per_file)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"frames": []}, "no frames; give at least one image"),
        ({"config": []}, "an empty list"),
        ({"config": [TURNING] * 2}, "3 frames for 2 Configs"),
        ({"config": [TURNING, TURNING, made("xds")]}, r"config\[2\]\.detector: must equal that of config"),
        ({"config": [TURNING, TURNING, TURNING.replace(beam=nb.Beam(direction=(1, 1, 0)))]}, "direction of the beam"),
        ({"config": [TURNING, TURNING, made()]}, "some scans have a rotation and some do not"),
        ({"compression": "zip"}, "'zip' is not valid; choose one of bslz4, lz4, gzip or None"),
        ({"images_per_file": 0}, "images_per_file = 0: must be at least 1"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_left(tmp_path, arguments, told):
    with pytest.raises(ConfigError, match=told):
        nb.write_nexus(**{"path": tmp_path / "a.nxs", "frames": counts(3), "config": TURNING, **arguments})
    assert os.listdir(tmp_path) == []


def failing_frames():
    yield from counts(3)
    raise KeyboardInterrupt


@pytest.mark.parametrize("per_file", [None, 2])
def test_an_interrupted_series_leaves_what_was_there(tmp_path, per_file):
    (tmp_path / "a.nxs").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        nb.write_nexus(tmp_path / "a.nxs", failing_frames(), TURNING, images_per_file=per_file)
    assert os.listdir(tmp_path) == ["a.nxs"]
    assert (tmp_path / "a.nxs").read_bytes() == b"old"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileError, match=r"a\.nxs: cannot be written .*make the folder first"):
        nb.write_nexus(tmp_path / "none" / "a.nxs", counts(1), TURNING)


FULL_DISK = """
import resource, signal, sys
import numpy as np
import nanobragg as nb
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
config = nb.Config(crystal=nb.Crystal(cell=(30,)), structure_factors=nb.StructureFactors.constant(1),
                   detector=nb.Detector.flat(pixels=300))
frames = np.random.default_rng(1).integers(0, 60000, (9, 300, 300)).astype(np.uint16)
try:
    nb.write_nexus("a.nxs", frames, config, images_per_file=int(sys.argv[1]) or None)
except nb.errors.FileError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("per_file", ["0", "9"])
def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, per_file):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, per_file], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written (File too large)" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("module", "compression"), [("h5py", None), ("hdf5plugin", "bslz4")])
def test_a_missing_library_names_the_extra(tmp_path, monkeypatch, module, compression):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"needs {module} .*nanobragg\[files\]"):
        nb.write_nexus(tmp_path / "a.nxs", counts(1), TURNING, compression=compression)
    assert os.listdir(tmp_path) == []


WRITE_AND_READ = """
import nanobragg as nb
from tests.io.nexus_experiments import TURNING, counts
nb.write_nexus("a.nxs", counts(1), TURNING)
assert (nb.read_image("a.nxs")[0] == counts(1)[0]).all()
"""


def test_a_path_to_plugins_for_dials_does_not_matter(tmp_path):
    """HDF5 prefers the filters in HDF5_PLUGIN_PATH, which do not work under h5py."""
    paths = os.pathsep.join([os.getcwd(), *sys.path])
    environment = {**os.environ, "HDF5_PLUGIN_PATH": hdf5plugin.PLUGINS_PATH, "PYTHONPATH": paths}
    subprocess.run([sys.executable, "-c", WRITE_AND_READ], env=environment, cwd=tmp_path, check=True)


def test_write_image_writes_one_frame(tmp_path):
    nb.write_image(tmp_path / "a.h5", counts(1)[0], config=TURNING, noise_seed=3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["entry/data/data"][()], counts(1))
        assert file["entry/process/noise_seed"][()] == 3
        assert file["entry/sample/transformations/omega"][()].tolist() == [5.0]
    with pytest.raises(ConfigError, match="an NXmx file describes the whole experiment; give its Config"):
        nb.write_image(tmp_path / "b.h5", counts(1)[0])
