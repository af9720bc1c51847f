"""A trace shows what the kernel computed: it equals the C program's debugging traces and the image's pixel."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import _core
from nanobragg.nanobragg_c.trace_lines import trace_values
from tests.paths import GOLDEN
from tests.rendering.trace.experiments import FLAGS, RICH, case_config, config

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]

TRACES = json.loads((GOLDEN / "traces.json").read_text())
NAMES = [f"{entry['case']}-{entry['pixel']['slow']}-{entry['pixel']['fast']}" for entry in TRACES]


@pytest.mark.parametrize("entry", TRACES, ids=NAMES)
def test_values_equal_the_c_programs_traces(entry: dict[str, Any]) -> None:
    traced = nb.trace(case_config(entry["case"]), **entry["pixel"])
    ours = trace_values(traced)
    assert list(ours) == list(entry["values"])
    cells = dict(zip(("F_latt_a", "F_latt_b", "F_latt_c"), traced.scene.n_cells, strict=True))
    for name, theirs in entry["values"].items():
        if name in cells:
            assert ours[name] == pytest.approx(theirs, rel=0, abs=1e-11 * cells[name]), name
        elif name.startswith("hkl"):
            for x, y in zip(ours[name], theirs, strict=True):
                assert x == pytest.approx(y, rel=0, abs=1e-12 * max(1.0, abs(y))), name
        else:
            largest = max(map(abs, theirs))
            assert ours[name] == pytest.approx(theirs, rel=0, abs=1e-12 * largest), name


@pytest.mark.parametrize("entry", TRACES, ids=NAMES)
def test_printout_equals_the_c_programs(entry: dict[str, Any]) -> None:
    printed = nb.c_printout(nb.trace(case_config(entry["case"]), **entry["pixel"]))
    assert [line.rstrip() for line in printed] == entry["printout"]


@pytest.mark.parametrize("exact", [False, True], ids=["compat-c", "exact"])
def test_pixel_is_that_of_the_image(case: Any, exact: bool) -> None:
    whole = nb.config_from_flags(list(case.argv), exact=exact)
    if exact and (whole.crystal.matrix_path or whole.crystal.matrix) and whole.crystal.cell:
        whole = whole.replace(crystal=whole.crystal.replace(cell=None))  # they contradict each other
    x0, x1, y0, y1 = nb.Scene(whole).limits
    slow, fast = (
        int(np.clip(at, low, high)) for at, low, high in zip(case.facts["argmax"], (y0, x0), (y1, x1), strict=True)
    )
    window = np.s_[max(y0, slow - 2) : min(y1, slow + 2) + 1, max(x0, fast - 9) : min(x1, fast + 9) + 1]
    scene = nb.Scene(whole.replace(roi=window))
    rows, columns = window
    image = nb.simulate(scene, dtype="float64", threads=1)
    corners = (rows.start, columns.start), (rows.stop - 1, columns.stop - 1)
    rendered = [pixel for pixel in ((slow, fast), *corners) if scene.rendered[pixel]]
    assert rendered
    for s, f in rendered:
        assert nb.trace(scene, slow=s, fast=f, strongest=1).final.pixel == pytest.approx(image[s, f], rel=1e-12, abs=0)


@pytest.mark.parametrize("name", _core.instruction_sets())
def test_pixel_is_that_of_the_image_on_every_instruction_set(name: str) -> None:
    before = _core.instruction_set()
    scene = nb.Scene(config(**RICH))
    try:
        _core.use_instruction_set(name)
        image = nb.simulate(scene, dtype="float64")
        for slow, fast in ((0, 0), (15, 17), (31, 30)):
            assert nb.trace(scene, slow=slow, fast=fast).final.pixel == pytest.approx(image[slow, fast], rel=1e-12)
    finally:
        _core.use_instruction_set(before)


def test_first_pixel_of_a_c_image_starts_unrotated_and_the_next_one_does_not() -> None:
    scene = nb.Scene(config(compat="c", scan=nb.Scan(range_deg=10, steps=3), roi=np.s_[5:7, 4:10]))
    image = nb.simulate(scene, dtype="float64")
    first, second = (nb.trace(scene, slow=5, fast=fast) for fast in (4, 5))
    assert first.terms[0].a_A == pytest.approx(tuple(scene.lattice.direct[0]), rel=1e-15)
    assert second.terms[0].a_A == second.terms[2].a_A != first.terms[0].a_A
    assert [first.final.pixel, second.final.pixel] == pytest.approx(image[5, 4:6].tolist(), rel=1e-12)


def test_interpolation_ends_at_the_same_term_in_trace_and_image() -> None:
    started_inside = case_config("AT-STR-002/small-table").replace(
        roi=np.s_[24:48, 24:48], sampling=nb.Sampling(oversample=3)
    )
    scene = nb.Scene(started_inside)
    image = nb.simulate(scene, dtype="float64")
    origins = {}
    for slow, fast in ((24, 24), (24, 33), (24, 34), (24, 35), (24, 47), (25, 24), (47, 47)):
        traced = nb.trace(scene, slow=slow, fast=fast, strongest=None)
        origins[slow, fast] = "".join(term.F_cell_from[0] for term in traced.terms)
        assert traced.final.pixel == pytest.approx(image[slow, fast], rel=1e-12)
    assert origins == {
        (24, 24): "i" * 9, (24, 33): "i" * 9, (24, 34): "i" + "n" * 8, (24, 35): "n" * 9,
        (24, 47): "d" * 9, (25, 24): "n" * 9, (47, 47): "d" * 9,
    }  # fmt: skip


def test_interpolated_image_that_stays_in_its_table_is_traced_interpolated() -> None:
    scene = nb.Scene(case_config("AT-STR-002/saxs-N1"))
    image = nb.simulate(scene, dtype="float64")
    for slow, fast in ((0, 0), (64, 64), (127, 127)):
        traced = nb.trace(scene, slow=slow, fast=fast, strongest=None)
        assert {term.F_cell_from for term in traced.terms} == {"interpolated"}
        assert traced.final.pixel == pytest.approx(image[slow, fast], rel=1e-12)


def test_weights_are_products_of_the_factors_and_contributions_add_up() -> None:
    traced = nb.trace(config(**RICH), slow=20, fast=11, strongest=None)
    assert traced.n_terms == len(traced.terms) == 2 * 4 * 2 * 2 * 3
    total = 0.0
    for term in traced.terms:
        product = term.ray.source_weight * term.place.omega_sr * term.ray.polar * term.place.capture / (2 * 3)
        assert term.weight == pytest.approx(product, rel=1e-14)
        assert term.contribution == pytest.approx(term.weight * term.F_cell**2 * term.F_latt_sqr, rel=1e-14)
        total += term.contribution
        assert term.running_sum == pytest.approx(total, rel=1e-13)
    assert traced.final.sum == pytest.approx(total, rel=1e-13)
    final = traced.final
    assert final.pixel == pytest.approx(final.r_e_sqr_m2 * final.fluence_ph_m2 * final.sum / final.steps, rel=1e-14)


def test_c_applies_the_first_sub_pixels_factors_once_at_the_end() -> None:
    traced = nb.trace(
        config(compat="c", **{**RICH, "detector": nb.Detector.flat(pixels=32, pixel_mm=0.5)}), slow=20, fast=11
    )
    final, first = traced.final, traced.terms[0]
    assert {term.weight for term in traced.terms} == {1.0}
    assert {place.omega_sr for place in traced.places} == {first.place.omega_sr}
    assert (final.omega_sr, final.polar) == (first.place.omega_sr, first.ray.polar)
    scale = final.r_e_sqr_m2 * final.fluence_ph_m2 / final.steps
    assert final.pixel == pytest.approx(scale * final.sum * final.capture * final.polar * final.omega_sr, rel=1e-14)


def test_geometry_polarization_and_index_follow_from_one_another() -> None:
    traced = nb.trace(config(**RICH), slow=20, fast=11, strongest=None)
    frame = traced.frame
    for term in traced.terms:
        place, ray = term.place, term.ray
        position = (
            np.array(frame.pix0_m) + place.fast_m * np.array(frame.fast_axis) + place.slow_m * np.array(frame.slow_axis)
        )
        position += place.layer * traced.scene.sensor.step * np.array(frame.normal_axis)
        assert place.position_m == pytest.approx(tuple(position), rel=1e-13)
        assert place.direction == pytest.approx(tuple(position / place.R_m), rel=1e-13)
        assert place.obliquity == pytest.approx(frame.close_distance_m / place.R_m, rel=1e-14)
        q = (np.array(place.direction) - ray.incident) / ray.wavelength_m
        assert ray.q_per_m == pytest.approx(tuple(q), rel=1e-12)
        assert ray.d_A * ray.q_length_per_m == pytest.approx(1e10, rel=1e-14)
        sine_sqr = 1 - ray.cos_2theta**2
        assert ray.along_e**2 + ray.along_b**2 == pytest.approx(sine_sqr, rel=1e-12)
        assert ray.polar == pytest.approx(0.5 * (1 + ray.cos_2theta**2 - 0.7 * (ray.along_e**2 - ray.along_b**2)))
        cell = np.array([term.a_A, term.b_A, term.c_A])
        assert term.hkl == pytest.approx(tuple(cell @ q / 1e10), abs=1e-11)
        assert np.array([term.a_star_per_A, term.b_star_per_A, term.c_star_per_A]) @ cell.T == pytest.approx(
            np.eye(3), abs=1e-14
        )


def test_lattice_factors_carry_the_signs_of_sin_n_h_over_sin_h() -> None:
    for slow, fast in ((3, 29), (20, 11), (9, 14)):
        for term in nb.trace(config(**RICH), slow=slow, fast=fast).terms:
            assert term.lattice_factors is not None
            expected = [math.sin(math.pi * 6 * h) / math.sin(math.pi * h) for h in term.hkl]
            assert term.lattice_factors == pytest.approx(expected, abs=6e-11)
            assert math.prod(term.lattice_factors) ** 2 == pytest.approx(term.F_latt_sqr, rel=1e-13)
            assert term.F_latt == math.prod(term.lattice_factors)


@pytest.mark.parametrize("shape", ["round", "gauss", "tophat"])
def test_radial_shapes_show_their_radius_in_place_of_factors(shape: str) -> None:
    crystal = nb.Crystal(cell=(40, 50, 60, 80, 95, 100), misset_deg=(10, 20, 30), n_cells=6, shape=shape, fudge=1.5)
    term = nb.trace(config(crystal=crystal), slow=20, fast=11).last
    assert term.lattice_factors is None
    radius_sqr = 1.5 * 36 * sum(x * x for x in term.delta)
    assert term.radius_sqr == pytest.approx(radius_sqr)
    x = math.pi * math.sqrt(radius_sqr)
    expected = {
        "round": 0.723601254558268 * 3 * (math.sin(x) / x - math.cos(x)) / x**2,
        "gauss": math.exp(-radius_sqr / 0.63),
        "tophat": float(radius_sqr < 0.3969),
    }
    assert term.F_latt == pytest.approx(6**3 * expected[shape])
    assert term.F_latt_sqr == pytest.approx(term.F_latt**2)


def test_amplitudes_name_their_origin() -> None:
    reference = nb.trace(config(), slow=20, fast=11).last
    grid = np.array(np.meshgrid(*[range(n - 4, n + 5) for n in reference.nearest], indexing="ij")).reshape(3, -1).T
    gap = grid[(grid != reference.nearest).any(axis=1)]

    def origin(indices: np.ndarray, **options: Any) -> tuple[str, float]:
        amplitudes = np.full(len(indices), options.pop("amplitude", 7.0))
        factors = nb.StructureFactors(indices=indices, amplitudes=amplitudes, default_F=3.0, **options)
        term = nb.trace(config(structure_factors=factors), slow=20, fast=11).last
        return term.F_cell_from, term.F_cell

    assert origin(grid) == ("nearest", 7.0)
    assert origin(grid, amplitude=3.0) == ("nearest", 3.0)
    assert origin(gap) == ("default", 3.0)
    assert origin(grid + 20) == ("default", 3.0)
    assert origin(grid, interpolate=True) == ("interpolated", pytest.approx(7.0))
    assert (reference.F_cell_from, reference.F_cell) == ("default", 10.0)


def test_kept_terms_are_the_strongest_in_the_order_of_computation() -> None:
    scene = nb.Scene(config(**RICH))
    everything = nb.trace(scene, slow=20, fast=11, strongest=None)
    few = nb.trace(scene, slow=20, fast=11, strongest=7)
    strongest = sorted(everything.terms, key=lambda term: -term.contribution)[:7]
    assert [term.ordinal for term in few.terms] == sorted(term.ordinal for term in strongest)
    assert set(few.terms) == set(strongest)
    assert (few.n_terms, few.final, few.last) == (everything.n_terms, everything.final, everything.last)


def test_rays_beyond_d_min_are_shown_without_terms() -> None:
    beam = nb.Beam(dispersion_percent=40, dispersion_steps=3)
    bare = nb.trace(config(beam=beam), slow=31, fast=31, strongest=None)
    limits = sorted(ray.d_A for _, ray in bare.rays)
    some = nb.trace(
        config(beam=beam, sampling=nb.Sampling(oversample=1, d_min_A=(limits[0] + limits[1]) / 2)), slow=31, fast=31
    )
    assert [ray.skipped for _, ray in some.rays] == [True, False, False]
    assert (some.n_terms, some.n_skipped, len(some.terms)) == (2, 1, 2)
    assert "place[0,0,0].source[0].skipped" in some.values()


@pytest.mark.parametrize("compat", ["c", None])
def test_a_pixel_without_any_term_still_has_a_trace(compat: Any) -> None:
    traced = nb.trace(config(compat=compat, sampling=nb.Sampling(oversample=1, d_min_A=50)), slow=31, fast=31)
    assert (traced.n_terms, traced.terms, traced.final.pixel) == (0, (), 0.0)
    assert "without 1 ray beyond d_min = 50 A" in traced.explain()
    assert len(nb.c_printout(traced)) == 14
    assert "final.pixel = 0.0\n" in traced.to_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slow": 24, "fast": 8}, "24 by 32 pixels"),
        ({"slow": 8, "fast": 32}, "24 by 32 pixels"),
        ({"slow": -1, "fast": 8}, "24 by 32 pixels"),
        ({"slow": 8, "fast": -1}, "24 by 32 pixels"),
        ({"slow": 8, "fast": 8, "panel": 1}, "panels 0 to 0"),
        ({"slow": 8, "fast": 8, "panel": -1}, "panels 0 to 0"),
        ({"slow": 4, "fast": 8}, "outside roi"),
        ({"slow": 23, "fast": 8}, "outside roi"),
        ({"slow": 8, "fast": 3}, "outside roi"),
        ({"slow": 8, "fast": 31}, "outside roi"),
        ({"slow": 7, "fast": 7}, "masked"),
        ({"slow": 8, "fast": 8, "strongest": 0}, "strongest = 0: must be from 1"),
    ],
)
def test_pixels_outside_the_image_are_refused(options: dict[str, int], message: str) -> None:
    mask = np.ones((24, 32), bool)
    mask[7, 7] = False
    detector = nb.Detector.flat(pixels=(24, 32), pixel_mm=0.5, mask=mask)
    traced = config(detector=detector, roi=np.s_[5:23, 4:31])
    with pytest.raises(nb.errors.ConfigError, match=message):
        nb.trace(traced, **options)
    for slow, fast in ((5, 4), (22, 30)):
        assert nb.trace(traced, slow=slow, fast=fast).terms


MILLION = """
import re, warnings
import nanobragg as nb
warnings.simplefilter("ignore")
config = nb.Config(
    crystal=nb.Crystal(cell=(40, 50, 60, 80, 95, 100), n_cells=20, mosaic_spread_deg=1, mosaic_domains={domains}),
    structure_factors=nb.StructureFactors.constant(10), detector=nb.Detector.flat(pixels=64),
    scan=nb.Scan(start_deg=1, range_deg=1, steps={steps}), sampling=nb.Sampling(oversample={oversample}))
