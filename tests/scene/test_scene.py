"""What a scene derives from its experiment."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.spots.ewald_crossings import longest_q
from nanobragg.constants import R_E_SQR
from nanobragg.errors import ConfigError
from nanobragg.geometry import rotate_about
from nanobragg.scene.kernel_input import float32_precision
from tests.builders import CRYSTAL, FACTORS, scene

SPECTRUM = nb.Beam(wavelength_A=1.0, dispersion_percent=10, dispersion_steps=3)
PANELS = {
    "forward": {"twotheta_deg": 30},
    "beyond a right angle": {"twotheta_deg": 100},
    "curved": {"curved": True},
}


@pytest.mark.filterwarnings("ignore:the direct beam does not hit")
@pytest.mark.parametrize("place", PANELS)
def test_the_reach_is_that_of_the_farthest_pixel(place):
    """Within 1 % and a few indices; twice the wave number beyond a right angle and on curved panels."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(200, 300), pixel_mm=0.5, pivot="sample", **PANELS[place])
    made = scene(beam=SPECTRUM, detector=detector)
    shortest = made.sources.wavelengths.min()
    corners = np.linalg.norm(made.geometry.corners - made.beam_direction, axis=-1).max() / shortest
    assert corners < 1.9 / shortest
    expected = corners if place == "forward" else 2 / shortest
    if place != "curved":
        assert longest_q(made) == pytest.approx(expected, rel=1e-12)
    for edge, reach in zip((60e-10, 70e-10, 80e-10), made.reach, strict=True):
        assert edge * expected + 4 <= reach <= 1.01 * edge * expected + 5


def test_under_the_c_programs_rules_gauss_and_tophat_depend_on_the_number_of_cells_alone():
    """Row 7 of docs/quirks.md: one width in 1/Å for all directions."""
    star = np.linalg.inv(np.diag([60.0, 70.0, 80.0]))
    for shape in ("gauss", "tophat"):
        made = scene(crystal=CRYSTAL.replace(shape=shape, n_cells=(2, 3, 5), fudge=1.5), compat="c")
        expected = 1.5 * 30**2 * np.array([*np.diag(star) ** 2, 0, 0, 0])
        np.testing.assert_allclose(made.radius_metric, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("last", "n_cells", "interpolate", "lookup"),
    [
        (2, (3, 3, 3), None, "nearest"),
        (2, (3, 2, 3), None, "tricubic"),
        (2, (3, 3, 3), True, "tricubic"),
        (2, (2, 2, 2), False, "nearest"),
        (1, (2, 2, 2), True, "nearest"),
    ],
)
def test_small_crystals_interpolate_in_tables_of_five_indices_along_each_axis(last, n_cells, interpolate, lookup):
    span = np.indices((last + 3, 5, 5)).reshape(3, -1).T - 2
    factors = nb.StructureFactors(indices=span, amplitudes=np.ones(len(span)), interpolate=interpolate)
    made = scene(crystal=CRYSTAL.replace(n_cells=n_cells), structure_factors=factors, sampling=nb.Sampling(d_min_A=20))
    assert made.lookup == lookup
    assert scene(structure_factors=FACTORS.replace(interpolate=interpolate)).lookup == "constant"


def test_the_number_of_cells_follows_from_the_size_and_the_beam_clips_it_across_itself():
    small = CRYSTAL.replace(n_cells=(1, 1, 5), size_mm=(59e-6, 71e-6, 0))
    assert scene(crystal=small).n_cells == (10, 11, 5)
    assert scene(crystal=small, beam=nb.Beam(size_mm=1e-4)).n_cells == (10, 11, 5)
    with pytest.warns(nb.errors.NanobraggWarning, match=r"size_mm\[1\] = 7.1e-05 is larger .* to its 3.5e-05 mm"):
        assert scene(crystal=small, beam=nb.Beam(size_mm=35e-6)).n_cells == (10, 5, 5)
    assert scene(crystal=CRYSTAL.replace(n_cells=1, size_mm=1e-9)).n_cells == (1, 1, 1)


