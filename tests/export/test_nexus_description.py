"""An NXmx file describes the Config: geometry, beam, angles, mask and provenance."""

import warnings
from datetime import datetime, timezone

import h5py
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.digest import config_digest
from tests.io.nexus_experiments import DETECTOR, PIXELS, TURNING, counts, made, three_panels

# geometry


def axis_of(file, path):
    """Return the matrix of a transformation and of all that it depends on."""
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
    """Return origin, fast and slow step (mm) of every module, and the spindle, as a reader of NXmx finds them."""
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


def test_pixels_that_are_not_rendered_are_masked(tmp_path):
    mask = np.ones(PIXELS, bool)
    mask[2, 3] = False
    config = made(roi=np.s_[0:5, 1:9]).replace(detector=TURNING.detector.replace(mask=mask))
    nb.write_nexus(tmp_path / "a.nxs", counts(1), config)
    expected = np.ones(PIXELS, bool)
    expected[0:5, 1:9] = False
    expected[2, 3] = True
    with h5py.File(tmp_path / "a.nxs") as file:
        assert np.array_equal(file[DETECTOR]["pixel_mask"][()] != 0, expected)


# angles, beams and provenance


def test_a_series_stores_its_angles(tmp_path):
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


def test_provenance_is_stored(tmp_path):
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


def test_stills_of_several_crystals_describe_each_crystal(tmp_path):
    configs = [made().replace(crystal=nb.Crystal(cell=(30 + i,))) for i in range(2)]
    nb.write_nexus(tmp_path / "a.nxs", counts(2), configs)
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/process/config_sha256"].asstr()[()].tolist() == [config_digest(one) for one in configs]
        first, second = file["entry/process/config/data"].asstr()[()]
        assert "30.0" in first
        assert "31.0" in second
