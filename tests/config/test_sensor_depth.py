"""The depth at which a sensor counts (docs/quirks.md, row 28), and its attenuation from its material."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.detectors.sensor import attenuation_per_mm, stopping_depth_mm
from tests.builders import config, scene

FLAT = {"distance_mm": 100, "pixels": 32, "pixel_mm": 0.5}


def test_a_sensor_counts_at_its_mean_depth_of_absorption_by_default():
    detector = nb.Detector.flat(**FLAT, sensor_thickness_um=450, attenuation_um=240)
    made = scene(detector=detector)
    assert made.sensor.count == 1
    depth_mm = stopping_depth_mm(1 / 0.24, 0.45)
    assert detector.depth_um == pytest.approx(1000 * depth_mm)
    assert made.geometry.close_distance[0] == pytest.approx((100 + depth_mm) / 1000, rel=1e-12)
    named = nb.Detector.named("EIGER2 16M")
    same = named.replace(sensor_depth_um=None, sensor_layers=None)
    assert same.depth_um == pytest.approx(named.depth_um, rel=1e-12)


@pytest.mark.parametrize(
    ("fields", "depth_um", "layers"),
    [
        ({"sensor_layers": 3}, 0.0, 3),
        ({"sensor_layers": 1}, 0.0, 1),
        ({"sensor_depth_um": 0}, 0.0, 1),
        ({"sensor_depth_um": 50}, 50.0, 1),
        ({"sensor_layers": 2, "sensor_depth_um": 50}, 50.0, 2),
    ],
)
def test_given_layers_or_a_depth_replace_it(fields, depth_um, layers):
    detector = nb.Detector.flat(**FLAT, sensor_thickness_um=450, attenuation_um=240, **fields)
    made = scene(detector=detector)
    assert made.sensor.count == layers
    assert made.geometry.close_distance[0] == pytest.approx(0.1 + depth_um * 1e-6, rel=1e-12)


@pytest.mark.parametrize("thickness", [None, 0.0])
def test_without_a_sensor_photons_count_on_the_panel(thickness):
    assert nb.Detector.flat(**FLAT, sensor_thickness_um=thickness).depth_um == 0


def test_very_thin_and_very_thick_sensors_have_their_limits():
    assert stopping_depth_mm(1e-9, 0.3) == pytest.approx(0.15)
    assert stopping_depth_mm(0.0, 0.3) == 0.15
    assert stopping_depth_mm(1e4, 0.3) == pytest.approx(1e-4)
    assert stopping_depth_mm(3.3e-4, 0.3) == pytest.approx(stopping_depth_mm(3.4e-4, 0.3), rel=1e-6)
    assert nb.Detector.flat(**FLAT, sensor_thickness_um=300, attenuation_um=math.inf).depth_um == pytest.approx(150)


def test_the_material_gives_the_attenuation_at_the_wavelength_of_the_beam():
    silicon = nb.Detector.flat(**FLAT, sensor_thickness_um=450, sensor_material="Si")
    for wavelength in (0.7, 1.0, 1.5):
        made = scene(detector=silicon, beam=nb.Beam(wavelength_A=wavelength))
        mu = attenuation_per_mm("Si", wavelength)
        assert made.attenuation == pytest.approx(1000 * mu)
        assert made.config.detector.depth_um == pytest.approx(1000 * stopping_depth_mm(mu, 0.45))
    plain = scene(detector=silicon.replace(sensor_material="film"))
    assert plain.attenuation == pytest.approx(1 / 450e-6)
    as_c = nb.Scene(config(detector=silicon, compat="c"))
    assert as_c.attenuation == pytest.approx(1 / 450e-6)


def test_the_wrong_energy_for_the_material_is_an_error():
    detector = nb.Detector.flat(**FLAT, sensor_thickness_um=450, sensor_material="Si")
    with pytest.raises(nb.errors.ConfigError, match=r"tabulated from 3 to 100 keV, not at 1 keV; give attenuation_um"):
        scene(detector=detector, beam=nb.Beam(energy_eV=1000))


@pytest.mark.parametrize("curved", [False, True])
def test_layers_and_panels_of_a_curved_detector_lie_on_one_sphere(curved):
    """Two panels at other distances and angles: every pixel of every layer is at the detector's distance if curved."""
    near = nb.Detector.flat(distance_mm=80, pixels=(20, 30), pixel_mm=1, beam_center_mm=(-20, 10)).panels
    far = nb.Detector.flat(distance_mm=100, pixels=(20, 30), pixel_mm=1, rotation_deg=(5, 20, 3), pivot="beam").panels
    detector = nb.Detector(
        panels=near + far, curved=curved, sensor_thickness_um=1000, sensor_layers=3, attenuation_um=500
    )
    made = scene(detector=detector)
    slow, fast = np.indices((20, 30)) + 0.5
    depths = np.arange(3) * made.sensor.step
    radii = np.array([
        np.linalg.norm(made.geometry.positions(slow, fast, panel, depth), axis=-1)
        for panel in (0, 1)
        for depth in depths
    ])  # fmt: skip
    assert made.distance == pytest.approx(0.08)
    assert (np.ptp(radii) < 1e-15) == curved
    directions = [made.geometry.directions(slow, fast, 1, depth) for depth in depths]
    assert (np.abs(directions[2] - directions[0]).max() < 1e-14) == curved  # no parallax
    traced = nb.trace(made, panel=1, slow=3, fast=4, strongest=None)
    assert (np.ptp([place.R_m for place, _ in traced.rays]) < 1e-15) == curved
