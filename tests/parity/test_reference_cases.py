"""Every reference case: printed geometry, counts and statistics equal nanoBragg.c's with compat="c", and those that
no row of docs/quirks.md affects give its image with compat=None too. (parity/test_parity_matrix.py compares the
images.)"""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.analysis.statistics import statistics
from nanobragg.config.crystal import misset_angles
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.nanobragg_c.quirks import active_quirks
from nanobragg.nanobragg_c.reference.trace_comparison import printed_cells
from nanobragg.response.quantize import to_integers, to_pgm

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


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


def test_printed_lattice_and_steps_equal_the_c_programs(case):
    """AT-PARALLEL, AT-STEP, AT-SAM, AT-FLU: the cell, and every count that C resolves from its flags."""
    scene, printed = nb.Scene(nb.config_from_flags(list(case.argv))), case.facts["printed"]
    direct, reciprocal = printed_cells(scene.lattice)
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
    detector, printed = nb.config_from_flags(list(case.argv)).detector, case.facts["printed"]
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


def test_exact_physics_agrees_with_c_exactly_where_no_quirk_applies(case):
    """compat=None gives C's image of every case that meets no row, and another one where a row is met."""
    scene = nb.Scene(nb.config_from_flags(list(case.argv)))
    rows = active_quirks(scene)
    if scene.config.crystal.cell is not None and scene.config.crystal.matrix_path is not None:
        with pytest.raises(nb.errors.ConfigError, match="contradicts the matrix"):
            nb.Scene(nb.config_from_flags(list(case.argv), exact=True))
        return
    image = nb.simulate(nb.config_from_flags(list(case.argv), exact=True))
    assert (case.deviation(image) <= 1.0) == (not rows), f"rows met: {sorted(rows)}"
