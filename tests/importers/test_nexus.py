"""NXmx files: modules, chains, beams and rotations, in whatever units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggWarning
from nanobragg.geometry import rotate_about

h5py = pytest.importorskip("h5py", reason="the extra files is not installed")
pytest.importorskip("hdf5plugin", reason="the extra files is not installed")

SCALE = {"m": 1e-3, "mm": 1.0, "um": 1e3, "deg": 1.0, "rad": np.pi / 180}


def group(parent: Any, name: str, nx_class: str) -> Any:
    made = parent.create_group(name)
    made.attrs["NX_class"] = nx_class
    return made


def axis(
    parent: Any, name: str, values: Any, vector: Any, depends_on: str, unit: str = "mm", offset: Any = None
) -> Any:
    """Store a transformation; values are in mm or degrees, and stored in `unit`."""
    item = parent.create_dataset(name, data=np.asarray(values, float) * SCALE[unit])
    kind = "rotation" if unit in ("deg", "rad") else "translation"
    item.attrs.update(units=unit, transformation_type=kind, vector=np.asarray(vector, float), depends_on=depends_on)
    if offset is not None:
        item.attrs.update(offset=np.asarray(offset, float), offset_units="mm")
    return item


def write(path: Path, change: Callable[[Any], object] = lambda root: None, unit: str = "m") -> Path:
    """Write an EIGER-like file: two modules on a swung arm, ten images about omega of a kappa goniometer."""
    with h5py.File(path, "w") as root:
        entry = group(root, "entry", "NXentry")
        entry["definition"] = "NXmx"
        instrument = group(entry, "instrument", "NXinstrument")
        beam = group(instrument, "beam", "NXbeam")
        beam["incident_wavelength"] = 0.98
        beam["incident_wavelength"].attrs["units"] = "angstrom"
        beam["incident_polarization_stokes"] = [1.0, 0.99, 0.0, 0.0]
        detector = group(instrument, "detector", "NXdetector")
        detector["description"] = "Eiger"
        detector["sensor_material"] = "Si"
        detector["sensor_thickness"] = 0.00045
        detector["sensor_thickness"].attrs["units"] = "m"
        detector["saturation_value"] = 33000
        mask = np.zeros((40, 30), np.uint32)
        mask[25, 7] = 1
        detector["pixel_mask"] = mask
        moves = group(detector, "transformations", "NXtransformations")
        axis(moves, "two_theta", [20], (0, -1, 0), ".", "deg")
        axis(moves, "det_z", [150], (0, 0, 1), "two_theta", unit)
        for number in range(2):
            module = group(detector, f"module{number}", "NXdetector_module")
            module["data_origin"], module["data_size"] = [20 * number, 0], [20, 30]
            chain = "/entry/instrument/detector/transformations/det_z"
            axis(module, "module_offset", [5.0], (-0.6, 0.8, 0), chain, unit, (0.5, -2.0 * number, 0.1))
            axis(module, "fast_pixel_direction", 0.075, (-1, 0, 0), "module_offset", unit)
            axis(module, "slow_pixel_direction", 0.075, (0, -1, 0), "module_offset", unit)
        sample = group(entry, "sample", "NXsample")
        sample["depends_on"] = "transformations/phi"
        turns = group(sample, "transformations", "NXtransformations")
        axis(turns, "phi", [30], (-1, 0, 0), "kappa", "deg")
        axis(turns, "kappa", [0.5], (-0.6, 0.8, 0), "omega", "rad")
        axis(turns, "omega", 10 + 0.2 * np.arange(10), (-1, 0, 0), ".", "deg")
        turns["omega_end"] = 10.2 + 0.2 * np.arange(10)
        turns["omega_end"].attrs["units"] = "deg"
        change(root)
    return path


@pytest.mark.parametrize("unit", ["m", "mm", "um"])
def test_chains_place_the_modules(unit: str, tmp_path: Path) -> None:
    detector = nb.read_nxmx_detector(write(tmp_path / "a.h5", unit=unit))
    assert detector.shape == (2, 20, 30)
    for number, panel in enumerate(detector.panels):
        place = np.array((0.5, -2.0 * number, 0.1)) + 5.0 * np.array((-0.6, 0.8, 0)) + (0, 0, 150)
        turned = [rotate_about(v, (0, -1, 0), np.radians(20)) for v in (place, (-1, 0, 0), (0, -1, 0))]
        np.testing.assert_allclose([panel.origin_mm, *panel.axes()[:2]], turned, atol=1e-9)
        assert panel.pixel_mm == pytest.approx(0.075)
        assert panel.name == f"module{number}"


def test_sensor_mask_and_saturation(tmp_path: Path) -> None:
    detector = nb.read_nxmx(write(tmp_path / "a.h5")).detector
    assert (detector.name, detector.sensor_material, detector.saturation_adu) == ("Eiger", "Si", 33000)
    assert detector.sensor_thickness_um == pytest.approx(450)
    assert detector.attenuation_um == pytest.approx(1000 / 3.966308, rel=1e-6)  # DIALS
    assert np.argwhere(~detector.mask).tolist() == [[1, 5, 7]]


def test_the_sample_turns_as_the_chain_says(tmp_path: Path) -> None:
    experiment = nb.read_nxmx(write(tmp_path / "a.h5"))
    assert (experiment.images, experiment.start_deg) == (10, 10)
    assert experiment.width_deg == pytest.approx(0.2)
    np.testing.assert_allclose(experiment.spindle_axis(), (-1, 0, 0))
    turned = rotate_about(rotate_about((1, 2, 3), (-1, 0, 0), np.radians(30)), (-0.6, 0.8, 0), np.radians(0.5))
    np.testing.assert_allclose(experiment.fixed_rotation @ [1, 2, 3], turned, atol=1e-12)


def test_one_image_of_a_file_can_be_simulated(tmp_path: Path) -> None:
    experiment = nb.read_nxmx(write(tmp_path / "a.h5", lambda root: _move_into_the_beam(root)))
    config = experiment.config(
        nb.StructureFactors.constant(10), 3, crystal=nb.Crystal(cell=(50,), n_cells=3), phi_steps=2
    )
    assert config.beam.wavelength == 0.98
    assert config.beam.kahn_factor == pytest.approx(0.99)
    assert (config.scan.start_deg, config.scan.steps) == (pytest.approx(10.6), 2)
    np.testing.assert_allclose(config.crystal.spindle_axis, (-1, 0, 0))
    image = nb.simulate(config)
    assert image.max() > 0 == image[1, 5, 7]


def _move_into_the_beam(root: Any) -> None:
    root["entry/instrument/detector/transformations/two_theta"][()] = 0
    for module in ("module0", "module1"):
        root[f"entry/instrument/detector/{module}/module_offset"].attrs["vector"] = (1.0, 0, 0)
        root[f"entry/instrument/detector/{module}/module_offset"][()] = 0.0005


def put(name: str, value: Any, **attrs: Any) -> Callable[[Any], object]:
    """Replace a dataset; attributes stay unless given."""

    def change(root: Any) -> None:
        kept = dict(root[name].attrs) if name in root else {}
        if name in root:
            del root[name]
        root[name] = value
        root[name].attrs.update({**kept, **attrs})

    return change


BEAM = "entry/instrument/beam/incident_wavelength"


def test_stills_have_a_wavelength_each(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        put(BEAM, [0.098, 0.099, 0.1], units="nm")(root)
        del root["entry/sample/depends_on"]

    experiment = nb.read_nxmx(write(tmp_path / "a.h5", change))
    assert experiment.images == 3
    assert [experiment.beam(i).wavelength for i in range(3)] == pytest.approx([0.98, 0.99, 1.0])
    assert experiment.scan(1) == nb.Scan()


def test_spectra_of_each_image(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        beam = root["entry/instrument/beam"]
        beam["lines"] = [0.97, 0.98, 0.99]
        beam["lines"].attrs["units"] = "angstrom"
        beam["lines_weights"] = np.array([[1, 2, 1], [0, 1, 1]])
        put(BEAM, [0.98, 0.985], variant="lines")(root)
        del root["entry/sample/depends_on"]

    experiment = nb.read_nxmx(write(tmp_path / "a.h5", change))
    np.testing.assert_allclose(experiment.beam(0).spectrum.lines.weights, [0.25, 0.5, 0.25])
    np.testing.assert_allclose(experiment.beam(1).spectrum.lines.wavelengths_A, [0.98, 0.99])


def test_polarization_across_and_slanted(tmp_path: Path) -> None:
    name = "entry/instrument/beam/incident_polarization_stokes"
    across = nb.read_nxmx(write(tmp_path / "a.h5", put(name, [2.0, -1.0, 0, 0]))).beam()
    assert (across.kahn_factor, across.polarization_axis) == (-0.5, (1, 0, 0))
    slanted = nb.read_nxmx(write(tmp_path / "a.h5", put(name, [1.0, 0, 1.0, 0]))).beam()
    np.testing.assert_allclose(slanted.polarization_axis, (np.sqrt(0.5), np.sqrt(0.5), 0))


def test_an_offset_of_the_pixel_direction_counts(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        fast = root["entry/instrument/detector/module0/fast_pixel_direction"]
        fast.attrs.update(offset=np.array([1.0, 2, 3]), offset_units="cm")

    moved, still = (nb.read_nxmx_detector(write(tmp_path / "a.h5", c)) for c in (change, lambda root: None))
    shift = np.subtract(moved.panels[0].origin_mm, still.panels[0].origin_mm)
    np.testing.assert_allclose(shift, rotate_about((10, 20, 30), (0, -1, 0), np.radians(20)))


def drop(name: str) -> Callable[[Any], object]:
    return lambda root: root.__delitem__(name)


MODULE = "entry/instrument/detector/module0"
WRONG = {
    "not NXmx": (put("entry/definition", "NXsas"), FormatError, "no NXentry with definition NXmx, only entry"),
    "no instrument": (drop("entry/instrument"), FormatError, "holds no NXinstrument"),
    "no detector": (drop("entry/instrument/detector"), FormatError, "holds no NXdetector"),
    "no wavelength": (drop(BEAM), FormatError, "no NXbeam with incident_wavelength"),
    "dark": (put(BEAM, 0.0), FormatError, "incident_wavelength: must be positive"),
    "unit": (put(BEAM, 1.0, units="furlong"), FormatError, "units = 'furlong' is not a known unit; expected one"),
    "no direction": (drop(f"{MODULE}/fast_pixel_direction"), FormatError, "module0: has no fast_pixel_direction"),
    "no size": (drop(f"{MODULE}/data_size"), FormatError, "module0: has no data_size"),
    "oblong": (put(f"{MODULE}/slow_pixel_direction", 1e-4), ConfigError, r"0\.075 x 0\.1 mm must be square"),
    "no vector": (lambda r: r[f"{MODULE}/fast_pixel_direction"].attrs.__delitem__("vector"), FormatError,
                  "no attribute vector of three numbers"),
    "null vector": (lambda r: r[f"{MODULE}/fast_pixel_direction"].attrs.update(vector=[0.0, 0, 0]), FormatError,
                    "its vector has length zero"),
    "broken chain": (lambda r: r[f"{MODULE}/module_offset"].attrs.update(depends_on="/nowhere"), FormatError,
                     "depends on '/nowhere', which is missing"),
    "endless chain": (lambda r: r[f"{MODULE}/module_offset"].attrs.update(depends_on="module_offset"), FormatError,
                      "a chain of transformations without end"),
    "words": (put(f"{MODULE}/module_offset", "far"), FormatError, "module_offset: is not an array of numbers"),
    "not a number": (put(f"{MODULE}/module_offset", np.nan), FormatError, "not finite"),
    "a huge number": (put(f"{MODULE}/module_offset", 1e300), FormatError, "beyond 1e\\+50"),
    "a huge vector": (lambda r: r[f"{MODULE}/fast_pixel_direction"].attrs.update(vector=[1e300, 1e300, 0]), FormatError,
                      "its vector is not finite, or beyond"),
    "huge size": (put(f"{MODULE}/data_size", [1e25, 30.0]), FormatError, r"must hold whole numbers below 2\^31"),
    "half a pixel": (put(f"{MODULE}/data_origin", [0.5, 0.0]), FormatError, r"must hold whole numbers below 2\^31"),
    "shapes": (put(f"{MODULE}/data_size", [10, 30]), ConfigError, "same number of pixels"),
    "mask": (put("entry/instrument/detector/pixel_mask", np.zeros((9, 9))), FormatError, "does not cover"),
    "two axes": (put("entry/sample/transformations/phi", np.arange(10.0)), FormatError,
                 r"several axes at once \(phi, omega\)"),
    "wavelengths": (put(BEAM, [1.0, 1.1, 1.2]), FormatError, "3 wavelengths for 10 images"),
    "stokes": (put("entry/instrument/beam/incident_polarization_stokes", [0.0, 0, 0, 0]), FormatError, "positive I"),
}  # fmt: skip


@pytest.mark.parametrize("flaw", WRONG)
def test_invalid_nxmx_geometry_is_refused(flaw: str, tmp_path: Path) -> None:
    change, error, message = WRONG[flaw]
    with pytest.raises(error, match=message) as caught:
        nb.read_nxmx(write(tmp_path / "wrong.h5", change))
    assert "\n" not in str(caught.value)


def test_a_detector_without_modules_or_wavelength(tmp_path: Path) -> None:
    def no_modules(root: Any) -> None:
        del root[MODULE], root[MODULE.replace("0", "1")]

    with pytest.raises(FormatError, match="has no NXdetector_module"):
        nb.read_nxmx_detector(write(tmp_path / "a.h5", no_modules))
    assert nb.read_nxmx_detector(write(tmp_path / "a.h5", drop(BEAM))).sensor_thickness_um == 0


def test_truncated_and_missing_files(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.h5").read_bytes()
    for cut in (0, 100, len(whole) // 2):
        (tmp_path / "cut.h5").write_bytes(whole[:cut])
        with pytest.raises(FormatError, match=r"cut\.h5 is not valid HDF5"):
            nb.read_nxmx(tmp_path / "cut.h5")
    with pytest.raises(FileError, match="check the path"):
        nb.read_nxmx(tmp_path / "none.h5")


def stack(root: Any, count: int) -> None:
    group(root["entry"], "data", "NXdata")["data"] = np.ones((count, 40, 30), np.int32)


def test_the_number_of_images_comes_from_the_data(tmp_path: Path) -> None:
    """Without a sample, for a grid scan, and with a warning where the angles disagree."""

    def without_sample(root: Any) -> None:
        stack(root, 4)
        del root["entry/sample"]

    def grid(root: Any) -> None:
        stack(root, 4)
        del root["entry/sample/transformations"]
        turns = group(root["entry/sample"], "transformations", "NXtransformations")
        axis(turns, "omega", [30], (-1, 0, 0), ".", "deg")
        axis(turns, "sam_x", [0, 0.02, 0.04, 0.06], (1, 0, 0), "omega")
        del root["entry/sample/depends_on"]
        root["entry/sample/depends_on"] = "transformations/sam_x"

    for change in (without_sample, grid):
        still = nb.read_nxmx(write(tmp_path / "a.h5", change))
        assert (still.images, still.width_deg) == (4, 0)
    with pytest.warns(NanobraggWarning, match="holds 6 images, and 10 angles or wavelengths; 6 images are used"):
        assert nb.read_nxmx(write(tmp_path / "a.h5", lambda root: stack(root, 6))).images == 6


def test_the_goniometer_of_eiger_files_has_no_chain(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        stack(root, 4)
        del root["entry/sample"]
        sample = group(root["entry"], "sample", "NXsample")
        goniometer = group(sample, "goniometer", "NXtransformations")
        goniometer["omega"], goniometer["omega_increment"] = [10, 10.5, 11, 11.5], 0.5
        goniometer["omega"].attrs["units"] = "degree"

    with pytest.warns(NanobraggWarning, match=r"/entry/sample/goniometer/omega has no axis; \(-1\.0, 0\.0, 0\.0\) in"):
        found = nb.read_nxmx(write(tmp_path / "a.h5", change))
    assert (found.images, found.start_deg, found.width_deg) == (4, 10, 0.5)
    assert found.rotation_axis.tolist() == [-1, 0, 0]


def test_the_detector_is_the_one_that_has_modules(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        root["entry/instrument/z"] = root["entry/instrument/detector"]
        del root["entry/instrument/detector"]
        group(root["entry/instrument"], "a_monitor", "NXdetector")["distance"] = 1.0
        for name, module in root["entry/instrument/z"].items():
            if name.startswith("module"):
                module["module_offset"].attrs["depends_on"] = "/entry/instrument/z/transformations/det_z"

    assert len(nb.read_nxmx(write(tmp_path / "a.h5", change)).detector.panels) == 2


def test_optional_items_behind_dead_links_are_absent(tmp_path: Path) -> None:
    def change(root: Any) -> None:
        detector = root["entry/instrument/detector"]
        for name in ("pixel_mask", "sensor_material", "sensor_thickness", "description", "saturation_value"):
            del detector[name]
            detector[name] = h5py.ExternalLink("gone.h5", f"/{name}")

    detector = nb.read_nxmx_detector(write(tmp_path / "a.h5", change))
    assert (detector.mask, detector.saturation_adu, detector.name) == (None, None, "")


@pytest.mark.parametrize(("probe", "wavelength"), [("electron", 0.98), (None, 0.0251)])
def test_electrons_are_read_with_a_warning(tmp_path: Path, probe: str | None, wavelength: float) -> None:
    def change(root: Any) -> None:
        if probe:
            group(root["entry/instrument"], "source", "NXsource")["probe"] = probe
        root["entry/instrument/beam/incident_wavelength"][()] = wavelength

    with pytest.warns(NanobraggWarning, match=rf"a\.h5: a beam of {wavelength} Å is one of electrons; spots are where"):
        found = nb.read_nxmx(write(tmp_path / "a.h5", change))
    assert found.beams[0].wavelength == wavelength


@pytest.mark.parametrize(
    ("place", "value", "unit"),
    [("NXmonochromator", ("wavelength", 0.0979), "nm"), ("NXmonochromator", ("energy", 12.664372), "keV"),
     ("NXbeam", ("wavelength", 97.9), "pm")],
)  # fmt: skip
def test_the_wavelength_may_be_in_other_usual_places(
    tmp_path: Path, place: str, value: tuple[str, float], unit: str
) -> None:
    def change(root: Any) -> None:
        instrument = root["entry/instrument"]
        del instrument["beam/incident_wavelength"]
        where = instrument["beam"] if place == "NXbeam" else group(instrument, "monochromator", place)
        where[value[0]] = value[1]
        where[value[0]].attrs["units"] = unit

    found = nb.read_nxmx(write(tmp_path / "a.h5", change)).beams[0]
    assert found.wavelength == pytest.approx(0.979, rel=1e-6)
    assert found.kahn_factor == 0.99
