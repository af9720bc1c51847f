"""Photons that are not finite, or negative, are refused; with the C program's rules there is a warning."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, NanobraggWarning
from tests.builders import CRYSTAL, config

BRIGHT = nb.StructureFactors.constant(1e23)
FEW = nb.Detector.flat(distance_mm=100, pixels=(6, 7), pixel_mm=1)


def bright(**fields):
    return config(structure_factors=BRIGHT, detector=FEW, **fields)


def slanted(normal, **detector):
    panel = nb.Panel(
        origin_mm=(100, 12, -14), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), normal_axis=normal, pixel_mm=4,
        pixels=(6, 7),
    )  # fmt: skip
    return nb.Detector(panels=(panel,), **detector)


def test_photons_beyond_float32_are_refused_and_kept_in_float64():
    with pytest.raises(
        ConfigError, match=r"image: pixel \(slow 0, fast 0\) has inf photons, and 41 more; .*dtype='float64'"
    ):
        nb.simulate(bright())
    image = nb.simulate(bright(), dtype="float64")
    assert np.isfinite(image).all()
    assert image.max() > 3.5e38


def test_the_c_programs_rules_warn():
    with pytest.warns(NanobraggWarning, match="inf photons.*as in the C program"):
        assert np.isinf(nb.simulate(bright(compat="c"))).any()


def test_only_pixels_of_the_region_are_checked_and_named():
    with pytest.raises(ConfigError, match=r"pixel \(slow 3, fast 2\)"):
        nb.simulate(bright(), roi=np.s_[3:4, 2:5])


@pytest.mark.parametrize("value", [np.inf, np.nan, -1.0])
def test_what_an_image_had_before_is_not_an_error(value):
    out = np.full(FEW.shape, value, np.float32)
    nb.simulate(config(detector=FEW), out=out, add=True)
    assert np.array_equal(np.isfinite(out), np.full(FEW.shape, np.isfinite(value)))


@pytest.mark.parametrize("normal", [(1, 0, -10), (1, -10, 0), (-1, 0, 0), (0, 0, 1)])
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_a_panel_whose_normal_does_not_face_its_rays_is_refused(normal):
    detector = slanted(normal, sensor_thickness_um=300, attenuation_um=400)
    with pytest.raises(ConfigError, match="edge-on to the sample or faces away"):
        nb.simulate(config(detector=detector))


def test_a_normal_that_is_slanted_less_than_the_rays_is_rendered():
    assert nb.simulate(config(detector=slanted((1, 0.1, -0.1), sensor_thickness_um=300))).min() > 0


def test_negative_amplitudes_of_a_background_may_give_negative_photons():
    background = nb.Background(table=[[0, -3], [0.5, -3]], thickness_um=100)
    assert nb.simulate(config(detector=FEW, background=background)).min() < 0


def test_weights_whose_sum_is_not_finite_are_refused():
    for weight in (1e308, 1e200):
        sources = {"positions": [[-1, 0, 0]] * 2, "weights": [weight] * 2}
        with pytest.raises(ConfigError, match=r"Sources\.weights"):
            nb.simulate(config(beam=nb.Beam(sources=nb.Sources(**sources))))
        with pytest.raises(ConfigError, match=r"Spectrum\.weights"):
            nb.Spectrum(wavelengths_A=[1, 1.1], weights=[weight] * 2)


def test_an_automatic_number_of_sub_pixels_beyond_the_largest_is_refused():
    large = CRYSTAL.replace(n_cells=10**7)
    with pytest.raises(ConfigError, match=r"Sampling.oversample: .*more than 1000"):
        nb.simulate(config(crystal=large))


@pytest.mark.filterwarnings("ignore:the direct beam does not hit")
@pytest.mark.parametrize("axis", range(3))
def test_an_image_beyond_the_transform_between_reflections_warns(axis):
    """One pixel, whose index is a little above the last one that is listed, along an axis."""
    detector = nb.Detector.flat(distance_mm=100, pixels=(1, 1), pixel_mm=0.1, beam_center_mm=(20, 35))
    crystal = nb.Crystal(cell=50, misset_deg=(30, 40, 50))
    index = np.abs(nb.trace(config(crystal=crystal, detector=detector), slow=0, fast=0).last.hkl)
    listed = np.array(list(itertools.product(*(range(-6, 7) if i == axis else range(-4, 5) for i in range(3)))))
    factors = nb.StructureFactors(indices=listed, amplitudes=np.full(len(listed), 5.0 + 0j), interpolate="phased")
    lit, dark = (
        config(
            crystal=crystal.replace(cell=tuple(50 * (6 + beyond if i == axis else 3.5) / index[i] for i in range(3))),
            detector=detector,
            structure_factors=factors,
        )
        for beyond in (0.24, 0.26)
    )
    assert nb.simulate(lit, dtype="float64").min() > 0
    with pytest.warns(NanobraggWarning, match=r"every pixel is 0: interpolate = 'phased' ends 0\.25 of an"):
        assert nb.simulate(dark, dtype="float64").max() == 0
    assert nb.simulate(dark, out=np.ones(detector.shape), add=True) == 1  # without a warning
    wide = detector.replace(panels=[detector.panels[0].replace(pixels=(200, 200))])
    assert nb.simulate(dark.replace(detector=wide)).min() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": nb.Beam(wavelength_A=1.5, fluence_ph_m2=0)},
        {"sampling": nb.Sampling(d_min_A=1e6)},
        {"amplitude": 0j},
        {"beamstop": nb.Beamstop(diameter_mm=50, distance_mm=10)},
    ],
)
def test_an_image_that_is_black_for_another_reason_does_not_warn(fields):
    listed = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    amplitude = np.full(len(listed), fields.pop("amplitude", 5.0 + 0j))
    factors = nb.StructureFactors(indices=listed, amplitudes=amplitude, interpolate="phased")
    detector = FEW.replace(beamstop=fields.pop("beamstop", None))
    assert nb.simulate(config(detector=detector, structure_factors=factors, **fields)).max() == 0
