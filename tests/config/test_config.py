"""Config: missing files, warnings, equality and immutability."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggWarning
from tests.builders import CRYSTAL, DETECTOR, FACTORS, config, scene

# --- Files that a Config names ------------------------------------------------------------------------------


def test_missing_files_are_named_in_the_error():
    """A path is read when it is needed, so the Scene raises the error."""
    cases = {
        "no.hkl": {"structure_factors": nb.StructureFactors(path="no.hkl")},
        "no.mat": {"crystal": nb.Crystal(matrix_path="no.mat")},
        "no.txt": {"beam": nb.Beam(sources=nb.Sources.from_file("no.txt"))},
        "no.img": {"detector": nb.Detector.flat(pixels=(32, 48), mask=Path("no.img"))},
    }
    for name, fields in cases.items():
        with pytest.raises(FileError, match=rf"{re.escape(name)}.*No such file") as caught:
            scene(**fields)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileError, match=r"no\.hkl"):
        nb.StructureFactors.from_hkl("no.hkl")
    with pytest.raises(FileError, match=r"no\.bin"):
        nb.StructureFactors.from_dump("no.bin")


@pytest.mark.parametrize("line", ["1 2 3 4 5", "1 2 3 four", "1 2 3.5 4", "1 2", "1 2 3 nan"])
def test_an_hkl_line_that_is_not_four_numbers_is_quoted_with_its_number(tmp_path, line):
    path = tmp_path / "bad.hkl"
    path.write_text(f"0 0 0 1\n0 0 1 2\n{line}\n")
    with pytest.raises(FormatError, match=rf"bad\.hkl.*3.*{re.escape(line)}"):
        nb.StructureFactors.from_hkl(path)


def test_a_mask_file_of_another_shape_is_refused(tmp_path):
    from nanobragg.io.smv import write_smv

    path = tmp_path / "mask.img"
    write_smv(path, np.ones((5, 6), np.uint16))
    with pytest.raises(ConfigError, match=r"mask.img: .*\(5, 6\) is not the detector's \(32, 48\)"):
        scene(detector=nb.Detector.flat(pixels=(32, 48), mask=path))


# --- What is warned of --------------------------------------------------------------------------------------


def test_experiments_that_are_surely_unwanted_warn():
    table = nb.StructureFactors(indices=[[40, 40, 40]], amplitudes=[1])
    warned = {
        "oversample = 1: intensity varies strongly within a pixel .*; [0-9]+ is recommended": {
            "crystal": nb.Crystal(cell=(60,), n_cells=50),
            "sampling": nb.Sampling(oversample=1),
        },
        "the direct beam does not hit the detector: check distance, beam centre and two-theta": {
            "detector": nb.Detector.flat(pixels=(32, 48), pixel_mm=0.5, beam_center_mm=(-5, 3))
        },
        r"every pixel lies outside the table of structure factors \(arrays\) and gets default_F = 0": {
            "structure_factors": table
        },
        r"size_mm\[1\] = 0.2 is larger than the beam and clipped to its 0.1 mm": {
            "crystal": nb.Crystal(cell=(600, 600, 600), size_mm=(0.2, 0.2, 0.05)),
            "detector": nb.Detector.flat(pixels=8, pixel_mm=0.01),
        },
    }
    for message, fields in warned.items():
        with pytest.warns(NanobraggWarning, match=message) as caught:
            scene(**fields)
        assert len(caught) == 1


def test_a_clipped_crystal_has_the_beams_size_across_and_its_own_along():
    """AT-FLU: only b and c are clipped, to the beam's 0.1 mm."""
    with pytest.warns(NanobraggWarning, match="clipped"):
        found = scene(crystal=nb.Crystal(cell=(600, 700, 800), size_mm=(0.2, 0.2, 0.05)))
    assert found.n_cells == (3334, 1429, 625)


# --- Nouns --------------------------------------------------------------------------------------------------


def test_parts_of_a_config_are_immutable():
    with pytest.raises((ConfigError, ValueError), match="frozen"):
        CRYSTAL.n_cells = (1, 1, 1)
    given = np.ones((32, 48), bool)
    detector = DETECTOR.replace(mask=given)
    given[:] = False
    assert detector.mask.all()
    with pytest.raises(ValueError, match="read-only"):
        detector.mask[0, 0] = False


def test_replace_returns_a_validated_copy():
    changed = CRYSTAL.replace(n_cells=(1, 2, 3))
    assert (CRYSTAL.n_cells, changed.n_cells, changed.cell) == ((5, 5, 5), (1, 2, 3), CRYSTAL.cell)
    with pytest.raises(ConfigError, match="n_cells"):
        CRYSTAL.replace(n_cells=0)
    with pytest.raises(ConfigError, match="is not a field of"):
        CRYSTAL.replace(cells=3)
    beam = nb.Beam(energy_eV=12000)
    assert beam.replace(kahn_factor=0.5).wavelength == pytest.approx(12398.42 / 12000)
    assert nb.Beam(wavelength_A=2).replace(energy_eV=None).wavelength == 2


def test_equality_compares_arrays_by_value():
    factors = {"indices": [[0, 0, 1], [1, 0, 0]], "amplitudes": [1.0, 2.0]}
    one, same = nb.StructureFactors(**factors), nb.StructureFactors(**factors)
    assert one == same
    assert one != nb.StructureFactors(**{**factors, "amplitudes": [1.0, 3.0]})
    assert one != FACTORS
    assert config() == config()
    assert config() != config(roi=np.s_[3:5, 1:3])
    assert config() != CRYSTAL
    assert config(structure_factors=one) == config(structure_factors=same)


def test_incomplete_cells_are_completed():
    assert nb.Crystal(cell=(50,)).cell == (50, 50, 50, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60)).cell == (50, 60, 50, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60, 70)).cell == (50, 60, 70, 90, 90, 90)
    assert nb.Crystal(cell=(50, 60, 70, 80)).cell == (50, 60, 70, 80, 90, 90)
    assert nb.Crystal(cell=[50, 60, 70, 80, 85, 95]).cell == (50, 60, 70, 80, 85, 95)
    assert nb.Crystal(cell=np.array([50.0, 60, 70, 80, 85, 95])).cell == (50, 60, 70, 80, 85, 95)
