"""Acceptance tests that need no reference: noise, and sparse tables."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.compare.peaks import find_peaks
from nanobragg.response.noise import add_noise, c_noise

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
CRYSTAL = nb.Crystal(cell=(40, 50, 60), misset_deg=(10, 20, 30), n_cells=8)
DETECTOR = nb.Detector.flat(pixels=(96, 96), pixel_mm=0.25)
OFFSET = 40


def centroid(image: np.ndarray, slow: float, fast: float) -> tuple[float, float]:
    """Return the centroid of the 5 by 5 pixels about a place."""
    s, f = round(slow), round(fast)
    box = image[s - 2 : s + 3, f - 2 : f + 3].astype(float)
    i, j = np.indices(box.shape) - 2
    return s + float((i * box).sum() / box.sum()), f + float((j * box).sum() / box.sum())


@pytest.mark.parametrize("noisy", [
    lambda image: add_noise(image, seed=7) - float(OFFSET),
    lambda image: c_noise(image, 7, OFFSET, None)[0].astype(float) - OFFSET,
], ids=["add_noise", "c_noise"])  # fmt: skip
def test_noise_leaves_the_mean_and_the_centroids_of_spots(noisy):
    """AT-PARALLEL-014: the mean within 1 %, centroids of spots within 0.5 pixels."""
    beam = nb.Beam(fluence_ph_m2=1e29)
    image = nb.simulate(
        nb.Config(crystal=CRYSTAL, structure_factors=nb.StructureFactors.constant(100), beam=beam, detector=DETECTOR)
    )
    recorded = noisy(image)
    assert (recorded != image).mean() > 0.5
    assert recorded.mean() == pytest.approx(image.mean(), rel=0.01)
    spots = [place[1:] for place, _ in find_peaks(image, 20) if min(place[1:]) >= 3 and max(place[1:]) <= 92]
    assert len(spots) >= 10
    for spot in spots:
        assert centroid(recorded, *spot) == pytest.approx(centroid(image, *spot), abs=0.5)


def test_gaps_and_surroundings_of_a_sparse_table_have_default_F():
    """AT-STR-004: the image is that of a dense table which lists default_F wherever the sparse one has nothing."""
    everything = np.stack(np.indices((41, 41, 41)), -1).reshape(-1, 3) - 20
    listed = np.random.default_rng(5).choice(everything[(np.abs(everything) <= 6).all(axis=1)], 300, replace=False)
    amplitudes = 20.0 + np.arange(300)
    dense = np.full(len(everything), 7.0)
    at = {tuple(index): row for row, index in enumerate(everything.tolist())}
    dense[[at[tuple(index)] for index in listed.tolist()]] = amplitudes
    images = [
        nb.simulate(nb.Config(crystal=CRYSTAL, structure_factors=factors, detector=DETECTOR), dtype="float64")
        for factors in (
            nb.StructureFactors(indices=listed, amplitudes=amplitudes, default_F=7),
            nb.StructureFactors(indices=everything, amplitudes=dense, default_F=1e6),
            nb.StructureFactors(indices=listed, amplitudes=amplitudes, default_F=0),
        )
    ]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).mean() > 0.5
