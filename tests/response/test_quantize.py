"""Integer and PGM images equal the C program's byte for byte; edge cases of the rounding rule."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nanobragg.errors import ConfigError
from nanobragg.response.quantize import to_integers, to_pgm
from tests.paths import GOLDEN

FACTS = json.loads((GOLDEN / "facts.json").read_text())
RUNS = [
    f"{family}/{run}"
    for family, runs in {
        "AT-IO": ["int-auto", "int-scale", "pgm-scale", "header-xds", "img-header", "mask"],
        "AT-NOISE": ["few-photons", "many-photons", "overloads", "gaussian-branch", "water", "adc"],
    }.items()
    for run in runs
]
SCALE_AND_ADC = {"AT-IO/int-scale": (2.5, 10.0), "AT-NOISE/adc": (None, 100.0)}


def golden(run: str, kind: str) -> np.ndarray:
    family, name = run.split("/")
    with np.load(GOLDEN / f"{family}.npz") as stored:
        return stored[f"{name}/{kind}"]


@pytest.mark.parametrize("run", RUNS)
def test_integer_image_equals_the_c_programs(run):
    scale, adc_offset = SCALE_AND_ADC.get(run, (None, 40.0))
    integers, used = to_integers(golden(run, "image"), scale, adc_offset)
    np.testing.assert_array_equal(integers, golden(run, "int"))
    assert float(f"{used:.6g}") == FACTS[run]["printed"]["intfile_scale"]


@pytest.mark.parametrize("run", RUNS)
def test_pgm_equals_the_c_programs(run):
    image = golden(run, "image")
    rmsd = None
    if run == "AT-IO/mask":  # C's mean skips the 320 masked pixels, its deviations do not
        wide = image.astype(np.float64)
        rmsd = np.sqrt(((wide - wide.sum() / (wide.size - 320)) ** 2).sum() / (wide.size - 1))
    greys, used = to_pgm(image, 0.5 if run == "AT-IO/pgm-scale" else None, rmsd)
    np.testing.assert_array_equal(greys, golden(run, "pgm"))
    assert float(f"{used:.6g}") == FACTS[run]["printed"]["pgm_scale"]


def test_rounding_and_clipping():
    image = np.array([[0.0, 0.49, 0.5, 1.5, 2.4999], [-0.6, -3.0, 65534.4, 65534.5, 1e30]], np.float32)
    integers, scale = to_integers(image, 1.0, adc_offset=0.0)
    np.testing.assert_array_equal(integers, [[0, 0, 1, 2, 2], [0, 0, 65534, 65535, 65535]])
    assert scale == 1.0


def test_the_sum_is_rounded_to_single_precision_before_the_floor():
    # 0.49999999 + 1/2 is below 1 in double and 1 in float
    assert to_integers([[1.0]], 0.49999999, adc_offset=0.0)[0][0, 0] == 1
    assert to_integers([[1.0]], 0.4999999, adc_offset=0.0)[0][0, 0] == 0


def test_the_brightest_pixel_becomes_55000():
    integers, scale = to_integers([[0.0, 2.0], [1.0, 4.0]], adc_offset=7)
    assert scale == 13750.0
    np.testing.assert_array_equal(integers, [[7, 27507], [13757, 55007]])


def test_a_dark_image_has_scale_1():
    integers, scale = to_integers(np.zeros((3, 2)))
    assert scale == 1.0
    assert (integers == 40).all()
    greys, pgm_scale = to_pgm(np.zeros((3, 2)), integer_scale=3.0)
    assert pgm_scale == 3.0
    assert not greys.any()


def test_only_pixels_of_the_roi_set_the_scale_and_the_rest_is_0():
    image = np.arange(20, dtype=np.float32).reshape(4, 5)
    integers, scale = to_integers(image, roi=np.s_[0:2, 1:3])
    assert scale == 55000 / 7
    part, _ = to_integers(image[0:2, 1:3])
    np.testing.assert_array_equal(integers[0:2, 1:3], part)
    assert np.count_nonzero(integers) == 4
    greys, pgm_scale = to_pgm(image, roi=np.s_[0:2, 1:3])
    assert pgm_scale == pytest.approx(50 / image[0:2, 1:3].std(ddof=1, dtype=np.float64), rel=1e-12)
    np.testing.assert_array_equal(greys[0:2, 1:3], np.minimum(image[0:2, 1:3] * pgm_scale, 255).astype(np.uint8))
    assert np.count_nonzero(greys) == 4


def test_masked_pixels_hold_the_offset():
    image = np.array([[9.0, 2.0], [1.0, 2.0]], np.float32)
    integers, scale = to_integers(image, adc_offset=12, mask=[[0, 1], [1, 3]])
    assert scale == 27500.0
    np.testing.assert_array_equal(integers, [[12, 55012], [27512, 55012]])
    assert image[0, 0] == 9.0


def test_greys_are_truncated_and_clipped():
    greys, _ = to_pgm([[0.0, 0.99, 1.0, 254.99, 255.0, 1e9, -4.0]], scale=1.0)
    np.testing.assert_array_equal(greys, [[0, 0, 1, 254, 255, 255, 0]])


def test_blocks_join_without_a_seam():
    image = np.linspace(0, 1000, 300 * 700, dtype=np.float32).reshape(300, 700)
    wanted = np.floor((image * np.float64(3.7) + 40 + 0.5).astype(np.float32))
    np.testing.assert_array_equal(to_integers(image, 3.7)[0], wanted)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("convert", [to_integers, to_pgm])
def test_a_bad_scale_is_named(convert, scale):
    with pytest.raises(ConfigError, match=f"scale = {scale}"):
        convert(np.ones((2, 2)), scale)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("scale", [None, 2.0])
@pytest.mark.parametrize("convert", [to_integers, to_pgm])
def test_a_bad_pixel_is_named(convert, scale, value):
    with pytest.raises(ConfigError, match=rf"pixel \(slow 1, fast 2\) is {value}; it must be finite"):
        convert([[1.0, 2.0, 3.0], [4.0, 5.0, float(value)]], scale)


def test_a_pixel_too_large_for_a_float_image_is_named():
    with pytest.raises(ConfigError, match=r"pixel \(slow 0, fast 1\) is inf"):
        to_integers([[0.0, 1e300]])


def test_mismatched_shapes_are_named():
    with pytest.raises(ConfigError, match=r"mask: shape \(2, 3\)"):
        to_integers(np.ones((3, 2)), mask=np.ones((2, 3)))
    with pytest.raises(ConfigError, match=r"image: shape \(4,\)"):
        to_integers(np.ones(4))


def test_an_roi_beyond_the_image_is_empty():
    image = np.ones((3, 4))
    for convert in (to_integers, to_pgm):
        converted, scale = convert(image, roi=np.s_[0:3, 10:21])
        assert not converted.any()
        assert scale == 1.0
