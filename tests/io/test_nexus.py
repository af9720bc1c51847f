"""NXmx: what is written is read back by h5py, the geometry is the Config's, and nothing is left half-written."""

import os
import subprocess
import sys
import warnings
from datetime import datetime, timezone

import fabio
import h5py
import hdf5plugin
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.digest import config_digest
from nanobragg.errors import ConfigError, FileError, FormatError
from tests import builders

PIXELS = (6, 9)
DETECTOR = "entry/instrument/detector"


def made(convention="mosflm", detector=None, **fields):
    return builders.config(
        detector=detector or nb.Detector.flat(distance_mm=80, pixels=PIXELS, pixel_mm=0.2, convention=convention),
        **fields,
    )


TURNING = made(scan=nb.Scan(start_deg=5, range_deg=0.5), beam=nb.Beam(kahn_factor=0.9, exposure_s=0.1))


def counts(number, shape=PIXELS, dtype=np.uint16, seed=1):
    return np.random.default_rng(seed).integers(0, 60000, (number, *shape)).astype(dtype)


def three_panels():
    return nb.Detector(
        panels=[
            nb.Panel(origin_mm=(-0.3, y, 50), fast_axis=(1, 0, 0), slow_axis=(0, -1, tilt), pixel_mm=0.1, pixels=(4, 7))
            for y, tilt in ((2, 0.1), (0.1, 0.0), (-2, 0.3))
        ],
        convention="adxv",
    )


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
    alive = []

    def frames():
        for image in counts(5):
            alive.append(sum(name.startswith(".nanobragg") for name in os.listdir(tmp_path)))
            yield image

    nb.write_nexus(tmp_path / "a.nxs", frames(), TURNING)
    assert alive == [1] * 5
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
        nb.read_image(tmp_path / "moved" / "a_master.h5")


# geometry


def axis_of(file, path):
    """Matrix of a transformation and of all that it depends on."""
    total = np.eye(4)
    while path != ".":
        axis = file[path]
        assert axis.attrs["transformation_type"] == "translation"
        step = np.eye(4)
        step[:3, 3] = np.ravel(axis[()])[0] * axis.attrs["vector"]
        assert axis.attrs["units"] == "mm"
        total, path = step @ total, axis.attrs["depends_on"]
    return total


def modules_of(path):
    """Origin, fast and slow step (mm) of every module, and the spindle, as a reader of NXmx finds them."""
    with h5py.File(path) as file:
        found = []
        for name in sorted(key for key in file[DETECTOR] if key.startswith("module_")):
            module = file[DETECTOR][name]
            fast, slow = (module[f"{way}_pixel_direction"] for way in ("fast", "slow"))
            assert fast.attrs["depends_on"] == slow.attrs["depends_on"] == f"{module.name}/module_offset"
            origin = axis_of(file, fast.attrs["depends_on"])[:3, 3]
            found.append((origin, fast[0] * fast.attrs["vector"], slow[0] * slow.attrs["vector"]))
        spindle = file.get("entry/sample/transformations/omega")
        return found, None if spindle is None else spindle.attrs["vector"]


TILTED = nb.Detector.flat(distance_mm=80, pixels=PIXELS, pixel_mm=0.2, twotheta_deg=20, rotation_deg=(3, 5, 7))
SKEW_BEAM = {"beam": nb.Beam(direction=(1, 0.1, 0.05)), "crystal": nb.Crystal(cell=(30,), spindle_axis=(0.1, 1, 0.2))}


