"""The truth of a data set as files for CrystFEL and DIALS, read back by parsers of their own, and by DIALS."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.cli import main
from nanobragg.dataset.truth_files import DialsFiles, write_truth
from tests import builders
from tests.export.test_crystfel import TILTED, parsed, positions

CELL = (60.0, 70.0, 80.0, 85.0, 95.0, 100.0)
DETECTORS = {
    "tilted": TILTED,
    "panels": nb.Detector.named("JUNGFRAU 1M", distance_mm=150, wavelength_A=1.3),
}


def dataset(detector: nb.Detector, **fields: Any) -> nb.Dataset:
    base = nb.Config(
        crystal=nb.Crystal(cell=CELL, n_cells=20, shape="gauss", mosaic_spread_deg=0.05, mosaic_domains=10),
        structure_factors=nb.StructureFactors.wilson(CELL, "P 1", b_factor=20, d_min_A=3.0, seed=1),
        beam=nb.Beam(wavelength_A=1.3), detector=detector, **fields,
    )  # fmt: skip
    return nb.Dataset(
        base=base, n=4, seed=3, hit_rate=0.8, crystals_per_shot=2, vary={"crystal.rotation": nb.random_orientations()}
    )


def chunks(path: Path) -> list[dict[str, Any]]:
    """Return the images of a stream, with their crystals: a parser as simple as can be."""
    found = []
    for text in path.read_text().split("----- Begin chunk -----\n")[1:]:
        crystals = []
        for part in text.split("--- Begin crystal\n")[1:]:
            star = np.array([re.search(rf"{name}star = (.*) nm", part)[1].split() for name in "abc"], float)
            rows = part.split("panel\n")[1].split("End of reflections")[0].splitlines()
            columns = [row.split() for row in rows]
            crystals.append({
                "star": star, "hkl": np.array([c[:3] for c in columns], int),
                "numbers": np.array([c[3:9] for c in columns], float), "panels": [c[9] for c in columns],
                "count": int(re.search(r"num_reflections = (\d+)", part)[1]),
                "cell": re.search(r"Cell parameters (.*)", part)[1],
            })  # fmt: skip
        keys = dict(re.findall(r"^([\w ]+?)(?: =|:) (.*)$", text.split("--- Begin crystal")[0], re.M))
        found.append({**keys, "crystals": crystals})
    return found


@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_spots_lie_where_cell_and_geometry_say(tmp_path: Path, detector: nb.Detector) -> None:
    """The scattering vector of a spot's place, by CrystFEL's conventions, is that of its indices."""
    data = dataset(detector, scan=nb.Scan(start_deg=30, range_deg=0.1, steps=2))
    path = tmp_path / "truth.stream"
    data.write_stream(path)
    panels, rows = parsed(path), detector.panels[0].pixels[0]
    seen = 0
    for chunk in chunks(path):
        for crystal in chunk["crystals"]:
            assert crystal["count"] == len(crystal["hkl"]) == len(crystal["panels"])
            assert crystal["cell"] == "6.00000 7.00000 8.00000 nm, 85.00000 95.00000 100.00000 deg"
            for (_, _, _, _, fast, slow), name, hkl in zip(
                crystal["numbers"], crystal["panels"], crystal["hkl"], strict=True
            ):
                panel = panels[name]
                inside = np.array([slow - float(panel["min_ss"]) - 0.5]), np.array([fast - 0.5])
                assert -0.5 <= inside[0][0] <= rows
                place = positions(panel, *inside)[0]
                vector = (place / np.linalg.norm(place) - [0, 0, 1]) / 0.13  # 1/nm
                assert np.linalg.norm(vector - hkl @ crystal["star"]) < 0.03  # a block has 1/120 nm
                seen += 1
    assert seen > 10


def test_hits_files_and_intensities_are_stated(tmp_path: Path) -> None:
    noise = nb.Noise(gain_adu_per_photon=2.5)
    data = dataset(TILTED, noise=noise)
    data.write_stream(tmp_path / "truth.stream")
    found = chunks(tmp_path / "truth.stream")
    shots = list(data)
    assert [len(chunk["crystals"]) for chunk in found] == [len(shot.truth) for shot in shots]
    assert {len(chunk["crystals"]) for chunk in found} == {0, 2}
    for chunk, shot in zip(found, shots, strict=True):
        assert chunk["Image filename"] == "images_master.h5"
        assert chunk["Event"] == f"//{shot.number}"
        assert chunk["hit"] == str(int(bool(shot.truth)))
        assert float(chunk["photon_energy_eV"]) == pytest.approx(12398.42 / 1.3, rel=1e-5)
        for crystal, truth in zip(chunk["crystals"], shot.truth, strict=True):
            np.testing.assert_array_equal(crystal["hkl"], truth.spots.hkl)
            np.testing.assert_allclose(crystal["numbers"][:, 0], 2.5 * truth.spots.photons, atol=0.006)
            np.testing.assert_allclose(crystal["numbers"][:, 1], 2.5 * truth.spots.photons**0.5, atol=0.006)


def test_the_command_line_writes_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dask")
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    dataset(builders.DETECTOR).to_toml("plan.toml")
    arguments = ["dataset", "plan.toml", "-o", "out", "--workers", "1", "--stream", "truth.stream", "--dials", "truth"]
    assert main([*arguments, "--quiet"]) == 0
    assert len(chunks(Path("truth.stream"))) == 4
    (image,) = {each["images"][0] for each in json.loads(Path("truth.expt").read_text())["imageset"]}
    assert Path(image) == tmp_path / "out" / "images_master.h5"
    assert Path("truth.refl").exists()


def test_spots_are_predicted_once_for_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("msgpack")
    data, predicted = dataset(builders.DETECTOR), []
    crystals = sum(len(data.shot(k).truth) for k in range(len(data)))
    predict = nb.predict_spots
    monkeypatch.setattr("nanobragg.dataset.shot.predict_spots", lambda scene: predicted.append(scene) or predict(scene))
    files = DialsFiles(tmp_path / "both.expt", tmp_path / "both.refl", tmp_path)
    write_truth(data, stream=tmp_path / "both.stream", dials=files)
    assert len(predicted) == crystals > 0
    data.write_stream(tmp_path / "one.stream")
    data.write_dials(tmp_path / "one.expt", tmp_path / "one.refl", tmp_path)
    for kind in ("stream", "expt", "refl"):
        assert (tmp_path / f"both.{kind}").read_bytes() == (tmp_path / f"one.{kind}").read_bytes()


def dials_files(folder: Path, data: nb.Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the truth for DIALS, and return the experiments and the columns of the reflections."""
    msgpack = pytest.importorskip("msgpack")
    data.write_dials(folder / "truth.expt", folder / "truth.refl", folder / "out")
    kind, version, table = msgpack.unpackb((folder / "truth.refl").read_bytes(), strict_map_key=False)
    assert (kind, version) == ("dials::af::reflection_table", 1)
    types = {"int": "<i4", "std::size_t": "<u8", "double": "<f8", "vec3<double>": "3<f8"}
    columns = {
        name: np.frombuffer(raw, types.get(kind, "3<i4"), count) for name, (kind, (count, raw)) in table["data"].items()
    }
    assert {len(column) for column in columns.values()} == {table["nrows"]}
    return json.loads((folder / "truth.expt").read_text()), {**columns, "identifiers": table["identifiers"]}


