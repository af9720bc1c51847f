"""Every reference case: images and printed geometry equal nanoBragg.c's with compat="c" (AT-PARALLEL, AT-STR, AT-GEO,
AT-SAM, AT-ABS, AT-POL, AT-SRC, AT-MOS, AT-BKG, AT-FLU, AT-STA, AT-STEP, AT-IO, AT-NOISE, AT-PRE, AT-ROI), and those
that meet no row of the specification's section 9 hold with compat=None too."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import _core
from nanobragg.crystal import misset_angles, reciprocal_vectors
from nanobragg.flags import parse_flags
from nanobragg.integer import to_integers, to_pgm
from nanobragg.statistics import statistics
from nanobragg.steps import RADIAN_IN_DEGREES

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def deviation(ours: np.ndarray, theirs: np.ndarray, peak: float) -> float:
    """Largest |ours - C| in units of the tolerance 1e-5·|C| + 1e-7·max|C|; a black image has no tolerance at all."""
    difference = np.abs(ours.astype(np.float64) - theirs)
    return float((difference / np.maximum(1e-5 * np.abs(theirs.astype(np.float64)) + 1e-7 * peak, 1e-300)).max())


def stored_parts(image: np.ndarray, golden: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of our pixels and C's, for what was kept of an image."""
    if "image" in golden:
        yield image, golden["image"]
        return
    s, f = golden["window_origin"]
    height, width = golden["window"].shape
    yield image[s : s + height, f : f + width], golden["window"]
    yield image[::16, ::16], golden["samples"]


def worst_deviation(image: np.ndarray, case) -> float:
    golden, peak = case.golden, case.facts["max"]
    return max(deviation(ours, theirs, peak) for ours, theirs in stored_parts(image, golden))


def test_image_equals_the_c_programs(case):
    image = nb.simulate(nb.Config.from_flags(list(case.argv)))
    assert list(image.shape) == case.facts["shape"]
    assert worst_deviation(image, case) <= 1.0
    assert image.sum(dtype=np.float64) == pytest.approx(case.facts["sum"], rel=1e-6)
    assert float(image.max()) == pytest.approx(case.facts["max"], rel=1e-6)
    assert image[tuple(case.facts["argmax"])] == pytest.approx(image.max(), rel=1e-6)


def assert_as_printed(ours, printed, name: str, tiny: float = 1e-14) -> None:
    """`ours` prints as the numbers that C printed: equal within half a unit of the last of %g's six digits.

    One per mille of a unit is allowed for numbers that lie in the middle between two printed ones, and `tiny` for
    components that are rounding noise around 0.
    """
    ours, printed = np.atleast_1d(ours).astype(float), np.atleast_1d(printed).astype(float)
    assert ours.shape == printed.shape, name
    size = np.floor(np.log10(np.maximum(np.abs(printed), 1e-300)))
    allowed = 0.501 * 10.0 ** (size - 5) + tiny
    assert (np.abs(ours - printed) <= allowed).all(), f"{name}: {ours} is not {printed}"


def cell_as_c_prints_it(lattice) -> tuple[list[float], list[float]]:
    """Lengths and angles, direct and reciprocal, each angle from a sine out of lengths and volume and its cosine."""

    def one(basis, dual, volume):
        lengths, others = np.linalg.norm(basis, axis=1), np.linalg.norm(dual, axis=1)
        angles = []
        for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            sine = min(others[i] * volume / lengths[j] / lengths[k], 1.0)
            angles.append(math.degrees(math.atan2(sine, basis[j] @ basis[k] / lengths[j] / lengths[k])))
        return [*lengths, *angles]

    direct, reciprocal, volume = lattice
    return one(direct, reciprocal, volume), one(reciprocal, direct, 1.0 / volume)


def test_printed_lattice_and_steps_equal_the_c_programs(case):
    """AT-PARALLEL, AT-STEP, AT-SAM, AT-FLU: the cell, and every count that C resolves from its flags."""
    scene, printed = nb.Scene(nb.Config.from_flags(list(case.argv))), case.facts["printed"]
    direct, reciprocal = cell_as_c_prints_it(scene.lattice)
    assert_as_printed(direct, printed["cell"], "cell")
    assert_as_printed(reciprocal, printed["recip_cell"], "reciprocal cell")
    assert_as_printed(scene.lattice.volume, printed["volume_A3"], "volume")
    assert scene.oversample == printed["oversample"]
    assert len(scene.sources.weights) == printed["sources"]
    assert scene.domains == printed["mosaic_domains"]
    assert scene.phi.count == printed["phisteps"]
    assert_as_printed(scene.fluence, printed["fluence"], "fluence")
    if "random_misset_deg" in printed:
        misset = np.degrees(misset_angles(scene.config.crystal, c_cap=True))
        assert misset == pytest.approx(printed["random_misset_deg"], abs=0.6e-6)  # printed by %f


def test_printed_geometry_equals_the_c_programs(case):
    """AT-GEO-001 … 003, AT-PARALLEL-003 … 005: where panel and beam are, in every program's words."""
    detector, printed = nb.Config.from_flags(list(case.argv)).detector, case.facts["printed"]
    panel, stated = detector.panels[0], detector.nominal
    fast, slow, normal = panel.axes()
    x, y, z = panel.origin_mm
    mm = 1000.0
    assert_as_printed(stated.distance_mm / mm, printed["distance_m"], "distance")
    assert_as_printed(np.array(stated.beam_center_mm) / mm, [printed["Xbeam_m"], printed["Ybeam_m"]], "Xbeam, Ybeam")
    assert_as_printed(stated.beam_fast_mm / mm, printed["Fbeam_m"], "Fbeam")
    assert_as_printed(stated.beam_slow_mm / mm, printed["Sbeam_m"], "Sbeam")
    assert_as_printed(stated.near_fast_mm / mm, printed["Fclose_m"], "Fclose")
    assert_as_printed(stated.near_slow_mm / mm, printed["Sclose_m"], "Sclose")
    assert_as_printed(fast, printed["fast_axis"], "fast axis")
    assert_as_printed(slow, printed["slow_axis"], "slow axis")
    assert_as_printed(normal, printed["normal_axis"], "normal axis")
    assert_as_printed((z, y, -x), printed["dials_origin_mm"], "DIALS origin", tiny=1e-13)