def test_photons_are_per_sub_pixel_step_and_domain():
    """One term of a crystal of one cell: r_e² · fluence · weight · F² · ω, with the polarization off."""

    made = scene(
        crystal=CRYSTAL.replace(n_cells=1), beam=nb.Beam(polarized=False, fluence_ph_m2=1e20),
        sampling=nb.Sampling(oversample=2), scan=nb.Scan(range_deg=1, steps=3),
    )  # fmt: skip
    image = nb.simulate(made, dtype="float64")
    omega = made.geometry.solid_angles(np.array([[10.25], [10.75]]), np.array([20.25, 20.75])).mean()
    assert image[10, 20] == pytest.approx(R_E_SQR * 1e20 * 100**2 * omega, rel=1e-9)


TABLE = np.indices((5, 5, 5)).reshape(3, -1).T - 2


@pytest.mark.filterwarnings("ignore:the table of structure factors ends", "ignore:oversample")
@pytest.mark.parametrize(
    ("amplitude", "n_cells", "fields", "precision"),
    [
        (100, (5, 5, 5), {}, "single"),
        (0, (5, 5, 5), {}, "single"),
        (1.1e-10, (5, 5, 5), {}, "single"),
        (0.9e-10, (5, 5, 5), {}, "double from floats"),
        (0.9e15 / 2**9, (8, 8, 8), {}, "single"),
        (1.1e15 / 2**9, (8, 8, 8), {}, "double from floats"),
        (1e-29, (5, 5, 5), {}, "double from floats"),
        (1e-31, (5, 5, 5), {}, "double"),
        (1e31, (5, 5, 5), {}, "double"),
        (100, (1024, 1, 1), {}, "single"),
        (100, (1, 1025, 1), {}, "double from floats"),
        (100, (5, 5, 5), {"compat": "c"}, "double"),
    ],
)
def test_float32_images_are_computed_as_precisely_as_their_range_needs(amplitude, n_cells, fields, precision):
    factors = nb.StructureFactors(indices=TABLE, amplitudes=np.full(len(TABLE), float(amplitude)))
    sampling = nb.Sampling(oversample=1)
    made = scene(crystal=CRYSTAL.replace(n_cells=n_cells), structure_factors=factors, sampling=sampling, **fields)
    assert float32_precision(made) == precision


@pytest.mark.parametrize("kahn_factor", [0.0, 0.9])
@pytest.mark.parametrize("axis", [(0, 0, 1), (0.3, 0.5, 1)])
def test_the_wave_of_a_source_is_perpendicular_to_its_direction(kahn_factor, axis):
    """B along polarization axis × direction, E across both; of the axis only the part across the beam counts."""
    beam = nb.Beam(kahn_factor=kahn_factor, polarization_axis=axis, divergence_mrad=(20, 20), divergence_steps=(2, 2))
    traced = nb.trace(scene(beam=beam), slow=20, fast=5)
    for place, ray in traced.rays:
        b = np.cross((0, *axis[1:]), ray.incident)
        b /= np.linalg.norm(b)
        assert ray.along_b == pytest.approx(place.direction @ b, rel=1e-9)
        assert ray.along_e == pytest.approx(place.direction @ np.cross(ray.incident, b), rel=1e-9)


@pytest.mark.filterwarnings("ignore:oversample")
def test_pixels_beyond_d_min_are_dark_and_the_others_unchanged():
    every, some = (nb.simulate(scene(sampling=nb.Sampling(oversample=1, d_min_A=d))) for d in (0, 12.0))
    made = scene()
    d = made.geometry.resolution(1.0, np.arange(32)[:, np.newaxis] + 0.5, np.arange(48) + 0.5)
    assert 0.1 < (d < 12).mean() < 0.9
    np.testing.assert_array_equal(some, np.where(d < 12, 0, every))


def test_only_unpolarized_sources_may_shine_along_the_polarization_axis():
    along = nb.Beam(polarization_axis=(-2, 0, 0), divergence_mrad=(4, 4), divergence_steps=(3, 3))
    with pytest.raises(ConfigError, match=r"polarization_axis = \(-1.0, 0.0, 0.0\).* parallel to the beam"):
        scene(beam=along.replace(kahn_factor=0.5))
    for unpolarized in (along, along.replace(kahn_factor=0.5, polarized=False)):
        made = scene(beam=unpolarized)
        assert made.polarization_axis @ made.beam_direction == pytest.approx(0, abs=1e-15)
        assert made.core("float64")
    sources = nb.Sources(positions=[[-10, 0, 0], [0, 0, -10]])
    assert scene(beam=nb.Beam(sources=sources, kahn_factor=0)).core("float64")
    unpolarized = nb.Beam(sources=sources, kahn_factor=0.5, polarized=False)
    ours = nb.simulate(scene(beam=unpolarized), dtype="float64")
    np.testing.assert_array_equal(ours, nb.simulate(scene(beam=unpolarized.replace(kahn_factor=0)), dtype="float64"))
    for kahn_factor in (1, 0.5):
        with pytest.raises(ConfigError, match="source's direction"):
            scene(beam=nb.Beam(sources=sources, kahn_factor=kahn_factor)).core("float64")


