"""Distributions: their laws, their limits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, kstest, lognorm, norm, poisson

import nanobragg as nb
from nanobragg.dataset.distributions import Distribution, Place
from nanobragg.dataset.streams import Stream
from nanobragg.errors import ConfigError

from .plans import BASE

MANY = 4000


def drawn(distribution: Distribution, count: int = MANY, field: str = "beam.exposure_s", config=BASE) -> list:
    places = (Place(3, field, k, 0, config) for k in range(count))
    return [distribution.draw(Stream(3, place.shot, field), place) for place in places]


@pytest.mark.parametrize(
    ("distribution", "law"),
    [
        (nb.uniform(2, 5), lambda x: (np.asarray(x) - 2) / 3),
        (nb.normal(1.0, 0.2), norm(1.0, 0.2).cdf),
        (nb.log_normal(3.0, 0.5), lognorm(0.5, scale=3.0).cdf),
    ],
)
def test_continuous_distributions_follow_their_laws(distribution, law):
    assert 1e-3 < kstest(drawn(distribution), law).pvalue < 1 - 1e-3


def test_limits_cut_a_normal_distribution_off():
    values = drawn(nb.normal(0.0, 1.0, low=-0.5, high=1.0), 500)
    assert -0.5 <= min(values) < -0.45
    assert 0.95 < max(values) <= 1.0


def chi_square(counts: np.ndarray, expected: np.ndarray) -> float:
    """Return the p value of counts."""
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1))


def test_poisson_numbers_follow_their_law():
    counts = np.bincount(drawn(nb.poisson(1.3)), minlength=7)[:7]
    assert chi_square(counts, poisson(1.3).pmf(np.arange(7)) * MANY) > 1e-3


def test_whole_numbers_and_choices_have_their_probabilities():
    assert chi_square(np.bincount(drawn(nb.integers(0, 4))), np.full(5, MANY / 5)) > 1e-3
    values = drawn(nb.choice(["a", "b", "c"], [1, 0, 3]))
    assert "b" not in values
    assert abs(values.count("a") / MANY - 0.25) < 4 * (0.25 * 0.75 / MANY) ** 0.5


def test_entries_of_a_field_are_drawn_independently():
    cells = np.array(drawn(nb.normal((79.0, 79.0, 38.0), (0.2, 0.2, 0.1)), 2000))
    np.testing.assert_allclose(cells.std(axis=0), (0.2, 0.2, 0.1), rtol=0.06)
    assert np.abs(np.corrcoef(cells.T) - np.eye(3)).max() < 0.09


def test_columns_of_a_table_are_read_by_name(tmp_path):
    path = tmp_path / "jitter.csv"
    path.write_text("shot, energy_eV, fluence\n0, 9000, 1e20\n\n# lost\n1, 9100.5, 2e20\n")
    assert drawn(nb.table(path, "energy_eV"), 2) == [9000.0, 9100.5]
    with pytest.raises(ConfigError, match="has no column 'energy'; its first line names shot, energy_eV, fluence"):
        nb.Dataset(base=BASE, n=2, vary={"beam.exposure_s": nb.table(path, "energy")})
    with pytest.raises(ConfigError, match="2 rows for 3 shots"):
        nb.Dataset(base=BASE, n=3, vary={"beam.exposure_s": nb.table(path, "fluence")})


def rotations(count: int, **options: bool) -> np.ndarray:
    return np.array(drawn(nb.random_orientations(**options), count, "crystal.rotation"))


def test_random_orientations_are_uniform_over_all_rotations():
    """The images of an axis are uniform on the sphere, and angles have the density (1 - cos θ)/π."""
    matrices = rotations(MANY)
    np.testing.assert_allclose(matrices @ matrices.swapaxes(1, 2), np.broadcast_to(np.eye(3), (MANY, 3, 3)), atol=1e-14)
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)
    for entry in matrices.reshape(MANY, 9).T:
        assert kstest(entry, lambda x: (x + 1) / 2).pvalue > 1e-4
    angle = np.arccos(np.clip((np.trace(matrices, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert kstest(angle, lambda t: (t - np.sin(t)) / np.pi).pvalue > 1e-3


def test_low_discrepancy_spreads_orientations_more_evenly():
    def unevenness(matrices: np.ndarray) -> float:
        """Return the largest deviation of the distribution of an entry from its law."""
        return max(kstest(entry, lambda x: (x + 1) / 2).statistic for entry in matrices.reshape(-1, 9).T)

    assert unevenness(rotations(1000, low_discrepancy=True)) < 0.6 * unevenness(rotations(1000))


def test_a_rotation_series_is_that_of_the_config():
    base = BASE.replace(scan=nb.Scan(start_deg=12.5, range_deg=0.1, steps=2))
    series = nb.Dataset(base=base, n=50, vary={"scan.start_deg": nb.rotation_series()})
    assert [series.configs(k)[0] for k in range(50)] == base.series(50)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nb.uniform(2, 1), "exchange them"),
        (lambda: nb.normal(1, -1), "must not be negative"),
        (lambda: nb.normal(float("nan"), 1), "must not be negative|finite"),
        (lambda: nb.normal((1, 2), (1, 2, 3)), "different numbers of entries"),
        (lambda: nb.normal(1, 0.1, low=5), "no value of this distribution"),
        (lambda: nb.normal(1, 0.1, low=2, high=1), "exchange them"),
        (lambda: nb.log_normal(-1, 0.1), "must be positive"),
        (lambda: nb.log_normal(1, -0.1), "greater than or equal to 0"),
        (lambda: nb.integers(3, 2), "exchange them"),
        (lambda: nb.choice([]), "values"),
        (lambda: nb.choice([1, 2], [1]), "give one for each"),
        (lambda: nb.choice([1, 2], [0, 0]), "all zero"),
        (lambda: nb.poisson(-1), "greater than or equal to 0"),
        (lambda: nb.gaussian_spectrum(-0.1), "greater than 0"),
        (lambda: nb.sase_spectrum(lines=1), "greater than or equal to 2"),
        (lambda: nb.two_colour_spectrum(1, 0.1, share=2), "less than or equal to 1"),
        (lambda: nb.panel_drift(shift_um=-1), "greater than or equal to 0"),
    ],
)
def test_impossible_distributions_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_streams_do_not_change():
    """The numbers are part of the format: another version must give the same data sets."""
    stream = Stream(7, 3, 0, "beam.wavelength_A")
    assert [stream.integer() for _ in range(9)][::8] == [17360683328484249157, 2917687388135969425]
    assert 0 < Stream(0, "x").uniform() < 1
