"""Blocks and crystal: the block determines the shape of the spots, the illuminated volume their brightness."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.digest import config_digest
from nanobragg.config.toml import parse_toml
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.io.hdf5 import open_hdf5
from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags
from tests import builders

BLOCK = builders.TRICLINIC.replace(n_cells=(8, 9, 7))
WIDE = nb.Beam(size_mm=None)
ALONG = np.array([60, 70, 80]) * 1e-7  # edges of the cell, mm
DETECTOR = nb.Detector.flat(distance_mm=100, pixels=(60, 70), pixel_mm=0.5)


def scene(crystal: nb.Crystal, **fields: Any) -> nb.Scene:
    return builders.scene(**{"crystal": crystal, "beam": WIDE, "detector": DETECTOR, **fields})


def photons(crystal: nb.Crystal, **fields: Any) -> np.ndarray:
    return nb.simulate(scene(crystal, **fields), dtype="float64")


def test_a_size_beside_a_block_is_that_of_the_crystal() -> None:
    size = (0.01, 0.02, 0.005)
    made = scene(BLOCK.replace(size_mm=size))
    assert made.n_cells == (8, 9, 7)
    assert made.blocks == pytest.approx(np.prod(size / (ALONG * (8, 9, 7))), rel=1e-12)
    edges = np.array(size) * 1e-3 / np.linalg.norm(made.lattice.direct, axis=1)
    assert made.illuminated_volume == pytest.approx(abs(np.linalg.det(made.lattice.direct * edges[:, None])), rel=1e-12)
    assert scene(BLOCK).blocks == 1


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat", "gauss_star"])
def test_the_intensity_is_that_of_one_block_times_their_number(shape: str) -> None:
    one, many = BLOCK.replace(shape=shape), BLOCK.replace(shape=shape, size_mm=0.01)
    np.testing.assert_allclose(photons(many), scene(many).blocks * photons(one), rtol=1e-13)
    np.testing.assert_allclose(photons(one.replace(blocks=2.5e6)), 2.5e6 * photons(one), rtol=1e-13)


def test_size_number_and_volume_describe_the_same_crystal() -> None:
    cubic = nb.Crystal(cell=(60,), n_cells=8, misset_deg=(3, 4, 5))
    by_size = photons(cubic.replace(size_mm=0.02))
    np.testing.assert_allclose(photons(cubic.replace(blocks=(0.02 / 60e-7 / 8) ** 3)), by_size, rtol=1e-12)
    np.testing.assert_allclose(photons(cubic.replace(volume_mm3=0.02**3)), by_size, rtol=1e-12)
    triclinic = BLOCK.replace(volume_mm3=3e-6)
    assert scene(triclinic).illuminated_volume == pytest.approx(3e-15, rel=1e-12)


def test_an_axis_of_one_cell_has_blocks_as_long_as_the_crystal() -> None:
    made = scene(BLOCK.replace(n_cells=(1, 9, 7), size_mm=(0.0005, 0.001, 0)))
    assert made.n_cells == (84, 9, 7)
    assert made.blocks == pytest.approx(0.001 / (9 * 70e-7), rel=1e-12)
    assert scene(BLOCK.replace(n_cells=1, size_mm=0.0005)).blocks == 1


def test_the_block_may_be_given_as_a_length() -> None:
    made = scene(builders.TRICLINIC.replace(n_cells=1, block_um=0.05, size_mm=(0.001, 0.00004, 0)))
    assert made.n_cells == (8, 6, 6)  # 500/60, 400/70 rounded up, 500/80
    assert made.blocks == pytest.approx(0.001 / (8 * 60e-7), rel=1e-12)
    assert scene(builders.TRICLINIC.replace(n_cells=1, block_um=0.001)).n_cells == (1, 1, 1)


def test_the_beam_clips_the_crystal_and_not_the_block() -> None:
    with pytest.warns(NanobraggWarning, match="is larger than the beam and clipped") as caught:
        made = scene(BLOCK.replace(size_mm=0.02), beam=nb.Beam(size_mm=0.01))
    assert len(caught) == 2
    assert {warning.filename for warning in caught} == {builders.__file__}  # where the Scene is made
    whole = scene(BLOCK.replace(size_mm=0.02))
    assert made.blocks == pytest.approx(whole.blocks / 4, rel=1e-12)
    assert (made.n_cells, made.oversample) == (whole.n_cells, whole.oversample)
    with pytest.warns(NanobraggWarning, match="a cube of 0.02 mm is larger than the beam and clipped to its 0.01 mm"):
        cube = scene(BLOCK.replace(volume_mm3=0.02**3), beam=nb.Beam(size_mm=0.01))
    assert cube.illuminated_volume == pytest.approx(0.02e-3 * 0.01e-3**2, rel=1e-12)


@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        (
            BLOCK.replace(size_mm=1e-5),
            r"the crystal in the beam \(.* mm³\) is smaller than one block of 8 x 9 x 7 cells",
        ),
        (BLOCK.replace(n_cells=1, volume_mm3=1e-9), "fills the crystal with blocks of one cell"),
    ],
)
def test_probable_mistakes_warn(crystal: nb.Crystal, message: str) -> None:
    with pytest.warns(NanobraggWarning, match=message):
        scene(crystal)


def test_a_crystal_without_a_volume_in_the_beam_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"number of blocks in the beam = 0: must be from 1e-30 to 1e\+30"):
        scene(BLOCK.replace(size_mm=1e-300))


def test_the_background_is_that_of_one_beam() -> None:
    """Water and amorphous material do not depend on the number of blocks."""
    for background in (nb.Background(water_um=20), nb.Background(table=[[0, 2.6], [0.5, 2]], thickness_um=50)):
        fields = {"beam": nb.Beam(size_mm=0.1), "background": background}
        dark = nb.StructureFactors.constant(0)
        alone = photons(BLOCK, structure_factors=dark, **fields)
        assert alone.min() > 0
        crystal = BLOCK.replace(size_mm=0.01)
        np.testing.assert_allclose(photons(crystal, structure_factors=dark, **fields), alone, rtol=1e-13)
        together = photons(crystal, **fields)
        np.testing.assert_allclose(together, alone + photons(crystal, beam=nb.Beam(size_mm=0.1)), rtol=1e-12)


def test_single_precision_images_agree_with_double_ones() -> None:
    crystal = BLOCK.replace(shape="square", size_mm=0.05)
    double = photons(crystal)
    np.testing.assert_allclose(nb.simulate(scene(crystal)), double, rtol=1e-4, atol=1e-6 * double.max())


@pytest.mark.parametrize("shape", ["square", "round", "gauss", "tophat", "gauss_star"])
def test_numbers_of_cells_need_not_be_whole(shape: str) -> None:
    made = scene(BLOCK.replace(shape=shape, n_cells=(8.4, 9.5, 7.2)))
    whole = scene(BLOCK.replace(shape=shape, n_cells=(8.0, 9, 7.0)))
    assert (made.n_cells, whole.n_cells) == ((8.4, 9.5, 7.2), (8, 9, 7))
    assert all(type(n) is int for n in whole.n_cells)
    assert (whole.core(np.float32).precision == "single") == (shape == "square")
    assert made.core(np.float32).precision == "double from floats"
    double = nb.simulate(made, dtype="float64")
    np.testing.assert_allclose(nb.simulate(made), double, rtol=1e-6, atol=1e-12 * double.max())
    images = [nb.simulate(scene(BLOCK.replace(shape=shape, n_cells=8 + x)), dtype="float64") for x in (0, 1e-9)]
    np.testing.assert_allclose(images[1], images[0], rtol=1e-6, atol=1e-7 * images[0].max())


@pytest.mark.parametrize("n_cells", [(8, 9, 7), (8.5, 9, 7)])
def test_a_trace_scales_its_sum_by_the_blocks(n_cells: tuple[float, float, float]) -> None:
    detector = nb.Detector.flat(distance_mm=100, pixels=(60, 70), pixel_mm=0.05)
    crystal = BLOCK.replace(shape="square", n_cells=n_cells, size_mm=0.01)
    made = scene(crystal, detector=detector, background=nb.Background(water_um=10), sampling=nb.Sampling(oversample=1))
    image = nb.simulate(made, dtype="float64")
    slow, fast = np.unravel_index(int(image.argmax()), image.shape)
    found = nb.trace(made, slow=int(slow), fast=int(fast))
    final = found.final
    scaled = final.r_e_sqr_m2 * final.fluence_ph_m2 * final.blocks * final.sum / final.steps
    assert final.blocks == made.blocks
    assert scaled == pytest.approx(image.max(), rel=1e-12)
    (term,) = found.terms
    delta = np.array(term.delta)
    factors = np.sin(np.pi * np.array(n_cells) * delta) / np.sin(np.pi * delta)
    assert term.F_latt_sqr == pytest.approx(np.prod(factors) ** 2, rel=1e-9)
    assert term.lattice_factors is not None
    assert term.lattice_factors[0] == pytest.approx(factors[0] * (1 if n_cells[0] == 8.5 else (-1) ** term.nearest[0]))
    assert f"x {made.blocks:.6g} blocks /" in found.explain()
    assert "The square block of 8" in found.explain()


def test_predicted_spots_and_the_ground_truth_know_the_blocks(tmp_path: Any) -> None:
    crystal = BLOCK.replace(n_cells=20, size_mm=0.01)
    one, many = scene(crystal.replace(size_mm=0)), scene(crystal)
    single, all_blocks = nb.predict_spots(one), nb.predict_spots(many)
    assert (single.hkl == all_blocks.hkl).all()
    np.testing.assert_allclose(all_blocks.photons, many.blocks * single.photons, rtol=1e-12)
    assert np.array_equal(single.partiality, all_blocks.partiality)
    assert np.array_equal(nb.bragg_mask(one), nb.bragg_mask(many))
    truth = nb.ground_truth(many)
    truth.save(tmp_path / "truth.npz")
    again = nb.GroundTruth.load(tmp_path / "truth.npz")
    assert (again.n_cells.tolist(), again.blocks) == ([20, 20, 20], many.blocks)


@pytest.mark.parametrize(
    "fields",
    [
        {"size_mm": (0.01, 0.02, 0.03)},
        {"blocks": 1e6},
        {"volume_mm3": 1e-5},
        {"n_cells": (8.5, 9.0, 7)},
        {"n_cells": 1, "block_um": 0.05},
    ],
)
def test_toml_files_and_image_files_keep_the_crystal(fields: dict[str, Any], tmp_path: Any) -> None:
    config = builders.config(crystal=BLOCK.replace(**fields), beam=WIDE)
    config.to_toml(tmp_path / "a.toml")
    again = nb.Config.from_toml(tmp_path / "a.toml")
    assert again == config
    assert config_digest(again) == config_digest(config)
    nb.write_nexus(tmp_path / "a.nxs", [np.zeros(config.detector.shape, np.float32)], config)
    with open_hdf5(tmp_path / "a.nxs") as file:
        text = file["entry/process/config/data"][()].decode()
    assert nb.Crystal(**parse_toml(text)["crystal"]) == config.crystal


def test_a_size_flag_keeps_the_c_programs_meaning() -> None:
    flags = "-cell 60 70 80 90 90 90 -default_F 10 -N 5 -sample_x 0.0001 -detpixels 8"
    for exact in (False, True):
        config = nb.config_from_flags(flags, exact=exact)
        made = nb.Scene(config)
        assert (made.n_cells, made.blocks) == ((17, 5, 5), 1)


def test_under_compat_c_a_size_replaces_the_number_of_cells() -> None:
    made = scene(BLOCK.replace(size_mm=(0.0001, 0, 0)), compat="c")
    assert (made.n_cells, made.blocks) == ((17, 9, 7), 1)


def test_flags_of_the_original_program_have_the_blocks_in_the_fluence(tmp_path: Any) -> None:
    crystal = BLOCK.replace(shape="square", size_mm=0.01)
    config = builders.config(crystal=crystal, detector=DETECTOR)
    again = nb.config_from_flags(config_to_flags(config, tmp_path), exact=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        ours, theirs = (nb.simulate(one, dtype="float64") for one in (config, again))
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12 * ours.max())
    with pytest.raises(ConfigError, match=r"water_um = 3: .*leave the water out"):
        config_to_flags(config.replace(background=nb.Background(water_um=3)), tmp_path)
    with pytest.raises(ConfigError, match=r"n_cells = \(2.5, 2, 2\): the C program has whole numbers"):
        config_to_flags(config.replace(crystal=BLOCK.replace(n_cells=(2.5, 2, 2))), tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"blocks": 0}, "blocks = 0: .*greater than 0"),
        ({"volume_mm3": -1}, "volume_mm3 = -1: .*greater than 0"),
        ({"blocks": 5, "size_mm": 0.1}, r"Crystal.blocks = 5.* and Crystal.size_mm: give one of them"),
        ({"volume_mm3": 5, "blocks": 5}, r"Crystal.blocks = 5.* and Crystal.volume_mm3: give one of them"),
        ({"block_um": 0.1}, r"block_um = 0.1 and Crystal.n_cells = \(8, 9, 7\): give one of them"),
        ({"n_cells": (0.5, 3, 3)}, r"n_cells = \(0.5, 3, 3\): must be at least 1"),
        ({"n_cells": "many"}, "Crystal.n_cells"),
        ({"n_cells": float("nan")}, "Crystal.n_cells"),
    ],
)
def test_invalid_crystals_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BLOCK.replace(**fields)


@pytest.mark.parametrize(
    "fields", [{"blocks": 5}, {"volume_mm3": 1e-6}, {"n_cells": (2.5, 3, 4)}, {"n_cells": 1, "block_um": 0.1}]
)
def test_the_c_programs_crystal_has_no_blocks_and_whole_cells(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="compat='c'"):
        builders.config(crystal=BLOCK.replace(**fields), compat="c")


def test_the_summary_names_the_blocks(tmp_path: Any, capsys: Any) -> None:
    from nanobragg.analysis.summary import summarize_scene

    text = "\n".join(summarize_scene(scene(BLOCK.replace(n_cells=(8.5, 9, 7), size_mm=0.01))))
    assert "8.5 x 9 x 7 cells" in text
    assert "such blocks" in text
    assert "such blocks" not in "\n".join(summarize_scene(scene(BLOCK)))
