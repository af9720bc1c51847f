"""Where the warnings about valid but probably unintended scenes begin."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import NanobraggWarning
from tests.builders import CRYSTAL, scene


def warned(**fields: object) -> list[str]:
    """Return the warnings about a scene."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scene(**fields)
    assert all(each.category is NanobraggWarning for each in caught)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(("n", "recommended"), [(3, 4), (4, 5)])
def test_oversampling_below_half_of_the_recommended_warns(n: int, recommended: int) -> None:
    """The longest edge is c = 80 Å; a pixel spans 200 Å at 1 Å, 100 mm and 0.5 mm: 3 · n · 80 / 200."""
    fields = {"crystal": CRYSTAL.replace(n_cells=(1, 1, n)), "sampling": nb.Sampling(oversample=2)}
    found = warned(**fields)
    assert len(found) == (recommended > 4)
    assert all(m.startswith("oversample = 2: ") and m.endswith(f"; {recommended} is recommended") for m in found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert scene(**fields).recommended_oversample == recommended


@pytest.mark.parametrize(
    ("beam_center_mm", "hits"),
    [
        ((0.01, 0.01), True),
        ((0.01, 23.99), True),
        ((15.99, 0.01), True),
        ((15.99, 23.99), True),
        ((-0.01, 12), False),
        ((16.01, 12), False),
        ((8, -0.01), False),
        ((8, 24.01), False),
    ],
)
@pytest.mark.parametrize("twotheta_deg", [0, 20])
def test_a_beam_that_misses_the_detector_on_any_side_warns(
    beam_center_mm: tuple[float, float], hits: bool, twotheta_deg: float
) -> None:
    detector = nb.Detector.flat(
        distance_mm=100, pixels=(48, 32), pixel_mm=0.5, convention="adxv", beam_center_mm=beam_center_mm,
        twotheta_deg=twotheta_deg, pivot="beam",
    )  # fmt: skip
    assert [m for m in warned(detector=detector) if "direct beam" in m] == (
        [] if hits else ["the direct beam does not hit the detector: check distance, beam centre and two-theta"]
    )


def test_the_beam_may_pass_between_panels() -> None:
    panels = [
        nb.Panel(origin_mm=(x, -5, 100), fast_axis=(1, 0, 0), slow_axis=(0, 1, 0), pixel_mm=0.5, pixels=(20, 20))
        for x in (-15, 5)
    ]
    assert warned(detector=nb.Detector(panels=panels, convention="dials")) == []
    assert len(warned(detector=nb.Detector(panels=panels[1:], convention="dials"))) == 1


def test_at_most_three_panels_are_named() -> None:
    ahead = nb.Panel(origin_mm=(-5, -5, 100), fast_axis=(1, 0, 0), slow_axis=(0, 1, 0), pixel_mm=0.5, pixels=(20, 20))
    away = [ahead.replace(origin_mm=(30 * i, -5, -100), normal_axis=(0, 0, 1)) for i in range(5)]

    def named(count: int) -> str:
        (message,) = warned(detector=nb.Detector(panels=[ahead, *away[:count]], convention="dials"))
        return message.split(":")[0]

    assert named(3) == "panel 1, 2, 3"
    assert named(4) == "panel 1, 2, 3 and 1 more"
    assert named(5) == "panel 1, 2, 3 and 2 more"


@pytest.mark.parametrize(("first", "beyond"), [((1, 0, 0), True), ((0, 0, 0), False)])
def test_a_table_that_no_pixel_sees_warns(first: tuple[int, int, int], beyond: bool) -> None:
    """A table of 0 0 0 alone reaches to one index around it, which pixels near the beam see."""
    indices = np.array([first]) * 500
    factors = nb.StructureFactors(indices=indices, amplitudes=[1.0], default_F=7)
    assert any(m.startswith("every pixel lies outside the table") for m in warned(structure_factors=factors)) == beyond


def test_a_cell_that_differs_from_that_of_the_amplitudes_is_named_with_their_source() -> None:
    cell = (60, 70, 80, 90, 90, 90)
    factors = nb.StructureFactors.from_asu(np.indices((9, 9, 9)).reshape(3, -1).T, np.ones(729), "P 1", cell=cell)
    for crystal, differs in (
        ((60, 70.34, 80, 90, 90, 90), False),
        ((60, 70.36, 80, 90, 90, 90), True),
        ((60, 70, 80, 90, 90.49, 90), False),
        ((60, 70, 80, 90, 90.51, 90), True),
        ((60, 70.36, 80, 90, 90.51, 90), True),
    ):
        found = warned(
            structure_factors=factors, crystal=CRYSTAL.replace(cell=crystal), sampling=nb.Sampling(d_min_A=20)
        )
        cells = [m for m in found if "the crystal's cell" in m]
        assert len(cells) == differs
        assert all("(arrays: 60 70 80 90 90 90)" in m for m in cells)


@pytest.mark.parametrize(
    ("group", "cell", "warns"),
    [
        ("R 3", (40, 40, 40, 83, 83, 83), True), ("146", (40, 40, 40, 83, 83, 83), True),
        ("R 3 :R", (40, 40, 40, 83, 83, 83), False), ("R 3", (40, 40, 60, 90, 90, 120), False),
        ("P 2 3", (40, 40, 40, 90, 90, 90), False),
    ],
)  # fmt: skip
def test_symmetry_on_other_axes_than_those_of_the_crystal_warns(
    group: str, cell: tuple[float, ...], warns: bool
) -> None:
    """Amplitudes without a cell are expanded on hexagonal axes."""
    factors = nb.StructureFactors.from_asu(np.indices((9, 9, 9)).reshape(3, -1).T, np.ones(729), group)
    found = warned(structure_factors=factors, crystal=CRYSTAL.replace(cell=cell))
    assert any("is rhombohedral; give 'R 3 :R'" in message for message in found) == warns


@pytest.mark.parametrize(("beyond", "warns"), [(1, False), (2, True)])
@pytest.mark.parametrize("side", [1, -1])
def test_a_table_less_than_one_index_beyond_the_pixels_is_seen(beyond: int, warns: bool, side: int) -> None:
    """A table of one reflection along b*, which lies along the slow axis; pixels reach to k = ±6.97."""
    detector = nb.Detector.flat(
        distance_mm=100, pixels=(40, 40), pixel_mm=0.5, convention="adxv", beam_center_mm=(10, 10)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = scene(detector=detector)
    edges = made.geometry.directions(np.array([0.0, 40.0]), 20.0) - made.beam_direction
    index = edges @ made.cells[0].T / made.wavelength
    np.testing.assert_allclose(np.abs(index[:, 1]), 6.965, atol=1e-3)
    factors = nb.StructureFactors(indices=[[0, side * (6 + beyond), 0]], amplitudes=[1.0])
    found = [
        m for m in warned(structure_factors=factors, detector=detector) if m.startswith("every pixel lies outside")
    ]
    assert len(found) == warns