@pytest.mark.parametrize(
    "config",
    [*(made(name) for name in ("mosflm", "denzo", "adxv", "xds", "dials")), made(detector=TILTED),
     made(detector=TILTED).replace(**SKEW_BEAM), made(detector=three_panels())],
)  # fmt: skip
def test_geometry_is_the_configs_turned_to_the_frame_of_mcstas(tmp_path, config):
    config = config.replace(scan=nb.Scan(range_deg=1))
    nb.write_nexus(tmp_path / "a.nxs", counts(1, config.detector.shape), config)
    modules, spindle = modules_of(tmp_path / "a.nxs")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a beam that misses the detector
        scene = nb.Scene(config)
    beam, polarization = scene.beam_direction, scene.polarization_axis
    across = polarization - (polarization @ beam) * beam
    across /= np.linalg.norm(across)
    lab = np.array([-across, np.cross(beam, -across), beam])  # rows x, y, z: a rotation
    assert np.allclose(lab @ lab.T, np.eye(3))
    assert np.linalg.det(lab) > 0
    assert np.allclose(spindle, lab @ scene.spindle_axis)
    assert len(modules) == len(config.detector.panels)
    for panel, (origin, fast, slow) in zip(config.detector.panels, modules, strict=True):
        f, s, _ = panel.axes()
        assert np.allclose(origin, lab @ panel.origin_mm, atol=1e-9)
        assert np.allclose([fast, slow], panel.pixel_mm * np.array([lab @ f, lab @ s]), atol=1e-12)


def test_panels_are_one_slab_with_a_module_each(tmp_path):
    config = made(detector=three_panels())
    images = counts(2, (3, 4, 7))
    nb.write_nexus(tmp_path / "a.nxs", images, config)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/data/data"].shape == (2, 12, 7)
        for index in range(3):
            module = file[DETECTOR][f"module_{index:04d}"]
            (slow, fast), (height, width) = module["data_origin"][()], module["data_size"][()]
            part = file["entry/data/data"][1, slow : slow + height, fast : fast + width]
            assert np.array_equal(part, images[1, index])
        assert (file[DETECTOR]["beam_center_x"][()], file[DETECTOR]["beam_center_y"][()]) == pytest.approx((3, 5))


def test_beam_centre_distance_and_sensor(tmp_path):
    detector = nb.Detector.flat(distance_mm=80, pixels=PIXELS, pixel_mm=0.2, convention="xds",
                                beam_center_mm=(1.0, 0.5), sensor_thickness_um=450)  # fmt: skip
    nb.write_nexus(tmp_path / "a.nxs", counts(1), made(detector=detector), sensor_material="CdTe", saturation=1000)
    with h5py.File(tmp_path / "a.nxs") as file:
        group = file[DETECTOR]
        assert group["distance"][()] == pytest.approx(0.08)
        assert group["beam_center_x"][()] == pytest.approx(5)
        assert group["beam_center_y"][()] == pytest.approx(2.5)
        assert group["sensor_thickness"][()] == pytest.approx(450e-6)
        assert group["sensor_material"].asstr()[()] == "CdTe"
        assert group["saturation_value"][()] == 1000
        assert group["bit_depth_readout"][()] == 16
        assert group["x_pixel_size"][()] == group["y_pixel_size"][()] == pytest.approx(0.0002)


@pytest.mark.parametrize(("dtype", "highest"), [("u2", 65533), ("u4", 2**31 - 3), ("i4", 2**31 - 3), ("f4", None)])
def test_saturation_is_below_the_values_that_mark_pixels(tmp_path, dtype, highest):
    nb.write_nexus(tmp_path / "a.nxs", counts(1, dtype=dtype), TURNING)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file[DETECTOR].get("saturation_value", {(): None})[()] == highest


def test_what_is_not_rendered_is_masked(tmp_path):
    mask = np.ones(PIXELS, bool)
    mask[2, 3] = False
    config = made(roi=(1, 8, 0, 4)).replace(detector=TURNING.detector.replace(mask=mask))
    nb.write_nexus(tmp_path / "a.nxs", counts(1), config)
    expected = np.ones(PIXELS, bool)
    expected[0:5, 1:9] = False
    expected[2, 3] = True
    with h5py.File(tmp_path / "a.nxs") as file:
        assert np.array_equal(file[DETECTOR]["pixel_mask"][()] != 0, expected)


# what else is told


def test_a_series_tells_its_angles(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(4), TURNING)
    with h5py.File(tmp_path / "a.nxs") as file:
        sample = file["entry/sample"]
        assert sample["depends_on"].asstr()[()] == "/entry/sample/transformations/omega"
        angles = sample["transformations"]
        assert angles["omega"][()].tolist() == [5.0, 5.5, 6.0, 6.5]
        assert angles["omega_end"][()].tolist() == [5.5, 6.0, 6.5, 7.0]
        assert angles["omega_increment_set"][()].tolist() == [0.5] * 4
        assert angles["omega"].attrs["units"] == "degree"


