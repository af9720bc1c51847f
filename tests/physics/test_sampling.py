"""Sub-pixels, parts of images, sums of images, threads, instruction sets."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import _core
from nanobragg._functions import SHAPES

from .experiment import photons

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


def test_at_parallel_029_sub_pixels_remove_aliasing():
    """AT-PARALLEL-029, AT-SAM: spots narrower than a pixel: the error falls steeply with sub-pixels."""
    crystal = nb.Crystal(cell=(60, 70, 80), misset_deg=(5, 5, 5), n_cells=6)
    detector = nb.Detector.flat(distance_mm=60, pixels=64, pixel_mm=0.5)

    def image(n: int) -> np.ndarray:
        return photons(crystal=crystal, detector=detector, sampling=nb.Sampling(oversample=n))

    fine = image(32)
    errors = [float(np.abs(image(n) - fine).max() / fine.max()) for n in (2, 4, 8, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 0.1
    assert errors[-1] < 0.01


@pytest.mark.parametrize("compat", [None, "c"])
def test_at_parallel_013_the_bits_do_not_depend_on_the_threads(busy, compat):
    """AT-PARALLEL-013: 1, 2, 3 and 5 threads, in both physics."""
    scene = nb.Scene(busy.replace(compat=compat))
    images = [nb.simulate(scene, threads=n, dtype="float64") for n in (1, 2, 3, 5)]
    assert images[0].max() > 0
    assert all(np.array_equal(images[0], other) for other in images[1:])


@pytest.mark.parametrize(
    "roi", [np.s_[:, :], np.s_[5:6, 3:4], np.s_[36:, -80:], np.s_[2:31, 1:65], np.s_[:37, 63:67], np.s_[-30:-1, :9]]
)
def test_at_roi_a_part_is_the_crop_of_the_whole_bit_for_bit(busy, roi):
    """AT-ROI: pixels inside have the same bits, those outside are 0."""
    scene = nb.Scene(busy)
    whole, part = nb.simulate(scene), nb.simulate(scene, roi=roi)
    window = np.zeros(whole.shape, bool)
    window[roi] = True
    assert np.array_equal(part, np.where(window, whole, 0))
    assert np.array_equal(nb.simulate(busy.replace(roi=roi)), part)


def test_at_roi_masked_pixels_are_not_rendered_and_the_others_do_not_notice(busy):
    """AT-ROI: the mask takes pixels away and changes no bit of the rest."""
    unmasked = nb.simulate(busy.replace(detector=busy.detector.replace(mask=None)))
    assert (unmasked > 0).all()
    assert np.array_equal(nb.simulate(busy), np.where(busy.detector.mask, unmasked, 0))


def test_several_lattices_add_up(busy):
    """`add=True`: the sum of the single images; pixels that are not rendered keep what they had."""
    other = busy.replace(crystal=busy.crystal.replace(misset_deg=(1, 2, 3)), roi=np.s_[3:21, 10:100])
    one, two = (nb.simulate(c, dtype="float64") for c in (busy, other))
    both = nb.simulate(busy, dtype="float64")
    assert nb.simulate(other, out=both, add=True) is both
    np.testing.assert_allclose(both, one + two, rtol=1e-15)
    replaced = nb.simulate(other, out=one.copy())
    window = np.zeros(one.shape, bool)
    window[3:21, 10:100] = True
    assert np.array_equal(replaced, np.where(window & busy.detector.mask, two, one))


def test_a_detector_of_two_panels_is_the_single_one_cut_in_two(busy):
    """The image of several panels has them in front: (panels, slow, fast)."""
    single = busy.detector.replace(mask=None, nominal=None)
    panel = single.panels[0]
    halves = []
    for k in range(2):
        origin = np.array(panel.origin_mm) + k * 75 * panel.pixel_mm * panel.axes()[0]
        halves.append(panel.replace(origin_mm=tuple(origin), pixels=(37, 75)))
    whole = nb.simulate(busy.replace(detector=single), dtype="float64")
    scene = nb.Scene(busy.replace(detector=single.replace(panels=tuple(halves))))
    cut = nb.simulate(scene, dtype="float64")
    assert cut.shape == scene.shape == (2, 37, 75)
    assert np.array_equal(cut[0], whole[:, :75])
    np.testing.assert_allclose(cut[1], whole[:, 75:], rtol=1e-9, atol=1e-12 * whole.max())


@pytest.fixture
def keep_instruction_set():
    name = _core.instruction_set()
    yield
    _core.use_instruction_set(name)


@pytest.mark.usefixtures("keep_instruction_set")
@pytest.mark.parametrize("lookup", _core.LOOKUPS)
@pytest.mark.parametrize("shape", list(SHAPES))
def test_all_instruction_sets_agree(busy, shape, lookup):
    """To 1e-12 of the maximum, for every shape and every way to find an amplitude."""
    indices, amplitudes = busy.structure_factors.listing
    factors = {
        "constant": nb.StructureFactors.constant(9),
        "nearest": busy.structure_factors.replace(interpolate=False),
        "tricubic": busy.structure_factors,
        "phased": nb.StructureFactors(
            indices=indices, amplitudes=amplitudes * np.exp(1j * indices[:, 0] ** 2), interpolate="phased"
        ),
    }[lookup]
    scene = nb.Scene(busy.replace(crystal=busy.crystal.replace(shape=shape), structure_factors=factors))
    assert scene.lookup == lookup
    images = []
    for name in _core.instruction_sets():
        _core.use_instruction_set(name)
        images.append(nb.simulate(scene, dtype="float64"))
    for other in images[1:]:
        assert np.abs(images[0] - other).max() <= 1e-12 * images[0].max()


def test_an_unknown_instruction_set_is_refused():
    with pytest.raises(ValueError, match="this machine has baseline"):
        _core.use_instruction_set("mmx")
