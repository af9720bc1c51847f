"""Random amplitudes: symmetry, absences, Wilson's distribution and absolute scale; and the demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli.demo import LYSOZYME_CELL, run_demo

CELL = (40.0, 40.0, 60.0, 90.0, 90.0, 90.0)


def listing(space_group: str = "P 43 21 2", seed: int = 3, b_factor: float = 0.0, d_min_A: float = 2.0):
    factors = nb.StructureFactors.wilson(CELL, space_group, b_factor=b_factor, d_min_A=d_min_A, seed=seed)
    assert factors.listing is not None
    return factors.listing


def as_dict(indices: np.ndarray, amplitudes: np.ndarray) -> dict[tuple[int, int, int], float]:
    return {tuple(hkl): amplitude for hkl, amplitude in zip(indices.tolist(), amplitudes.tolist(), strict=True)}


def test_tetragonal_symmetry_and_friedel_mates() -> None:
    """P 43 21 2 has Laue group 4/mmm: sixteen equivalents share one amplitude."""
    found = as_dict(*listing())
    for (h, k, l), amplitude in list(found.items())[::37]:
        for equivalent in ((-h, -k, -l), (-k, h, l), (k, h, -l), (-h, k, l), (h, k, -l)):
            assert found[equivalent] == amplitude


def test_absences_of_the_screw_axes() -> None:
    """00l only with l = 4n, h00 only with h = 2n."""
    found = as_dict(*listing())
    along_c = sorted(l for h, k, l in found if h == k == 0)
    along_a = sorted(h for h, k, l in found if k == l == 0)
    assert along_c
    assert along_a
    assert all(l % 4 == 0 for l in along_c)
    assert all(h % 2 == 0 for h in along_a)


def test_complete_to_the_resolution_limit() -> None:
    indices, _ = listing("P 1")
    d = 1 / np.sqrt((indices[:, 0] / 40) ** 2 + (indices[:, 1] / 40) ** 2 + (indices[:, 2] / 60) ** 2)
    assert d.min() >= 2.0
    sphere = 4 / 3 * np.pi / 2.0**3 * 40 * 40 * 60
    assert len(indices) == pytest.approx(sphere, rel=0.01)


def test_acentric_intensities_are_exponential() -> None:
    """Wilson: <I^2>/<I>^2 is 2 for acentric reflections, within thin shells; 8000 of them give it to 5 %."""
    indices, amplitudes = listing("P 1", d_min_A=1.6)
    d_sqr = (indices[:, 0] / 40) ** 2 + (indices[:, 1] / 40) ** 2 + (indices[:, 2] / 60) ** 2
    shell = (d_sqr > 0.2) & (d_sqr < 0.25)
    intensity = amplitudes[shell] ** 2
    assert (intensity**2).mean() / intensity.mean() ** 2 == pytest.approx(2.0, rel=0.05)


def test_a_b_factor_damps_by_the_debye_waller_factor() -> None:
    indices, without = listing(b_factor=0.0)
    _, damped = listing(b_factor=30.0)
    d_sqr = (indices[:, 0] / 40) ** 2 + (indices[:, 1] / 40) ** 2 + (indices[:, 2] / 60) ** 2
    np.testing.assert_allclose(damped, without * np.exp(-30.0 * d_sqr / 4), rtol=1e-12)


def test_the_seed_sets_the_amplitudes() -> None:
    assert np.array_equal(listing(seed=5)[1], listing(seed=5)[1])
    assert not np.array_equal(listing(seed=5)[1], listing(seed=6)[1])


def test_an_unknown_space_group_is_refused() -> None:
    with pytest.raises(nb.errors.ConfigError, match="P 99"):
        nb.StructureFactors.wilson(LYSOZYME_CELL, "P 99", b_factor=20, d_min_A=3, seed=1)


def test_a_short_cell_is_completed_as_the_crystals_is() -> None:
    short, whole = (
        nb.StructureFactors.wilson(cell, "P 21 21 21", b_factor=20, d_min_A=5, seed=1)
        for cell in ((40, 50), (40, 50, 40, 90, 90, 90))
    )
    assert short == whole
    with pytest.raises(nb.errors.ConfigError, match="one to six numbers"):
        nb.StructureFactors.wilson((), "P 1", b_factor=20, d_min_A=5, seed=1)
    assert nb.StructureFactors(cell=(40,)).cell == (40, 40, 40, 90, 90, 90)


def test_a_cell_without_its_groups_symmetry_warns() -> None:
    with pytest.warns(nb.errors.NanobraggWarning, match="40 50 60 90 90 90 does not have the symmetry of P 4"):
        nb.StructureFactors.wilson((40, 50, 60), "P 4", b_factor=20, d_min_A=5, seed=1)


@pytest.mark.slow
def test_the_demo_writes_an_image_a_picture_and_ten_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    run_demo(tmp_path, lines.append)
    assert len(lines) == 10
    image, _ = nb.read_image(tmp_path / "demo.img")
    assert image.shape == (1024, 1024)
    assert (image > 100).sum() > 500  # spots
    assert 10 < np.median(image) < 20  # offset and water
    picture, _ = nb.read_image(tmp_path / "demo.png")
    assert picture.shape == (1024, 1024)