def test_stills_have_no_goniometer_and_a_beam_each(tmp_path):
    configs = [
        made(beam=nb.Beam(wavelength_A=1 + 0.01 * i, kahn_factor=0.5, flux_ph_s=1e12 * (i + 1))) for i in range(3)
    ]
    nb.write_nexus(tmp_path / "a.nxs", counts(3), configs)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/sample/depends_on"].asstr()[()] == "."
        beam = file["entry/instrument/beam"]
        assert np.allclose(beam["incident_wavelength"][()], [1, 1.01, 1.02])
        assert "variant" not in beam["incident_wavelength"].attrs
        assert beam["total_flux"][()].tolist() == [1e12, 2e12, 3e12]
        assert np.allclose(beam["flux"][()], np.array([1, 2, 3]) * 1e20)
        assert beam["incident_polarization_stokes"][()].tolist() == [1, 0.5, 0, 0]
    assert nb.read_image(tmp_path / "a.nxs", index=1)[1]["wavelength_A"] == pytest.approx(1.01)


def spectrum_of(path):
    with h5py.File(path) as file:
        beam = file["entry/instrument/beam"]
        name = beam["incident_wavelength"].attrs["variant"]
        return beam["incident_wavelength"][()], beam[name][()], beam[f"{name}_weights"][()]


def test_a_spectrum_is_a_variant_of_the_mean_wavelength(tmp_path):
    positions = [(-1, 0, 0), (-1, 0.001, 0), (-1, 0, 0)]
    sources = nb.Sources(positions=positions, weights=[1, 1, 2], wavelengths_A=[1.1, 1.1, 1.0])
    nb.write_nexus(tmp_path / "a.nxs", counts(2), made(beam=nb.Beam(sources=sources)))
    mean, wavelengths, weights = spectrum_of(tmp_path / "a.nxs")
    assert np.allclose(wavelengths, [1.0, 1.1])
    assert np.allclose(weights, [0.5, 0.5])
    assert mean == pytest.approx(1.05)


def test_spectra_that_change_from_shot_to_shot(tmp_path):
    beams = [nb.Beam(dispersion_percent=2, dispersion_steps=3), nb.Beam(wavelength_A=1.2)]
    nb.write_nexus(tmp_path / "a.nxs", counts(2), [made(beam=beam) for beam in beams])
    mean, wavelengths, weights = spectrum_of(tmp_path / "a.nxs")
    assert np.allclose(mean, [1.0, 1.2])
    assert np.allclose(wavelengths, [[0.99, 1.0, 1.01], [1.2, 1.2, 1.2]])
    assert np.allclose(weights, [[1 / 3] * 3, [1, 0, 0]])


def test_provenance_travels_along(tmp_path):
    time = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    nb.write_nexus(tmp_path / "a.nxs", counts(3), TURNING, noise_seed=[7, 8, 9], start_time=time)
    with h5py.File(tmp_path / "a.nxs") as file:
        entry, process = file["entry"], file["entry/process"]
        assert entry["definition"].asstr()[()] == "NXmx"
        assert entry["start_time"].asstr()[()] == "2030-01-02T03:04:05.000Z"
        assert entry["end_time_estimated"].asstr()[()] == "2030-01-02T03:04:05.300Z"
        assert process["version"].asstr()[()] == nb.__version__
        assert process["noise_seed"][()].tolist() == [7, 8, 9]
        assert process["config_sha256"].asstr()[()] == config_digest(TURNING)
        assert "range_deg = 0.5" in process["config/data"].asstr()[()]


