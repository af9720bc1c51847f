"""A Config as flags of the original program, which describe the same experiment when they are read back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError
from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags
from nanobragg.nanobragg_c.flags.geometry_to_flags import _with_unit_length
from tests import builders

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


config = partial(
    builders.config,
    crystal=nb.Crystal(cell=(50, 60, 70, 80, 95, 105), n_cells=(5, 6, 7)),
    structure_factors=nb.StructureFactors.constant(10),
    detector=nb.Detector.flat(distance_mm=100, pixels=(12, 16)),
    compat="c",
)


def assert_same_experiment(one: nb.Config, folder: Path) -> list[str]:
    """Check that the flags of a Config give the same scene to rounding, and return them."""
    flags = config_to_flags(one, folder)
    ours, theirs = nb.Scene(one), nb.Scene(nb.config_from_flags(flags))
    for name in ("shape", "roi", "n_cells", "oversample", "lookup", "domains"):
        assert getattr(theirs, name) == getattr(ours, name), name
    assert (theirs.phi.count, theirs.sensor.count) == (ours.phi.count, ours.sensor.count)
    np.testing.assert_array_equal(theirs.rendered, ours.rendered)
    for name in ("cells", "fluence", "beam_direction", "polarization_axis"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=1e-12, atol=1e-21, err_msg=name)
    for name in ("directions", "wavelengths", "weights"):
        np.testing.assert_allclose(getattr(theirs.sources, name), getattr(ours.sources, name), rtol=1e-12, atol=1e-15)
    factors = theirs.config.structure_factors
    assert factors.default_F == one.structure_factors.default_F
    for a, b in zip(factors.listing or (), one.structure_factors.listing or (), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(theirs.config.detector.panels, ours.config.detector.panels, strict=True):
        np.testing.assert_allclose(a.origin_mm, b.origin_mm, rtol=0, atol=1e-9)
        np.testing.assert_allclose(a.axes(), b.axes(), rtol=0, atol=1e-12)
    return flags


@pytest.mark.usefixtures("in_tests_folder")
def test_reference_cases_round_trip(case, tmp_path):
    assert_same_experiment(nb.config_from_flags(list(case.argv)), tmp_path)


def test_arrays_become_files(tmp_path):
    draw = np.random.default_rng(3)
    mask = draw.uniform(size=(12, 16)) > 0.5
    names = ["mask.img", "matrix.mat", "sources.txt", "structure_factors.hkl"]
    indices = np.array([[h, k, l] for h in range(-3, 4) for k in range(-3, 4) for l in range(-3, 4)])
    flags = assert_same_experiment(
        config(
            crystal=nb.Crystal(matrix=tuple(map(tuple, np.diag([0.02, 0.016, 0.014]) + 1e-3)), n_cells=5),
            structure_factors=nb.StructureFactors(
                indices=indices, amplitudes=draw.uniform(1, 9, len(indices)), default_F=1.5
            ),
            beam=nb.Beam(
                wavelength_A=0.9,
                sources=nb.Sources(positions=[[-1, 0, 0], [-1, 0.01, 0]], weights=[1, 3], wavelengths_A=[0.9, 0.91]),
            ),
            detector=nb.Detector.flat(distance_mm=100, pixels=(12, 16), mask=mask),
        ),
        tmp_path,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert {str(path) for path in tmp_path.iterdir()} <= set(flags)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"crystal": nb.Crystal(cell=(50,), misset_deg="random", misset_seed=8)}, id="random"),
        pytest.param(
            {"crystal": nb.Crystal(cell=(50,), size_mm=(2e-4, 5e-4, 0.0)), "beam": nb.Beam(size_mm=3e-4)}, id="clipped"
        ),
        pytest.param({"beam": nb.Beam(energy_eV=9000, flux_ph_s=1e12, exposure_s=0.1, size_mm=0.05)}, id="flux"),
        pytest.param({"beam": nb.Beam(dispersion_percent=None, dispersion_steps=3)}, id="dispersion"),
        pytest.param({"beam": nb.Beam(divergence_mrad=(2, None), divergence_steps=(3, 2))}, id="divergence"),
        pytest.param({"beam": nb.Beam(direction=(1, 0.1, 0), polarized=False, kahn_factor=0.5)}, id="tilted beam"),
        pytest.param({"scan": nb.Scan(start_deg=3, step_deg=0.1)}, id="steps"),
        pytest.param({"roi": (slice(3, 9), slice(2, 10)), "background": nb.Background(water_um=5)}, id="roi"),
        pytest.param({"detector": nb.Detector.flat(pixels=8, sensor_thickness_um=None, sensor_layers=3)}, id="sensor"),
    ],
)
def test_fields_round_trip(fields, tmp_path):
    assert_same_experiment(config(**fields), tmp_path)


@pytest.mark.parametrize("convention", ["mosflm", "denzo", "adxv", "xds", "dials"])
def test_unrotated_panel_keeps_its_convention(convention, tmp_path):
    detector = nb.Detector.flat(distance_mm=80, pixels=(12, 16), convention=convention, beam_center_mm=(0.7, 0.9))
    assert f"-{convention}" in assert_same_experiment(config(detector=detector), tmp_path)
    turned = nb.Detector.flat(distance_mm=80, pixels=(12, 16), convention=convention, rotation_deg=(5, 6, 7))
    assert "-odet_vector" in assert_same_experiment(config(detector=turned), tmp_path)


def test_any_panel_is_given_by_vectors(tmp_path):
    panel = nb.Panel(origin_mm=(100, 2, -3), fast_axis=(0.1, 0.2, 1), slow_axis=(0.1, -1, 0.3), pixels=(12, 16))
    assert "-fdet_vector" in assert_same_experiment(config(detector=nb.Detector(panels=(panel,))), tmp_path)


def test_normal_gets_a_length_of_exactly_one():
    for normal in np.random.default_rng(5).normal(size=(300, 3)):
        unit = normal / np.linalg.norm(normal)
        x, y, z = exact = _with_unit_length(unit)
        assert np.sqrt(x * x + y * y + z * z) == 1.0
        np.testing.assert_allclose(exact, unit, rtol=0, atol=1e-15)


def test_flags_hold_the_orientation_and_not_the_seed(tmp_path):
    one = config(crystal=nb.Crystal(cell=(50,), misset_deg="random", misset_seed=8), compat=None)
    theirs = nb.config_from_flags(config_to_flags(one, tmp_path))
    np.testing.assert_allclose(nb.Scene(theirs).cells, nb.Scene(one).cells, rtol=0, atol=1e-21)


WIDE = nb.Panel(origin_mm=(100, 1, -1), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixels=(8, 8))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"detector": nb.Detector(panels=(WIDE, WIDE))}, r"Detector\.panels: 2 panels"),
        ({"crystal": nb.Crystal(cell=(50,), mosaic_model="gaussian", mosaic_spread_deg=1)}, "mosaic_model"),
        ({"crystal": nb.Crystal(cell=(50,), mosaic_seed=2**31)}, "mosaic_seed"),
        ({"structure_factors": nb.StructureFactors()}, "default_F = 0"),
        (
            {"beam": nb.Beam(sources=nb.Sources(positions=[[-1, 0, 0], [-1, 0, 0.1]], weights=[1, 2])), "compat": None},
            r"Sources\.weights",
        ),
        (
            {"detector": nb.Detector(panels=(WIDE.replace(normal_axis=(-1, 0, 0)),))},
            r"Detector\.panels\[0\]: its plane is -100 mm",
        ),
    ],
)
def test_configs_that_flags_cannot_express_are_refused(fields, named, tmp_path):
    with pytest.raises(ConfigError, match=named):
        config_to_flags(config(**fields), tmp_path)


@pytest.mark.usefixtures("in_tests_folder")
def test_curved_detector_after_c_two_theta_is_refused(tmp_path):
    flags = "-default_F 10 -cell 50 -N 5 -distance 100 -detpixels 16 -twotheta 20 -xds -curved_det -nopgm"
    with pytest.raises(ConfigError, match=r"Detector\.curved: its radius"):
        config_to_flags(nb.config_from_flags(flags), tmp_path)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileError, match="nowhere"):
        config_to_flags(config(structure_factors=nb.StructureFactors(path=tmp_path / "nowhere.hkl")), tmp_path)
