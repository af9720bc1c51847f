"""A trace as text, as JSON and explained in sentences."""

from __future__ import annotations

import itertools
import json
import math
import re

import numpy as np
import pytest

import nanobragg as nb
from tests.rendering.trace.experiments import RICH, case_config, config

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def test_text_and_json_hold_the_same_values_in_the_same_order() -> None:
    traced = nb.trace(config(**RICH), slow=20, fast=11, strongest=3)
    values = traced.values()
    lines = [line.split(" = ", 1) for line in traced.to_text().splitlines()]
    stored = json.loads(traced.to_json())
    assert [name for name, _ in lines] == list(values) == list(stored)
    for name, text in lines:
        value = values[name]
        if isinstance(value, tuple):
            assert tuple(float(word) for word in text.split()) == tuple(value) == tuple(stored[name])
        elif isinstance(value, float):
            assert float(text) == value == stored[name]
    assert lines[-1][0] == "final.pixel"


def test_direct_beam_is_valid_json() -> None:
    traced = nb.trace(case_config("AT-PARALLEL-002/pixel-0.4"), slow=64, fast=64)
    assert traced.rays[0][1].d_A == math.inf
    assert json.loads(traced.to_json())["place[0,0,0].source[0].d_A"] is None


def test_explanation_has_ten_lines_and_names_every_factor() -> None:
    crystal = nb.Crystal(cell=(40, 50, 60, 80, 95, 100), misset_deg=(10, 20, 30), n_cells=6)
    text = nb.trace(config(crystal=crystal, background=nb.Background(water_um=1)), slow=20, fast=11).explain()
    assert len(text.splitlines()) == 10
    for word in (
        "photons",
        "1 term",
        "2theta",
        "h k l",
        "F_latt^2",
        "peak",
        "F_cell",
        "Solid angle",
        "Background is ",
        "fluence",
    ):
        assert word in text


NUMBER = re.compile(r"(?<![A-Za-z^_])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\d.]*\w)")


def numbers(line: str) -> list[float]:
    return [float(found) for found in NUMBER.findall(line.replace("r_e^2", "").replace("F_latt^2", ""))]


def test_the_numbers_of_an_explanation_are_those_of_the_trace() -> None:
    fields = {**RICH, "crystal": RICH["crystal"].replace(n_cells=(6, 2, 4)), "background": nb.Background(water_um=4e-4)}
    traced = nb.trace(config(**fields), slow=20, fast=11)
    where, count, strongest, direction, index, lattice, _, factors, water, scaling = traced.explain().splitlines()
    term, final = max(traced.terms, key=lambda one: one.contribution), traced.final

    def same(line: str, *values: float, rel: float = 6e-3) -> None:
        assert numbers(line) == pytest.approx(values, rel=rel, abs=6e-5)

    same(
        where,
        20,
        11,
        final.pixel,
        *(1e3 * x for x in traced.last.place.position_m),
        1e3 * traced.last.place.R_m,
        rel=6e-4,
    )
    same(count, 96, 2, 4, 2, 2, 3)
    place = term.place
    chosen = (place.layer, place.sub_slow, place.sub_fast, term.ray.source, term.phi_step, term.phi_deg, term.domain)
    same(strongest, *chosen, 100 * term.contribution / (final.sum - final.water))
    assert 0.1 * final.sum < final.water < 0.9 * final.sum
    two_theta = math.degrees(math.acos(term.ray.cos_2theta))
    same(direction, two_theta, 1e10 * term.ray.wavelength_m, term.ray.d_A, rel=6e-5)
    same(index, *term.hkl, math.hypot(*term.delta), *term.nearest)
    same(lattice, 6, 2, 4, term.F_latt_sqr, *term.lattice_factors, 100 * term.F_latt_sqr / 48**2)
    same(factors, place.omega_sr, term.ray.polar, 100 * place.capture)
    same(water, 100 * final.water / final.sum)
    same(scaling, final.sum, final.r_e_sqr_m2, final.fluence_ph_m2, final.steps, final.pixel, rel=6e-6)


