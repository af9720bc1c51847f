"""SHELX lists, alone and embedded in a CIF: equivalents are merged with weights 1/σ², and R_merge is stated."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FormatError, NanobraggWarning
from tests.structure_factors.test_files import as_dict

CELL = (7.0, 8.0, 9.0, 90.0, 100.0, 90.0)
GROUP = "P 1 21/c 1"
END = "   0   0   0    0.00    0.00   0\n"


def line(h: int, k: int, l: int, square: float, sigma: float, batch: int = 1) -> str:
    return f"{h:4d}{k:4d}{l:4d}{square:8.2f}{sigma:8.2f}{batch:4d}\n"


def shelx(path: Path, *rows: tuple[float, ...]) -> Path:
    path.write_text("".join(line(*row) for row in rows) + END)  # type: ignore[arg-type]
    return path


def embedded(path: Path, text: str) -> Path:
    cell = "".join(
        f"_cell_{name} {value}\n"
        for name, value in zip(
            ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"), CELL, strict=True
        )
    )
    path.write_text(f"data_x\n{cell}_symmetry_space_group_name_H-M '{GROUP}'\n_shelx_hkl_file\n;\n{text};\n")
    return path


def test_equivalents_are_averaged_with_the_weights_of_their_errors(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, 100, 1), (-1, 2, -3, 104, 2), (-1, -2, -3, 96, 2), (2, 0, 0, 49, 1))
    factors = nb.StructureFactors.from_shelx(path, space_group=GROUP, cell=CELL)
    found = as_dict(factors)
    assert found[1, 2, 3] == found[-1, 2, -3] == pytest.approx(np.sqrt((100 + 104 / 4 + 96 / 4) / 1.5))
    assert found[2, 0, 0] == 7
    assert "4 measurements merged to 2 reflections, R_merge 0.027" in factors.note
    assert factors.known_cell == CELL


def test_bijvoet_mates_stay_apart(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, 100, 1), (-1, -2, -3, 64, 1))
    found = as_dict(nb.StructureFactors.from_shelx(path, space_group="P 1 21 1"))
    assert (found[1, 2, 3], found[-1, -2, -3], found[-1, 2, -3], found[1, -2, 3]) == (10, 8, 10, 8)


def test_a_list_of_every_equivalent_gives_the_amplitudes_it_was_made_from(tmp_path: Path) -> None:
    """Noise of 2 % on each of 8 equivalents leaves 0.4 % on the amplitude."""
    rng, group = np.random.default_rng(3), gemmi.SpaceGroup("P 42/m n m")
    cell = gemmi.UnitCell(6, 6, 8, 90, 90, 90)
    unique = gemmi.make_miller_array(cell, group, 1.0)
    squares = rng.uniform(100, 900, len(unique))
    rows = [
        (*operation.apply_to_hkl(hkl), square * rng.normal(1, 0.02), 0.02 * square)
        for hkl, square in zip(unique.tolist(), squares, strict=True)
        for operation in group.operations().sym_ops
    ]
    factors = nb.StructureFactors.from_shelx(shelx(tmp_path / "a.hkl", *rows), space_group="P 42/m n m")
    found = as_dict(factors)
    ours = np.array([found[hkl] for hkl in map(tuple, unique.tolist())])
    assert np.abs(ours / np.sqrt(squares) - 1).mean() < 0.005
    assert 0.01 < float(factors.note.split("R_merge ")[1].split(";")[0]) < 0.02


def test_an_embedded_list_is_merged_too(tmp_path: Path) -> None:
    text = line(1, 2, 3, 100, 1) + line(-1, 2, -3, 144, 1) + END + "TITL behind the list\n"
    factors = nb.StructureFactors.from_cif(embedded(tmp_path / "a.cif", text))
    assert as_dict(factors)[1, 2, 3] == pytest.approx(np.sqrt(122))
    assert "R_merge 0.180" in factors.note


def test_measurements_without_an_error_count_only_alone(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, 100, 1), (1, 2, 3, 900, 0), (2, 0, 0, 16, 0), (2, 0, 0, 36, 0))
    found = as_dict(nb.StructureFactors.from_shelx(path, space_group=GROUP))
    assert (found[1, 2, 3], found[2, 0, 0]) == (10, pytest.approx(np.sqrt(26)))


def test_negative_means_are_set_to_zero_with_a_warning(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, -5, 1), (1, 2, 3, 1, 1), (2, 0, 0, 16, 1), (2, 0, 0, -2, 9))
    with pytest.warns(NanobraggWarning, match=r"a\.hkl: .* 1 of 2 intensities are negative"):
        assert as_dict(nb.StructureFactors.from_shelx(path, space_group=GROUP))[1, 2, 3] == 0


def test_the_format_is_known_to_toml(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, 100, 1))
    factors = nb.StructureFactors(path=path, file_format="shelx", space_group=GROUP)
    assert as_dict(factors)[1, 2, 3] == 10


def test_lists_that_are_refused(tmp_path: Path) -> None:
    path = shelx(tmp_path / "a.hkl", (1, 2, 3, 100, 1, -2), (1, 2, 4, 100, 1, 1))
    with pytest.raises(FormatError, match=r"overlaps with the next reflection of a twin \(HKLF 5\)"):
        nb.StructureFactors.from_shelx(path, space_group=GROUP)
    with pytest.raises(ConfigError, match="the space group is missing; give space_group"):
        nb.StructureFactors(path=shelx(path, (1, 2, 3, 1, 1)), file_format="shelx").table()
    path.write_text("1 2 3 4\n")
    with pytest.raises(FormatError, match="'1 2 3 4' is not a line of SHELX's HKLF 4"):
        nb.StructureFactors.from_shelx(path, space_group=GROUP)
    path.write_text("!FORMAT=XDS_ASCII    MERGE=FALSE\n")
    with pytest.raises(FormatError, match="the file is an XDS_ASCII file"):
        nb.StructureFactors.from_shelx(path, space_group=GROUP)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("   1   0   0   12.50    0.40\n", r"looks like a SHELX HKLF 4 list .*from_shelx"),
        ("  -7   0  -3 1043.39   21.41   1\n", "looks like a SHELX HKLF 4 list"),
        (" -10-100 -3 1043.39   21.41\n", "looks like a SHELX HKLF 4 list"),
        ("!FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=FALSE\n", "XDS_ASCII file; convert it to MTZ"),
        ("    1\n -987\n    50.0 60.0 70.0 90.0 90.0 90.0 p212121\n   1   0   0   10.0  1.0\n", "scalepack file"),
        ("    1\n -985\n    50.0 60.0 70.0 90.0 90.0 90.0 p212121\n", "scalepack file"),
        ("12 p212121\n 1 0 0\n 0 1 0\n 0 0 1\n", "scalepack file"),
        ("CrystFEL reflection list version 2.0\nSymmetry: mmm\n", "CrystFEL reflection list; convert it to MTZ"),
        ("  h   k   l          I    phase   sigma(I)   nmeas\n", "CrystFEL reflection list"),
        ("# TITLE *Aluminum* [McStas]\n# column_j 4\n1 1 1 8 2.33\n", "McStas or McXtrace list"),
        ("data_x\n_cell_length_a 5\n", "is a CIF; use StructureFactors.from_cif"),
        ("TITL x in P-1\nCELL 0.71 7 8 9 81 82 83\n", r"SHELX \.res or \.ins file"),
    ],
)
def test_other_lists_are_named_with_the_way_to_read_them(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.hkl"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"a\.hkl, line \d: .* is not 'h k l F': the file .*{told}"):
        nb.StructureFactors.from_hkl(path)
    with pytest.raises(FormatError, match=rf"a\.hkl is not a valid MTZ file: it .*{told}"):
        nb.StructureFactors.from_mtz(path)
    if not text.startswith("data_"):
        with pytest.raises(FormatError, match=rf"a\.hkl is not a valid CIF: it .*{told}"):
            nb.StructureFactors.from_cif(path)


def test_comments_before_the_first_reflection_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.hkl").write_text("# h k l F\n\n  # of 27 November\n1 0 0 12.5\n2 0 0 3.5\n")
    assert as_dict(nb.StructureFactors.from_hkl(tmp_path / "a.hkl")) == {(1, 0, 0): 12.5, (2, 0, 0): 3.5}
    (tmp_path / "a.hkl").write_text("1 0 0 12.5\n# more\n2 0 0 3.5\n")
    with pytest.raises(FormatError, match=r"line 2: '# more' .*comments may stand before the first reflection only"):
        nb.StructureFactors.from_hkl(tmp_path / "a.hkl")
