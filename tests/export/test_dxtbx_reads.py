"""DIALS' reader, dxtbx, finds the geometry and the pixels that were written. Skipped without DIALS."""

import json
import os
import shutil
import subprocess
import warnings

import hdf5plugin
import numpy as np
import pytest

import nanobragg as nb
from tests import builders

PYTHON = "/usr/bin/python3"  # DIALS of Debian is a package of the system's Python
PIXELS = (60, 80)

READER = """
import json, sys
from dxtbx.model.experiment_list import ExperimentListFactory
from dxtbx.imageset import ImageSetFactory
sets = ImageSetFactory.new(sys.argv[1:])
assert len(sets) == 1
images = sets[0]
found = []
for i in range(len(images)):
    detector, beam = images.get_detector(i), images.get_beam(i)
    scan, gonio = images.get_scan(i), images.get_goniometer(i)
    data = images.get_raw_data(i)
    found.append({
        "wavelength": beam.get_wavelength(), "s0": beam.get_unit_s0(),
        "axis": gonio and gonio.get_rotation_axis(),
        "angles": scan and scan.get_oscillation_range(),
        "exposure": scan and scan.get_exposure_times()[0],
        "panels": [{"origin": p.get_origin(), "fast": p.get_fast_axis(), "slow": p.get_slow_axis(),
                    "pixel": p.get_pixel_size(), "size": p.get_image_size(), "trusted": p.get_trusted_range(),
                    "thickness": p.get_thickness(), "type": p.get_type()} for p in detector],
        "sums": [int(sum(panel)) for panel in data],
        "first": [[panel[0, j] for j in range(3)] for panel in data],
    })
print(json.dumps(found))
"""


def dxtbx_is_there():
    if not os.path.exists(PYTHON) or shutil.which("dials.import") is None:
        return False
    return subprocess.run([PYTHON, "-c", "import dxtbx"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not dxtbx_is_there(), reason="DIALS (Debian's package dials) is not installed"),
]


