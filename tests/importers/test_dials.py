"""DIALS experiment lists: the simulated geometry is what dxtbx computes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggWarning
from nanobragg.geometry import rotate_about
from nanobragg.scene.panel_geometry import PanelGeometry
from tests.paths import TESTS

FOLDER = TESTS / "expt"
PIXELS = ((0.5, 0.5), (100.5, 20.5), (30, 90))  # fast, slow; as in make.py
TRUTH = json.loads((FOLDER / "truth.json").read_text())
MADE = json.loads((FOLDER / "made.expt").read_text())
NAMES = ("parallax", "groups, several axes", "scan-varying", "still")


@pytest.fixture(scope="module")
def experiments() -> list[nb.Experiment]:
    return nb.read_expt(FOLDER / "made.expt")


@pytest.fixture(params=range(4), ids=NAMES)
def pair(request: pytest.FixtureRequest, experiments: list[nb.Experiment]) -> tuple[nb.Experiment, dict[str, Any]]:
    return experiments[request.param], TRUTH[request.param]


def test_pixels_lie_where_dxtbx_puts_them(pair: tuple[nb.Experiment, dict[str, Any]]) -> None:
    experiment, truth = pair
    assert len(experiment.detector.panels) == len(truth["places"])
    for panel, places in zip(experiment.detector.panels, truth["places"], strict=True):
        fast, slow, _ = panel.axes()
        ours = [np.array(panel.origin_mm) + panel.pixel_mm * (f * fast + s * slow) for f, s in PIXELS]
        np.testing.assert_allclose(ours, places, rtol=0, atol=1e-12)


def test_rays_are_counted_where_dials_predicts_them(pair: tuple[nb.Experiment, dict[str, Any]]) -> None:
    """With and without its parallax correction, up to 2θ = 34 degrees."""
    experiment, truth = pair
    geometry = PanelGeometry(experiment.detector, np.array(truth["s0"]), 1.0, like_c=False)
    assert len(geometry) == len(truth["rays"])
    for panel, rays in enumerate(truth["rays"]):
        for *ray, f, s in rays:
            assert np.linalg.norm(geometry.pixels(np.array(ray), panel) - (s, f)) < 0.015


def test_the_crystal_is_oriented_as_dxtbx_orients_it(pair: tuple[nb.Experiment, dict[str, Any]]) -> None:
    experiment, truth = pair
    np.testing.assert_allclose(experiment.cell, truth["cell"], rtol=1e-12)
    for image, expected in truth["A"].items():
        phi = np.radians(experiment.start_deg + (int(image) + 0.5) * experiment.width_deg)
        ours = rotate_about(experiment.a_matrix(int(image)).T, experiment.spindle_axis(int(image)), phi).T
        np.testing.assert_allclose(ours, np.reshape(expected, (3, 3)), rtol=0, atol=1e-15)


@pytest.mark.filterwarnings("ignore:the direct beam does not hit", "ignore:panels .* overlap")
def test_the_scene_holds_that_orientation(pair: tuple[nb.Experiment, dict[str, Any]]) -> None:
    experiment, truth = pair
    image = max(map(int, truth["A"]))
    fields = {"n_cells": 5, "mosaic_spread_deg": None}
    scene = nb.Scene(experiment.config(nb.StructureFactors.constant(1), image, phi_steps=1, **fields))
    np.testing.assert_allclose(scene.beam_direction, truth["s0"], atol=1e-15)
    ours = np.linalg.inv(scene.cells[0] * 1e10)
    np.testing.assert_allclose(ours, np.reshape(truth["A"][str(image)], (3, 3)), rtol=0, atol=1e-15)


def test_an_image_is_swept_in_the_middles_of_its_steps(experiments: list[nb.Experiment]) -> None:
    scan = experiments[0].scan(image=3, phi_steps=5)
    assert (scan.start_deg, scan.range_deg, scan.steps) == (pytest.approx(11.5), pytest.approx(0.5), 5)
    assert experiments[0].scan().steps == 25
    assert experiments[3].scan() == nb.Scan()


def test_beam_and_sensor_are_imported(experiments: list[nb.Experiment]) -> None:
    groups = experiments[1]
    assert groups.beam().wavelength == 0.9795
    assert groups.beam().kahn_factor == pytest.approx(0.96)
    np.testing.assert_allclose(np.dot(groups.beam().polarization_axis, groups.beam().direction), 0, atol=1e-15)
    np.testing.assert_allclose(np.abs(groups.beam().polarization_axis), [1, 0, 0], atol=0.02)
    detector = groups.detector
    assert (detector.sensor_material, detector.sensor_thickness_um, detector.saturation_adu) == ("Si", 450, 65000)
    assert detector.attenuation_um == pytest.approx(1000 / 3.9)
    assert detector.sensor_layers == 1
    assert detector.panels[3].name == "g0p3"
    assert not detector.mask[2, 4:12, 3:10].any()
    assert np.count_nonzero(~detector.mask) == 8 * 7 * 8
    assert experiments[0].detector.sensor_depth_um > 0 == experiments[2].detector.sensor_depth_um
    assert (groups.mosaic["mosaic_model"], groups.mosaic["mosaic_spread_deg"]) == ("gaussian", np.sqrt(3) * 0.1)
    assert groups.detector is experiments[3].detector
    assert groups.space_group == "P 1"


@pytest.mark.parametrize(("thickness_mm", "expected"), [(1e-6, 0.0), (0.32, 320.0)])
def test_a_sensor_as_thin_as_simulations_without_one_write_is_none(tmp_path, thickness_mm, expected):
    """Otherwise images of it would be fainter by five orders of magnitude."""
    made = copy.deepcopy(MADE)
    for panel in made["detector"][0]["panels"]:
        panel |= {"thickness": thickness_mm, "mu": 3.9}
    (tmp_path / "thin.expt").write_text(json.dumps(made))
    assert nb.read_expt(tmp_path / "thin.expt")[0].detector.sensor_thickness_um == expected


def test_polarization_is_that_of_dials(experiments: list[nb.Experiment]) -> None:
    """P = (1-2f)(1-(n·s1)²) + f(1+(s0·s1)²), DIALS' algorithms/integration/corrections.h."""
    sampling, factors = nb.Sampling(oversample=1), nb.StructureFactors.constant(1)
    config = experiments[0].config(factors, phi_steps=1).replace(sampling=sampling)
    panel = config.detector.panels[0]
    fast, slow, normal = panel.axes()
    depth = config.detector.sensor_depth_um / 1000.0
    s1 = np.array(panel.origin_mm) + panel.pixel_mm * (900.5 * fast + 1000.5 * slow) + depth * normal
    s1 /= np.linalg.norm(s1)
    n, f, s0 = np.array(MADE["beam"][0]["polarization_normal"]), 0.98, np.array(config.beam.direction)
    n /= np.linalg.norm(n)
    expected = (1 - 2 * f) * (1 - (n @ s1) ** 2) + f * (1 + (s0 @ s1) ** 2)
    assert nb.trace(config, slow=1000, fast=900).rays[0][1].polar == pytest.approx(expected, rel=1e-9)
    assert abs(expected - 1) > 0.05


