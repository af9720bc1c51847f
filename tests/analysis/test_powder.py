"""Powder rings against the textbook's integral, and against many crystals in random orientations."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.crystal import uniform_rotations
from nanobragg.derivatives.mosaic import rotation_vectors
from nanobragg.errors import ConfigError
from tests.builders import DETECTOR, config
from tests.physics.reflection import R_E_SQR, shape_integral

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
FLAT = nb.Detector.flat(distance_mm=100, pixels=(300, 300), pixel_mm=0.5)
SINGLE = nb.Sampling(oversample=1)
CUBIC = nb.Crystal(cell=(40,), n_cells=12, shape="gauss")


def ring(shape: str = "gauss", **fields) -> tuple[nb.Config, float]:
    """Return the ring {110} of a cubic crystal alone, and its photons from the textbook."""
    hkl = [(i, j, k) for i, j, k in np.ndindex(3, 3, 3) if (i - 1) ** 2 + (j - 1) ** 2 + (k - 1) ** 2 == 2]
    factors = nb.StructureFactors(indices=np.array(hkl) - 1, amplitudes=np.full(12, 50.0), interpolate=False)
    crystal = CUBIC.replace(shape=shape, **fields.pop("crystal", {}))
    beam = nb.Beam(wavelength_A=1.5, fluence_ph_m2=1e28, **fields.pop("beam", {}))
    experiment = config(crystal=crystal, structure_factors=factors, beam=beam, detector=FLAT, **fields)
    sine = 1.5 * math.sqrt(2) / 40 / 2
    polar = (1 + math.cos(2 * math.asin(sine)) ** 2) / 2
    volume, cell = 12**3 * 40.0**3, 40.0**3
    per = R_E_SQR * 1e20 * 50.0**2 * 1.5**3 * 12 * volume / (4 * cell**2 * sine)
    return experiment, 1e28 * 1e-20 * per * polar * (1.0 if shape == "round" else shape_integral(shape, (12, 12, 12)))


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat", "gauss_star"])
def test_a_ring_has_the_photons_of_the_textbook(shape):
    experiment, expected = ring(shape)
    assert nb.powder(experiment).sum() == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    "fields", [{"crystal": {"strain_percent": 2.0}}, {"beam": {"dispersion_percent": 12, "dispersion_steps": 25}}]
)
def test_strain_and_bandwidth_broaden_a_ring_and_keep_its_photons(fields):
    sharp, expected = ring()
    broad, _ = ring(**fields)
    images = nb.powder(sharp), nb.powder(broad)
    assert images[1].sum() == pytest.approx(expected, rel=0.01)
    assert images[1].max() < 0.9 * images[0].max()


def test_many_random_crystals_become_the_powder():
    """2000 crystals in random orientations: the rings' photons within 3 %, their profile within 10 % of the peak."""
    vectors = np.degrees(rotation_vectors(uniform_rotations(7, 2000)))
    crystal = CUBIC.replace(n_cells=5, mosaic_rotations_deg=vectors, blocks=1e6)
    experiment = config(crystal=crystal, detector=DETECTOR)
    grains, smooth = nb.simulate(experiment, dtype="float64"), nb.powder(experiment)
    radius = nb.resolution(experiment).d_A
    rings = (radius < 41) & (radius > 3.0)
    assert grains[rings].sum() == pytest.approx(smooth[rings].sum(), rel=0.03)
    order = np.argsort(radius[rings])
    binned = [np.add.reduceat(each[rings][order], np.arange(0, rings.sum(), 24)) for each in (grains, smooth)]
    assert np.abs(binned[0] - binned[1]).max() < 0.1 * binned[1].max()


def test_the_orientation_does_not_matter():
    one = nb.powder(config(crystal=CUBIC))
    other = nb.powder(config(crystal=CUBIC.replace(misset_deg=(10, 20, 30)), scan=nb.Scan(range_deg=5, steps=3)))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12 * one.max())


def test_background_mask_and_roi_are_those_of_an_image():
    mask = np.ones((32, 48), bool)
    mask[5:9] = False
    water = nb.Background(water_um=50)
    roi = np.s_[2:30, 4:40]
    experiment = config(crystal=CUBIC, detector=DETECTOR.replace(mask=mask), background=water, roi=roi, sampling=SINGLE)
    plain = nb.powder(config(crystal=CUBIC, sampling=SINGLE))
    around = nb.simulate(experiment.replace(structure_factors=nb.StructureFactors.constant(0)), dtype="float64")
    inside = np.zeros((32, 48), bool)
    inside[roi] = True
    np.testing.assert_allclose(nb.powder(experiment), np.where(inside & mask, plain, 0) + around, rtol=1e-12)


def test_several_crystals_add_up():
    other = nb.Crystal(cell=(50, 60, 70), n_cells=10, shape="gauss")
    both = nb.Config(crystals=[CUBIC, other], structure_factors=nb.StructureFactors.constant(100), detector=DETECTOR)
    expected = nb.powder(config(crystal=CUBIC)) + nb.powder(config(crystal=other))
    np.testing.assert_allclose(nb.powder(both), expected, rtol=1e-12)


def test_what_a_powder_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="a powder takes one number"):
        nb.powder(config(crystal=CUBIC.replace(strain_percent=(1, 0, 0, 0, 0, 0))))
    with pytest.raises(ConfigError, match="the original has no powder"):
        nb.powder(config(compat="c", crystal=CUBIC))


def test_amplitudes_at_several_energies_are_those_of_the_sources():
    """Two sources whose amplitudes differ are two powders, each with its share."""
    hkl = np.argwhere(np.ones((5, 5, 5))) - 2
    amplitudes = np.array([np.full(125, 50.0), np.full(125, 200.0)])
    energies = np.array([12000.0, 12100.0])
    factors = nb.StructureFactors(indices=hkl, amplitudes=amplitudes, energies_eV=energies)
    spectrum = nb.Spectrum(energies_eV=energies, weights=[0.25, 0.75])
    both = config(crystal=CUBIC, structure_factors=factors, beam=nb.Beam(spectrum=spectrum), detector=FLAT)
    parts = [
        nb.powder(
            both.replace(
                structure_factors=nb.StructureFactors(indices=hkl, amplitudes=each), beam=nb.Beam(energy_eV=energy)
            )
        )
        for each, energy in zip(amplitudes, energies, strict=True)
    ]
    expected = 0.25 * parts[0] + 0.75 * parts[1]
    np.testing.assert_allclose(nb.powder(both), expected, atol=0.01 * expected.max())
    assert nb.powder(both).sum() == pytest.approx(expected.sum(), rel=1e-3)
