"""Rows 15 to 24 of docs/quirks.md, flags: nanoBragg.c's behaviour, followed under compat="c", and ours.

Numbers named after C were measured with the C program on the flags that stand beside them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.io.smv import read_smv, smv_header, write_smv
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.nanobragg_c.flags.flag_values import read_flags
from tests.nanobragg_c.quirk_images import FLAT, LITTLE, MARKS, image, measured

pytestmark = MARKS


def test_row_15_distance_and_beam_spot_ignore_twotheta():
    """Row 15. -xds -distance 100 -twotheta 12 and small rotations: C's headers say 100 mm, the beam meets the plane
    at 103.8 mm; the panel itself is where it should be."""
    flags = (
        "-default_F 100 -cell 100 90 80 90 90 90 -lambda 1 -N 5 -detpixels 128 -pixel 0.1 -detector_rotx 4 "
        "-detector_roty -3 -detector_rotz 2 -xds -distance 100 -twotheta 12"
    )
    c, ours = (nb.config_from_flags(flags, exact=exact).detector for exact in (False, True))
    assert c.nominal.distance_mm == pytest.approx(100, rel=1e-12)
    assert ours.nominal.distance_mm == pytest.approx(103.8, abs=0.05)
    assert c.panels == ours.panels
    panel, stated = ours.panels[0], ours.nominal
    fast, slow, _ = panel.axes()
    hit = np.array(panel.origin_mm) + stated.beam_fast_mm * fast + stated.beam_slow_mm * slow
    np.testing.assert_allclose(hit, [0, 0, stated.distance_mm], atol=1e-10)
    detector = nb.Detector.flat(distance_mm=100, pixels=128, convention="xds", twotheta_deg=12, rotation_deg=(4, -3, 2))
    assert detector.nominal.distance_mm == pytest.approx(stated.distance_mm, rel=1e-12)


def test_row_16_pix0_vector_is_overwritten():
    """Row 16. -pix0_vector 0.5 0.5 0.5 (half a metre in all directions) moves nothing: without it the image is the
    same; a Panel's origin_mm is that vector."""
    with pytest.warns(NanobraggWarning, match=r"-pix0_vector has no effect.*row 16"):
        c = nb.config_from_flags(FLAT + " -pix0_vector 0.5 0.5 0.5")
    custom = nb.config_from_flags(FLAT + " -fdet_vector 0 0 1")  # what -pix0_vector still does: choose CUSTOM
    assert c.detector == custom.detector
    assert c.detector.panels[0].origin_mm[0] == pytest.approx(90)
    assert nb.simulate(c, dtype="float64").sum() == measured(281272.48676879314)
    panel = c.detector.panels[0].replace(origin_mm=(500, 500, 500))
    with pytest.warns(NanobraggWarning, match="does not hit"):
        moved = nb.simulate(c.replace(detector=nb.Detector(panels=(panel,)), compat=None))
    assert moved.sum() < 0.2 * 281272


@pytest.mark.parametrize("convention", ["xds", "dials"])
def test_row_17_xclose_and_xbeam_do_not_move_an_xds_detector(convention):
    """Row 17. -xds -Xclose 5 -Yclose 9 (or -Xbeam, -Ybeam): the image is that without them; a Config's org_px or
    beam_center_mm moves the detector by as much."""
    plain = nb.config_from_flags(f"{FLAT} -{convention}").detector
    for flags in ("-Xclose 5 -Yclose 9", "-Xbeam 5 -Ybeam 9"):
        with pytest.warns(NanobraggWarning, match=r"has no effect.*row 17"):
            c = nb.config_from_flags(f"{FLAT} -{convention} {flags}").detector
        assert c.panels == plain.panels
    ours = nb.Detector.flat(distance_mm=90, pixels=24, pixel_mm=1, convention=convention, beam_center_mm=(5, 9))
    assert ours.panels[0].origin_mm == pytest.approx((-5, -9, 90))
    custom = nb.config_from_flags(f"{FLAT} -fdet_vector 0 0 1 -Xclose 5 -Yclose 9").detector
    assert custom.panels[0].origin_mm == pytest.approx((90, 9, -5))


@pytest.mark.parametrize("convention", ["mosflm", "adxv", "denzo"])
def test_row_17_orgx_does_nothing_under_mosflm(convention):
    """Row 17. -ORGX 3 -ORGY 4 leave these detectors where they are; `org_px` moves one that pivots about the sample."""
    with pytest.warns(NanobraggWarning, match=r"-ORG[XY] has no effect.*row 17"):
        c = nb.config_from_flags(f"{FLAT} -{convention} -ORGX 3 -ORGY 4").detector
    assert c.panels == nb.config_from_flags(f"{FLAT} -{convention}").detector.panels
    ours = nb.Detector.flat(distance_mm=90, pixels=24, pixel_mm=1, org_px=(3, 4), pivot="sample")
    assert ours.panels[0].origin_mm == pytest.approx((90, 3.5, -2.5))


