"""Detectors by name: their pixels, gaps, modules and sensors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.detectors.sensor import MATERIALS, attenuation_per_mm, stopping_depth_mm
from nanobragg.errors import ConfigError
from nanobragg.scene.panel_checks import overlapping_panels
from tests import builders

SHAPES = {
    "EIGER 500K": (514, 1030), "EIGER 1M": (1065, 1030), "EIGER 4M": (2167, 2070), "EIGER 9M": (3269, 3110),
    "EIGER 16M": (4371, 4150),
    "EIGER2 500K": (512, 1028), "EIGER2 1M": (1062, 1028), "EIGER2 4M": (2162, 2068), "EIGER2 9M": (3262, 3108),
    "EIGER2 16M": (4362, 4148),
    **{f"{series} {name}": shape for series in ("PILATUS", "PILATUS3") for name, shape in {
        "100K": (195, 487), "200K": (407, 487), "300K": (619, 487), "300K-W": (195, 1475), "1M": (1043, 981),
        "2M": (1679, 1475), "6M": (2527, 2463)}.items()},
    "PILATUS4 1M": (1080, 1033), "PILATUS4 2M": (1630, 1553), "PILATUS4 4M": (2180, 2073),
    "JUNGFRAU 0.5M": (514, 1030), "JUNGFRAU 1M": (2, 514, 1030), "JUNGFRAU 4M": (8, 514, 1030),
    "JUNGFRAU 16M": (32, 514, 1030),
    "Rayonix MX170": (1920, 1920), "Rayonix MX170-HS": (1920, 1920), "Rayonix MX225": (3072, 3072),
    "Rayonix MX225-HS": (2880, 2880), "Rayonix MX300": (4096, 4096), "Rayonix MX300-HS": (3840, 3840),
    "Rayonix MX325": (4096, 4096), "Rayonix MX340": (3840, 3840), "Rayonix MX340-HS": (3840, 3840),
    "MAR 165": (2048, 2048), "MAR 225": (3072, 3072),
    "ADSC Q4": (2304, 2304), "ADSC Q210": (2048, 2048), "ADSC Q270": (2084, 2084), "ADSC Q315": (3072, 3072),
    "ADSC Q315r": (3072, 3072),
    "AGIPD 1M": (128, 64, 128), "ePix10k 2M": (64, 176, 192), "CSPAD": (64, 185, 194),
}  # fmt: skip
EDGES_MM = {  # of CCDs, which name them: length of an edge
    "Rayonix MX170": 170, "Rayonix MX225": 225, "Rayonix MX225-HS": 225, "Rayonix MX300": 300, "Rayonix MX300-HS": 300,
    "Rayonix MX325": 325, "Rayonix MX340": 340, "MAR 165": 162, "MAR 225": 225, "ADSC Q4": 188, "ADSC Q210": 209,
    "ADSC Q270": 270, "ADSC Q315": 313, "ADSC Q315r": 315,
}  # fmt: skip
GAPS = {  # masked pixels, rows and columns of pyFAI 2026.9, whose masks are the same pixel by pixel
    "EIGER2 16M": (1_250_824, 266, 36),
    "PILATUS3 6M": (526_101, 187, 28),
    "PILATUS3 2M": (197_365, 119, 14),
    "PILATUS3 300K": (16_558, 34, 0),
}
MODULES = {
    "EIGER ": 514 * 1030,
    "EIGER2": 512 * 1028,
    "PILATUS ": 195 * 487,
    "PILATUS3": 195 * 487,
    "PILATUS4": 255 * 513,
}
COUNTS = {"100K": 1, "200K": 2, "300K": 3, "300K-W": 3, "500K": 1, "1M": 10, "2M": 24, "4M": 8, "6M": 60, "9M": 18,
          "16M": 32}  # fmt: skip
SPECIAL = {"EIGER 1M": 2, "EIGER2 1M": 2, "PILATUS4 1M": 8, "PILATUS4 2M": 18, "PILATUS4 4M": 32}
SENSITIVE = {  # pixels of all modules
    name: pixels * SPECIAL.get(name, COUNTS[name.split()[1]])
    for name in SHAPES
    for family, pixels in MODULES.items()
    if name.startswith(family)
}
HOLES = ("JUNGFRAU 1M", "JUNGFRAU 4M", "JUNGFRAU 16M", "AGIPD 1M", "ePix10k 2M", "CSPAD")
CIRCLE = round(math.pi / 4 * 2048**2)


def test_all_names_are_tested() -> None:
    assert tuple(SHAPES) == nb.Detector.names()


@pytest.mark.parametrize("name", SHAPES)
def test_pixels_and_gaps(name: str) -> None:
    detector = nb.Detector.named(name, distance_mm=200)
    assert detector.name == name
    assert detector.shape == SHAPES[name]
    sensitive = math.prod(detector.shape) if detector.mask is None else np.count_nonzero(detector.mask)
    if name == "MAR 165":
        assert sensitive == pytest.approx(CIRCLE, rel=1e-4)
    else:
        assert sensitive == SENSITIVE.get(name, math.prod(detector.shape))
    assert detector.saturation_adu >= {"ePix10k 2M": 7300, "CSPAD": 1800}.get(name, 10_000)
    assert overlapping_panels(detector.panels) == []


@pytest.mark.parametrize("name", EDGES_MM)
def test_ccds_have_the_size_of_their_name(name: str) -> None:
    panel = nb.Detector.named(name).panels[0]
    assert panel.pixel_mm * panel.pixels[0] == pytest.approx(EDGES_MM[name], rel=0.003)


@pytest.mark.parametrize("name", GAPS)
def test_gaps_are_those_of_pyfai(name: str) -> None:
    gaps = ~nb.Detector.named(name).mask
    rows, columns = gaps.all(axis=1), gaps.all(axis=0)
    assert (np.count_nonzero(gaps), np.count_nonzero(rows), np.count_nonzero(columns)) == GAPS[name]
    np.testing.assert_array_equal(gaps, rows[:, np.newaxis] | columns)
    first = {"EIGER2 16M": (512, 1028)}.get(name, (195, 487))
    assert (rows.argmax(), columns.argmax() if columns.any() else first[1]) == first


def test_ccds_have_the_pixels_of_their_makers() -> None:
    """Sizes are 340 mm, or those in headers of an ADSC Q315r."""
    pixels = {name: nb.Detector.named(name).panels[0].pixel_mm for name in ("Rayonix MX340", "ADSC Q315r")}
    assert pixels["Rayonix MX340"] * 3840 == pytest.approx(340, abs=5e-4)
    assert pixels["ADSC Q315r"] == 0.102592


@pytest.mark.parametrize("name", SHAPES)
def test_the_beam_hits_the_middle_at_the_distance(name: str) -> None:
    """Also where the beam passes through the hole between modules."""
    detector = nb.Detector.named(name, distance_mm=200, convention="xds")
    corners = np.concatenate([panel.corners_mm() for panel in detector.panels])
    np.testing.assert_allclose(corners[:, 2], 200, atol=1e-9)
    np.testing.assert_allclose((corners.min(axis=0) + corners.max(axis=0))[:2], 0, atol=1.6)
    hit = [np.ptp(np.sign(panel.corners_mm()[:, :2]), axis=0).all() for panel in detector.panels]
    assert any(hit) != (name in HOLES)


def test_modules_follow_the_placement() -> None:
    """Modules keep their places on the plane in every frame and under every rotation."""
    straight = nb.Detector.named("JUNGFRAU 4M", convention="xds", distance_mm=100, beam_center_mm=(70, 80))
    swung = nb.Detector.named(
        "JUNGFRAU 4M", convention="mosflm", distance_mm=150, rotation_deg=(3, 4, 5), twotheta_deg=20
    )

    def inner(detector: nb.Detector) -> np.ndarray:
        corners = np.array([panel.corners_mm() for panel in detector.panels]).reshape(-1, 3)
        return np.linalg.norm(corners[:, None] - corners, axis=2)

    np.testing.assert_allclose(inner(straight), inner(swung), atol=1e-9)
    np.testing.assert_allclose(straight.panels[1].origin_mm, (1039 * 0.075 - 70, -80, 100))
    assert straight.nominal is None


def test_agipd_chips_are_where_extra_geom_puts_them() -> None:
    """x to the left, y up, looking along the beam: with xds that is -x and -y. Corners in pixels of 0.2 mm."""
    detector = nb.Detector.named("AGIPD 1M", convention="xds", distance_mm=100)
    places = np.array([panel.origin_mm for panel in detector.panels])[:, :2] / -0.2
    np.testing.assert_allclose(places[[0, 1, 8, 32, 64, 72, 96]], [
        (-525, 625), (-459, 625), (-525, 468), (-550, -10), (520, -160), (520, -317), (542.5, 475),
    ], atol=1e-9)  # fmt: skip
    fast, slow, normal = detector.panels[0].axes()
    np.testing.assert_allclose([fast, slow, normal], [(0, 1, 0), (-1, 0, 0), (0, 0, 1)], atol=1e-12)
    fast, slow, normal = detector.panels[64].axes()
    np.testing.assert_allclose([fast, slow, normal], [(0, -1, 0), (1, 0, 0), (0, 0, 1)], atol=1e-12)


LCLS = {  # chips per sensor, gap between them, width of the square hole, edge of the whole, in pixels
    "ePix10k 2M": (4, 2.5, 78.5, 1664.5),
    "CSPAD": (2, 3, 95, 1730),
}


@pytest.mark.parametrize("name", LCLS)
def test_detectors_of_four_quadrants(name: str) -> None:
    """A turn by 90° maps each quadrant onto the next; a hole is in the middle, and wide pixels are between chips."""
    chips, gap, hole, edge = LCLS[name]
    detector = nb.Detector.named(name, convention="xds", distance_mm=100)
    panels = detector.panels
    pixel = panels[0].pixel_mm
    corners = np.array([panel.corners_mm()[:, :2] for panel in panels]) / pixel
    quadrants = corners.reshape(4, -1, 2)
    for here, there in zip(quadrants, np.roll(quadrants, -1, axis=0), strict=True):
        np.testing.assert_allclose(here @ [[0, 1], [-1, 0]], there, atol=1e-9)
    np.testing.assert_allclose(np.abs(corners).max(axis=(0, 1)), edge / 2, atol=1e-9)
    low, high = corners.min(axis=1), corners.max(axis=1)
    assert np.maximum(np.maximum(low, -high), 0).max(axis=1).min() == pytest.approx(hole / 2)
    neighbours = np.maximum(low[1] - high[0], low[0] - high[1])
    assert neighbours.max() == pytest.approx(gap)
    sensors = low.reshape(-1, chips, 2).min(axis=1), high.reshape(-1, chips, 2).max(axis=1)
    for place, (start, end) in enumerate(zip(*sensors, strict=True)):
        others = np.arange(len(sensors[0])) != place
        apart = np.maximum(sensors[0][others] - end, start - sensors[1][others]).max(axis=1)
        assert 10 < apart.min() < 50
    np.testing.assert_allclose([panel.axes()[2] for panel in panels], [(0, 0, 1)] * len(panels), atol=1e-12)
    assert (detector.sensor_material, detector.sensor_thickness_um) == ("Si", 500)


def test_chips_of_lcls_are_where_their_geometry_files_put_them() -> None:
    """x to the left, y up, looking along the beam: with xds that is -x and -y. Corners in pixels.

    The tolerances are the distances of the files' quadrants from the mean quadrant.
    """
    epix, cspad = (nb.Detector.named(name, convention="xds", distance_mm=100) for name in LCLS)
    for detector, shift, expected in (
        (epix, 25, {0: (436.2, 428.7), 1: (435.6, 233.7), 2: (615.2, 428.1), 8: (14.5, 433.1), 16: (-407.2, 420.3),
                    63: (657.9, -174.7)}),
        (cspad, 14, {0: (449.9, -32.5), 1: (449.4, 164.5), 2: (243.8, -33.2), 4: (871.4, 363.3), 16: (41.6, 438.1),
                     48: (-21.8, -443.2)}),
    ):  # fmt: skip
        for place, corner in expected.items():
            panel = detector.panels[place]
            found = np.array(panel.origin_mm)[:2] / -panel.pixel_mm
            np.testing.assert_allclose(found, corner, atol=shift, err_msg=f"{detector.name}, panel {place}")
    fast, slow, _ = epix.panels[0].axes()
    np.testing.assert_allclose([fast, slow], [(0, 1, 0), (-1, 0, 0)], atol=1e-12)
    fast, slow, _ = cspad.panels[0].axes()
    np.testing.assert_allclose([fast, slow], [(0, -1, 0), (1, 0, 0)], atol=1e-12)


def test_given_values_replace_those_of_the_table() -> None:
    thick = nb.Detector.named("pilatus3-6m", sensor_thickness_um=1000, energy_eV=20_000)
    assert thick.sensor_thickness_um == 1000
    assert thick.attenuation_um == pytest.approx(1000 / 1.04011, rel=1e-4)
    mask = np.ones((619, 487), bool)
    mask[:100] = False
    masked = nb.Detector.named("PILATUS3_300K", mask=mask)
    assert np.count_nonzero(masked.mask) == (3 * 195 - 100) * 487
    layered = nb.Detector.named("EIGER2 16M", sensor_layers=5, sensor_depth_um=0)
    assert (layered.sensor_layers, layered.sensor_depth_um) == (5, 0)


def test_the_energy_sets_the_attenuation_depth() -> None:
    soft, hard = (nb.Detector.named("EIGER2 16M", energy_eV=energy) for energy in (7000, 20_000))
    assert soft.sensor_depth_um < 50 < hard.sensor_depth_um < 225
    same = nb.Detector.named("EIGER2 16M", wavelength_A=12398.42 / 7000)
    assert same.attenuation_um == pytest.approx(soft.attenuation_um)


# µ in 1/mm as cctbx (eltbx.attenuation_coefficient) has it from the same source
@pytest.mark.parametrize(
    ("material", "values"),
    [
        ("Si", [22.06084, 10.71429, 4.630252, 3.960301, 1.040112, 0.4492676, 0.06752163]),
        ("CdTe", [219.0411, 113.1428, 52.51778, 45.51476, 13.2928, 17.74763, 3.270833]),
        ("GaAs", [53.27344, 26.82764, 87.10186, 75.92187, 22.65256, 9.928379, 0.8802440]),
    ],
)
def test_attenuation_is_that_of_nist(material: str, values: list[float]) -> None:
    energies = (7000, 9000, 12000, 12658, 20000, 27000, 65000)
    ours = [attenuation_per_mm(material, 12398.42 / energy) for energy in energies]
    np.testing.assert_allclose(ours, values, rtol=1e-5)


@settings(max_examples=20)
@given(st.floats(0.01, 100), st.floats(0.01, 3))
def test_photons_stop_within_the_sensor(mu: float, thickness: float) -> None:
    depth = stopping_depth_mm(mu, thickness)
    assert 0 < depth <= thickness / 2 * (1 + 1e-6)
    slices = np.linspace(0, thickness, 5_001)
    middle, absorbed = (slices[1:] + slices[:-1]) / 2, -np.diff(np.exp(-mu * slices))
    assert depth == pytest.approx(middle @ absorbed / absorbed.sum(), rel=1e-3)


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_one_layer_puts_a_spot_where_many_layers_do() -> None:
    """At 2θ = 35°, where parallax moves a spot by 0.1 mm, to within 6 µm; and it catches as much."""

    def spot(layers: int, depth_um: float) -> tuple[float, float]:
        detector = nb.Detector.flat(
            pixels=(40, 200), pixel_mm=0.02, distance_mm=50, beam_center_mm=(-33, 0.4), convention="xds",
            sensor_thickness_um=450, attenuation_um=250, sensor_layers=layers, sensor_depth_um=depth_um,
        )  # fmt: skip
        config = nb.Config(
            crystal=nb.Crystal(cell=(50,), n_cells=120, shape="gauss", misset_deg=(0, 3.8, 0)),
            structure_factors=nb.StructureFactors.constant(1e3),
            detector=detector,
            sampling=nb.Sampling(oversample=2),
        )
        row = nb.simulate(config, dtype="float64").sum(axis=0)
        return float(row @ np.arange(200) / row.sum() * 20), float(row.sum())

    surface, _ = spot(1, 0)
    centre, caught = spot(1, 1000 * stopping_depth_mm(4.0, 0.45))
    thick, all_caught = spot(60, 450 / 120)
    assert thick - surface > 95
    assert abs(centre - thick) < 6
    assert caught == pytest.approx(all_caught, rel=0.025)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: nb.Detector.named("EIGR 16M"),
            "'EIGR 16M' is not a detector that is known here; did you mean 'EIGER 16M'",
        ),
        (lambda: nb.Detector.named("film"), "'film' is not a detector that is known here; the names are EIGER 500K"),
        (lambda: nb.Detector.named("AGIPD 1M", pixels=3), "Detector.pixels: is fixed by Detector.named"),
        (lambda: nb.Detector.named("AGIPD 1M", distance=3), "is not a field of"),
        (lambda: nb.Detector.named("AGIPD 1M", wavelength_A=1, energy_eV=1), "contradict"),
        (lambda: nb.Detector.named("AGIPD 1M", wavelength_A=-1), "wavelength_A = -1: must be from 1e-12 to 100000"),
        (lambda: nb.Detector.named("AGIPD 1M", energy_eV=500), "tabulated from 3 to 100 keV, not at 0.5 keV"),
        (lambda: nb.Detector.named("EIGER2 16M", mask="m.img"), "must be an array"),
        (lambda: attenuation_per_mm("film", 1.0), f"is not one of {', '.join(MATERIALS)}"),
    ],
)
def test_invalid_detectors_are_refused(make, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_config_keeps_a_named_detector(tmp_path) -> None:
    config = builders.config(detector=nb.Detector.named("PILATUS3 300K"))
    config.to_toml(tmp_path / "c.toml")
    assert nb.Config.from_toml(tmp_path / "c.toml") == config
