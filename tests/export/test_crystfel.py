"""Files for CrystFEL: geometry, cell and intensities, read back by parsers of their own."""

from __future__ import annotations

import re

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError
from tests import builders

TILTED = nb.Detector.flat(
    distance_mm=120, pixels=(60, 80), pixel_mm=0.2, rotation_deg=(3, -4, 5), convention="xds", pivot="beam"
)
JUNGFRAU = nb.Detector.named("JUNGFRAU 4M", distance_mm=150, wavelength_A=1.3).perturbed(
    3, shift_um=80, rotation_mrad=3
)
DETECTORS = {
    "mosflm": builders.DETECTOR,
    "tilted": TILTED,
    "panels": JUNGFRAU,
    "AGIPD": nb.Detector.named("AGIPD 1M", distance_mm=200, wavelength_A=1.3),
}


def parsed(path) -> dict[str, dict[str, str]]:
    """Return the panels of a geometry: a parser as simple as can be, independent of the package's."""
    panels: dict[str, dict[str, str]] = {}
    shared: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if "=" in line:
            name, value = (part.strip() for part in line.split("=", 1))
            if "/" not in name:
                shared[name] = value
            elif not name.startswith("bad"):
                panel, key = name.split("/")
                panels.setdefault(panel, dict(shared))[key] = value
    return panels


def vector(text: str) -> np.ndarray:
    found = {axis: float(number) for number, axis in re.findall(r"([+-][\d.]+)([xyz])", text)}
    return np.array([found["x"], found["y"], found["z"]])