def test_row_18_the_convention_forces_the_pivot():
    """Row 18. -pivot sample under MOSFLM: the picture is that of pivot beam; a Config's
    panel swings around the sample, by 15.6 mm at 10° and 90 mm."""
    tilted = FLAT + " -detector_roty 10"
    with pytest.warns(NanobraggWarning, match=r"-pivot has no effect.*row 18"):
        c = nb.config_from_flags(tilted + " -pivot sample").detector
    assert c.panels == nb.config_from_flags(tilted).detector.panels
    options = {"distance_mm": 90, "pixels": 24, "pixel_mm": 1, "rotation_deg": (0, 10, 0)}
    beam, sample = (nb.Detector.flat(**options, pivot=pivot) for pivot in ("beam", "sample"))
    assert c.panels[0].origin_mm == pytest.approx(beam.panels[0].origin_mm, abs=1e-10)
    assert math.dist(beam.panels[0].origin_mm, sample.panels[0].origin_mm) == pytest.approx(15.628, abs=0.001)
    with pytest.warns(NanobraggWarning, match=r"-pivot has no effect.*row 18"):
        parse_flags(FLAT + " -xds -pivot beam")


def test_row_19_flags_do_not_match_as_substrings():
    """Row 19, not followed but for the pivot. C takes `-twotheta_axis 3 0 1` for a two-theta of 3° too (its distance
    becomes 92.2 mm) and `-misset_seed 7` for a misset (the brightest spot loses 97 % of its photons)."""
    axis = nb.config_from_flags(FLAT + " -twotheta_axis 3 0 1").detector
    assert axis.nominal.twotheta_deg == 0
    assert axis.nominal.distance_mm == 90
    assert axis.panels[0].fast_axis == (0, 0, 1)
    assert read_flags((FLAT + " -twotheta_axis 3 0 1").split()).pivot == "sample"
    flags = FLAT.replace("-misset 1 2 3", "")
    assert np.array_equal(image(flags + " -misset_seed 7"), image(flags))
    assert image(flags)[13, 17] == measured(653.4171)  # C with the seed: 22156.82


def smv_file(path: Path, keys: str) -> Path:
    head = "{\nHEADER_BYTES=512;\nDIM=2;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1=24;\nSIZE2=24;\n"
    path.write_bytes(f"{head}PIXEL_SIZE=1;\n{keys}}}\f".encode().ljust(512) + np.ones((24, 24), "<u2").tobytes())
    return path


def test_row_20_headers(tmp_path):
    """Row 20. A header's DISTANCE is read as such (not followed: C takes the last key that contains the word, with no
    effect, for CLOSE_DISTANCE decides). Its TWOTHETA is dropped, with a warning: without a 10° swing the
    image holds 9 % more photons."""
    path = smv_file(tmp_path / "a.img", "DISTANCE=95;\nCLOSE_DISTANCE=90;\n")
    values = read_flags(f"{LITTLE} -img {path}".split())
    assert (values.distance_mm, values.close_distance_mm) == (95, 90)
    assert image(f"{LITTLE} -img {path}").max() == measured(45258.11)
    swung = smv_file(tmp_path / "b.img", "DISTANCE=90;\nTWOTHETA=10;\n")
    with pytest.warns(NanobraggWarning, match=r"TWOTHETA=10 is not applied; give -twotheta .*row 20"):
        picture = image(f"{LITTLE} -img {swung}")
    assert picture.max() == measured(45258.11)
    assert picture.sum() == measured(277129.7013769682)
    assert picture.sum() / image(f"{FLAT} -twotheta 10").sum() == pytest.approx(1.0866, abs=1e-4)


def test_row_21_samplesize_alone_interpolates():
    """Row 21. -samplesize for 5 × 4 × 4 cells: C interpolates, since -N is still 1, and has 12 % fewer photons than
    with -Na 5 -Nb 4 -Nc 4; a Config looks at the cells that it has."""
    flags = (
        "-cell 40 50 60 90 90 90 -hkl inputs/wilson_f000.hkl -misset 10 20 30 -lambda 1 -distance 500 -detpixels 64 "
        "-pixel 0.5 -oversample 1"
    )
    with pytest.warns(NanobraggWarning, match="-samplesize without -N interpolates .*row 21"):
        c = nb.config_from_flags(f"{flags} -samplesize 0.00002")
    assert nb.Scene(c).n_cells == (5, 4, 4)
    assert nb.simulate(c).sum(dtype=float) == measured(44880.336)
    assert image(f"{flags} -Na 5 -Nb 4 -Nc 4").sum() == measured(50896.521)
    ours = c.replace(compat=None, structure_factors=c.structure_factors.replace(interpolate=None))
    assert nb.simulate(ours).sum(dtype=float) == measured(50896.521)