@pytest.mark.filterwarnings("ignore:the direct beam does not hit", "ignore:panels .* overlap")
def test_spots_fall_where_dials_predicts_them(experiments: list[nb.Experiment]) -> None:
    """Centroids on tilted panels with parallax, about the axis of a kappa goniometer."""
    experiment, around, panels = experiments[1], 5, set()
    detector = experiment.detector.replace(mask=None)
    crystal = {"n_cells": 30, "shape": "gauss", "mosaic_spread_deg": None}
    for number, x, y, z in TRUTH[1]["predictions"]:
        panel, fast, slow, image = int(number), int(x), int(y), int(z)
        if not (5 < fast < 122 and 5 < slow < 94 and 0.2 < z - image < 0.8):  # whole on its panel and image
            continue
        config = experiment.config(nb.StructureFactors.constant(100), image, phi_steps=50, **crystal)
        roi = np.s_[slow - around : slow + around + 1, fast - around : fast + around + 1]
        config = config.replace(detector=detector, roi=roi, sampling=nb.Sampling(oversample=3))
        spot = nb.simulate(config, dtype="float64")[panel][roi]
        spot -= spot.min()
        rows, columns = np.mgrid[roi] + 0.5
        centroid = np.array([(spot * columns).sum(), (spot * rows).sum()]) / spot.sum()
        np.testing.assert_allclose(centroid, (x, y), atol=0.05)
        panels.add(panel)
    assert len(panels) >= 5


