"""simulate(pixels=…): masks and lists of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.rendering.pixel_selection import select_pixels
from tests import builders

SHAPE = (37, 150)  # (slow, fast); rows of two and a half spans
FLAT = nb.Detector.flat(distance_mm=100, pixels=SHAPE, pixel_mm=0.3)
PANELS = nb.Detector(
    panels=[
        nb.Panel(
            origin_mm=(100, -20 + 12 * i, -20),
            fast_axis=(0, 0, 1),
            slow_axis=(0.1 * i, -1, 0),
            pixel_mm=0.3,
            pixels=SHAPE,
        )
        for i in range(3)
    ],
    sensor_thickness_um=300,
    sensor_layers=2,
)
MOSAIC: dict[str, Any] = {
    "beam": nb.Beam(dispersion_percent=1, dispersion_steps=3, kahn_factor=0.5),
    "background": nb.Background(water_um=1),
}


def scene(detector: nb.Detector = FLAT, shape: str = "square", **fields: Any) -> nb.Scene:
    crystal = builders.TRICLINIC.replace(shape=shape, n_cells=8, mosaic_spread_deg=0.5, mosaic_domains=3)
    return builders.scene(crystal=crystal, detector=detector, **MOSAIC, **fields)


def scattered(shape: tuple[int, ...], share: float = 0.1) -> np.ndarray:
    return np.random.default_rng(1).random(shape) < share


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("detector", [FLAT, PANELS])
@pytest.mark.parametrize("shape", ["square", "gauss", "round", "tophat"])
def test_chosen_pixels_have_the_bits_of_the_whole_image_and_others_are_zero(
    detector: nb.Detector, shape: str, dtype: Any
) -> None:
    what = scene(detector, shape)
    whole, chosen = nb.simulate(what, dtype=dtype), scattered(what.shape)
    for threads in (1, 3):
        part = nb.simulate(what, pixels=chosen, dtype=dtype, threads=threads)
        assert np.array_equal(part, np.where(chosen, whole, 0))


def test_the_bits_are_those_of_the_whole_image_with_interpolated_amplitudes() -> None:
    indices = np.stack(np.meshgrid(*3 * [np.arange(-9, 10)]), axis=-1).reshape(-1, 3)
    factors = nb.StructureFactors(indices=indices, amplitudes=10 + np.arange(len(indices)) % 7, interpolate=True)
    what = scene(structure_factors=factors)
    chosen = scattered(what.shape)
    assert what.lookup == "tricubic"
    assert np.array_equal(nb.simulate(what, pixels=chosen), np.where(chosen, nb.simulate(what), 0))


@pytest.mark.parametrize("share", [0.002, 0.2, 0.45, 0.7, 0.97])
def test_dense_and_sparse_selections_have_the_bits_of_the_whole_image(share: float) -> None:
    what = scene(nb.Detector.flat(distance_mm=100, pixels=(11, 401), pixel_mm=0.1))
    whole, chosen = nb.simulate(what), scattered(what.shape, share)
    for threads in (1, 2):
        assert np.array_equal(nb.simulate(what, pixels=chosen, threads=threads), np.where(chosen, whole, 0))
    seen: list[tuple[int, int]] = []
    nb.simulate(what, pixels=chosen, progress=lambda *counts: seen.append(counts))
    assert seen[-1][0] == seen[-1][1] > 0


def test_boxes_are_half_open_ranges_of_a_panel_and_may_overlap() -> None:
    what = scene(PANELS)
    whole = nb.simulate(what)
    expected = np.zeros_like(whole)
    expected[0, 3:9, 60:70] = whole[0, 3:9, 60:70]
    expected[2, 5:37, 0:4] = whole[2, 5:37, 0:4]
    expected[2, :, 2:150] = whole[2, :, 2:150]
    boxes = [nb.Box(0, slice(3, 9), slice(60, 70)), (2, slice(5, None), slice(4)), (2, slice(None), slice(2, 150, 1))]
    assert np.array_equal(nb.simulate(what, pixels=boxes), expected)
    assert np.array_equal(nb.simulate(what, pixels=iter(boxes)), expected)
    assert np.array_equal(boxes[0].cut(whole), whole[0, 3:9, 60:70])
    assert np.array_equal(nb.Box(0, slice(1, 2), slice(3, 5)).cut(whole[0]), whole[0, 1:2, 3:5])


def test_pixels_outside_keep_what_out_holds() -> None:
    what = scene()
    chosen = scattered(what.shape)
    out = np.full(what.shape, 7.0)
    assert nb.simulate(what, pixels=chosen, out=out) is out
    whole = nb.simulate(what, dtype="float64")
    assert np.array_equal(out, np.where(chosen, whole, 7.0))
    nb.simulate(what, pixels=chosen, out=out, add=True)
    assert np.array_equal(out, np.where(chosen, whole + whole, 7.0))


def test_the_mask_and_the_roi_apply_as_well() -> None:
    chosen, mask = scattered(SHAPE, 0.5), scattered(SHAPE, 0.7)
    what = scene(FLAT.replace(mask=mask), roi=np.s_[3:31, 10:141])
    inside = np.zeros(SHAPE, bool)
    inside[3:31, 10:141] = True
    whole = nb.simulate(scene())
    assert np.array_equal(nb.simulate(what, pixels=chosen), np.where(chosen & mask & inside, whole, 0))
    other = nb.simulate(what, pixels=chosen, roi=np.s_[0:6, 100:150])
    inside[:] = False
    inside[:6, 100:] = True
    assert np.array_equal(other, np.where(chosen & mask & inside, whole, 0))
    assert mask.sum() == what.rendered.sum()  # the scene's own mask is not changed


def test_no_pixels_at_all_render_nothing() -> None:
    seen: list[tuple[int, int]] = []
    none = np.zeros(SHAPE, bool)
    for pixels in (none, []):
        assert not nb.simulate(scene(), pixels=pixels, progress=lambda *counts: seen.append(counts)).any()
    assert not nb.simulate(scene(), pixels=[(0, slice(0, 2), slice(0, 2))], roi=np.s_[5:10, 5:10]).any()
    assert seen == []


def test_the_region_of_the_selection_is_tight() -> None:
    boxes = [(0, slice(5, 7), slice(20, 30)), (2, slice(6, 9), slice(4, 21))]
    found = select_pixels(scene(PANELS), boxes, None)
    assert found.roi == (4, 29, 5, 8)
    assert found.mask is not None
    assert (found.mask.dtype, found.mask.shape) == (np.uint8, (3, *SHAPE))
    assert found.mask.sum() == 2 * 10 + 3 * 17
    assert select_pixels(scene(PANELS), boxes, np.s_[6:37, :26]).roi == (4, 25, 6, 8)
    assert select_pixels(scene(), None, None) == (None, (0, 149, 0, 36))


def test_only_the_chosen_pixels_are_computed() -> None:
    seen: list[tuple[int, int]] = []
    nb.simulate(scene(), pixels=[(0, slice(5, 7), slice(20, 30))], progress=lambda *counts: seen.append(counts))
    assert seen[-1] == (20, 20)


def test_under_compat_c_a_selection_acts_as_a_mask_does() -> None:
    chosen = scattered(SHAPE)
    chosen[0, :5] = False
    crystal = builders.TRICLINIC.replace(n_cells=3)
    fields = {"compat": "c", "crystal": crystal, "scan": nb.Scan(start_deg=-1, range_deg=2, steps=3)}
    masked = builders.config(detector=FLAT.replace(mask=chosen), **fields)
    plain = builders.config(detector=FLAT, **fields)
    assert np.array_equal(nb.simulate(plain, pixels=chosen), nb.simulate(masked))


# pixels, message
REFUSED = {
    "another shape": (
        np.ones((150, 37), bool),
        r"pixels of shape \(150, 37\): must have the image's shape \(37, 150\)",
    ),
    "integers": (np.ones(SHAPE, np.uint8), r"pixels of dtype uint8: must be a boolean array; give array != 0"),
    "a number": (5, "pixels = 5: must be a boolean array or a list of boxes"),
    "one box": (nb.Box(0, slice(1), slice(1)), "must be a boolean array or a list of boxes"),
    "another panel": ([(1, slice(1), slice(1))], r"pixels\[0\] = .*: is empty or not within .* panels are 0…0"),
    "a panel from the end": ([(-1, slice(1), slice(1))], "is empty or not within the detector"),
    "beyond": ([(0, slice(1), slice(1)), (0, slice(30, 38), slice(1))], r"pixels\[1\] = .*slow pixels 0…36"),
    "before": ([(0, slice(5), slice(-3, 5))], "is empty or not within the detector"),
    "empty": ([(0, slice(5, 5), slice(3))], "is empty or not within the detector"),
    "a step": ([(0, slice(0, 9, 2), slice(3))], "is not a box; give the number of the panel and two slices"),
    "fractions": ([(0, slice(0.5, 9), slice(3))], "is not a box"),
    "a fractional panel": ([(0.5, slice(9), slice(3))], "is not a box"),
    "numbers": ([(0, 1, 2)], "is not a box"),
    "two ranges": ([(slice(9), slice(3))], "is not a box"),
    "text": ("ab", r"pixels\[0\] = 'a': is not a box"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_selections_are_refused(name: str) -> None:
    pixels, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        nb.simulate(scene(), pixels=pixels)  # type: ignore[arg-type]
