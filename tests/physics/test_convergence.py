"""Sums over sub-pixels, φ steps, wavelengths and domains go to their limits, as fast as theory says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb

from .experiment import photons
from .reflection import Reflection

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

CRYSTAL = nb.Crystal(cell=(40, 50, 60, 80, 95, 105), misset_deg=(5, 15, 25), n_cells=(4, 5, 6), shape="gauss")
DETECTOR = nb.Detector.flat(distance_mm=60, pixels=(24, 32), pixel_mm=1.5)


@pytest.mark.parametrize(("shape", "error"), [("square", 1e-5), ("round", 3e-5), ("gauss", 1e-12), ("tophat", 2e-3)])
def test_sub_pixels_conserve_photons(shape, error):
    """A spot as wide as a pixel: the sum settles exponentially, but for what its shape has of edges and tails."""
    base = Reflection(shape=shape, n_cells=(20, 20, 20)).config()
    panel = base.detector.panels[0]
    coarse = panel.replace(pixel_mm=panel.pixel_mm * panel.pixels[0] / 12, pixels=(12, 12))
    still = base.replace(detector=nb.Detector(panels=(coarse,)), scan=nb.Scan())
    found = [
        float(nb.simulate(still.replace(sampling=nb.Sampling(oversample=n)), dtype="float64").sum()) for n in (2, 8, 60)
    ]
    assert abs(found[0] / found[2] - 1) > 10 * error
    assert abs(found[1] / found[2] - 1) < error


def test_pixels_of_half_the_size_see_the_same_photons():
    """2 × 2 pixels of n × n sub-pixels are one pixel of 2n × 2n, at the same places with the same solid angles."""
    whole = nb.Detector.flat(
        distance_mm=60, pixels=(24, 32), pixel_mm=1.5, rotation_deg=(5, 8, 3), sensor_thickness_um=300, sensor_layers=2
    )
    panel = whole.panels[0]
    halves = whole.replace(panels=(panel.replace(pixel_mm=0.75, pixels=(48, 64)),), nominal=None)
    one = photons(detector=whole, crystal=CRYSTAL, sampling=nb.Sampling(oversample=6), beam=nb.Beam(kahn_factor=0.9))
    fine = photons(detector=halves, crystal=CRYSTAL, sampling=nb.Sampling(oversample=3), beam=nb.Beam(kahn_factor=0.9))
    binned = fine.reshape(24, 2, 32, 2).sum(axis=(1, 3))
    assert np.abs(binned - one).max() <= 1e-12 * one.max()


def test_phi_steps_converge_quadratically():
    """Steps are sampled in their middles: no error of first order, which is (f(start) - f(end))/2n for their starts."""
    crystal = CRYSTAL.replace(n_cells=(2, 2, 2))

    def turned(start: float, span: float | None = None, steps: int | None = None) -> np.ndarray:
        scan = nb.Scan(start_deg=start, range_deg=span, steps=steps)
        return photons(detector=DETECTOR, crystal=crystal, scan=scan)

    ends, limit = np.abs(turned(3.0) - turned(8.0)).max(), turned(3.0, 5.0, 4096)
    for n in (4, 16, 64):
        assert np.abs(turned(3.0, 5.0, n) - limit).max() <= 0.2 / n**2 * ends


def test_wavelengths_converge_with_the_ends_weight():
    """Both ends are wavelengths of full weight: the mean is off by (mean of the ends - limit)/n to first order."""
    crystal = CRYSTAL.replace(n_cells=(2, 2, 2))

    def polychromatic(steps: int) -> np.ndarray:
        beam = nb.Beam(polarized=False, dispersion_percent=6, dispersion_steps=steps)
        return photons(detector=DETECTOR, crystal=crystal, beam=beam)

    ends, fine = polychromatic(2), polychromatic(2049)
    limit = (fine - ends / 2049) / (1 - 1 / 2049)
    for n in (17, 65):
        error = polychromatic(n) - limit
        assert np.abs(error - (ends - limit) / n).max() <= 5 / n**2 * np.abs(ends - limit).max()
        assert np.abs(error).max() > 0.5 / n * np.abs(ends - limit).max()


def test_domains_converge_as_independent_draws_do():
    """The scatter of a pixel over seeds falls with 1/√n: to a third for nine times the domains."""

    def scatter(domains: int) -> float:
        crystal = CRYSTAL.replace(mosaic_spread_deg=2.0, mosaic_domains=domains)
        images = [
            photons(crystal=crystal.replace(mosaic_seed=seed), detector=nb.Detector.flat(
                distance_mm=60, pixels=(9, 12), pixel_mm=4)) for seed in range(1, 41)
        ]  # fmt: skip
        return math.sqrt(np.var(images, axis=0, ddof=1).sum())

    assert scatter(10) / scatter(90) == pytest.approx(3, rel=0.15)


def test_the_rocking_curve_of_many_domains_has_their_variance():
    """Gaussian domains turn by σ/√3 about any one axis; so a rocking curve far wider than the spot has σ_φ = σ/√3."""
    sigma, domains = 0.5, 1000
    base = Reflection(shape="gauss", n_cells=(30, 30, 30), spread_deg=4 * sigma).config()
    crystal = base.crystal.replace(mosaic_spread_deg=sigma, mosaic_domains=domains, mosaic_model="gaussian")
    panel = base.detector.panels[0]
    coarse = panel.replace(pixel_mm=panel.pixel_mm * panel.pixels[0] / 60, pixels=(60, 60))
    angles = np.linspace(-4 * sigma, 4 * sigma, 33)
    curve = [
        nb.simulate(
            base.replace(crystal=crystal, scan=nb.Scan(start_deg=angle), detector=nb.Detector(panels=(coarse,)))
        ).sum(dtype=float)
        for angle in angles.tolist()
    ]
    weights = np.array(curve) / sum(curve)
    mean = (weights * angles).sum()
    variance = (weights * (angles - mean) ** 2).sum()
    own = math.degrees(math.sqrt(0.63 / 4) / 30 / 12) ** 2  # the shape's: exp(-2 (N δ)²/0.63) along h = 12
    assert variance - own == pytest.approx(sigma**2 / 3, rel=4 * math.sqrt(2 / domains))
    assert abs(mean) < 4 * sigma / math.sqrt(3 * domains)