def read(*paths):
    environment = {"PATH": "/usr/bin:/bin", "HDF5_PLUGIN_PATH": hdf5plugin.PLUGINS_PATH}
    done = subprocess.run(
        [PYTHON, "-c", READER, *map(str, paths)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def made(convention, scan=None, detector=None, **beam):
    return builders.config(
        beam=nb.Beam(**beam),
        detector=detector
        or nb.Detector.flat(
            distance_mm=90, pixels=PIXELS, pixel_mm=0.2, convention=convention, beam_center_mm=(5, 7),
            sensor_thickness_um=320,
        ),
        scan=scan or nb.Scan(),
    )  # fmt: skip


def frames(count, shape):
    return np.random.default_rng(3).poisson(100, (count, *shape)).astype(np.uint16)


def in_beam_frame(vectors, beam, reference):
    """Coordinates along the beam, along the reference direction across it, and along their cross product."""
    beam, reference = np.array(beam) / np.linalg.norm(beam), np.array(reference, dtype=float)
    across = reference - (reference @ beam) * beam
    across /= np.linalg.norm(across)
    return np.array(vectors) @ np.array([beam, across, np.cross(beam, across)]).T


def check_geometry(config, found, reference):
    """Check that dxtbx's panels are the Config's, up to a rotation of the whole laboratory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scene = nb.Scene(config)
    assert np.allclose(found["s0"], (0, 0, -1))
    assert len(found["panels"]) == len(config.detector.panels)
    for panel, theirs in zip(config.detector.panels, found["panels"], strict=True):
        fast, slow, _ = panel.axes()
        ours = in_beam_frame([panel.origin_mm, fast, slow], scene.beam_direction, scene.polarization_axis)
        read_back = in_beam_frame([theirs["origin"], theirs["fast"], theirs["slow"]], found["s0"], reference)
        assert np.allclose(ours, read_back, atol=2e-5)
        assert theirs["pixel"] == pytest.approx([panel.pixel_mm] * 2)
        assert theirs["size"] == list(panel.pixels[::-1])
    if found["axis"] is not None:
        ours = in_beam_frame(scene.spindle_axis, scene.beam_direction, scene.polarization_axis)
        assert np.allclose(ours, in_beam_frame(found["axis"], found["s0"], reference), atol=1e-9)


X = (1, 0, 0)  # where polarization lies in the frame of DIALS


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "adxv", "xds", "dials"])
@pytest.mark.parametrize("per_file", [None, 2])
def test_rotation_series_as_nxmx(tmp_path, convention, per_file):
    config = made(convention, nb.Scan(start_deg=12, range_deg=0.5), exposure_s=0.25, wavelength_A=0.98)
    images = frames(3, PIXELS)
    nb.write_nexus(tmp_path / "a.nxs", images, config, images_per_file=per_file)
    found = read(tmp_path / "a.nxs")
    assert len(found) == 3
    for i, one in enumerate(found):
        check_geometry(config, one, X)
        assert one["angles"] == pytest.approx([12 + 0.5 * i, 12.5 + 0.5 * i])
        assert one["exposure"] == 0.25
        assert one["wavelength"] == pytest.approx(0.98)
        assert one["sums"] == [int(images[i].sum())]
        assert one["first"] == [images[i, 0, :3].tolist()]
        assert one["panels"][0]["trusted"] == [-1, 65533]
        assert one["panels"][0]["thickness"] == pytest.approx(0.32)


def test_multi_panel_stills_as_nxmx(tmp_path):
    panels = [
        nb.Panel(
            origin_mm=(-5, y, 90), fast_axis=(1, 0.02, 0), slow_axis=(-0.02, -1, tilt), pixel_mm=0.2, pixels=PIXELS
        )
        for y, tilt in ((20, 0.1), (6, 0.0), (-8, -0.2))
    ]
    detector = nb.Detector(panels=panels, convention="adxv")
    configs = [made("adxv", detector=detector, wavelength_A=1 + 0.01 * i, dispersion_percent=1) for i in range(3)]
    images = frames(3, (3, *PIXELS))
    nb.write_nexus(tmp_path / "a.nxs", images, configs)
    found = read(tmp_path / "a.nxs")
    assert len(found) == 3
    for i, one in enumerate(found):
        check_geometry(configs[i], one, X)
        assert one["angles"] is None
        assert one["wavelength"] == pytest.approx(1 + 0.01 * i)
        assert one["sums"] == [int(panel.sum()) for panel in images[i]]
        assert one["first"] == images[i, :, 0, :3].tolist()


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "xds"])
def test_rotation_series_as_minicbf(tmp_path, convention):
    config = made(convention, nb.Scan(start_deg=12, range_deg=0.5), exposure_s=0.25, wavelength_A=0.98)
    images = frames(3, PIXELS)
    paths = [tmp_path / f"a_{i + 1:04d}.cbf" for i in range(3)]
    for path, image, one in zip(paths, images, config.series(3), strict=True):
        nb.write_image(path, image, config=one)
    for i, one in enumerate(read(*paths)):
        check_geometry(config, one, X)
        assert one["angles"] == pytest.approx([12 + 0.5 * i, 12.5 + 0.5 * i])
        assert one["wavelength"] == pytest.approx(0.98)
        assert one["sums"] == [int(images[i].sum())]
        assert one["panels"][0]["type"] == "SENSOR_PAD"
        assert one["panels"][0]["thickness"] == pytest.approx(0.32)


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "xds", "adxv"])
def test_smv_is_right_but_for_the_beam_centre(tmp_path, convention):
    """DIALS takes BEAM_CENTER for ADXV's, a pixel further along both axes (docs/files.md)."""
    config = made(convention, nb.Scan(start_deg=12, range_deg=0.5))
    image = frames(1, PIXELS)[0]
    nb.write_image(tmp_path / "a_001.img", image, config=config)
    (found,) = read(tmp_path / "a_001.img")
    x, y = config.detector.nominal.beam_center_mm
    assert np.allclose(found["panels"][0]["origin"], (-(x + 0.2), PIXELS[0] * 0.2 - y + 0.2, -90))
    assert found["axis"] == [1, 0, 0]
    assert found["angles"] == pytest.approx([12, 12.5])
    assert found["sums"] == [int(image.sum())]