def test_printed_statistics_equal_the_c_programs(case):
    """AT-STA, AT-PARALLEL-025, AT-ROI: solid angle, maximum and its place, mean, RMS, RMSD, the two scales."""
    flags, printed = parse_flags(list(case.argv)), case.facts["printed"]
    scene = nb.Scene(flags.config)
    image = nb.simulate(scene)
    found = statistics(image, scene)
    assert_as_printed(found.solid_angle_sr, printed["solid_angle_sr"], "solid angle")
    assert_as_printed(found.maximum, printed["max_I"], "maximum")
    assert_as_printed((found.mean, found.rms, found.rmsd), printed["mean_rms_rmsd"], "mean, RMS, RMSD")
    slow, fast = found.maximum_at_mm
    if found.maximum > 0:  # a black image has no brightest pixel
        assert_as_printed((fast / 1000.0, slow / 1000.0), printed["max_I_at_m"], "place of the maximum")
    outputs = flags.outputs
    _, int_scale = to_integers(image, outputs.int_scale, outputs.adc_offset, scene.roi)
    _, pgm_scale = to_pgm(image, outputs.pgm_scale, found.rmsd, int_scale, scene.roi)
    assert_as_printed(int_scale, printed["intfile_scale"], "scale of the integer image")
    assert_as_printed(pgm_scale, printed["pgm_scale"], "scale of the PGM")


def leaves_the_table(scene: nb.Scene) -> bool:
    """Whether some sub-pixel's index has no four reflections around it along every axis."""
    panel, n = scene.config.detector.panels[0], scene.oversample
    fast, slow, _ = panel.axes()
    s, f = ((np.arange(count * n) + 0.5) / n * panel.pixel_mm for count in panel.pixels)
    rays = np.array(panel.origin_mm) + s[:, None, None] * slow + f[None, :, None] * fast
    rays /= np.linalg.norm(rays, axis=2, keepdims=True)
    index = (rays - scene.sources.directions[0]) / scene.sources.wavelengths[0] @ scene.cells[0].T
    first, last = np.array(scene.table.first), np.array(scene.table.last)
    return bool(((index < first + 2) | (index > last - 2)).any())


def section_9_rows(scene: nb.Scene) -> set[int]:
    """Rows of section 9 that change this image, judged by the settings alone.

    2 and 3 need more than one layer, sub-pixel or direction of the beam; 9 a cell whose γ is not that of the
    orthogonal construction, or a matrix beside the cell, and something in the image that depends on the cell; 15 an
    automatic choice of sub-pixels or a curved detector after a swing. A sensor that captures nothing hides all.
    """
    config, crystal, detector = scene.config, scene.config.crystal, scene.config.detector
    sampling = config.sampling
    phi = config.scan.start_deg / RADIAN_IN_DEGREES + scene.phi.step * np.arange(scene.phi.count)
    has_sensor, several = scene.sensor.range > 0, scene.sensor.count > 1 or scene.oversample > 1
    tricubic = scene.lookup == _core.LOOKUPS.index("tricubic")
    listed = config.beam.sources
    if has_sensor and math.isinf(detector.attenuation_um or 0.0):
        return set()
    met = {
        1: (phi == 0).any() and (phi != 0).any(),
        2: several or len(np.unique(scene.sources.directions, axis=0)) > 1,
        3: has_sensor and several,
        4: sampling.oversample_omega or sampling.oversample_polar or sampling.oversample_thick,
        5: listed is not None and len(np.unique(listed.rows()[:, 3])) > 1,
        6: tricubic and leaves_the_table(scene),
        7: crystal.shape in ("gauss", "tophat"),
        8: crystal.misset_deg == "random",
        9: is_distorted(crystal) and (max(scene.n_cells) > 1 or scene.table is not None),
        10: detector.curved,
        11: config.background.water_um > 0,
        12: has_sensor and detector.sensor_layers is not None,
        15: detector.nominal.twotheta_deg != 0 and (sampling.oversample is None or detector.curved),
    }
    return {row for row, is_met in met.items() if is_met}


def is_distorted(crystal: nb.Crystal) -> bool:
    if crystal.cell is None or crystal.matrix_path is not None:
        return crystal.cell is not None
    ours, theirs = (reciprocal_vectors(crystal.cell, c_cell=c_cell)[0] for c_cell in (False, True))
    return not np.allclose(ours, theirs, rtol=1e-9, atol=0)


def test_corrected_physics_agrees_with_c_just_where_no_section_9_row_is_met(case):
    """compat=None gives C's image of every case that meets no row, and another one where a row is met."""
    scene = nb.Scene(nb.Config.from_flags(list(case.argv)))
    rows = section_9_rows(scene)
    if scene.config.crystal.cell is not None and scene.config.crystal.matrix_path is not None:
        with pytest.raises(nb.errors.ConfigError, match="contradicts the matrix"):
            nb.Scene(nb.Config.from_flags(list(case.argv), exact=True))
        return
    image = nb.simulate(nb.Config.from_flags(list(case.argv), exact=True))
    assert (worst_deviation(image, case) <= 1.0) == (not rows), f"rows met: {sorted(rows)}"