def test_dials_files_hold_every_crystal_and_its_spots(tmp_path: Path) -> None:
    data = dataset(TILTED, noise=nb.Noise(gain_adu_per_photon=2.5))
    models, rows = dials_files(tmp_path, data)
    shots = list(data)
    truth = [(shot.number, each) for shot in shots for each in shot.truth]
    assert len(models["experiment"]) == len(models["crystal"]) == len(truth) > 0
    assert rows["identifiers"] == {i: each["identifier"] for i, each in enumerate(models["experiment"])}
    assert len(models["detector"]) == 1
    for number, (shot, each) in enumerate(truth):
        experiment = models["experiment"][number]
        imageset = models["imageset"][experiment["imageset"]]
        assert imageset["images"] == [str(tmp_path / "out" / "images_master.h5")]
        assert imageset["single_file_indices"] == [shot]
        crystal = models["crystal"][experiment["crystal"]]
        axes = [crystal[f"real_space_{name}"] for name in "abc"]
        np.testing.assert_allclose(axes, each.scene.lattice.direct, rtol=1e-12)
        own = rows["id"] == number
        np.testing.assert_array_equal(rows["miller_index"][own], each.spots.hkl)
        np.testing.assert_array_equal(rows["xyzcal.px"][own][:, 0], each.spots.fast_px)
        np.testing.assert_allclose(rows["intensity.sum.value"][own], 2.5 * each.spots.photons)
