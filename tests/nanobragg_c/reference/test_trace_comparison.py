"""`reference.compare_trace`: where a trace and the output of the original program part first."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.nanobragg_c.reference.parse_output import parse_pixel, parse_trace
from nanobragg.nanobragg_c.reference.trace_comparison import beside_original, scene_values

PIXEL = {"slow": 21, "fast": 9}


def printed_by_a_twin(scene: nb.Scene, has_trace: bool) -> nb.reference.Run:
    """Return what the original program would print of the pixel of this scene."""
    image, traced = nb.simulate(scene), nb.trace(scene, **PIXEL)
    printed = {name: [float(f"{x:.6g}") for x in values] for name, values in scene_values(scene).items()}
    lines = "\n".join(nb.c_trace_lines(traced)) if has_trace else ""
    block = "\n".join(nb.c_printout(traced))
    return nb.reference.Run(
        image=image, header={}, header_text="", printed=printed, trace=parse_trace(lines),
        printout=parse_pixel(block, **PIXEL), int_image=image.astype(np.uint16), noise_image=None, pgm_image=None,
        stdout="", seconds=1.0, flags=(),
    )  # fmt: skip


LINE = (
    "-cell 40 50 60 80 95 100 -misset 10 20 30 -N 6 -default_F 10 -oversample 1 -detpixels 32 -pixel 0.5 -phi 1 -osc 2"
)
PRINTED = {  # flags of the twin, and where the divergence is found with and without TRACE lines
    "-polar 0.5": ("polar", "polar"),
    "-xds": ("fast_axis", "fast_axis"),
    "-Xbeam 8 -Ybeam 8": ("dials_origin_mm", "dials_origin_mm"),
    "-lambda 1.0001": ("lambda_meters", "stol_m_inv"),
    "-phisteps 3": ("phisteps", "phisteps"),
    "-default_F 10.1": ("F_cell", "F_cell"),
    "-detector_thick 100 -detector_abs 100": ("pixel_pos_meters", "pixel_pos_meters"),  # of a second layer
    "-point_pixel": ("omega_pixel_sr", "omega_pixel"),
    "-misset 10 20 30.001": ("rot_a_angstroms", "real_space_a"),
    "-fluence 1e20": ("fluence", "fluence"),
    "-cell 40 50 60 80 95 100.01": ("cell", "cell"),
}


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize("has_trace", [True, False], ids=["with-TRACE", "printout-only"])
class TestOriginal:
    def test_printout_of_the_same_scene_agrees(self, has_trace):
        scene = nb.Scene(nb.config_from_flags(LINE))
        found = nb.reference.compare_trace(nb.trace(scene, **PIXEL), printed_by_a_twin(scene, has_trace))
        assert found.divergence is None
        assert found.agreed == (57 if has_trace else 27)

    @pytest.mark.parametrize("flags", PRINTED)
    def test_planted_divergence_is_located(self, flags, has_trace):
        ours, theirs = (nb.Scene(nb.config_from_flags(line)) for line in (LINE, f"{LINE} {flags}"))
        found = nb.reference.compare_trace(nb.trace(ours, **PIXEL), printed_by_a_twin(theirs, has_trace)).divergence
        assert found is not None
        assert found.name == PRINTED[flags][0 if has_trace else 1]
        assert found.a != found.b

    def test_values_that_the_original_keeps_from_other_pixels_are_left_out(self, has_trace):
        for flags, names in (("-tophat_spots -fudge 1e9", {"F_cell"}), ("-dmin 99", {"F_cell", "F_latt", "hkl_frac"})):
            scene = nb.Scene(nb.config_from_flags(f"{LINE} {flags}"))
            values = beside_original(nb.trace(scene, **PIXEL), printed_by_a_twin(scene, has_trace))
            assert not names & set(values)
            assert {"cell", "pixel_pos_meters", "I_before_scaling"} <= set(values)

    def test_sums_may_differ_within_the_tolerance_of_images(self, has_trace):
        scene = nb.Scene(nb.config_from_flags(LINE))
        traced, twin = nb.trace(scene, **PIXEL), printed_by_a_twin(scene, has_trace)
        room = 1e-5 + 1e-7 * float(twin.image.max()) / traced.final.pixel
        for factor, name in ((1 + 0.9 * room, None), (1 + 1.1 * room, "floatimage_accumulated")):
            twin.printout["floatimage_accumulated"] = twin.trace["floatimage_accumulated"] = (
                traced.final.pixel * factor,
            )
            found = nb.reference.compare_trace(traced, twin).divergence
            assert (found and found.name) == name

    def test_factors_within_the_terms_are_left_out_of_corrected_physics(self, has_trace):
        ours, theirs = (
            nb.Scene(nb.config_from_flags(f"{LINE} -cell 40 50 60 90 90 90 -osc 0 -phisteps 1", exact=exact))
            for exact in (True, False)
        )
        twin = printed_by_a_twin(theirs, has_trace)
        assert nb.reference.compare_trace(nb.trace(theirs, **PIXEL), twin).divergence is None
        assert nb.reference.compare_trace(nb.trace(ours, **PIXEL), twin).divergence is None