def test_row_22_detector_abs_inf_before_and_after():
    """Row 22. -detector_abs inf clears a thickness before it (no sensor, every photon counts) and with one after it the
    image is black."""
    with pytest.warns(NanobraggWarning, match=r"-detector_thick has no effect.*row 22"):
        before = image(FLAT + " -detector_thick 450 -thicksteps 3 -detector_abs inf")
    assert np.array_equal(before, image(FLAT))
    with pytest.warns(NanobraggWarning, match=r"absorbs no photons, so the image is zero.*row 22"):
        after = image(FLAT + " -detector_abs inf -detector_thick 450 -thicksteps 3")
    assert after.max() == 0


def test_row_22_curved_det_counts_as_the_last_argument_too():
    """Row 22, not followed. C ignores -curved_det when it is last: 45258 in place of 54902 photons in its brightest
    pixel."""
    last, first = image(FLAT + " -curved_det"), image("-curved_det " + FLAT)
    assert np.array_equal(last, first)
    assert last.max() == measured(54902.066)
    assert image(FLAT).max() == measured(45258.105)


def test_row_22_a_later_polar_cancels_nopolar():
    """Row 22. -nopolar -polar 0.9 is polarized, -polar 0.9 -nopolar is not: 0.4 % in the brightest pixel at 90 mm."""
    with pytest.warns(NanobraggWarning, match=r"-nopolar has no effect: a later -polar cancels it.*row 22"):
        cancelled = image(FLAT + " -nopolar -polar 0.9")
    assert np.array_equal(cancelled, image(FLAT + " -polar 0.9"))
    assert cancelled.max() == measured(45457.523)
    assert image(FLAT + " -polar 0.9 -nopolar").max() == measured(45647.246)


def test_row_23_no_step_and_no_source_are_errors():
    """Row 23. -osc 0 -phistep 0.1, or a round divergence that cuts all its sources off: every pixel of C's image is
    NaN; here they are errors, from a Config too."""
    with pytest.raises(ConfigError, match=r"-osc 0 with -phistep 0.1: gives no step; .*row 23"):
        nb.config_from_flags(FLAT + " -osc 0 -phistep 0.1")
    with pytest.raises(ConfigError, match="gives no phi step; leave out the range or the step"):
        nb.Scene(nb.config_from_flags(FLAT).replace(scan=nb.Scan(range_deg=0, step_deg=0.1)))
    with pytest.raises(ConfigError, match=r"round_divergence leaves no source; .*round_divergence=False"):
        nb.Scene(nb.config_from_flags(FLAT + " -hdivrange 1 -hdivstep 3 -vdivrange 1 -vdivstep 3"))
    square = nb.Scene(nb.config_from_flags(FLAT + " -hdivrange 1 -hdivstep 3 -vdivrange 1 -vdivstep 3 -square_div"))
    assert len(square.sources.weights) == 1


def test_row_24_a_long_header_says_its_size(tmp_path):
    """Row 24. C's header of long numbers has 607 bytes and says 512: its pixels are read 95 bytes too early."""
    header = smv_header(
        fast_pixels=24, slow_pixels=24, pixel_mm=0.000123456, distance_mm=1234567.8, wavelength_A=0.00012345678,
        beam_center_x_mm=0.0015432, beam_center_y_mm=0.0015432, f_beam_mm=0.00179704, s_beam_mm=0.00170085,
        dials_origin_mm=(-0.00156866, 0.00163737, -1234567.8), orgx_px=-4.13738e8, orgy_px=-2.06578e8,
        close_distance_mm=1233250.0, phi_deg=0.000123456, osc_deg=1.23456e-05, twotheta_deg=1e-5,
    )  # fmt: skip
    pixels = np.arange(576, dtype=np.uint16).reshape(24, 24)
    path = tmp_path / "long.img"
    write_smv(path, pixels, header)
    data = path.read_bytes()
    stated = int(data.split(b"HEADER_BYTES=")[1].split(b";")[0])
    assert len(data) == stated + 2 * pixels.size
    assert b"}\f" in data[:stated]
    again, keys = read_smv(path)
    assert np.array_equal(again, pixels)
    assert float(keys["DISTANCE"]) == pytest.approx(1234567.8, rel=1e-3)
