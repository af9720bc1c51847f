"""Domains about the crystal's own axes, listed domains, and strain: draws with the moments that were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.config.crystal import build_lattice
from nanobragg.config.domains import crystal_axes, resolve_domains
from nanobragg.config.mosaic import mean_rotation_deg
from nanobragg.errors import ConfigError
from tests.builders import TRICLINIC, config

from .test_mosaic import rotation_vectors

LATTICE = build_lattice(TRICLINIC, 1.0, c_cell=False)
AXES = crystal_axes(LATTICE)


def domains(**fields):
    return resolve_domains(TRICLINIC.replace(mosaic_model="gaussian", **fields), LATTICE)


def own_vectors(rotations):
    """Return the rotation vectors (degrees) about the crystal's own axes."""
    return np.degrees(rotation_vectors(AXES @ rotations @ AXES.T))


def test_the_own_axes_are_a_b_star_and_the_axis_across_both():
    np.testing.assert_allclose(AXES @ AXES.T, np.eye(3), atol=1e-15)
    assert AXES[0] @ LATTICE.direct[0] == pytest.approx(60)
    assert AXES[1] @ LATTICE.reciprocal[1] == pytest.approx(np.linalg.norm(LATTICE.reciprocal[1]))


@settings(deadline=None, max_examples=40)
@given(count=st.integers(50, 400), seed=st.integers(0, 2**63 - 1), spread=st.tuples(*[st.floats(0.01, 1.0)] * 3))
def test_three_spreads_are_the_standard_deviations_about_the_own_axes(count, seed, spread):
    """⟨θ²⟩ about each axis is η² to 1e-5, the axes are uncorrelated, and the mean rotation is zero."""
    rotations = domains(mosaic_spread_deg=spread, mosaic_domains=count, mosaic_seed=seed).rotations
    vectors = own_vectors(rotations)
    moments = vectors.T @ vectors / count / np.outer(spread, spread)
    np.testing.assert_allclose(moments, np.eye(3), atol=1e-3)
    assert np.linalg.norm(mean_rotation_deg(rotations)) < 1e-10


def test_many_domains_are_normally_distributed():
    vectors = own_vectors(domains(mosaic_spread_deg=(0.2, 0.1, 0.4), mosaic_domains=4000).rotations)
    for column, sigma in zip(vectors.T, (0.2, 0.1, 0.4), strict=True):
        for x, share in ((0.5, 0.3829), (1.0, 0.6827), (2.0, 0.9545)):
            assert np.mean(np.abs(column) < x * sigma) == pytest.approx(share, abs=0.02)


def test_a_spread_of_zero_about_two_axes_turns_about_the_third_only():
    vectors = own_vectors(domains(mosaic_spread_deg=(0.0, 0.3, 0.0), mosaic_domains=30).rotations)
    assert np.abs(vectors[:, [0, 2]]).max() < 1e-12


def test_own_rotations_turn_with_the_crystal():
    """Turning crystal and spindle angle together leaves the domains' places in the crystal as they are."""
    crystal = TRICLINIC.replace(mosaic_spread_deg=(0.2, 0.1, 0.4), mosaic_model="gaussian", mosaic_domains=10)
    scene = nb.Scene(config(crystal=crystal, scan=nb.Scan(start_deg=20, range_deg=60, steps=2)))
    first, second = scene.cells.reshape(2, 10, 3, 3)
    turn = np.linalg.inv(first[0]) @ second[0]
    np.testing.assert_allclose(first @ turn, second, atol=1e-20)


def test_random_draws_are_independent_of_the_balanced_ones_and_leave_the_first_domain():
    rotations = domains(mosaic_spread_deg=(0.2, 0.1, 0.4), mosaic_domains=500, mosaic_sampling="random").rotations
    np.testing.assert_allclose(rotations[0], np.eye(3), atol=1e-15)
    assert own_vectors(rotations[1:]).std(axis=0) == pytest.approx([0.2, 0.1, 0.4], rel=0.15)


def test_listed_domains_are_used_as_they_are():
    vectors = np.array([[0.1, 0.0, 0.0], [0.0, -0.2, 0.3]])
    found = resolve_domains(TRICLINIC.replace(mosaic_rotations_deg=vectors, mosaic_weights=[3.0, 1.0]), LATTICE)
    np.testing.assert_allclose(own_vectors(found.rotations), vectors, atol=1e-6)
    np.testing.assert_array_equal(found.shares, [1.5, 0.5])
    np.testing.assert_array_equal(found.weights, [0.75, 0.25])


@settings(deadline=None, max_examples=30)
@given(count=st.integers(50, 300), seed=st.integers(0, 2**63 - 1), six=st.booleans())
def test_strains_have_no_mean_and_the_variance_asked_for(count, seed, six):
    sigma = np.array([0.3, 0.2, 0.1, 0.05, 0.15, 0.25]) if six else np.array([0.3])
    fields = {"strain_percent": tuple(sigma.tolist()) if six else 0.3}
    found = domains(mosaic_spread_deg=0.2, mosaic_domains=count, mosaic_seed=seed, **fields)
    own = 100 * (AXES @ found.strains @ AXES.T)
    parts = own[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] if six else own[:, :1, 0]
    assert np.abs(parts.mean(axis=0)).max() < 1e-12
    np.testing.assert_allclose(parts.T @ parts / count, np.diag(sigma**2), atol=1e-12)
    turned = rotation_vectors(found.rotations)
    assert np.abs(turned.T @ parts).max() < 1e-5 * count * 0.004 * sigma.max()
    if not six:
        np.testing.assert_allclose(own, own[:, :1, :1] * np.eye(3), atol=1e-13)


