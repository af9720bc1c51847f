"""Spots smeared in closed form (mosaic_sampling="analytic"): their limits, photons, widths and symmetries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from tests import builders

from .reflection import Reflection

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

EV = 12398.41984  # of 1 angstrom
CELL = (60.0, 70.0, 80.0, 85.0, 95.0, 100.0)
CRYSTAL = nb.Crystal(cell=CELL, n_cells=(5, 6, 4), shape="gauss", misset_deg=(12, 34, 56))
DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(32, 40), pixel_mm=1.0, beam_center_mm=(-10, -10))
EXACT = nb.Sampling(oversample=1)
LISTED = nb.Sampling(oversample=1, tolerance=1e-6)
SPREAD = (0.3, 0.2, 0.4)
ROUNDING = 1e-12  # of the brightest pixel
INDEX = np.indices((25, 25, 25)).reshape(3, -1).T - 12
AMPLITUDES = np.random.default_rng(1).uniform(20, 100, len(INDEX))
FACTORS = nb.StructureFactors(indices=INDEX, amplitudes=AMPLITUDES, interpolate=False)


def smeared(spread: tuple[float, float, float] | None = SPREAD, strain: Any = 0.0, **fields: Any) -> nb.Crystal:
    model = {} if spread is None else {"mosaic_model": "gaussian", "mosaic_spread_deg": spread}
    return CRYSTAL.replace(mosaic_sampling="analytic", strain_percent=strain, **model, **fields)


def experiment(crystal: nb.Crystal, bandwidth: float = 0.0, **fields: Any) -> nb.Config:
    beam = nb.Beam(energy_eV=EV, bandwidth_percent=bandwidth)
    usual = {"beam": beam, "structure_factors": FACTORS, "detector": DETECTOR, "sampling": EXACT}
    return builders.config(crystal=crystal, **{**usual, **fields})


def photons(crystal: nb.Crystal, bandwidth: float = 0.0, **fields: Any) -> np.ndarray:
    return nb.simulate(experiment(crystal, bandwidth, **fields), dtype="float64")


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, as a share of the brightest pixel."""
    return float(np.abs(image - expected).max() / expected.max())


# --- limits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"shape": "gauss_star"}, {"n_cells_off": (1, -2, 1)}])
def test_nothing_smeared_is_the_image_of_the_blocks(fields):
    fields = {"n_cells": (15, 16, 14), **fields}
    assert difference(photons(smeared(None, **fields)), photons(CRYSTAL.replace(**fields))) <= ROUNDING


def grid(spread: tuple[float, ...], most: int = 10, step: float = 0.4) -> dict[str, Any]:
    """Domains on a grid of normally distributed rotation vectors, as far as `most` steps of standard deviations."""
    axes = [np.arange(-most, most + 1) * step if sigma else np.zeros(1) for sigma in spread]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    x = x[(x**2).sum(axis=1) <= (most * step) ** 2]
    return {"mosaic_rotations_deg": x * spread, "mosaic_weights": np.exp(-0.5 * (x**2).sum(axis=1))}


def spectrum(bandwidth: float, lines: int = 81) -> nb.Beam:
    """A list of normally distributed photon energies."""
    x = np.linspace(-4.5, 4.5, lines)
    energies = EV * (1 + bandwidth / 100 * x)
    return nb.Beam(energy_eV=EV, spectrum=nb.Spectrum(energies_eV=energies, weights=np.exp(-0.5 * x**2)))


@pytest.mark.parametrize(
    ("spread", "fields"),
    [
        (SPREAD, {}),
        ((1.0, 1.0, 1.0), {"n_cells": (3, 3, 2)}),
        ((1.0, 0.0, 0.0), {}),
        ((0.6, 0.05, 0.3), {"shape": "gauss_star"}),
        ((0.3, 0.0, 0.8), {"n_cells_off": (1, -2, 1)}),
    ],
)
def test_it_is_the_limit_of_many_domains(spread, fields):
    listed = photons(CRYSTAL.replace(**fields, **grid(spread)), sampling=LISTED)
    assert difference(photons(smeared(spread, **fields)), listed) < 0.01


@pytest.mark.parametrize("bandwidth", [0.2, 1.0, 3.0])
def test_it_is_the_limit_of_many_wavelengths(bandwidth):
    crystal = CRYSTAL.replace(n_cells=(10, 12, 8))
    listed = photons(crystal, beam=spectrum(bandwidth, 121))
    assert difference(photons(smeared(None, n_cells=(10, 12, 8)), bandwidth), listed) < 0.002