def edited(change: Callable[[dict[str, Any]], object], path: Path) -> Path:
    """Write made.expt with a change, and return the path."""
    document = copy.deepcopy(MADE)
    change(document)
    path.write_text(json.dumps(document))
    return path


def put(kind: str, key: str, value: Any, index: int = 0) -> Callable[[dict[str, Any]], object]:
    return lambda document: document[kind][index].__setitem__(key, value)


def put_panel(key: str, value: Any, panel: int = 0) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["detector"][1]["panels"][panel].__setitem__(key, value)


WRONG = {
    "another file": (lambda d: d.update(__id__="DataBlock"), FormatError, "'DataBlock', not 'ExperimentList'"),
    "nothing listed": (lambda d: d.update(experiment=[]), FormatError, "lists no experiments"),
    "no detector": (lambda d: d["experiment"][1].pop("detector"), FormatError, r"experiment\[1\] has no detector"),
    "no beam": (lambda d: d["experiment"][0].pop("beam"), FormatError, r"experiment\[0\] has no beam"),
    "no models": (lambda d: d["experiment"].append({}), FormatError, r"experiment\[4\] has no beam"),
    "a lost model": (put("experiment", "beam", 7), FormatError, r"experiment\[0\].beam: 7 is not a valid index"),
    "a file's name": (put("experiment", "beam", "b.json"), FormatError, "refers to another file, 'b.json'"),
    "no panels": (put("detector", "panels", []), FormatError, "panels: are missing"),
    "no axis": (put_panel("fast_axis", None), FormatError, r"panels\[0\].fast_axis: is missing"),
    "words": (put_panel("origin", ["a", "b", "c"]), FormatError, r"origin: .* is not numbers of shape \(3,\)"),
    "skewed": (put_panel("slow_axis", [1, 1, 0]), FormatError, "slow_axis: is not perpendicular"),
    "oblong pixels": (put_panel("pixel_size", [0.1, 0.2]), ConfigError, r"0\.1 x 0\.2 mm: pixels must be square"),
    "two shapes": (put_panel("image_size", [9, 9], 3), ConfigError, "same number of pixels"),
    "two sensors": (put_panel("thickness", 1.0, 2), ConfigError, r"panels\[2\]: thickness = 1.0 differs"),
    "lost panel": (lambda d: d["detector"][1]["hierarchy"]["children"][0]["children"][0].update(panel=9),
                   FormatError, "9 is not one of the detector's 8 panels"),
    "no children": (put("detector", "hierarchy", {"children": 5}), FormatError, "hierarchy.children: is not a list"),
    "neutrons": (put("beam", "probe", "neutron"), FormatError, "only X-rays"),
    "no wavelength": (put("beam", "wavelength", 0), FormatError, "0.0 is not a valid wavelength"),
    "along the beam": (put("beam", "polarization_normal", [0.01, 0.02, 1]), FormatError, "parallel to the beam"),
    "fraction": (put("beam", "polarization_fraction", 2), FormatError, "not between 0 and 1"),
    "few points": (lambda d: d["crystal"][2]["A_at_scan_points"].pop(), FormatError, "20 values; 20 images have 21"),
    "no cell": (put("crystal", "real_space_b", [0, 0, 0]), FormatError, "is linearly dependent on real_space_b"),
    "no symmetry": (put("crystal", "space_group_hall_symbol", "P 7"), FormatError, "is not a valid Hall symbol"),
    "no images": (put("scan", "image_range", [3, 1]), FormatError, "3 to 1 is not a valid range of images"),
    "scan axis": (put("goniometer", "scan_axis", 4, 1), FormatError, "4 is not one of the 3 axes"),
}  # fmt: skip