traced = nb.trace(config, slow=32, fast=40)
with open("/proc/self/status") as status:  # not ru_maxrss, which a child inherits from its parent
    kilobytes = re.search(r"VmHWM:\\s*(\\d+)", status.read())[1]
print(traced.n_terms, kilobytes)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells the peak of memory there")
@pytest.mark.parametrize(("domains", "steps", "oversample"), [(1, 1, 1000), (1000, 1000, 1), (100, 100, 10)])
def test_a_million_terms_take_at_most_500_mb(domains: int, steps: int, oversample: int) -> None:
    code = MILLION.format(domains=domains, steps=steps, oversample=oversample)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    terms, kilobytes = map(float, said.split())
    assert terms == 1e6
    assert kilobytes < 500e3


def test_terms_that_c_skips_for_a_lattice_factor_of_0_are_recorded_too() -> None:
    line = "-default_F 10 -oversample 2 -oversample_omega -tophat_spots -phi 1 -osc 2 -phisteps 4 -fudge 1e9"
    flags = [*FLAGS, *shlex.split(line)]
    scene = nb.Scene(nb.config_from_flags(flags))
    traced = nb.trace(scene, slow=20, fast=30, strongest=None)
    assert traced.n_terms == len(traced.terms) == scene.terms == 16
    assert {term.F_latt for term in traced.terms} == {0.0}
    assert traced.last.phi_step == 3
