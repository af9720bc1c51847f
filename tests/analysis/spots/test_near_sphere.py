"""Reciprocal lattice points near the Ewald sphere: all of them, each once, and few others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import nanobragg as nb
from nanobragg._functions import near_sphere
from nanobragg.analysis.spots import ewald_crossings
from nanobragg.analysis.spots.amplitude_lookup import amplitude_lookup
from nanobragg.analysis.spots.ewald_crossings import reflections
from tests import builders


@given(
    lengths=st.tuples(*[st.floats(0.05, 1.0)] * 3),
    skew=st.floats(-0.4, 0.4),
    seed=st.integers(0, 1000),
    radius=st.floats(0.2, 20.0),
    margin=st.floats(0.0, 3.0),
    limits=st.tuples(*[st.tuples(st.integers(-9, 3), st.integers(0, 9))] * 3),
)
def test_all_points_near_the_sphere_are_found_once(lengths, skew, seed, radius, margin, limits):
    star = np.diag(lengths) @ np.array([[1, 0, 0], [skew, 1, 0], [skew, skew, 1]]) @ _rotation(seed)
    beam = radius * _rotation(seed + 1)[0]
    first, last = (tuple(column) for column in zip(*[(low, low + more) for low, more in limits], strict=True))
    found = near_sphere(star, beam, margin, np.array(first, np.int32), np.array(last, np.int32))
    every = np.mgrid[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))].reshape(3, -1).T
    near = {tuple(hkl) for hkl in every[_distance(every, star, beam) <= margin].tolist()}
    listed = [tuple(hkl) for hkl in found.tolist()]
    assert len(set(listed)) == len(listed)
    assert near <= set(listed)
    assert (found >= first).all()
    assert (found <= last).all()
    assert (_distance(found, star, beam) <= margin + 1e-4 * (1 + radius)).all()


def test_points_where_a_line_touches_the_sphere_are_found_once():
    """With c* across the beam, each line comes closest to the sphere at l = 0, a whole number."""
    low, high = np.full(3, -5, np.int32), np.full(3, 5, np.int32)
    found = near_sphere(0.1 * np.eye(3), np.array([2.0, 0.0, 0.0]), 0.3, low, high)
    assert [0, 0, 0] in found.tolist()
    assert len(np.unique(found, axis=0)) == len(found) > 50


def _rotation(seed):
    return Rotation.random(rng=seed).as_matrix()


def _distance(hkl, star, beam):
    q = hkl @ star
    return np.abs((q**2).sum(axis=1) + 2 * q @ beam)


@pytest.mark.parametrize("default_F", [0.0, 10.0])
@pytest.mark.parametrize("changes", [
    {}, {"crystal.mosaic_spread_deg": 2.0, "crystal.mosaic_domains": 7},
    {"beam.dispersion_percent": 5.0, "beam.dispersion_steps": 5},
    {"scan.start_deg": 30.0}, {"crystal.shape": "round", "crystal.n_cells": 3},
])  # fmt: skip
def test_crossings_of_a_still_are_those_of_all_reflections(monkeypatch, changes, default_F):
    cell = builders.TRICLINIC.cell
    listed = nb.StructureFactors.wilson(cell, "P 1", b_factor=20, d_min_A=3, seed=1)
    scene = nb.Scene(
        builders.config(
            crystal=builders.TRICLINIC,
            structure_factors=nb.StructureFactors.constant(default_F) if default_F else listed,
            detector=nb.Detector.flat(distance_mm=100, pixels=400, pixel_mm=0.3),
        ).replace(changes)
    )
    fast = nb.predict_spots(scene)
    every = np.concatenate(list(reflections(scene, amplitude_lookup(scene))))
    monkeypatch.setattr(ewald_crossings, "_near_sphere", lambda *_: every)
    slow = nb.predict_spots(scene)
    assert len(fast) > 20
    order = [np.lexsort(spots.hkl.T) for spots in (fast, slow)]
    np.testing.assert_array_equal(fast.hkl[order[0]], slow.hkl[order[1]])
    np.testing.assert_allclose(fast.photons[order[0]], slow.photons[order[1]], rtol=1e-12)