@pytest.mark.parametrize("flaw", WRONG)
def test_invalid_experiment_lists_are_refused(flaw: str, tmp_path: Path) -> None:
    change, error, message = WRONG[flaw]
    with pytest.raises(error, match=message) as caught:
        nb.read_expt(edited(change, tmp_path / "wrong.expt"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b"3", b'{"experiment": 3}'])
def test_files_that_are_not_experiment_lists_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "no.expt"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"no\.expt(: __id__ is| is not valid JSON)"):
        nb.read_expt(path)
    with pytest.raises(FileError, match="check the path"):
        nb.read_expt(tmp_path / "not there.expt")


def test_a_crystal_can_be_given_for_an_experiment_without_one(tmp_path: Path) -> None:
    imported = nb.read_expt(edited(lambda d: d["experiment"][0].pop("crystal"), tmp_path / "imported.expt"))[0]
    factors = nb.StructureFactors.constant(1)
    with pytest.raises(ConfigError, match="has no crystal"):
        imported.config(factors)
    with pytest.raises(ConfigError, match="image = 20: the experiment has images 0 to 19"):
        imported.config(factors, 20)
    config = imported.config(factors, crystal=nb.Crystal(cell=(50, 60, 70)), n_cells=3)
    assert config.crystal.n_cells == (3, 3, 3)
    np.testing.assert_allclose(config.crystal.spindle_axis, imported.spindle_axis())