def test_strain_alone_makes_ten_domains():
    assert TRICLINIC.replace(strain_percent=0.1).domains() == 10
    assert resolve_domains(TRICLINIC.replace(strain_percent=0.1), LATTICE).rotations.shape == (10, 3, 3)


def test_the_summary_describes_the_domains(capsys):
    text = nb.Scene(config(crystal=TRICLINIC.replace(
        mosaic_spread_deg=(0.2, 0.1, 0.4), mosaic_model="gaussian", strain_percent=0.1, n_cells_off=(1, 2, 3),
    )))._repr_html_()  # fmt: skip
    for part in ("10 mosaic domains, 0.2 0.1 0.4 degrees (gaussian", "strain 0.1 %", "(off-diagonal 1 2 3)"):
        assert part in text
    assert (
        "2 listed mosaic domains"
        in nb.Scene(config(crystal=TRICLINIC.replace(mosaic_rotations_deg=np.zeros((2, 3)))))._repr_html_()
    )


ROWS = np.zeros((2, 3))
REFUSED = {
    "cap": ({"mosaic_spread_deg": (1, 2, 3)}, "three spreads are standard deviations; give mosaic_model='gaussian'"),
    "negative spread": (
        {"mosaic_spread_deg": (1, -2, 3), "mosaic_model": "gaussian"},
        r"mosaic_spread_deg = \(1.0, -2.0, 3.0\): must not be negative",
    ),
    "two spreads": ({"mosaic_spread_deg": (1, 2)}, "Crystal.mosaic_spread_deg"),
    "list and spread": (
        {"mosaic_rotations_deg": ROWS, "mosaic_spread_deg": 1},
        "mosaic_rotations_deg and Crystal.mosaic_spread_deg: give one",
    ),
    "list and count": ({"mosaic_rotations_deg": ROWS, "mosaic_domains": 2}, "and Crystal.mosaic_domains: give one"),
    "two numbers": ({"mosaic_rotations_deg": np.zeros((2, 2))}, r"has the shape \(2, 2\); give three numbers"),
    "no domain": ({"mosaic_rotations_deg": np.zeros((0, 3))}, r"has the shape \(0, 3\)"),
    "weights alone": ({"mosaic_weights": [1, 2]}, "mosaic_weights: belong to mosaic_rotations_deg"),
    "three weights": ({"mosaic_rotations_deg": ROWS, "mosaic_weights": [1, 2, 3]}, "3 weights for 2 domains"),
    "negative weight": ({"mosaic_rotations_deg": ROWS, "mosaic_weights": [1, -2]}, "mosaic_weights"),
    "weights of zero": ({"mosaic_rotations_deg": ROWS, "mosaic_weights": [0, 0]}, "must not be negative, nor all zero"),
    "large strain": ({"strain_percent": 50}, "Crystal.strain_percent = 50"),
    "negative strain": ({"strain_percent": -0.1}, "strain_percent"),
    "off without gauss": ({"n_cells_off": (1, 2, 3), "shape": "square"}, "give shape='gauss'"),
    "off with a size": ({"n_cells_off": (1, 2, 3), "size_mm": 1}, "needs n_cells, not size_mm"),
    "not positive": ({"n_cells_off": (25, 0, 0)}, "is not positive definite; reduce"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_invalid_domains_and_blocks_are_refused(mistake):
    fields, message = REFUSED[mistake]
    with pytest.raises(ConfigError, match=message):
        TRICLINIC.replace(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"mosaic_spread_deg": (1, 2, 3), "mosaic_model": "gaussian"},
        {"mosaic_rotations_deg": ROWS},
        {"strain_percent": 0.1},
        {"n_cells_off": (1, 2, 3)},
    ],
)
def test_the_c_program_has_none_of_them(fields):
    with pytest.raises(ConfigError, match=rf"Crystal.{next(iter(fields))}: compat='c' does not support it"):
        config(crystal=TRICLINIC.replace(**fields), compat="c")
    with pytest.raises(ConfigError, match=rf"Crystal.{next(iter(fields))}: the C program does not support it"):
        config(crystal=TRICLINIC.replace(**fields)).to_flags()


def test_they_pass_through_toml(tmp_path):
    crystal = TRICLINIC.replace(
        n_cells_off=(1, -2, 3), mosaic_rotations_deg=[[0.1, 0.2, 0.3], [0, 0, 0]], mosaic_weights=[1, 2],
        strain_percent=(1, 0, 0, 0, 0, 0.5),
    )  # fmt: skip
    for each in (crystal, TRICLINIC.replace(mosaic_spread_deg=(1, 2, 3), mosaic_model="gaussian")):
        config(crystal=each).to_toml(tmp_path / "a.toml")
        assert nb.Config.from_toml(tmp_path / "a.toml").crystal == each