@pytest.mark.parametrize(
    ("strain", "domains", "error"), [(0.3, 2000, 0.005), (1.0, 2000, 0.01), ((0.1, 0.3, 0.1, 0.2, 0.1, 0.2), 20000, 0.01)]
)
def test_it_is_the_limit_of_many_strained_domains(strain, domains, error):
    listed = CRYSTAL.replace(strain_percent=strain, mosaic_domains=domains)
    assert difference(photons(smeared(None, strain)), photons(listed)) < error


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["gauss", "gauss_star"])
def test_it_is_the_limit_of_many_domains_of_many_wavelengths(shape):
    fields = {"n_cells": (10, 12, 8), "shape": shape}
    beam, domains = spectrum(0.3), grid(SPREAD, 12, 0.35)
    listed = photons(CRYSTAL.replace(**fields, **domains), beam=beam, sampling=LISTED)
    assert difference(photons(smeared(**fields), 0.3), listed) < 0.01


def test_random_domains_scatter_about_it():
    """The difference to n independent draws falls with 1/√n."""
    image = photons(smeared())

    def scatter(domains: int) -> float:
        seeds = range(1, 9)
        base = CRYSTAL.replace(mosaic_spread_deg=SPREAD, mosaic_model="gaussian", mosaic_sampling="random")
        images = [photons(base.replace(mosaic_domains=domains, mosaic_seed=seed)) for seed in seeds]
        return math.sqrt(np.mean([((listed - image) ** 2).sum() for listed in images]))

    assert scatter(100) / scatter(900) == pytest.approx(3, rel=0.2)


# --- the formula -----------------------------------------------------------------------------------------------


def formula(config: nb.Config) -> np.ndarray:
    """The sum over all reflections near a pixel as docs/theory.md has it, with matrices; polarization is left out."""
    scene, crystal = nb.Scene(config), config.crystal
    direct, star = scene.lattice.direct, scene.lattice.reciprocal  # rows, Å and 1/Å
    a, b = direct[0] / np.linalg.norm(direct[0]), star[1] / np.linalg.norm(star[1])
    axes = np.array([a, b, np.cross(a, b)])
    moves = [
        (math.radians(sigma), np.cross(np.eye(3), axis))
        for sigma, axis in zip(crystal.mosaic_spread_deg or (), axes, strict=False)
    ]
    moves.append((crystal.strain_percent / 100, np.eye(3)))
    n = np.diag(crystal.n_cells)
    block = np.linalg.inv(n @ n * 4 / 0.63)  # exp(-2 (N Δh)²/0.63)
    band = (config.beam.bandwidth_percent / 100) ** 2
    panel = config.detector.panels[0]
    slow, fast = np.indices(panel.pixels) + 0.5
    f, s, normal = (np.asarray(axis) for axis in panel.axes())
    place = np.array(panel.origin_mm) + panel.pixel_mm * (fast[..., None] * f + slow[..., None] * s)
    distance = np.linalg.norm(place, axis=-1)
    beam = np.asarray(scene.sources.directions[0])
    q = (place / distance[..., None] - beam) / config.beam.wavelength_A
    omega = panel.pixel_mm**2 * np.abs(place @ normal) / distance**3
    index = q @ direct.T
    image = np.zeros(panel.pixels)
    low, high = np.floor(index.min(axis=(0, 1))).astype(int) - 4, np.ceil(index.max(axis=(0, 1))).astype(int) + 5
    known = {tuple(h): F for h, F in zip(INDEX.tolist(), AMPLITUDES.tolist(), strict=True)}
    for shift in np.ndindex(*(high - low).tolist()):
        h = np.array(shift) + low
        if np.abs(h).max() > 12:
            continue
        g = h @ star
        shifts = [sigma * direct @ (move @ g) for sigma, move in moves]
        domains = sum((np.outer(x, x) for x in shifts), np.zeros((3, 3)))
        covariance = block + domains + band * index[..., :, None] * index[..., None, :]
        k, d = np.linalg.inv(covariance), index - h
        along = np.zeros(panel.pixels)
        sag = np.zeros(panel.pixels)
        if h.any():
            along = np.einsum("i,...ij,...j", h, k, d) / np.einsum("i,...ij,j", h, k, h)
            x = np.einsum("ij,...jk,...k", domains, k, d - along[..., None] * h)
            sag = 0.5 * ((x @ star) ** 2).sum(axis=-1) / (g @ g)
        full = d + sag[..., None] * h
        share = np.exp(-0.5 * np.einsum("...i,...ij,...j", full, k, full))
        image += known[tuple(h.tolist())] ** 2 * share * np.sqrt(np.linalg.det(block) / np.linalg.det(covariance))
    return image * omega * (math.prod(crystal.n_cells)) ** 2