def test_stills_of_several_crystals_tell_each(tmp_path):
    configs = [made().replace(crystal=nb.Crystal(cell=(30 + i,))) for i in range(2)]
    nb.write_nexus(tmp_path / "a.nxs", counts(2), configs)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/process/config_sha256"].asstr()[()].tolist() == [config_digest(one) for one in configs]
        first, second = file["entry/process/config/data"].asstr()[()]
        assert "30.0" in first
        assert "31.0" in second


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
        ({"frames": []}, "there are no frames"),
        ({"config": []}, "an empty list"),
        ({"config": [TURNING] * 2}, "3 frames for 2 Configs"),
        ({"config": [TURNING, TURNING, made("xds")]}, r"config\[2\]\.detector: is not that of the first"),
        ({"config": [TURNING, TURNING, TURNING.replace(beam=nb.Beam(direction=(1, 1, 0)))]}, "direction of the beam"),
        ({"config": [TURNING, TURNING, made()]}, "some frames turn and some do not"),
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


def test_a_missing_folder_is_told(tmp_path):
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
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, per_file):
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


# reading


def test_truncated_hdf5_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(3), TURNING)
    content = (tmp_path / "a.nxs").read_bytes()
    for length in range(0, len(content), len(content) // 40):
        (tmp_path / "a.nxs").write_bytes(content[:length])
        with pytest.raises(FormatError, match=r"a\.nxs is not valid HDF5 \(.*\); fetch"):
            nb.read_image(tmp_path / "a.nxs")


def test_a_damaged_chunk_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.nxs", counts(2), TURNING, compression="gzip")
    with h5py.File(tmp_path / "a.nxs") as file:
        place = file["entry/data/data"].id.get_chunk_info(1).byte_offset
    with open(tmp_path / "a.nxs", "r+b") as file:
        file.seek(place + 5)
        file.write(bytes(range(30)))
    with pytest.raises(FormatError, match="is not valid HDF5"):
        nb.read_image(tmp_path / "a.nxs", index=1)


def test_hdf5_that_is_no_nxmx_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spam"] = 1
    with pytest.raises(FormatError, match=r"a\.h5 holds no NXentry with definition NXmx, only spam"):
        nb.read_image(tmp_path / "a.h5")


def test_nxmx_without_images_is_refused(tmp_path):
    nb.write_nexus(tmp_path / "a.h5", counts(1), TURNING)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["entry/data/data"]
        file["entry/data/data"] = "none"
    with pytest.raises(FormatError, match="holds no stack of images"):
        nb.read_image(tmp_path / "a.h5")


@pytest.mark.parametrize("index", [-1, 2])
def test_an_image_that_is_not_there_is_told(tmp_path, index):
    nb.write_nexus(tmp_path / "a.nxs", counts(2), TURNING)
    with pytest.raises(ConfigError, match=f"index = {index} is not valid; the file holds 2"):
        nb.read_image(tmp_path / "a.nxs", index=index)


def test_linked_data_without_a_signal_are_read_in_order(tmp_path):
    images = counts(5)
    nb.write_nexus(tmp_path / "a.h5", images, TURNING, images_per_file=2)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["entry/data/data"]
    assert np.array_equal(nb.read_image(tmp_path / "a.h5", index=3)[0], images[3])
    (tmp_path / "a_000002.h5").unlink()
    with pytest.raises(FormatError, match=r"data_000002 is in a_000002\.h5, which is missing"):
        nb.read_image(tmp_path / "a.h5", index=0)


def test_a_missing_file_and_a_wrong_one_are_told(tmp_path):
    with pytest.raises(FileError, match="check the path"):
        nb.read_image(tmp_path / "none.nxs")
    (tmp_path / "a.nxs").write_text("no HDF5")
    with pytest.raises(FormatError, match="is not valid HDF5"):
        nb.read_image(tmp_path / "a.nxs")


def test_write_image_writes_one_frame(tmp_path):
    nb.write_image(tmp_path / "a.h5", counts(1)[0], config=TURNING, noise_seed=3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["entry/data/data"][()], counts(1))
        assert file["entry/process/noise_seed"][()] == 3
        assert file["entry/sample/transformations/omega"][()].tolist() == [5.0]
    with pytest.raises(ConfigError, match="an NXmx file describes the whole experiment; give its Config"):
        nb.write_image(tmp_path / "b.h5", counts(1)[0])
