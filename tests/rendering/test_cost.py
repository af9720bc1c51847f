"""What an image costs; times are computed from a made-up speed, because measured ones are not asserted."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.rendering import cost as cost_module
from nanobragg.rendering import speed as speed_module
from nanobragg.rendering.cost import duration
from nanobragg.rendering.speed import Speed, kernel_speed
from tests import builders

MOSAIC = builders.CRYSTAL.replace(mosaic_spread_deg=0.3, mosaic_domains=7)
EVERYTHING: dict[str, Any] = {
    "crystal": MOSAIC,
    "beam": nb.Beam(dispersion_percent=1, dispersion_steps=3),
    "scan": nb.Scan(range_deg=1, steps=2),
    "sampling": nb.Sampling(oversample=6),
    "detector": builders.DETECTOR.replace(sensor_thickness_um=300, sensor_layers=4),
}
TOLERANCE = "tolerance=1e-7, to leave out terms that cannot be seen"
SHAPE = 'Crystal.shape = "gauss", whose spots end sooner than those of "square"'
PER_PIXEL = 7 * 3 * 2 * 6**2 * 4
PANELS = nb.Detector(
    panels=[
        nb.Panel(origin_mm=(100, 0, 10 * i), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=0.5, pixels=(9, 12))
        for i in range(3)
    ]
)


@pytest.fixture
def slow_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a ray take 5 µs, and a term 1 µs."""
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: Speed(5e-6, 1e-6))
    monkeypatch.setattr(cost_module, "NOTABLE_TERMS", 100)


def test_terms_are_those_of_all_loops() -> None:
    scene = builders.scene(**EVERYTHING)
    assert scene.cost().terms == scene.cost().terms_evaluated == 32 * 48 * PER_PIXEL
    assert scene.cost(roi=np.s_[2:4, 3:8]).terms == 5 * 2 * PER_PIXEL
    chosen = np.zeros((32, 48), bool)
    chosen[::3, 5] = True
    assert scene.cost(pixels=chosen).terms == 11 * PER_PIXEL
    assert scene.cost(pixels=chosen, roi=np.s_[0:9, 0:48]).terms == 3 * PER_PIXEL
    masked = builders.scene(**{**EVERYTHING, "detector": EVERYTHING["detector"].replace(mask=chosen)})
    assert masked.cost().terms == 11 * PER_PIXEL
    several = builders.scene(detector=PANELS)
    assert several.cost().terms == 3 * 9 * 12 * several.terms
    assert scene.cost(pixels=[])[:3] == (0, 0, 0.0)


def test_time_is_that_of_rays_and_terms_on_all_threads(slow_kernel: None) -> None:
    scene = builders.scene(**EVERYTHING)
    rays = 32 * 48 * 3 * 6**2 * 4
    one, three = scene.cost(threads=1), scene.cost(threads=3)
    assert one.seconds == pytest.approx(rays * 5e-6 + rays * 14 * 1e-6, rel=1e-12)
    assert (three.seconds, three.threads) == (pytest.approx(one.seconds / 3, rel=1e-12), 3)


def test_every_lattice_has_its_part_of_the_tolerance() -> None:
    sharp = builders.TRICLINIC.replace(mosaic_spread_deg=0.2, mosaic_domains=30)
    crystals = [sharp, sharp.replace(misset_deg=(50, -20, 10))]
    both = nb.Scene(nb.Config(crystals=crystals, structure_factors=builders.FACTORS, detector=builders.DETECTOR))
    whole = both.cost(tolerance_ph=2.0)
    parts = [lattice.cost(tolerance_ph=1.0) for lattice in both.lattices]
    more = [lattice.cost(tolerance_ph=2.0) for lattice in both.lattices]
    assert whole.terms_evaluated == sum(part.terms_evaluated for part in parts)
    assert whole.terms_evaluated > sum(part.terms_evaluated for part in more)


def test_memory_is_that_of_image_table_and_orientations() -> None:
    detector = nb.Detector.flat(pixels=(300, 400), pixel_mm=0.05)
    factors = nb.StructureFactors.wilson((60, 70, 80, 90, 90, 90), "P 1", b_factor=20, d_min_A=6, seed=1)
    scene = builders.scene(crystal=MOSAIC, structure_factors=factors, detector=detector)
    single, double = scene.cost().memory_bytes, scene.cost(dtype="float64").memory_bytes
    table = scene.core(np.float64).nbytes - scene.core(np.float32).nbytes
    assert double - single == 300 * 400 * 4 + table
    assert table > 0
    indices, amplitudes = factors.listing
    assert single > 300 * 400 * 4 + table + 7 * 9 * 8 + indices.nbytes + amplitudes.nbytes
    assert single < 2 * (300 * 400 * 4 + 2 * table + indices.nbytes + amplitudes.nbytes)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"detector": nb.Detector.flat(pixels=(1, 1))},
        {"detector": PANELS},
        {"compat": "c", "scan": nb.Scan(range_deg=1, steps=2)},
        {"sampling": nb.Sampling(d_min_A=30)},
        {"crystal": MOSAIC.replace(shape="gauss", size_mm=0.01)},
        {"background": nb.Background(table=[[0, 1], [1, 2]], thickness_um=10), "roi": (slice(5, 6), slice(3, 4))},
        {**EVERYTHING},
    ],
)
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_the_speed_of_every_kind_of_scene_can_be_measured(fields: dict[str, Any]) -> None:
    scene = builders.scene(**fields)
    image = nb.simulate(scene)
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        speed = kernel_speed(scene, dtype)
        assert speed.per_ray >= 0
        assert 0 < speed.per_term < math.inf
    assert np.array_equal(nb.simulate(scene), image)  # the measurement leaves the scene as it is