@pytest.mark.parametrize(
    ("crystal", "bandwidth"),
    [
        (smeared((0.6, 0.0, 0.3), 0.2), 0.5),
        (smeared((1.0, 1.0, 1.0), n_cells=(2, 1, 2)), 3.0),
        (smeared(None, 1.0, n_cells=(3, 1, 2)), 0.0),
    ],
)
def test_the_image_is_the_sum_over_all_reflections(crystal, bandwidth):
    detector = nb.Detector.flat(distance_mm=100, pixels=(8, 9), pixel_mm=4.0, beam_center_mm=(8, 6))
    beam = nb.Beam(wavelength_A=1.0, bandwidth_percent=bandwidth, polarized=False)
    config = experiment(crystal, detector=detector, beam=beam)
    assert difference(nb.simulate(config, dtype="float64"), formula(config)) < ROUNDING


# --- photons and widths ----------------------------------------------------------------------------------------

SPOT = Reflection(shape="gauss", n_cells=(30, 30, 30), roll_deg=0.0)


def rotated(spread: tuple[float, float, float], strain: float, bandwidth: float, pixels: int = 90) -> np.ndarray:
    """One reflection rotated through the sphere: its crystal is cubic and its axes are the lab's but for a turn."""
    base, wide = SPOT.config(), 0.014  # rad, to both sides
    turn = math.degrees(2.2 * wide)
    ray, (panel,) = SPOT.ray, base.detector.panels
    fast, slow, _ = (np.asarray(axis) for axis in panel.axes())
    edge = 2 * wide * 100.0
    corner = 100.0 * ray - edge / 2 * (fast + slow)
    crystal = base.crystal.replace(
        mosaic_spread_deg=spread, mosaic_model="gaussian", mosaic_domains=None, mosaic_sampling="analytic",
        strain_percent=strain,
    )  # fmt: skip
    panel = panel.replace(origin_mm=tuple(corner), pixels=(pixels, pixels), pixel_mm=edge / pixels)
    config = base.replace(
        crystal=crystal, detector=nb.Detector(panels=(panel,)), scan=nb.Scan(start_deg=-turn / 2, range_deg=turn, steps=150),
        beam=base.beam.replace(bandwidth_percent=bandwidth, polarized=False), sampling=EXACT,
    )  # fmt: skip
    return nb.simulate(config, dtype="float64")


def widths(image: np.ndarray) -> tuple[float, float]:
    """Return the standard deviations along the axes (slow, fast) in radians."""
    found = []
    for axis in (0, 1):
        profile, at = image.sum(axis=1 - axis), np.arange(image.shape[axis]) * 0.028 / image.shape[axis]
        mean = (profile * at).sum() / profile.sum()
        found.append(math.sqrt((profile * (at - mean) ** 2).sum() / profile.sum()))
    return found[0], found[1]


@pytest.mark.parametrize(
    ("spread", "strain", "bandwidth"),
    [((0.15, 0.15, 0.15), 0, 0), ((0, 0, 0), 0.3, 0), ((0, 0, 0), 0, 0.3), ((0.1, 0.05, 0.15), 0.2, 0.2)],
)
def test_a_rotated_spot_keeps_its_photons(spread, strain, bandwidth):
    still = float(rotated((0, 0, 0), 0, 0).sum())
    assert float(rotated(spread, strain, bandwidth).sum()) == pytest.approx(still, rel=5e-3)


def test_a_rotated_spot_has_the_widths_asked_for():
    """Photon energies and strains: 2 tan θ σ along the radius; rotations: 2 sin θ σ across it."""
    theta = math.asin(SPOT.wavelength_A * np.linalg.norm(SPOT.q) / 2)

    def added(*smear: Any) -> tuple[float, float]:
        own, found = widths(rotated((0, 0, 0), 0, 0)), widths(rotated(*smear))
        across, along = (math.sqrt(max(f**2 - o**2, 0.0)) for f, o in zip(found, own, strict=True))
        return across, along

    for smear in (((0, 0, 0), 0.3, 0), ((0, 0, 0), 0, 0.3)):
        across, along = added(*smear)
        assert along == pytest.approx(2 * math.tan(theta) * 0.003, rel=0.01)
        assert across < 0.03 * along
    across, along = added((0.15, 0.15, 0.15), 0, 0)
    assert across == pytest.approx(2 * math.sin(theta) * math.radians(0.15), rel=0.01)
    assert along < 0.1 * across


def test_unequal_widths_turn_with_the_crystal():
    """A crystal that is turned by 90° about the beam has the turned image."""
    detector = nb.Detector(panels=(nb.Panel(
        origin_mm=(100, 20, -20), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=1, pixels=(40, 40)),))  # fmt: skip
    cell = (60.0, 70.0, 80.0, 90.0, 90.0, 90.0)
    crystal = smeared((0.8, 0.1, 0.4), (0.1, 0.5, 0, 0, 0.3, 0), cell=cell, n_cells=(9, 6, 7))
    beam = nb.Beam(energy_eV=EV, bandwidth_percent=0.5, polarized=False, direction=(1, 0, 0))
    images = [
        photons(crystal.replace(misset_deg=(angle, 0, 0)), beam=beam, detector=detector) for angle in (0, 90)
    ]  # fmt: skip
    assert min(difference(images[1], np.rot90(images[0], turns)) for turns in (1, 3)) <= 1e-11
    assert difference(images[1], images[0]) > 0.1