def positions(panel: dict[str, str], slow: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Return the positions (mm) of pixel centres as CrystFEL's manual describes them."""
    pixel = 1000 / float(panel["res"])
    corner = np.array([float(panel["corner_x"]), float(panel["corner_y"]), 0.0])
    inside = (fast[:, None] + 0.5) * vector(panel["fs"]) + (slow[:, None] + 0.5) * vector(panel["ss"])
    along = 1000 * (float(panel["clen"].split()[0]) + float(panel["coffset"]))
    return pixel * (corner + inside) + np.array([0, 0, along])


def in_mcstas(scene: nb.Scene) -> np.ndarray:
    """Return the rotation to CrystFEL's frame: z along the beam, x against the polarization."""
    z, x = scene.beam_direction, -scene.polarization_axis
    return np.array([x, np.cross(z, x), z])


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_pixels_are_where_ours_are_to_a_micrometre(tmp_path, detector):
    config = builders.config(detector=detector)
    nb.write_geom(tmp_path / "a.geom", config)
    panels = parsed(tmp_path / "a.geom")
    assert len(panels) == len(detector.panels)
    turn = in_mcstas(nb.Scene(config))
    rows, columns = detector.panels[0].pixels
    slow, fast = np.array([0, 0, rows - 1, rows - 1, rows // 2]), np.array([0, columns - 1, 0, columns - 1, 3])
    for i, (ours, theirs) in enumerate(zip(detector.panels, panels.values(), strict=True)):
        f, s, _ = ours.axes()
        place = np.array(ours.origin_mm) + ours.pixel_mm * ((fast[:, None] + 0.5) * f + (slow[:, None] + 0.5) * s)
        np.testing.assert_allclose(positions(theirs, slow, fast), place @ turn.T, atol=1e-3)
        assert (int(theirs["min_ss"]), int(theirs["max_ss"])) == (i * rows, (i + 1) * rows - 1)


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_a_geometry_is_read_back(tmp_path, detector):
    config = builders.config(detector=detector, beam=nb.Beam(wavelength_A=1.3))
    nb.write_geom(tmp_path / "a.geom", config)
    found = nb.read_geom(tmp_path / "a.geom")
    turn = in_mcstas(nb.Scene(config))
    for ours, read in zip(detector.panels, found.detector.panels, strict=True):
        np.testing.assert_allclose(read.corners_mm(), ours.corners_mm() @ turn.T, atol=1e-3)
        assert read.pixels == ours.pixels
    assert found.photon_energy_eV == pytest.approx(12398.42 / 1.3, rel=1e-5)
    assert found.adu_per_photon == pytest.approx(1.0)


def test_the_image_of_a_geometry_that_was_read_is_that_of_the_original(tmp_path):
    detector = nb.Detector.flat(distance_mm=100, pixels=(40, 50), pixel_mm=0.5, convention="dials")
    config = builders.config(detector=detector)
    nb.write_geom(tmp_path / "a.geom", config)
    # the frame of "dials" has its polarization along y, which CrystFEL's frame has along -x
    turn = in_mcstas(nb.Scene(config))
    matrix = turn @ nb.Scene(config).lattice.reciprocal.T
    crystal = nb.Crystal(matrix=matrix.tolist(), n_cells=5)
    read = builders.config(
        detector=nb.read_geom(tmp_path / "a.geom").detector, crystal=crystal, beam=nb.Beam(polarization_axis=(1, 0, 0))
    )
    np.testing.assert_allclose(nb.simulate(read, dtype="float64"), nb.simulate(config, dtype="float64"), rtol=1e-4)


def test_masked_pixels_are_bad_regions_and_come_back(tmp_path):
    mask = np.ones((2, 30, 40), bool)
    mask[0, 5:9, 10:20] = mask[0, 7:12, 15:30] = mask[1, :, 0] = mask[1, 29, :] = False
    panels = tuple(
        nb.Panel(origin_mm=(100, 20 * i, -8), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixels=(30, 40), pixel_mm=0.4)
        for i in (0, 1)
    )
    config = builders.config(detector=nb.Detector(panels=panels, mask=mask))
    nb.write_geom(tmp_path / "a.geom", config)
    np.testing.assert_array_equal(nb.read_geom(tmp_path / "a.geom").detector.mask, mask)


def test_groups_are_written_and_read(tmp_path):
    config = builders.config(detector=JUNGFRAU)
    names = list(parsed_names(tmp_path, config))
    nb.write_geom(tmp_path / "a.geom", config, groups={"q0": names[:4], "q1": names[4:]})
    assert nb.read_geom(tmp_path / "a.geom").groups == {"q0": tuple(names[:4]), "q1": tuple(names[4:])}
    with pytest.raises(ConfigError, match="'nowhere' is not a panel"):
        nb.write_geom(tmp_path / "b.geom", config, groups={"q0": ["nowhere"]})


def parsed_names(tmp_path, config) -> dict[str, dict[str, str]]:
    nb.write_geom(tmp_path / "names.geom", config)
    return parsed(tmp_path / "names.geom")


SIMPLE = """\
photon_energy = 9.5 keV ; of the undulator
clen = 80 mm
res = 5000
adu_per_eV = 0.001
max_adu = 16000
p0/min_fs = 0
p0/max_fs = 9
p0/min_ss = 0
p0/max_ss = 4
p0/corner_x = -5
p0/corner_y = 2.5
p0/fs = x
p0/ss = -y
p0/coffset = 0.001
"""


def test_a_geometry_written_by_hand(tmp_path):
    path = tmp_path / "a.geom"
    path.write_text(SIMPLE + "badcorner/min_x = 3\nbadcorner/min_y = 1\n")
    found = nb.read_geom(path)
    panel = found.detector.panels[0]
    np.testing.assert_allclose(panel.origin_mm, (-1.0, 0.5, 81.0))
    assert (panel.pixels, panel.pixel_mm, found.detector.saturation_adu) == ((5, 10), 0.2, 16000)
    assert (found.photon_energy_eV, found.adu_per_photon) == (9500, pytest.approx(9.5))
    expected = np.ones((5, 10), bool)
    expected[:2, 8:] = False  # pixel centres at x = 3.5 and 4.5, y = 2 and 1
    np.testing.assert_array_equal(found.detector.mask, expected)


def test_a_mask_in_a_file_is_read(tmp_path):
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("hdf5plugin")
    bits = np.zeros((5, 10), np.uint16)
    bits[2, 3], bits[4, 4] = 2, 4
    with h5py.File(tmp_path / "mask.h5", "w") as file:
        file["mask"] = bits
    path = tmp_path / "a.geom"
    path.write_text("mask_file = mask.h5\nmask = /mask\nmask_bad = 0x2\n" + SIMPLE)
    np.testing.assert_array_equal(nb.read_geom(path).detector.mask, bits != 2)
    path.write_text("mask0_file = mask.h5\nmask0_data = /mask\nmask0_badbits = 0x6\n" + SIMPLE)
    np.testing.assert_array_equal(nb.read_geom(path).detector.mask, bits == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("p0/corner_x", "p0/corner_z"), "line 10: 'corner_z' is not an entry of a geometry; did you mean corner_"),
        (("p0/corner_x = -5", ""), "panel p0 has no corner_x"),
        (("res = 5000", "res = many"), "is not a number"),
        (("res = 5000", "res"), "line 3: 'res' is not an entry; write NAME = VALUE"),
        (("p0/fs = x", "p0/fs = 2x"), "is not one pixel long"),
        (("p0/fs = x", "p0/fs = east"), "is not a vector"),
        (("p0/max_fs = 9", "p0/max_fs = -1"), "contradict each other"),
        (("clen = 80 mm", "clen = /entry/clen"), "give clen_m"),
        (("clen = 80 mm", ""), "panel p0 has no clen"),
        (("max_adu", "adu_per_photon = 1\nmax_adu"), "leave one out"),
        (("max_adu", "wavelength = 1.3 A\nmax_adu"), "contradict each other; leave one out"),
        (("max_adu", "rigid_group_q0 = p1\nmax_adu"), "'p1' is not in the file; remove it"),
        (("p0/fs = x", "bad1/min_q = 3\np0/fs = x"), "'min_q' is not an entry"),
        ((SIMPLE, "clen = 1\n"), "describes no panel"),
    ],
)
def test_bad_geometries_are_refused_with_the_entry(tmp_path, change, message):
    path = tmp_path / "a.geom"
    assert change[0] in SIMPLE
    path.write_text(SIMPLE.replace(*change, 1))
    with pytest.raises(FormatError, match=re.escape(message)):
        nb.read_geom(path)


def test_panels_that_overlap_in_the_images_or_differ_in_size_are_refused(tmp_path):
    path = tmp_path / "a.geom"
    second = "".join(line + "\n" for line in SIMPLE.splitlines() if line.startswith("p0/")).replace("p0/", "p1/")
    path.write_text(SIMPLE + second)
    with pytest.raises(FormatError, match="panels p0 and p1 take the same pixels"):
        nb.read_geom(path)
    path.write_text(SIMPLE + second.replace("max_ss = 4", "max_ss = 7"))
    with pytest.raises(FormatError, match="panels of one size"):
        nb.read_geom(path)
    with pytest.raises(FileError):
        nb.read_geom(tmp_path / "nothing.geom")


def test_the_camera_length_can_be_given(tmp_path):
    path = tmp_path / "a.geom"
    path.write_text(SIMPLE.replace("clen = 80 mm", "clen = /entry/clen"))
    assert nb.read_geom(path, clen_m=0.2).detector.panels[0].origin_mm[2] == pytest.approx(201.0)


@pytest.mark.parametrize(
    ("cell", "group", "lines"),
    [
        ((79.1, 79.1, 38.4), "P 43 21 2", ["lattice_type = tetragonal", "unique_axis = c", "centering = P"]),
        ((60, 70, 80, 90, 100, 90), "C 1 2 1", ["lattice_type = monoclinic", "unique_axis = b", "centering = C"]),
        ((60, 60, 80, 90, 90, 120), "P 31 2 1", ["lattice_type = hexagonal", "unique_axis = c", "centering = P"]),
        ((60, 60, 80, 90, 90, 120), "R 3", ["lattice_type = hexagonal", "unique_axis = c", "centering = H"]),
        ((60, 70, 80, 80, 85, 95), "P 1", ["lattice_type = triclinic", "centering = P"]),
    ],
)
def test_cells_have_crystfels_lattice_types(tmp_path, cell, group, lines):
    nb.write_cell(tmp_path / "a.cell", builders.config(crystal=nb.Crystal(cell=cell)), space_group=group)
    text = (tmp_path / "a.cell").read_text().splitlines()
    assert text[0] == "CrystFEL unit cell file version 1.0"
    assert [line for line in text[1:] if line][: len(lines)] == lines
    numbers = [float(line.split()[2]) for line in text if line.endswith((" A", " deg"))]
    np.testing.assert_allclose(numbers, nb.Crystal(cell=cell).cell, rtol=1e-6)


def test_intensities_are_a_reflection_list(tmp_path):
    factors = nb.StructureFactors.wilson((40, 50, 60), "P 21 21 21", b_factor=20, d_min_A=5, seed=1)
    nb.write_crystfel_hkl(tmp_path / "a.hkl", builders.config(structure_factors=factors, crystal=nb.Crystal()))
    lines = (tmp_path / "a.hkl").read_text().splitlines()
    assert lines[:2] == ["CrystFEL reflection list version 2.0", "Symmetry: 1"]
    assert lines[-1] == "End of reflections"
    rows = {tuple(map(int, line.split()[:3])): float(line.split()[3]) for line in lines[3:-1]}
    indices, amplitudes = factors.listing
    assert len(rows) == len(indices)
    for index, amplitude in zip(indices[:50].tolist(), amplitudes[:50], strict=True):
        assert rows[tuple(index)] == pytest.approx(amplitude**2, abs=0.006)
    with pytest.raises(ConfigError, match="need a list of reflections"):
        nb.write_crystfel_hkl(tmp_path / "a.hkl", builders.config())
