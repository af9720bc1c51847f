"""Diffuse halos: their formula, photons and symmetry, and what becomes of the spots."""

from __future__ import annotations

import itertools
from typing import Any

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.dataset.shared_tables import share_tables
from nanobragg.errors import NanobraggWarning
from nanobragg.scene.halos import build_halos
from tests import builders

from .experiment import PLAIN, positions

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

GROUP = "P 43 21 2"
CELL = (40.0, 40.0, 60.0, 90.0, 90.0, 90.0)
CRYSTAL = nb.Crystal(cell=CELL, n_cells=(5, 6, 4), shape="gauss", misset_deg=(10, 20, 30))
FACTORS = nb.StructureFactors.wilson(CELL, GROUP, b_factor=15, d_min_A=2.5, seed=1)
DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(32, 40), pixel_mm=1.5)
LENGTHS, DISPLACEMENTS = (20.0, 35.0, 15.0), (0.4, 0.3, 0.5)
DIFFUSE = nb.Diffuse(correlation_length_A=LENGTHS, displacement_A=DISPLACEMENTS)
ROUNDING = 1e-12  # of the brightest pixel


def experiment(crystal: nb.Crystal, **fields: Any) -> nb.Config:
    usual = {"structure_factors": FACTORS, "beam": PLAIN, "detector": DETECTOR, "sampling": nb.Sampling(oversample=1)}
    return builders.config(crystal=crystal, **{**usual, **fields})