def test_a_kind_of_scene_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(speed_module, "_measured", {})
    monkeypatch.setattr(speed_module, "_measure", lambda scene, core, dtype: measured.append(dtype) or Speed(0, 1))
    float32 = np.dtype(np.float32)
    for _ in range(3):
        kernel_speed(builders.scene(), float32)
    assert len(measured) == 1
    kernel_speed(builders.scene(crystal=builders.CRYSTAL.replace(shape="round")), float32)
    kernel_speed(builders.scene(), np.dtype(np.float64))
    assert len(measured) == 3
    kernel_speed(builders.scene(crystal=MOSAIC), float32)  # one orientation does not tell rays and terms apart
    assert len(measured) == 4
    for _ in range(2):  # what a resolution limit leaves out differs between scenes
        kernel_speed(builders.scene(sampling=nb.Sampling(d_min_A=4)), float32)
    assert len(measured) == 6


def said(caplog: pytest.LogCaptureFixture, scene: nb.Scene, **options: Any) -> list[tuple[str, str]]:
    """Return levels and texts of what a rendering says before its end."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "nanobragg"):
        nb.simulate(scene, threads=1, **options)
    return [(record.levelname, record.getMessage()) for record in caplog.records][:-1]


@pytest.mark.filterwarnings("ignore:oversample = 6")
def test_simulate_says_what_takes_ten_seconds_and_the_cure_for_a_minute(
    monkeypatch: pytest.MonkeyPatch, slow_kernel: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: Speed(0.0, 1e-3))
    scene = builders.scene(sampling=nb.Sampling(oversample=6))  # 36 ms a pixel
    assert said(caplog, scene, roi=np.s_[0:10, 0:10]) == []
    ((level, text),) = said(caplog, scene, pixels=[(0, slice(0, 10), slice(0, 40))])
    assert level == "INFO"
    assert text.startswith("the image has 1.44e+04 terms, about 14 s on 1 thread, ")
    assert "shorten" not in text
    ((level, text),) = said(caplog, nb.Scene(scene.config.replace(crystal=MOSAIC.replace(n_cells=80))))
    assert level == "WARNING"
    assert ", about 6.5 minutes on 1 thread, " in text
    blocks, tolerance, shape, part, fewer = text.partition("to shorten it: ")[2].split("; ")
    assert blocks.endswith("(nb.Crystal.realistic): blocks of 0.64 µm need 97² sub-pixels")
    assert (tolerance, shape) == (TOLERANCE, SHAPE)
    assert "nb.shoeboxes" in part
    assert fewer == "fewer of the 36 sub-pixels, 7 mosaic domains"


def test_small_images_are_not_even_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: pytest.fail("measured"))
    nb.simulate(builders.scene(**EVERYTHING))


def test_cures_are_those_that_apply() -> None:
    part: dict[str, Any] = {"sampling": nb.Sampling(oversample=6), "roi": (slice(0, 10), slice(0, 10))}
    assert builders.scene(crystal=MOSAIC, **part).cost().cures == (
        TOLERANCE,
        SHAPE,
        "fewer of the 36 sub-pixels, 7 mosaic domains",
    )
    one_cell = builders.scene(crystal=builders.CRYSTAL.replace(n_cells=1), sampling=nb.Sampling(oversample=1))
    assert one_cell.cost(pixels=np.ones((32, 48), bool)).cures == ()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00123, "0.0012 s"),
        (119, "119 s"),
        (120, "2 minutes"),
        (7199, "120 minutes"),
        (7200, "2 hours"),
        (2.5e5, "2.9 days"),
        (1e9, "32 years"),
    ],
)
def test_times_are_in_units_that_people_use(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_invalid_arguments_are_refused() -> None:
    scene = builders.scene()
    for options, message in (
        ({"dtype": "float16"}, "dtype = 'float16'"),
        ({"threads": 0}, "threads = 0"),
        ({"roi": (slice(0, 1), slice(0, 100))}, "roi = "),
        ({"pixels": np.ones((2, 2), bool)}, "pixels of shape"),
    ):
        with pytest.raises(ConfigError, match=message):
            scene.cost(**options)