def test_an_explanation_in_the_c_programs_order_names_what_is_applied_once() -> None:
    detector = RICH["detector"].replace(sensor_layers=1)
    traced = nb.trace(config(detector=detector, compat="c"), slow=20, fast=11)
    final = traced.final
    once = final.capture * final.polar * final.omega_sr
    assert numbers(traced.explain().splitlines()[-1])[-2:] == pytest.approx([once, final.pixel], rel=1e-5)


@pytest.mark.parametrize(
    ("index", "where"),
    [
        (0, "on a peak"),
        (0.07, "on a peak"),
        (0.08, "on the flank"),
        (0.3, "on the flank"),
        (0.31, "between peaks"),
    ],
)
def test_an_explanation_says_how_close_the_peak_is(index: float, where: str) -> None:
    """More than half of the top is a peak, more than a hundredth a flank; sin²(6πh) / (6 sin(πh))² of it at h 0 0."""
    detector = nb.Detector.flat(
        distance_mm=100, pixels=(1, 32), pixel_mm=0.1, convention="dials", org_px=(11 + 25 * index, 1)
    )
    crystal = nb.Crystal(cell=(40, 40, 40), n_cells=6)
    traced = nb.trace(config(detector=detector, crystal=crystal), slow=0, fast=10)
    assert math.hypot(*traced.last.hkl) == pytest.approx(index, abs=1e-4)
    assert where in traced.explain()


def test_an_explanation_says_where_the_amplitude_comes_from_and_which_panel_it_is() -> None:
    box = np.array(list(itertools.product(range(-9, 10), repeat=3)))
    factors = nb.StructureFactors(indices=box, amplitudes=np.full(len(box), 5.0), default_F=3, interpolate=False)
    panels = [nb.Panel(origin_mm=(-8, y, 100), fast_axis=(1, 0, 0), slow_axis=(0, 1, 0), pixel_mm=0.5, pixels=(32, 32))
              for y in (-16, 0)]  # fmt: skip
    listed = nb.trace(config(structure_factors=factors), slow=20, fast=11).explain()
    assert "F_cell = 5, that of the nearest reflection" in listed
    assert " of panel " not in listed
    few = nb.StructureFactors(indices=box[:1], amplitudes=[5.0], default_F=3)
    detector = nb.Detector(panels=panels, convention="dials")
    absent = nb.trace(config(structure_factors=few, detector=detector), panel=1, slow=20, fast=11)
    assert f"F_cell = 3, default_F, as reflection {absent.last.nearest} is not in the table" in absent.explain()
    assert absent.explain().startswith("Pixel slow 20, fast 11 of panel 1 receives")


def test_the_sum_is_divided_by_the_number_of_sub_pixels() -> None:
    traced = nb.trace(config(sampling=nb.Sampling(oversample=3)), slow=20, fast=11)
    assert traced.final.steps == 9
    assert numbers(traced.explain().splitlines()[-1])[-2:] == pytest.approx([9, traced.final.pixel], rel=1e-5)
    turned = nb.trace(config(scan=nb.Scan(start_deg=1, range_deg=1, steps=4)), slow=20, fast=11, strongest=4)
    assert sorted(term.phi_deg for term in turned.terms) == pytest.approx([1.125, 1.375, 1.625, 1.875])


@pytest.mark.parametrize("switch", [None, "oversample_omega", "oversample_polar", "oversample_thick"])
def test_a_share_is_given_where_every_term_has_its_final_factors(switch: str | None) -> None:
    sampling = nb.Sampling(oversample=2, **({switch: True} if switch else {}))
    strongest = nb.trace(config(sampling=sampling, compat="c"), slow=20, fast=11).explain().splitlines()[2]
    assert (" % " in strongest) == (switch is None)
