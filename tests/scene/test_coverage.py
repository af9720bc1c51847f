"""How much of an image the table of structure factors covers."""

from __future__ import annotations

import re
import warnings
from functools import partial

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.summary import summarize_scene
from nanobragg.errors import NanobraggWarning
from nanobragg.scene.coverage import Coverage, pixel_resolutions
from nanobragg.scene.panel_geometry import PanelGeometry
from tests import builders

CELL = (30.0, 40.0, 50.0, 90.0, 90.0, 90.0)
INDICES = gemmi.make_miller_array(gemmi.UnitCell(*CELL), gemmi.SpaceGroup("P 21 21 21"), 3.0)  # to 3 Å
FACTORS = nb.StructureFactors.from_asu(INDICES, np.full(len(INDICES), 50.0), "P 21 21 21", cell=CELL)
config = partial(builders.config, structure_factors=FACTORS, crystal=nb.Crystal(cell=CELL, n_cells=5))


@pytest.mark.parametrize("curved", [False, True])
def test_coverage_counts_pixels(curved: bool) -> None:
    """Against a count by the angle between each pixel's ray and the beam."""
    indices = np.indices((11, 11, 11)).reshape(3, -1).T - 5
    indices = indices[(np.abs(indices) ** 2).sum(axis=1) <= 25]  # to 10 Å in a cube of 50 Å
    factors = nb.StructureFactors(indices=indices, amplitudes=np.ones(len(indices)))
    mask = np.ones((60, 80), bool)
    mask[:10] = False
    detector = nb.Detector.flat(distance_mm=60, pixels=(60, 80), pixel_mm=0.3, mask=mask, curved=curved)
    scene = nb.Scene(
        config(structure_factors=factors, crystal=nb.Crystal(cell=(50, 50, 50)), detector=detector, roi=np.s_[:60, :70])
    )
    panel = detector.panels[0]
    fast, slow, normal = panel.axes()
    s, f = np.mgrid[10:60, 0:70] + 0.5
    place = np.asarray(panel.origin_mm) + 0.3 * (s[..., None] * slow + f[..., None] * fast)
    if curved:
        a, b = place @ slow / 60, place @ fast / 60
        two_theta = np.arccos(np.cos(a) * np.cos(b))
    else:
        two_theta = np.arccos(place @ normal / np.linalg.norm(place, axis=-1))
    d = 1.0 / (2 * np.sin(two_theta / 2))
    coverage = scene.coverage
    assert coverage.share == pytest.approx((d < 10).mean(), abs=1e-9)
    assert 0.1 < coverage.share < 0.9
    assert coverage.table_d_min_A == pytest.approx(10)
    assert coverage.image_d_min_A == pytest.approx(d.min(), rel=1e-9)
    assert summarize_scene(scene)[3].startswith(
        "coverage      the table of structure factors ends at 10.00 Å, the image"
    )


def test_a_table_that_ends_within_the_image_warns() -> None:
    wide = nb.Detector.flat(distance_mm=60, pixels=(100, 100), pixel_mm=0.5)
    with pytest.warns(NanobraggWarning) as caught:
        scene = nb.Scene(config(detector=wide))
    message = str(caught[0].message)
    assert re.search(r"ends at 3\.0\d Å, the image reaches 1\.8\d Å: \d\d % of the pixels get default_F = 0", message)
    assert f"{100 * scene.coverage.share:.2g} %" in message
    for quiet in (
        config(detector=wide, sampling=nb.Sampling(d_min_A=3.05)),
        config(detector=wide, compat="c"),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nb.Scene(quiet)


def scene_with_pixels_beyond(number: int) -> nb.Scene:
    """Return a scene with 3200 pixels within the resolution of the table, and some beyond it."""
    mask = np.zeros((20, 400), bool)
    mask[:, 120:280] = True
    mask.T.flat[:number] = True  # down the first columns
    detector = nb.Detector.flat(distance_mm=60, pixels=mask.shape, pixel_mm=0.25, mask=mask)
    return nb.Scene(config(detector=detector))


@pytest.mark.parametrize(("number", "warns"), [(20, False), (60, True)])
def test_one_percent_of_the_pixels_beyond_the_table_warns(number: int, warns: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scene = scene_with_pixels_beyond(number)
    assert scene.coverage.share == pytest.approx(number / (3200 + number))
    assert ["the table of structure factors ends at" in str(each.message) for each in caught] == [True] * warns


@pytest.mark.parametrize(("number", "listed"), [(2, False), (5, True)])
def test_the_summary_mentions_one_in_a_thousand_pixels_beyond_the_table(number: int, listed: bool) -> None:
    lines = summarize_scene(scene_with_pixels_beyond(number))
    assert any(line.startswith("coverage ") for line in lines) == listed


def test_coverage_of_a_large_image_is_sampled_evenly(monkeypatch) -> None:
    indices = np.array([[5, 0, 0], [0, 0, 0]])
    factors = nb.StructureFactors(indices=indices, amplitudes=[1, 1])
    mask = np.ones((300, 400), bool)
    mask[:, 200:] = False
    detector = nb.Detector.flat(distance_mm=60, pixels=(300, 400), pixel_mm=0.06, mask=mask)
    scene = nb.Scene(config(structure_factors=factors, crystal=nb.Crystal(cell=(50, 50, 50)), detector=detector))
    whole = scene.coverage
    monkeypatch.setattr("nanobragg.scene.coverage.MAX_PIXELS", 10_000)
    sampled = nb.Scene(scene.config).coverage
    assert sampled.share == pytest.approx(whole.share, abs=0.01)
    assert sampled.share != whole.share


@pytest.mark.parametrize(
    ("pixels", "panels", "step"), [((1024, 1024), 1, 1), ((1024, 1025), 1, 2), ((800, 1024), 2, 2)]
)
def test_about_a_million_pixels_are_looked_at(pixels: tuple[int, int], panels: int, step: int) -> None:
    panel = nb.Panel(origin_mm=(100, 51, -51), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=0.1, pixels=pixels)
    detector = nb.Detector(panels=[panel] * panels)
    geometry = PanelGeometry(detector, np.array([1.0, 0, 0]), 0.1, like_c=False)
    found = list(pixel_resolutions(geometry, (0, pixels[1] - 1, 0, pixels[0] - 1), None, 1.0))
    assert sum(d.size for d in found) == panels * -(-pixels[0] // step) * -(-pixels[1] // step)
    assert found[0][0, 1] == geometry.resolution(1.0, 0.5, step + 0.5)


def test_percentages_just_below_a_hundred_are_not_rounded_up() -> None:
    for share, text in ((0.004567, "0.46 %"), (0.5, "50 %"), (0.994, "99 %"), (0.9955, "99.55 %"), (1.0, "100 %")):
        assert f": {text} of the pixels" in Coverage(3.0, 2.0, share).text(3)
