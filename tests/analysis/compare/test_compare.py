"""`compare`: measures of agreement of two images, and the first quantity in which two traces of a pixel differ."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.compare.peaks import find_peaks
from nanobragg.analysis.compare.traces import COUNTS, differ
from nanobragg.errors import ConfigError, ShapeError
from tests import builders

H, K, L = (index.ravel() for index in np.indices((25, 25, 25)) - 12)
INDICES = np.stack([H, K, L], 1)
NEXT_INDICES = INDICES + np.array([0, 0, 1])
AMPLITUDES = 50.0 + (7 * H + 3 * K + 5 * L) % 17  # no two neighbours alike
PIXEL = {"slow": 21, "fast": 9}


def detector(**changes: Any) -> nb.Detector:
    base: dict[str, Any] = {"distance_mm": 100, "pixels": (32, 32), "pixel_mm": 0.5, "beam_center_mm": (8, 8)}
    sensor = {"sensor_thickness_um": 300, "sensor_layers": 3, "attenuation_um": 200}
    return nb.Detector.flat(**{**base, **sensor, **changes})


config = partial(
    builders.config,
    crystal=nb.Crystal(cell=(40, 50, 60, 80, 95, 100), misset_deg=(10, 20, 30), n_cells=6),
    structure_factors=nb.StructureFactors(indices=INDICES, amplitudes=AMPLITUDES, interpolate=False),
    beam=nb.Beam(wavelength_A=1.0, kahn_factor=0.0),
    detector=detector(),
    scan=nb.Scan(start_deg=1, range_deg=2, steps=2),
    sampling=nb.Sampling(oversample=1),
)


def unrotated(scene: nb.Scene) -> nb.Scene:
    scene.cells = np.concatenate([scene.cells[:1], scene.cells[:1]])
    return scene


def without_a_layer(scene: nb.Scene) -> nb.Scene:
    scene.sensor = replace(scene.sensor, count=2)
    return scene


def swapped_axes() -> nb.Config:
    plain = detector()
    panel = plain.panels[0]
    swapped = panel.replace(fast_axis=panel.slow_axis, slow_axis=panel.fast_axis)
    return config(detector=plain.replace(panels=(swapped,), nominal=None))


def scene_of(**changes: Any) -> nb.Scene:
    return nb.Scene(config(**changes))


FIRST_RAY = "place[0,0,0].source[0]."
FIRST_TERM = f"{FIRST_RAY}phi[0].domain[0]."
FIRST_PIXEL_CENTRE = (8.25, 8.25)  # half a pixel on, along both axes

# what is planted, and the quantity where it must be found
PLANTED: dict[str, tuple[Callable[[], nb.Scene], str]] = {
    "polarization default": (lambda: scene_of(beam=nb.Beam(kahn_factor=0.5)), f"{FIRST_RAY}polar"),
    "swapped axes": (lambda: nb.Scene(swapped_axes()), "panel.fast_axis"),
    "half a pixel": (lambda: scene_of(detector=detector(beam_center_mm=FIRST_PIXEL_CENTRE)), "panel.pix0_m"),
    "wavelength": (lambda: scene_of(beam=nb.Beam(wavelength_A=1.0001)), f"{FIRST_RAY}wavelength_m"),
    "unrotated phi step": (lambda: unrotated(scene_of()), f"{FIRST_RAY}phi[1].domain[0].a_A"),
    "scaled amplitude": (
        lambda: scene_of(structure_factors=nb.StructureFactors(indices=INDICES, amplitudes=1.01 * AMPLITUDES)),
        f"{FIRST_TERM}F_cell",
    ),
    "lost layer": (lambda: without_a_layer(scene_of()), f"{COUNTS}layers"),
    "shifted table": (
        lambda: scene_of(
            structure_factors=nb.StructureFactors(indices=INDICES + np.array([0, 0, 1]), amplitudes=AMPLITUDES)
        ),
        f"{FIRST_TERM}F_cell",
    ),
}


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
class TestTraces:
    def test_equal_experiments_do_not_diverge(self):
        one, other = (nb.trace(scene_of(), **PIXEL, strongest=None) for _ in range(2))
        found = nb.compare(one, other)
        assert found.divergence is None
        assert found.agreed == len(one.values()) - 1 + 6  # what the recorder left out is no quantity; counts are

    @pytest.mark.parametrize("name", PLANTED)
    def test_planted_divergence_is_located(self, name):
        plant, quantity = PLANTED[name]
        truth, wrong = (nb.trace(scene, **PIXEL, strongest=None) for scene in (scene_of(), plant()))
        assert truth.final.pixel != wrong.final.pixel
        found = nb.compare(wrong, truth).divergence
        assert found is not None
        assert found.name == quantity
        assert found.a != found.b
        values = wrong.values()
        assert quantity.startswith(COUNTS) or found.a == values[quantity]
        assert str(found).startswith(f"{quantity}: ")

    def test_other_mosaic_seed_shows_in_the_second_domain(self):
        mosaic = nb.Crystal(
            cell=(40, 50, 60), n_cells=6, mosaic_spread_deg=1, mosaic_domains=2, mosaic_sampling="random"
        )
        one, other = (
            nb.trace(config(crystal=mosaic.replace(mosaic_seed=seed)), **PIXEL, strongest=None) for seed in (1, 2)
        )
        assert nb.compare(one, other).divergence.name == f"{FIRST_RAY}phi[0].domain[1].a_A"

    def test_terms_that_only_one_trace_keeps_are_left_out(self):
        scene = scene_of(crystal=nb.Crystal(cell=(40, 50, 60), n_cells=6, mosaic_spread_deg=1, mosaic_domains=9))
        few, all_terms = (nb.trace(scene, **PIXEL, strongest=strongest) for strongest in (2, None))
        assert nb.compare(few, all_terms).divergence is None
        assert 0 < nb.compare(few, all_terms).agreed < len(all_terms.values())

    @pytest.mark.parametrize(("change", "diverges"), [(1e-10, False), (1e-8, True)])
    def test_quantities_that_differ_by_more_than_rounding_diverge(self, change, diverges):
        one = nb.trace(config(), **PIXEL)
        other = nb.trace(config(structure_factors=nb.StructureFactors(
            indices=INDICES, amplitudes=AMPLITUDES * (1 + change), interpolate=False
        )), **PIXEL)  # fmt: skip
        assert (nb.compare(one, other).divergence is not None) == diverges

    def test_rounding_is_tolerated_and_more_is_a_divergence(self):
        for a, b, apart in (
            (1.0, 1.0 + 1e-12, False), (1.0, 1.0 + 1e-8, True), ((1.0, 0.0), (1.0, 1e-12), False),
            ((1.0, 0.0), (1.0, 1e-8), True), (math.nan, math.nan, False), (math.inf, math.inf, False),
            (math.inf, 1.0, True), (None, None, False), (None, 1.0, True), ((1.0,), (1.0, 2.0), True),
            ("nearest", "default", True), (True, False, True), (3, 4, True), (0.0, 0.0, False),
        ):  # fmt: skip
            assert differ(a, b, rounding=1e-9) == apart, (a, b)
        assert not differ(1e-12, 2e-12, rounding=1e-9, scale=1.0)


def spots(*places: tuple[float, float], size: int = 40) -> np.ndarray:
    """Return an image of Gaussians of σ = 1.5 pixels, the first one the brightest."""
    slow, fast = np.indices((size, size))
    return sum((100.0 - 5 * i) * np.exp(-((slow - s) ** 2 + (fast - f) ** 2) / 4.5) for i, (s, f) in enumerate(places))


PLACES = ((5, 6), (10, 30), (20, 20), (31, 9), (33, 34))


class TestImages:
    def test_numbers_are_those_of_their_definitions(self):
        a, b = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[1.0, 1.0], [3.0, 4.0]])
        found = nb.compare(a, b, peaks=0)
        assert found.correlation == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1], rel=1e-14)
        assert (found.mse, found.rmse, found.max_abs, found.max_at) == (1.25, math.sqrt(1.25), 2.0, (1, 1))
        assert (found.sum_a, found.sum_b, found.sum_ratio) == (12, 9, 12 / 9)
        assert (found.max_a, found.max_b, found.pixels, found.one_sided) == (6, 4, 4, 0)
        assert found.peaks is None

    def test_equal_images_correlate_fully_even_when_black(self):
        found = nb.compare(np.zeros((3, 4)), np.zeros((3, 4)))
        assert (found.correlation, found.sum_ratio, found.max_abs) == (1.0, 1.0, 0.0)

    def test_correlation_with_a_uniform_image_is_undefined(self):
        found = nb.compare(np.eye(3), np.zeros((3, 3)), peaks=0)
        assert math.isnan(found.correlation)
        assert found.sum_ratio == math.inf
        assert found.metrics()["correlation"] is found.metrics()["sum_ratio"] is None

    def test_non_finite_pixels_are_left_out_or_reported(self):
        a, b = np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4)
        a[0, 0] = b[0, 0] = math.nan
        assert nb.compare(a, b, peaks=0).correlation == 1
        a[2, 1] = math.inf
        found = nb.compare(a, b, peaks=0)
        assert (found.pixels, found.one_sided, found.max_abs) == (10, 1, 0.0)
        assert math.isnan(found.correlation)
        nothing = nb.compare(np.full((2, 2), math.nan), np.ones((2, 2)), peaks=0)
        assert nothing.max_at is None
        assert nothing.pixels == 0

    def test_other_shapes_are_an_error(self):
        with pytest.raises(ShapeError, match=r"\(2, 3\), b \(3, 2\)"):
            nb.compare(np.ones((2, 3)), np.ones((3, 2)))

    @pytest.mark.parametrize("image", [np.ones(3), np.ones((0, 3)), np.array([["a"]]), np.ones((2, 2), complex)])
    def test_arrays_that_are_not_images_are_refused(self, image):
        with pytest.raises(ConfigError, match="must be an image"):
            nb.compare(image, image)
        with pytest.raises(ConfigError, match="peaks = -1"):
            nb.compare(np.ones((2, 2)), np.ones((2, 2)), peaks=-1)

    @pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
    def test_an_image_and_a_trace_cannot_be_compared(self):
        with pytest.raises(ConfigError, match="a Trace and a ndarray"):
            nb.compare(nb.trace(config(), **PIXEL), np.ones((2, 2)))


class TestPeaks:
    def test_shifted_peaks_are_paired_with_their_shifts(self):
        pytest.importorskip("scipy")
        moved = [(s + 0.5 + 0.01 * i, f - 1.25) for i, (s, f) in enumerate(PLACES)]
        peaks = nb.compare(spots(*moved), spots(*PLACES)).peaks
        assert (len(peaks.pairs), peaks.only_a, peaks.only_b) == (5, 0, 0)
        for i, pair in enumerate(peaks.pairs):
            assert pair.b[1:] == pytest.approx(PLACES[i], abs=0.01)
            assert pair.shift_px == pytest.approx((0.5 + 0.01 * i, -1.25), abs=0.1)  # a parabola is no Gaussian
        assert peaks.mean_shift_px == pytest.approx((0.52, -1.25), abs=0.1)
        assert peaks.largest_shift_px == pytest.approx(math.hypot(0.54, 1.25), abs=0.1)

    def test_assignment_makes_all_shifts_together_smallest(self):
        """A greedy assignment would pair peaks that are 1 pixel apart and leave two that are 7 pixels apart."""
        pytest.importorskip("scipy")
        peaks = nb.compare(spots((10, 10), (10, 14)), spots((10, 13), (10, 17))).peaks
        assert [round(pair.distance_px) for pair in peaks.pairs] == [3, 3]

    def test_peaks_without_a_partner_are_counted(self):
        pytest.importorskip("scipy")
        peaks = nb.compare(spots(*PLACES), spots(*PLACES[:3])).peaks
        assert (len(peaks.pairs), peaks.only_a, peaks.only_b) == (3, 2, 0)
        assert nb.compare(spots(*PLACES), spots(*PLACES), peaks=2).metrics()["peaks_matched"] == 2

    @pytest.mark.parametrize(("distance", "pairs"), [(9, 1), (11, 0)])
    def test_peaks_more_than_ten_pixels_apart_are_not_paired(self, distance, pairs):
        pytest.importorskip("scipy")
        peaks = nb.compare(spots((10, 10)), spots((10, 10 + distance))).peaks
        assert (len(peaks.pairs), peaks.only_a, peaks.only_b) == (pairs, 1 - pairs, 1 - pairs)

    def test_peaks_below_a_hundredth_of_the_brightest_pixel_are_left_out(self):
        image = np.zeros((9, 30))
        image[4, 4], image[4, 14], image[4, 24] = 1000.0, 11.0, 9.0
        assert [photons for _, photons in find_peaks(image, 10)] == [1000.0, 11.0]

    def test_fifty_peaks_are_compared_by_default(self):
        pytest.importorskip("scipy")
        image = np.zeros((40, 40))
        image[2::5, 2::5] = 9.0
        assert len(nb.compare(image, image).peaks.pairs) == 50

    def test_panels_do_not_mix(self):
        pytest.importorskip("scipy")
        a, b = np.stack([spots((20, 20)), np.zeros((40, 40))]), np.stack([np.zeros((40, 40)), spots((20, 20))])
        peaks = nb.compare(a, b).peaks
        assert (len(peaks.pairs), peaks.only_a, peaks.only_b) == (0, 1, 1)

    def test_a_plateau_and_an_edge_are_one_peak_each(self):
        pytest.importorskip("scipy")
        image = np.zeros((6, 6))
        image[2:4, 2:4], image[0, 5] = 7, 9
        found = find_peaks(image, 10)
        assert [photons for _, photons in found] == [9, 7]
        assert found[0][0] == (0, 0, 5)
        assert found[1][0] == (0, 2.5, 2.5)

    def test_without_scipy_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "scipy.optimize", None)
        with pytest.raises(ConfigError, match=r"nanobragg\[compare\]"):
            nb.compare(np.eye(3), np.eye(3))
        assert nb.compare(np.eye(3), np.eye(3), peaks=0).correlation == 1