def photons(diffuse: nb.Diffuse | None, crystal: nb.Crystal = CRYSTAL, **fields: Any) -> np.ndarray:
    return nb.simulate(experiment(crystal.replace(diffuse=diffuse), **fields), dtype="float64", tolerance=0)


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, as a share of the brightest pixel."""
    return float(np.abs(image - expected).max() / expected.max())


def rotations(space_group: str | None) -> list[np.ndarray]:
    """Return the distinct rotations of a group, by which h·R is equivalent to h."""
    if space_group is None:
        return [np.eye(3)]
    operations = gemmi.SpaceGroup(space_group).operations()
    return [np.array(rows) / 24 for rows in {tuple(map(tuple, op.rot)) for op in operations.sym_ops}]


def summed(diffuse: nb.Diffuse) -> np.ndarray:
    """The image as a sum over the reflections around every pixel and over the rotations of a group."""
    scene = nb.Scene(experiment(CRYSTAL))
    direct, reciprocal, volume = scene.lattice
    ray = positions(DETECTOR)
    distance = np.linalg.norm(ray, axis=-1)
    index = (ray / distance[..., None] - scene.beam_direction) @ direct.T  # at a wavelength of 1 Å
    nearest = np.rint(index).astype(int)
    listed = dict(zip(map(tuple, FACTORS.listing[0].tolist()), FACTORS.listing[1], strict=True))
    a, b_star = direct[0] / np.linalg.norm(direct[0]), reciprocal[1] / np.linalg.norm(reciprocal[1])
    axes = reciprocal @ np.array([a, b_star, np.cross(a, b_star)]).T
    length, displacement = (np.broadcast_to(each, 3) for each in (diffuse.correlation_length_A, diffuse.displacement_A))

    def squares(hkl: np.ndarray) -> np.ndarray:
        return np.reshape([listed.get(tuple(each), 0.0) ** 2 for each in hkl.reshape(-1, 3).tolist()], hkl.shape[:-1])

    def exponent(hkl: np.ndarray) -> np.ndarray:
        return 4 * np.pi**2 * ((hkl @ axes * displacement) ** 2).sum(axis=-1)

    cells = float(np.prod(CRYSTAL.n_cells))
    lattice = cells**2 * np.exp(-(((index - nearest) * CRYSTAL.n_cells) ** 2).sum(axis=-1) * 2 / 0.63)
    group, steps = rotations(diffuse.space_group), range(-diffuse.neighbours, diffuse.neighbours + 1)
    sums = np.zeros(distance.shape)
    for rotation in group:
        sums += squares(nearest) * lattice * np.exp(-exponent(nearest @ rotation))
        for step in itertools.product(steps, repeat=3):
            hkl = nearest + np.array(step)
            x, radius = exponent(hkl @ rotation), 2 * np.pi * ((index - hkl) @ rotation @ axes * length)
            halo = 8 * np.pi * np.prod(length) / (1 + (radius**2).sum(axis=-1)) ** 2
            sums += squares(hkl) * x * np.exp(-x) * halo * cells / volume
    pixel = DETECTOR.panels[0].pixel_mm / 1000
    return sums / len(group) * pixel**2 * 0.1 / distance**3


@pytest.mark.parametrize(
    "diffuse",
    [
        DIFFUSE, DIFFUSE.replace(space_group=GROUP), nb.Diffuse(correlation_length_A=25, displacement_A=0.6),
        DIFFUSE.replace(neighbours=0), DIFFUSE.replace(neighbours=2),
    ],
    ids=["three widths", "averaged", "one width", "nearest only", "125 halos"],
)  # fmt: skip
def test_an_image_is_the_sum_over_the_reflections_around_its_pixels(diffuse):
    assert difference(photons(diffuse), summed(diffuse)) <= ROUNDING


def test_the_integral_of_a_halo_over_the_index_is_the_number_of_cells():
    """That of 1/(1 + u²)² over space is π²."""
    scene = nb.Scene(experiment(CRYSTAL))
    for cells in (1.0, 120.0):
        (halo,) = build_halos(CRYSTAL.replace(diffuse=DIFFUSE), scene.lattice, cells)
        assert halo.peak * np.pi**2 / np.sqrt(np.linalg.det(halo.radius)) == pytest.approx(cells, rel=1e-12)


def test_a_halo_gets_the_photons_of_its_spot_times_the_exponent():
    """A rotation takes one reflection through the sphere, halo and all: what of it is nearer than to another one."""
    edge, length, x = 40.0, 200.0, 0.5
    factors = nb.StructureFactors(indices=[(0, 6, 0)], amplitudes=[100.0], interpolate=False)
    displacement = np.sqrt(x) / (2 * np.pi * 6 / edge)
    diffuse = nb.Diffuse(correlation_length_A=length, displacement_A=displacement, neighbours=0)
    crystal = nb.Crystal(cell=edge, n_cells=8)  # whose spots have F² times the cells, exactly
    fields = {
        "structure_factors": factors, "scan": nb.Scan(start_deg=-14, range_deg=28, steps=1120),
        "detector": nb.Detector(panels=(nb.Panel(
            origin_mm=(100, 17.1, -2), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=0.05, pixels=(80, 80)
        ),)),
    }  # fmt: skip
    alone, both = (photons(each, crystal, **fields).sum() for each in (None, diffuse))
    offset = (np.arange(100) + 0.5) / 100 - 0.5
    h, k, l = np.meshgrid(offset, offset, offset, indexing="ij")
    radius = 2 * np.pi * length / edge * np.sqrt(h**2 + k**2 + l**2)
    inside = 8 * np.pi * (length / edge) ** 3 * (1 / (1 + radius**2) ** 2).mean()
    assert 0.9 < inside < 0.95
    assert (both / alone - np.exp(-x)) / (x * np.exp(-x)) == pytest.approx(inside, rel=0.01)


def test_an_average_over_the_group_makes_equivalent_points_equal():
    """Turned about c by the fourfold axis, the crystal is the same; so are its halos, if they are averaged."""
    crystal = CRYSTAL.replace(n_cells=4, misset_deg=(0, 0, 0))
    turned = crystal.replace(misset_deg=(0, 0, 90))
    for group, equal in ((GROUP, True), (None, False)):
        diffuse = DIFFUSE.replace(space_group=group)
        one, other = photons(diffuse, crystal), photons(diffuse, turned)
        assert (difference(one, other) <= 1e-10) == equal


def test_a_group_of_the_structure_factors_alone_is_not_enough():
    """The same halos, however the amplitudes are listed; a warning says what averages them."""
    indices, amplitudes = FACTORS.listing
    factors = nb.StructureFactors(indices=indices, amplitudes=amplitudes, space_group=GROUP)
    with pytest.warns(NanobraggWarning, match="do not have the symmetry of P 43 21 2; give space_group='P 43 21 2'"):
        image = photons(DIFFUSE, structure_factors=factors)
    assert difference(image, photons(DIFFUSE)) <= ROUNDING


def test_rhombohedral_axes_choose_the_operators_of_a_rhombohedral_group():
    cell = (60, 60, 60, 75, 75, 75)
    factors = nb.StructureFactors.wilson(cell, "R 3:R", b_factor=15, d_min_A=4, seed=1)
    crystal = nb.Crystal(cell=cell, n_cells=4, shape="gauss")
    one, other = (
        photons(DIFFUSE.replace(space_group=group), crystal, structure_factors=factors) for group in ("R 3", "R 3:R")
    )
    assert difference(one, other) <= ROUNDING
    assert nb.Diffuse(correlation_length_A=9, displacement_A=1, space_group=96).space_group == "96"
    assert len(nb.Scene(experiment(crystal.replace(diffuse=DIFFUSE.replace(space_group="R 3")))).halos) == 3


def test_the_mask_of_bragg_peaks_is_that_of_the_spots():
    halos = nb.Diffuse(correlation_length_A=30, displacement_A=0.8)
    config = experiment(CRYSTAL.replace(diffuse=halos, n_cells=8))
    scene = nb.Scene(config)
    bare = scene.changed(halos=(), halo_factors=())
    np.testing.assert_array_equal(nb.bragg_mask(scene), nb.bragg_mask(bare))
    np.testing.assert_array_equal(nb.bragg_mask(config), nb.bragg_mask(bare))


def test_sub_pixels_resolve_halos_that_are_narrower_than_spots():
    wide, narrow = (
        nb.Scene(experiment(CRYSTAL.replace(diffuse=DIFFUSE.replace(correlation_length_A=length))))
        for length in (5, 500)
    )
    plain = nb.Scene(experiment(CRYSTAL))
    assert wide.recommended_oversample == plain.recommended_oversample
    assert narrow.recommended_oversample > 5 * plain.recommended_oversample


def test_halos_turn_with_the_crystal():
    """A crystal turned about the beam by 90 degrees turns the image."""
    panel = nb.Panel(
        origin_mm=(100, 22.5, -22.5), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=1.5, pixels=(30, 30)
    )
    images = []
    for turn in (np.eye(3), np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])):
        star = tuple(map(tuple, (turn / np.array(CELL[:3])).tolist()))
        crystal = CRYSTAL.replace(cell=None, matrix=star, misset_deg=(0, 0, 0))
        images.append(photons(DIFFUSE, crystal, detector=nb.Detector(panels=(panel,))))
    turns = [np.rot90(images[1], k) for k in (1, 3)]
    assert min(difference(image, images[0]) for image in turns) <= 1e-10


def test_spots_lose_what_displacements_take_from_them():
    diffuse = nb.Diffuse(correlation_length_A=10, displacement_A=0.5, neighbours=0)
    scene = nb.Scene(experiment(CRYSTAL.replace(diffuse=diffuse)))
    before = {tuple(spot.hkl.tolist()): spot.photons for spot in nb.predict_spots(nb.Scene(experiment(CRYSTAL)))}
    after = nb.predict_spots(scene)
    assert len(after) > 100
    for spot in after:
        left = np.exp(-4 * np.pi**2 * 0.25 * (np.linalg.norm(scene.lattice.reciprocal.T @ spot.hkl)) ** 2)
        assert spot.photons == pytest.approx(left * before[tuple(spot.hkl.tolist())], rel=1e-6)


def test_amplitudes_that_are_not_listed_have_halos_too():
    constant = nb.StructureFactors.constant(50.0)
    scene = nb.Scene(experiment(CRYSTAL.replace(diffuse=DIFFUSE), structure_factors=constant))
    reach = scene.undisplaced.limits
    axes = (np.arange(low, high + 1) for low, high in zip(*reach, strict=True))
    indices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    listed = nb.StructureFactors(indices=indices, amplitudes=np.full(len(indices), 50.0))
    image = nb.simulate(scene, dtype="float64")
    assert difference(image, photons(DIFFUSE, structure_factors=listed)) <= ROUNDING


def test_domains_wavelengths_and_scans_add_up():
    crystal = CRYSTAL.replace(
        mosaic_rotations_deg=[[0, 0, 0], [0.4, 0, 0.2]], mosaic_weights=[1, 3], diffuse=DIFFUSE, mosaic_model="gaussian"
    )
    both = nb.simulate(experiment(crystal), dtype="float64", tolerance=0)
    one, other = (
        nb.simulate(experiment(crystal.replace(mosaic_rotations_deg=[each], mosaic_weights=None)), dtype="float64")
        for each in ([0, 0, 0], [0.4, 0, 0.2])
    )
    assert difference(both, 0.25 * one + 0.75 * other) <= ROUNDING


def test_several_lattices_have_halos_of_their_own():
    crystal = CRYSTAL.replace(diffuse=DIFFUSE, twins=(("-h,k,-l", 0.3),))
    config = experiment(crystal)
    parts = [nb.simulate(each, dtype="float64") for each in config.lattices()]
    assert difference(nb.simulate(config, dtype="float64"), sum(parts)) <= ROUNDING
    assert all(each.crystal.diffuse == DIFFUSE for each in config.lattices())


def test_a_trace_has_every_halo_as_a_term():
    config = experiment(CRYSTAL.replace(diffuse=DIFFUSE, shape="square"))
    trace = nb.trace(config, slow=7, fast=9)
    assert [term.part for term in trace.terms].count("spot") == 1
    assert trace.n_terms == 28
    assert sum(term.contribution for term in trace.terms) == pytest.approx(trace.final.sum, rel=1e-12)
    assert trace.final.pixel == pytest.approx(nb.simulate(config, dtype="float64", tolerance=0)[7, 9], rel=1e-12)
    assert "diffuse scattering" in trace.explain()


def test_a_resolved_config_can_be_rendered_again():
    """The amplitudes of its spots are not damped twice."""
    scene = nb.Scene(experiment(CRYSTAL.replace(diffuse=DIFFUSE)))
    again = nb.simulate(scene.config, dtype="float64")
    np.testing.assert_array_equal(again, nb.simulate(scene, dtype="float64"))


def test_a_data_set_varies_the_widths_and_shares_the_amplitudes(tmp_path):
    indices, amplitudes = FACTORS.listing
    grouped = nb.StructureFactors(indices=indices, amplitudes=amplitudes, space_group=GROUP)
    base = experiment(CRYSTAL.replace(diffuse=DIFFUSE), structure_factors=grouped)
    vary = {"crystal.diffuse.displacement_A": nb.uniform(0.2, 0.5)}
    plan = nb.Dataset(base=base, n=2, vary=vary, seed=1)
    shared = share_tables(plan, tmp_path)
    shots = [plan.shot(k) for k in range(2)]
    assert shots[0].values.crystals != shots[1].values.crystals
    for k, shot in enumerate(shots):
        np.testing.assert_array_equal(shared.attached_to(plan).shot(k).image, shot.image)
    several = plan.replace(base=base.replace(crystals=[base.crystal, base.crystal], fractions=(1.0, 0.5)), vary={})
    assert share_tables(several, tmp_path) is not None