def test_varying_beam_moving_goniometer_and_backward_rotation(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["beam"][0]["s0_at_scan_points"] = [[0, 0, -1 - 0.001 * k] for k in range(21)]
        turn = [rotate_about(np.eye(3), (0, 1, 0), 0.001 * k).T.ravel().tolist() for k in range(21)]
        document["goniometer"][0]["setting_rotation_at_scan_points"] = turn
        document["scan"][0]["oscillation"] = [10, -0.5]

    experiment = nb.read_expt(edited(change, tmp_path / "varying.expt"))[0]
    assert experiment.beam(4).wavelength == pytest.approx(1 / 1.0045)
    axis = np.array([1, 0.01, 0]) / np.hypot(1, 0.01)
    np.testing.assert_allclose(experiment.spindle_axis(4), -rotate_about(axis, (0, 1, 0), 0.0045), atol=1e-7)
    assert (experiment.start_deg, experiment.width_deg) == (-10, 0.5)


def test_newer_dials_is_read(tmp_path: Path) -> None:
    """Scan properties and named beams of DIALS 3.17 and later."""

    def change(document: dict[str, Any]) -> None:
        del document["scan"][0]["oscillation"]
        document["scan"][0]["properties"] = {"oscillation": [10 + 0.5 * k for k in range(20)]}
        document["beam"][0] |= {"__id__": "polychromatic", "wavelength_range": [0.9, 1.1], "probe": "x-ray"}

    experiment = nb.read_expt(edited(change, tmp_path / "new.expt"))[0]
    assert (experiment.start_deg, experiment.width_deg) == (10, 0.5)
    scene = nb.Scene(experiment.config(nb.StructureFactors.constant(1), phi_steps=1))
    np.testing.assert_allclose(scene.sources.wavelengths * 1e10, np.linspace(0.9, 1.1, 21))


def test_distortion_maps_warn(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["imageset"] = [{"__id__": "ImageSequence", "dx": "/data/dx.pickle", "dy": None}]
        document["experiment"][0]["imageset"] = 0

    with pytest.warns(NanobraggWarning, match=r"imageset\[0\] has distortion maps"):
        nb.read_expt(edited(change, tmp_path / "distorted.expt"))


def test_the_domain_size_of_a_crystal_is_that_of_its_blocks(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["crystal"][0] |= {"ML_half_mosaicity_deg": 0.1, "ML_domain_size_ang": 1000}

    experiment = nb.read_expt(edited(change, tmp_path / "domains.expt"))[0]
    factors = nb.StructureFactors.constant(1)
    scene = nb.Scene(experiment.config(factors))
    edges = np.linalg.norm(scene.lattice.direct, axis=1)
    assert scene.n_cells == tuple(int(np.ceil(1000 / edge)) for edge in edges)
    assert scene.blocks == 1
    large = nb.Scene(experiment.config(factors, size_mm=0.01))
    assert large.n_cells == scene.n_cells
    assert large.blocks == pytest.approx(np.prod(1e5 / edges / scene.n_cells))


@pytest.mark.parametrize(("key", "value", "told"), [("probe", "electron", ""), ("wavelength", 0.0251, "0.0251 Å")])
def test_electrons_are_read_with_a_warning(tmp_path: Path, key: str, value: Any, told: str) -> None:
    path = edited(put("beam", key, value), tmp_path / "a.expt")
    with pytest.warns(NanobraggWarning, match=rf"a\.expt: a beam of .*{told} is one of electrons; .*give amplitudes"):
        assert len(nb.read_expt(path)) == len(MADE["experiment"])


def test_crystals_of_the_same_images_are_those_that_share_everything_else(tmp_path: Path) -> None:
    def numbers(change: Any) -> list[int]:
        return [each.image_set for each in nb.read_expt(edited(change, tmp_path / "several.expt"))]

    def with_another(**fields: int) -> Any:
        return lambda d: d["experiment"].append({**d["experiment"][0], "crystal": 1, **fields})

    assert numbers(lambda d: None) == [0, 1, 2, 3]
    assert numbers(with_another()) == [0, 1, 2, 3, 0]
    assert numbers(with_another(goniometer=1)) == [0, 1, 2, 3, 4]
    assert numbers(with_another(detector=1)) == [0, 1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_groups_of_panels_are_those_of_the_hierarchy(experiments: list[nb.Experiment], tmp_path: Path) -> None:
    plain, grouped = experiments[0], next(each for each in experiments if len(each.detector.panels) == 8)
    assert plain.groups == {}
    assert grouped.groups == {"group_0": (0, 1, 2, 3), "group_1": (4, 5, 6, 7)}
    content = copy.deepcopy(MADE)
    hierarchy = next(each for each in content["detector"] if len(each["panels"]) == 8)["hierarchy"]
    for child, name in zip(hierarchy["children"], ("quadrant 1", "panel7"), strict=True):
        child["name"] = name
    (tmp_path / "named.expt").write_text(json.dumps(content))
    named = next(each for each in nb.read_expt(tmp_path / "named.expt") if len(each.detector.panels) == 8)
    assert named.groups == {"quadrant_1": (0, 1, 2, 3), "group_1": (4, 5, 6, 7)}
    panels = len(named.detector.panels)
    factors = nb.StructureFactors.constant(10)
    config = nb.Config(crystal=nb.Crystal(cell=(50, 60, 70)), structure_factors=factors, detector=named.detector)
    names = {parameter.name for parameter in nb.parameters(nb.Scene(config), groups=named.groups)}
    assert {"quadrant_1_tx", "group_1_rz", f"panel{panels - 1}_tx"} <= names