@pytest.mark.parametrize("compat", [None, "c"])
def test_many_rotation_steps_are_those_of_one_rotation_each(compat):
    """To the same bits; under compat="c" a φ of exactly 0 keeps the orientation before it."""
    made = scene(scan=nb.Scan(start_deg=-1, range_deg=4, steps=8), compat=compat)
    direct = made.lattice.direct * 1e-10
    angles = made.phi_angles.tolist()
    before = rotate_about(direct, made.spindle_axis, angles[-1])
    for angle, cell in zip(angles, made.cells, strict=True):
        before = rotate_about(direct, made.spindle_axis, angle) if angle or compat is None else before
        np.testing.assert_array_equal(cell, before)


@pytest.mark.filterwarnings("ignore:the direct beam does not hit")
def test_many_steps_take_no_loop_in_python():
    """A loop calls some function in each step; this is counted, not timed, to be the same on every machine."""
    detector = nb.Detector.flat(distance_mm=100, pixels=1)
    scene(detector=detector, scan=nb.Scan(range_deg=360, steps=10))  # imports what is imported when it is needed
    calls, before = 0, sys.getprofile()

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        made = scene(detector=detector, scan=nb.Scan(range_deg=360, steps=100_000))
    finally:
        sys.setprofile(before)
    assert made.config.scan.steps == 100_000
    assert 0 < calls < 10_000


@pytest.mark.parametrize(("edge", "n_cells"), [(1e5, 10**9), (9e5, 10**5), (1e6, 10**9)])
def test_sub_pixels_beyond_the_bound_are_refused_also_if_automatic(edge, n_cells):
    with pytest.raises(ConfigError, match=r"this crystal needs .* sub-pixels along a side of a pixel, more than 1000"):
        nb.simulate(
            scene(
                crystal=nb.Crystal(cell=(edge, edge, edge), n_cells=n_cells),
                detector=nb.Detector.flat(distance_mm=100, pixels=20),
            )
        )


@pytest.mark.parametrize("experiment", ["still.toml", None, {}, 3])
def test_what_is_no_experiment_is_refused_by_name(experiment):
    for call in (nb.simulate, nb.Scene, nb.predict_spots, nb.parameters):
        with pytest.raises(ConfigError, match=f"{type(experiment).__name__}: give a Config or a Scene"):
            call(experiment)


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_a_changed_scene_is_pickled_with_its_changes():
    """So is one lattice of several, which is a changed scene too."""
    small = nb.Detector.flat(distance_mm=50, pixels=16, pixel_mm=1)
    plain = scene(crystal=CRYSTAL, detector=small)
    changed = plain.changed(cells=np.ascontiguousarray(plain.cells[:, :, [1, 2, 0]])).changed(fluence=1e20)
    several = plain.config.replace(crystals=(CRYSTAL, CRYSTAL.replace(misset_deg=(30, 20, 10))))
    for original in (changed, nb.Scene(several).lattices[0]):
        for copied in (pickle.loads(pickle.dumps(original)), copy.copy(original), copy.deepcopy(original)):
            assert np.array_equal(copied.cells, original.cells)
            assert copied.fluence == original.fluence
            assert copied.others == ()
            again = copied.changed(oversample=2)  # keeps what was changed before
            assert np.array_equal(nb.simulate(again), nb.simulate(original.changed(oversample=2)))
    assert not np.array_equal(changed.cells, plain.cells)


def test_scenes_share_the_mask_of_their_detector():
    detector = nb.Detector.flat(distance_mm=100, pixels=(5, 7), pixel_mm=1, mask=np.arange(35).reshape(5, 7) % 3)
    made = scene(detector=detector)
    assert np.shares_memory(made.mask, detector.mask)
    np.testing.assert_array_equal(made.mask[0], detector.mask.astype(np.uint8))
