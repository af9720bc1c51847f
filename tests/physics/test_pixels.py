"""Factors of a pixel: solid angle, polarization, absorption; water; the curved detector."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb

from .experiment import length, photons, positions

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


@pytest.mark.parametrize("convention", ["mosflm", "xds", "dials"])
@pytest.mark.parametrize("kahn", [0.0, 0.95, 1.0, -0.4])
def test_at_parallel_011_polarization_is_that_of_two_dipoles(convention, kahn):
    """AT-PARALLEL-011, AT-POL: (1 ± K)/2 of the electrons swing along E and B, and send 1 - (d·E)² and 1 - (d·B)²."""
    detector = nb.Detector.flat(
        distance_mm=60, pixels=(48, 64), pixel_mm=2, convention=convention, rotation_deg=(10, 20, 5)
    )
    beam, axis = np.array([0.2, 0.3, 1.0]), np.array([0.9, 0.1, -0.3])
    seen = photons(
        detector=detector,
        beam=nb.Beam(kahn_factor=kahn, direction=tuple(beam), polarization_axis=tuple(axis)),
    )
    unpolarized = photons(detector=detector, beam=nb.Beam(polarized=False, direction=tuple(beam)))
    b = np.cross(axis, beam) / length(np.cross(axis, beam))
    e = np.cross(beam / length(beam), b)
    d = positions(detector)
    d /= length(d)[..., np.newaxis]
    theory = (1 + kahn) / 2 * (1 - (d @ e) ** 2) + (1 - kahn) / 2 * (1 - (d @ b) ** 2)
    assert np.abs(seen / unpolarized - theory).max() <= 1e-12


@pytest.mark.parametrize("tilt", [0, 10, 30])
def test_at_parallel_010_solid_angle_of_point_pixels_and_of_tilted_ones(tilt):
    """AT-PARALLEL-010, AT-GEO-006: 1/R² for point pixels, else area/R² times close_distance/R."""
    options = {"pixels": (48, 64), "pixel_mm": 1, "rotation_deg": (tilt, 0, 0)}
    flat = nb.Detector.flat(distance_mm=60, **options)
    r = length(positions(flat))
    close = np.array(flat.panels[0].origin_mm) @ flat.panels[0].axes()[2] / 1000
    points = photons(detector=nb.Detector.flat(distance_mm=60, point_pixel=True, **options))
    np.testing.assert_allclose(points, 1 / r**2, rtol=1e-12)
    np.testing.assert_allclose(photons(detector=flat), 1e-6 / r**2 * close / r, rtol=1e-12)


def test_at_parallel_010_the_peak_falls_with_the_square_of_the_distance():
    """AT-PARALLEL-010: a point pixel in the beam, 50 … 400 mm away."""
    distances = np.array([50.0, 100.0, 200.0, 400.0])
    peaks = [
        photons(detector=nb.Detector.flat(distance_mm=d, pixels=65, pixel_mm=0.1, point_pixel=True)).max()
        for d in distances
    ]
    assert np.polyfit(np.log(distances), np.log(peaks), 1)[0] == pytest.approx(-2, abs=1e-5)


@pytest.mark.parametrize("layers", [1, 2, 7])
@pytest.mark.parametrize("depth_um", [100, 450, 3000])
def test_at_abs_the_layers_of_a_sensor_capture_what_the_sensor_captures(layers, depth_um):
    """AT-ABS: Σ capture = 1 - exp(-thickness·µ/ρ), however many layers; they lie a few µm apart at 1 km."""
    far = {"distance_mm": 1e6, "pixels": (20, 24), "pixel_mm": 4e4, "rotation_deg": (20, 15, 0)}
    detector = nb.Detector.flat(**far)
    sensor = nb.Detector.flat(**far, sensor_thickness_um=450, sensor_layers=layers, attenuation_um=depth_um)
    d = positions(detector)
    slant = d @ detector.panels[0].axes()[2] / length(d)
    captured = photons(detector=sensor) / photons(detector=detector)
    np.testing.assert_allclose(captured, 1 - np.exp(-450 / depth_um / slant), rtol=2e-6)


def test_at_abs_a_layer_has_its_own_depth_solid_angle_and_obliquity():
    """AT-ABS: layer t lies t·Δ below the surface and takes what the layers above it left."""
    options = {"distance_mm": 20, "pixels": (20, 24), "pixel_mm": 2}
    sensor = nb.Detector.flat(**options, sensor_thickness_um=3000, sensor_layers=3, attenuation_um=2000)
    normal = sensor.panels[0].axes()[2]
    expected = 0.0
    for layer in range(3):
        place = positions(sensor) + layer * 1e-3 * normal
        r = length(place)
        depth = 1e-3 / 2e-3 / (place @ normal / r)
        expected += 4e-6 / r**2 * 0.02 / r * (np.exp(-layer * depth) - np.exp(-(layer + 1) * depth))
    np.testing.assert_allclose(photons(detector=sensor), expected, rtol=1e-12)


def test_at_bkg_water_scatters_2_57_electrons_a_molecule():
    """AT-BKG: 20 µm of water at 1 g/cm³ hold 2.7e14 molecules, whatever the beam and the sampling."""
    molecules = 20e-6**3 * 1e6 / 18 * 6.02214179e23
    beam = nb.Beam(polarized=False, divergence_mrad=(1, 1), divergence_steps=(3, 3))
    dark = {"structure_factors": nb.StructureFactors.constant(0), "beam": beam, "scan": nb.Scan(range_deg=1, steps=3)}
    detector = nb.Detector.flat(distance_mm=60, pixels=16, pixel_mm=1, point_pixel=True)
    wet = photons(**dark, detector=detector, background=nb.Background(water_um=20))
    np.testing.assert_allclose(wet, 2.57**2 * molecules / length(positions(detector)) ** 2, rtol=1e-12)


@pytest.mark.parametrize("convention", ["mosflm", "adxv", "xds", "dials"])
def test_at_geo_005_on_a_curved_detector_all_pixels_are_alike(convention):
    """AT-GEO-005: one distance, so one solid angle; and the picture of a symmetric crystal is symmetric."""
    options = {"pixels": 41, "pixel_mm": 1, "convention": convention, "curved": True, "beam_center_mm": (20.5, 20.5)}
    if convention == "mosflm":
        options["beam_center_mm"] = (20, 20)
    detector = nb.Detector.flat(distance_mm=60, **options)
    np.testing.assert_allclose(photons(detector=detector), 1e-6 / 0.06**2, rtol=1e-12)
    image = photons(detector=detector, crystal=nb.Crystal(cell=(30,), n_cells=4))
    for mirrored in (image[::-1], image[:, ::-1]):
        np.testing.assert_allclose(image, mirrored, rtol=1e-9, atol=1e-9 * image.max())


def test_at_geo_005_a_curved_detector_turns_by_arc_over_distance():
    """AT-GEO-005: F'/distance and S'/distance from the beam spot are the angles to a pixel on the axes."""
    detector = nb.Detector.flat(distance_mm=60, pixels=41, pixel_mm=1, convention="xds", curved=True)
    polarized = photons(detector=detector, beam=nb.Beam(kahn_factor=1.0))
    arc = (np.arange(41) - 20) * 1.0 / 60
    np.testing.assert_allclose(polarized[20] / polarized[20, 20], np.cos(arc) ** 2, rtol=1e-12)  # along E: cos²2θ
    np.testing.assert_allclose(polarized[:, 20] / polarized[20, 20], 1, rtol=1e-12)