# --- what surrounds the sum ------------------------------------------------------------------------------------

EVERY = smeared(SPREAD, 0.2)


def test_a_curved_detector_is_the_limit_too():
    curved = nb.Detector.flat(distance_mm=100, pixels=(20, 24), pixel_mm=1.5, beam_center_mm=(-10, -10), curved=True)
    listed = photons(CRYSTAL.replace(**grid(SPREAD)), sampling=LISTED, detector=curved)
    assert difference(photons(smeared(), detector=curved), listed) < 0.01


def test_two_panels_are_the_parts_of_one():
    panel = DETECTOR.panels[0]
    below = np.array(panel.origin_mm) + 16 * panel.pixel_mm * np.asarray(panel.axes()[1])
    halves = (panel.replace(pixels=(16, 40)), panel.replace(pixels=(16, 40), origin_mm=tuple(below)))
    parts = photons(EVERY, 0.3, detector=nb.Detector(panels=halves))
    assert difference(np.concatenate(list(parts)), photons(EVERY, 0.3)) <= ROUNDING


def test_lattices_and_twins_add_up():
    other = smeared((0.1, 0.5, 0.2), n_cells=3, misset_deg=(70, 10, 20))
    one, two = photons(EVERY, 0.3), photons(other, 0.3)
    config = experiment(EVERY, 0.3)
    fields = {name: getattr(config, name) for name in ("beam", "structure_factors", "detector", "sampling")}
    both = nb.Config(crystals=[EVERY, other], fractions=(0.25, 2.0), **fields)
    assert difference(nb.simulate(both, dtype="float64"), 0.25 * one + 2 * two) <= ROUNDING
    square = (60.0, 60.0, 80.0, 90.0, 90.0, 90.0)
    twin = EVERY.replace(cell=square, twins=[("k,h,-l", 0.25)])
    sum_of_both = 0.75 * photons(EVERY.replace(cell=square)) + 0.25 * photons(EVERY.replace(cell=square, twin_law="k,h,-l"))
    assert difference(photons(twin), sum_of_both) <= ROUNDING


def test_water_adds_what_it_adds_without_a_crystal():
    wet = photons(EVERY, 0.3, background=nb.Background(water_um=50)) - photons(EVERY, 0.3)
    dark = nb.StructureFactors.constant(0)
    water = photons(CRYSTAL, background=nb.Background(water_um=50), structure_factors=dark)
    np.testing.assert_allclose(wet, water, rtol=1e-9)


def test_a_resolution_limit_leaves_the_pixels_within_it_as_they_are():
    whole = photons(EVERY, 0.3)
    limited = photons(EVERY, 0.3, sampling=nb.Sampling(oversample=1, d_min_A=2.7))
    kept = limited > 0
    assert 0.2 < kept.mean() < 0.8
    np.testing.assert_array_equal(limited[kept], whole[kept])


def test_phi_steps_are_the_mean_of_stills():
    angles = [0.5, 1.5, 2.5]
    stills = [photons(EVERY, 0.3, scan=nb.Scan(start_deg=angle)) for angle in angles]
    swept = photons(EVERY, 0.3, scan=nb.Scan(start_deg=0, range_deg=3, steps=3))
    assert difference(swept, np.mean(stills, axis=0)) <= ROUNDING


def test_threads_masks_and_chosen_pixels_leave_the_bits():
    detector = nb.Detector.flat(distance_mm=100, pixels=(70, 80), pixel_mm=0.4, beam_center_mm=(-10, -10))
    scene = nb.Scene(experiment(EVERY, 0.3, detector=detector, sampling=nb.Sampling(oversample=2)))
    for dtype in ("float32", "float64"):
        image = nb.simulate(scene, dtype=dtype, threads=1)
        np.testing.assert_array_equal(nb.simulate(scene, dtype=dtype, threads=3), image)
        part = nb.simulate(scene, dtype=dtype, roi=np.s_[17:67, 51:74])
        np.testing.assert_array_equal(part[17:67, 51:74], image[17:67, 51:74])
        assert part.sum() == part[17:67, 51:74].sum()
        chosen = np.random.default_rng(1).random(image.shape) < 0.05
        some = nb.simulate(scene, dtype=dtype, pixels=chosen)
        np.testing.assert_array_equal(some, np.where(chosen, image, 0))
    masked = nb.simulate(scene.config.replace(detector=detector.replace(mask=chosen)), dtype="float64")
    np.testing.assert_array_equal(masked, some)
