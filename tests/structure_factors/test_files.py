"""Amplitudes from MTZ and CIF files: values, choice of the column, symmetry, and errors."""

from __future__ import annotations

import warnings
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggWarning
from nanobragg.io.mtz import read_mtz
from nanobragg.structure_factors.symmetry import expand_to_p1, rotations_of
from tests.structure_factors.mtz_files import CELL, ROWS, write_mtz

GROUPS = [
    "P 1",
    "P -1",
    "C 1 2 1",
    "P 21 21 21",
    "F d d 2",
    "P 43 21 2",
    "P 31 2 1",
    "R 3 :H",
    "P 61",
    "I 2 3",
    "P 41 3 2",
]


def as_dict(factors: nb.StructureFactors) -> dict[tuple[int, ...], float]:
    assert factors.listing is not None
    indices, amplitudes = factors.listing
    return dict(zip(map(tuple, indices.tolist()), amplitudes.tolist(), strict=True))


@pytest.mark.parametrize("name", GROUPS)
def test_expansion_agrees_with_every_symmetry_operator(name: str) -> None:
    """|F(h)| = |F(hR)| = |F(-h)| for gemmi's operators, each reflection of the sphere once."""
    group = gemmi.SpaceGroup(name)
    hexagonal = group.crystal_system_str() in ("trigonal", "hexagonal")
    cell = gemmi.UnitCell(20, 20, 20, 90, 90, 120 if hexagonal else 90)
    unique = gemmi.make_miller_array(cell, group, 3.0)
    amplitudes = np.random.default_rng(1).uniform(1, 100, len(unique))
    indices, expanded = expand_to_p1(unique, amplitudes, rotations_of(group.operations()))
    found = dict(zip(map(tuple, indices.tolist()), expanded.tolist(), strict=True))
    assert len(found) == len(indices)
    for hkl, amplitude in zip(unique.tolist(), amplitudes.tolist(), strict=True):
        for operation in group.operations().sym_ops:
            h, k, l = operation.apply_to_hkl(hkl)
            assert found[h, k, l] == found[-h, -k, -l] == amplitude
    everything = gemmi.make_miller_array(cell, gemmi.SpaceGroup("P 1"), 3.0)
    present = ~group.operations().systematic_absences(everything)
    assert len(indices) == 2 * present.sum()


def test_an_mtz_written_by_gemmi_comes_back_exactly(tmp_path: Path) -> None:
    values = np.float32(np.random.default_rng(2).uniform(0, 1e4, 4)).tolist()
    found = read_mtz(write_mtz(tmp_path / "a.mtz", {"FP": ("F", values)}))
    assert found.amplitudes.tolist() == values
    assert found.indices.tolist() == ROWS.tolist()
    assert (found.cell, found.space_group) == (CELL, "P 21 21 21")
    expanded = as_dict(nb.StructureFactors.from_mtz(tmp_path / "a.mtz"))
    assert expanded[1, 2, 3] == expanded[-1, 2, 3] == expanded[1, -2, -3] == values[0]
    assert len(expanded) == 8 + 4 + 8 + 2


def test_bijvoet_mates_stay_apart(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {
        "F(+)": ("G", [10, 7, np.nan, 5]), "F(-)": ("G", [12, 7, 3, np.nan]),
    })  # fmt: skip
    factors = nb.StructureFactors.from_mtz(path)
    found = as_dict(factors)
    assert found[1, 2, 3] == found[-1, -2, 3] == 10
    assert found[-1, -2, -3] == found[1, 2, -3] == 12
    assert found[4, 4, 4] == found[-4, -4, -4] == 3  # one of a pair stands for both
    assert found[2, 0, 0] == found[-2, 0, 0] == 5
    assert factors.note.startswith("F(+) and F(-) ")


def test_centric_pairs_are_averaged(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {"F(+)": ("G", [1, 6, 1, 1]), "F(-)": ("G", [1, 8, 1, 1])})
    found = as_dict(nb.StructureFactors.from_mtz(path))
    assert found[0, 2, 3] == found[0, -2, 3] == found[0, -2, -3] == 7


ONES = [1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"FWT": "F", "FC": "F", "FP": "F", "IMEAN": "J"}, "FP"),
        ({"FWT": "F", "FC": "F", "IMEAN": "J"}, "IMEAN"),
        ({"2FOFCWT": "F", "F-model": "F"}, "F-model"),
        ({"F-obs": "F", "F-obs(+)": "G", "F-obs(-)": "G"}, "F-obs(+) and F-obs(-)"),
        ({"I": "J", "I(-)": "K", "I(+)": "K"}, "I(+) and I(-)"),
        ({"F_mine": "F", "SIGF": "Q", "F": "F"}, "F"),
    ],
)
def test_the_rule_takes_what_was_measured_first(tmp_path: Path, columns: dict[str, str], chosen: str) -> None:
    path = write_mtz(tmp_path / "a.mtz", {label: (kind, ONES) for label, kind in columns.items()})
    assert nb.StructureFactors.from_mtz(path).note.startswith(f"{chosen} (")


def test_a_column_by_its_label(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {"FP": ("F", ONES), "FC": ("F", [2, 2, 2, 2]), "SIGFP": ("Q", ONES)})
    assert as_dict(nb.StructureFactors.from_mtz(path, column="FC"))[1, 2, 3] == 2
    with pytest.raises(ConfigError, match=r"no column 'F2'.* FP \(amplitudes\), FC \(amplitudes\), SIGFP"):
        nb.StructureFactors.from_mtz(path, column="F2")
    with pytest.raises(ConfigError, match="'SIGFP' holds neither amplitudes nor intensities"):
        nb.StructureFactors.from_mtz(path, column="SIGFP")


def test_intensities_become_amplitudes_and_negative_ones_are_reported(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {"I": ("J", [16, -3, 9, np.nan])})
    with pytest.warns(NanobraggWarning, match="1 of 4 intensities are negative and are set to 0"):
        found = as_dict(nb.StructureFactors.from_mtz(path))
    assert (found[1, 2, 3], found[0, 2, 3], found[4, 4, 4]) == (4, 0, 3)
    assert (2, 0, 0) not in found


def test_mtz_files_that_are_refused(tmp_path: Path) -> None:
    read = nb.StructureFactors.from_mtz
    with pytest.raises(FormatError, match="no column of amplitudes or intensities; its columns are H, K, L, SIGF"):
        read(write_mtz(tmp_path / "a.mtz", {"SIGF": ("Q", ONES)}))
    with pytest.raises(FormatError, match="1 of 4 amplitudes are negative"):
        read(write_mtz(tmp_path / "a.mtz", {"F": ("F", [1, -1, 1, 1])}))
    with pytest.raises(FormatError, match="has no values"):
        read(write_mtz(tmp_path / "a.mtz", {"F": ("F", [np.nan] * 4)}))
    with pytest.raises(ConfigError, match="'P 99' is not a valid space group"):
        read(write_mtz(tmp_path / "a.mtz", {"F": ("F", ONES)}), space_group="P 99")
    content = (tmp_path / "a.mtz").read_bytes()
    (tmp_path / "cut.mtz").write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match=r"cut\.mtz"):
        read(tmp_path / "cut.mtz")
    with pytest.raises(FileError, match="check the path"):
        read(tmp_path / "missing.mtz")


def test_a_false_size_in_a_header_allocates_no_memory(tmp_path: Path) -> None:
    content = write_mtz(tmp_path / "a.mtz", {"F": ("F", ONES)}).read_bytes()
    start = content.index(b"NCOL")
    lying = content[:start] + b"NCOL        4   2000000000        0".ljust(80) + content[start + 80 :]
    (tmp_path / "lie.mtz").write_bytes(lying)
    with pytest.raises(FormatError, match="2000000000 reflections of 4 numbers do not fit"):
        nb.StructureFactors.from_mtz(tmp_path / "lie.mtz")


def test_unmerged_data_are_refused(tmp_path: Path) -> None:
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 1 2 1")
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    mtz.add_dataset("ours")
    mtz.add_column("I", "J")
    mtz.set_data(np.array([[1, 2, 3, 5], [-1, 2, -3, 9]], np.float32))
    mtz.write_to_file(str(tmp_path / "u.mtz"))
    with pytest.raises(FormatError, match=r"1 2 3 and its equivalents .* unmerged, or the space group is wrong"):
        nb.StructureFactors.from_mtz(tmp_path / "u.mtz")
    assert as_dict(nb.StructureFactors.from_mtz(tmp_path / "u.mtz", space_group="P 1"))[-1, 2, -3] == 3
    for label, kind in (("M/ISYM", "Y"), ("BATCH", "B")):
        mtz.add_column(label, kind)
    mtz.set_data(np.array([[1, 2, 3, 5, 1, 1]], np.float32))
    mtz.write_to_file(str(tmp_path / "u.mtz"))
    with pytest.raises(FormatError, match=r"unmerged data .*scale and merge it first"):
        nb.StructureFactors.from_mtz(tmp_path / "u.mtz")


def test_the_axes_of_a_rhombohedral_group_follow_the_cell_of_arrays() -> None:
    """In R 3 hkl is equivalent to lhk of rhombohedral axes, and to k -h-k l of hexagonal ones."""
    for cell, equivalent in (((50, 50, 50, 70, 70, 70), (4, 1, 0)), ((50, 50, 80, 90, 90, 120), (0, -1, 4))):
        factors = nb.StructureFactors.from_asu([[1, 0, 4]], [7.0], "R 3", cell=cell)
        assert as_dict(factors)[equivalent] == 7
    with pytest.warns(NanobraggWarning, match="StructureFactors: the cell 40 50 60 90 90 90 does not have the symm"):
        assert as_dict(nb.StructureFactors.from_asu([[1, 0, 2]], [7.0], "P 4", cell=(40, 50, 60)))


@pytest.mark.parametrize(("number", "symbol"), [(146, "R 3"), (161, "R 3 c"), (166, "R -3 m")])
def test_a_number_of_a_rhombohedral_group_is_for_hexagonal_axes(number: int, symbol: str) -> None:
    """A rhombohedral cell needs the symbol, with or without its axes."""
    hexagonal, rhombohedral = (50, 50, 70, 90, 90, 120), (40, 40, 40, 83, 83, 83)
    by_number, by_symbol = (
        nb.StructureFactors.from_asu([[1, 1, 3]], [7.0], name, cell=hexagonal) for name in (str(number), symbol)
    )
    assert as_dict(by_number) == as_dict(by_symbol)
    with pytest.raises(ConfigError, match=rf"number {number} of a space group.*give space_group = '{symbol} :R'"):
        nb.StructureFactors.from_asu([[1, 1, 4]], [7.0], str(number), cell=rhombohedral)
    with pytest.raises(ConfigError, match=rf"number {number} of a space group stands for hexagonal axes"):
        nb.StructureFactors.wilson(rhombohedral, str(number), b_factor=10, d_min_A=10, seed=1)
    named, cured = (
        nb.StructureFactors.from_asu([[1, 1, 4]], [7.0], name, cell=rhombohedral) for name in (symbol, f"{symbol} :R")
    )
    assert as_dict(named) == as_dict(cured)
    assert (4, 1, 1) in as_dict(named)


@pytest.mark.parametrize("cell", [(40, 40, 40, 90, 90, 90), (40, 40, 41, 83, 83, 83), (40, 40, 40, 83, 83, 84)])
def test_a_number_with_other_cells_only_warns(cell: tuple[float, ...]) -> None:
    with pytest.warns(NanobraggWarning, match="does not have the symmetry of R 3:H"):
        nb.StructureFactors.from_asu([[1, 1, 4]], [7.0], "146", cell=cell)


def test_a_cell_without_its_groups_symmetry_warns(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {"F": ("F", ONES)}, group="P 41")
    with pytest.warns(NanobraggWarning, match="30 40 50 90 90 90 does not have the symmetry of P 41"):
        nb.StructureFactors.from_mtz(path)


HEAD = """data_r
_cell{d}length_a 30
_cell{d}length_b 40
_cell{d}length_c 50
_cell{d}angle_alpha 90
_cell{d}angle_beta 90
_cell{d}angle_gamma 90
_symmetry{d}space_group_name_H-M 'P 21 21 21'
"""


def cif(path: Path, dot: str, items: str, rows: str, *, head: str = HEAD) -> Path:
    tags = "".join(f"_refln{dot}{item}\n" for item in f"index_h index_k index_l {items}".split())
    path.write_text(f"{head.format(d=dot)}loop_\n{tags}{rows}\n")
    return path


def test_structure_factor_mmcif(tmp_path: Path) -> None:
    path = cif(tmp_path / "a.cif", ".", "status pdbx_F_plus pdbx_F_minus F_meas_au", "1 2 3 o 10 12 11\n4 4 4 o ? 3 3")
    factors = nb.StructureFactors.from_cif(path)
    found = as_dict(factors)
    assert (found[1, 2, 3], found[-1, -2, -3], found[4, 4, 4]) == (10, 12, 3)
    assert factors.known_cell == CELL
    assert as_dict(nb.StructureFactors.from_cif(path, column="F_meas_au"))[-1, -2, -3] == 11
    lower = as_dict(nb.StructureFactors.from_cif(path, space_group="P 1 1 21"))  # h k l ~ -h -k l, but not -h k -l
    assert (lower[-1, -2, 3], lower.get((-1, 2, -3))) == (10, None)


def test_small_molecule_hkl_list(tmp_path: Path) -> None:
    path = cif(tmp_path / "a.cif", "_", "F_squared_meas F_squared_calc", "1 2 3 4.0(2) 9\n1 2 4 ? 16")
    assert as_dict(nb.StructureFactors.from_cif(path)) == {
        (s * 1, t * 2, u * 3): 2.0 for s in (-1, 1) for t in (-1, 1) for u in (-1, 1)
    }
    assert as_dict(nb.StructureFactors.from_cif(path, column="F_squared_calc"))[1, 2, 4] == 4


def test_list_embedded_by_shelxl(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    rows = "   1   2   3    4.00    0.10\n   1  -2  -4    9.00    0.10\n   0   0   0    0.00    0.00"
    path.write_text(f"{HEAD.format(d='_')}_shelx_hkl_file\n;\n{rows}\n;\n")
    found = as_dict(nb.StructureFactors.from_cif(path))
    assert (found[-1, -2, -3], found[1, 2, 4], len(found)) == (2, 3, 16)


def test_cif_files_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    read = nb.StructureFactors.from_cif
    with pytest.raises(FormatError, match="columns are SIGF, status"):
        read(cif(path, ".", "SIGF status", "1 2 3 1 o"))
    with pytest.raises(ConfigError, match=r"no column 'FC'; its columns are F_meas \(amplitudes\)"):
        read(cif(path, ".", "F_meas", "1 2 3 1"), column="FC")
    with pytest.raises(FormatError, match="is not an integer"):
        read(cif(path, ".", "F_meas", "1 2.5 3 1"))
    with pytest.raises(ConfigError, match="the space group is missing; give space_group"):
        read(cif(path, ".", "F_meas", "1 2 3 1", head="data_r\n"))
    path.write_text("data_x\n_cell_length_a 5\n")
    with pytest.raises(FormatError, match=r"lists no reflections .*from_coordinates"):
        read(path)
    path.write_text("what is this")
    with pytest.raises(FormatError, match="is not a valid CIF"):
        read(path)
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match="without a data block"):
        read(path)
    path.write_text(f"{HEAD.format(d='_')}_shelx_hkl_file\n;\nnonsense here\n;\n")
    with pytest.raises(FormatError, match="is not 'h k l F² σ'"):
        read(path)


def test_the_fields_round_trip_through_toml(tmp_path: Path) -> None:
    write_mtz(tmp_path / "x.mtz", {"FP": ("F", ONES), "FC": ("F", [2, 2, 2, 2])})
    (tmp_path / "a.toml").write_text(
        "schema = 1\n[crystal]\nn_cells = [3, 3, 3]\n[detector]\n"
        '[structure_factors]\npath = "x.mtz"\ncolumn = "FC"\n[[detector.panels]]\n'
        "origin_mm = [-1, -1, 50]\nfast_axis = [1, 0, 0]\nslow_axis = [0, 1, 0]\npixel_mm = 0.1\npixels = [20, 20]\n"
    )
    config = nb.Config.from_toml(tmp_path / "a.toml")
    assert as_dict(config.structure_factors)[1, 2, 3] == 2
    config.to_toml(tmp_path / "b.toml")
    again = nb.Config.from_toml(tmp_path / "b.toml")
    assert again == config
    assert again.structure_factors.known_cell == CELL


def test_the_mean_supplies_reflections_that_the_pair_lacks(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {
        "F": ("F", [10, 8, 7, 5]), "F(+)": ("G", [11, np.nan, np.nan, 4]), "F(-)": ("G", [9, np.nan, np.nan, np.nan]),
    })  # fmt: skip
    factors = nb.StructureFactors.from_mtz(path)
    found = as_dict(factors)
    assert (found[1, 2, 3], found[-1, -2, -3], found[0, 2, 3], found[4, 4, 4], found[2, 0, 0]) == (11, 9, 8, 7, 4)
    assert "preferred to F), and 2 reflections from F; expanded" in factors.note
    path = write_mtz(tmp_path / "b.mtz", {
        "IMEAN": ("J", [1, 4, 9, 16]), "I(+)": ("K", [121, np.nan, 49, 16]), "I(-)": ("K", [81, np.nan, 49, 16]),
    })  # fmt: skip
    assert as_dict(nb.StructureFactors.from_mtz(path))[0, 2, 3] == 2


def test_placeholder_columns_come_last(tmp_path: Path) -> None:
    """UNIQUE of CCP4 leaves F_unique; others fill a column with one value."""
    path = write_mtz(tmp_path / "a.mtz", {"F_unique": ("F", ONES), "FOSC": ("F", [1, 2, 3, 4]), "SIGFOSC": ("Q", ONES)})
    assert nb.StructureFactors.from_mtz(path).note.startswith("FOSC (")
    rows = np.array([[h, 1, 1] for h in range(1, 11)])
    columns = {"FNEW": ("F", [10.0] * 10), "FOLD": ("F", np.arange(10.0))}
    assert nb.StructureFactors.from_mtz(write_mtz(path, columns, indices=rows)).note.startswith("FOLD (")
    columns = {"FX": ("F", np.arange(10.0)), "FY": ("F", np.arange(10.0)), "SIGFY": ("Q", np.arange(10.0))}
    assert nb.StructureFactors.from_mtz(write_mtz(path, columns, indices=rows)).note.startswith("FY (")


def test_rows_that_are_marked_or_of_another_data_set_are_left_out(tmp_path: Path) -> None:
    items = "status wavelength_id crystal_id F_meas_au"
    rows = "1 2 3 o 1 1 10\n1 2 4 x 1 1 99\n1 2 5 - 1 1 99\n1 2 3 o 2 1 20\n1 2 6 f 1 1 30\n1 2 7 < 1 2 50"
    with pytest.warns(
        NanobraggWarning, match=r"2 reflections are left out: their status is x \(unreliable\) or - \(abs"
    ) as told:
        found = as_dict(nb.StructureFactors.from_cif(cif(tmp_path / "a.cif", ".", items, rows)))
    assert {hkl: value for hkl, value in found.items() if min(hkl) > 0} == {(1, 2, 3): 10, (1, 2, 6): 30}
    message = str(told[0].message)
    assert "1 reflections are left out: their wavelength_id is not '1'" in message
    assert "1 reflections are left out: their crystal_id is not '1'" in message


def test_one_of_several_blocks_of_reflections(tmp_path: Path) -> None:
    path = cif(tmp_path / "a.cif", ".", "F_meas_au", "1 2 3 10")
    path.write_text(
        path.read_text() + "data_s\nloop_\n_refln.index_h\n_refln.index_k\n_refln.index_l\n_refln.F_meas_au\n1 2 3 20\n"
    )
    with pytest.warns(
        NanobraggWarning, match=r"has reflections in 2 blocks \('r', 's'\); block 'r' is used; choose one with"
    ):
        factors = nb.StructureFactors.from_cif(path)
    assert as_dict(factors)[1, 2, 3] == 10
    assert factors.note.startswith("block r: F_meas_au")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert as_dict(nb.StructureFactors.from_cif(path, block="s"))[1, 2, 3] == 20
    assert ["block 's' has no cell" in str(told[0].message), "'s' has no symmetry" in str(told[1].message)] == [
        True
    ] * 2
    with pytest.raises(ConfigError, match="has reflections in 'r', 's'"):
        nb.StructureFactors.from_cif(path, block="t")


def test_operators_of_a_cif_expand_its_reflections(tmp_path: Path) -> None:
    """Without a symbol, and for operators that no table has."""
    head = HEAD.replace("_symmetry{d}space_group_name_H-M 'P 21 21 21'\n", "")
    head += "loop_\n_symmetry_equiv{d}pos_as_xyz\nx,y,z\n-x+0.2,-y+0.4,z\n"
    path = cif(tmp_path / "a.cif", "_", "F_meas", "1 2 3 5", head=head.replace("equiv{d}", "equiv_"))
    factors = nb.StructureFactors.from_cif(path)
    assert sorted(as_dict(factors)) == [(-1, -2, -3), (-1, -2, 3), (1, 2, -3), (1, 2, 3)]
    assert factors.note.endswith("expanded from 2 operators of the file")


def test_operators_in_the_header_of_an_mtz_file_decide(tmp_path: Path) -> None:
    path = write_mtz(tmp_path / "a.mtz", {"F": ("F", [1, 2, 3, 4])}, group="P 1 1 2")
    content = path.read_bytes()
    start = content.index(b"SYMM", content.index(b"SYMM") + 4)
    assert content[start : start + 20].split() == [b"SYMM", b"-X,-Y,Z"]
    path.write_bytes(content[:start] + b"SYMM -X+1/8, -Y, Z".ljust(80) + content[start + 80 :])
    factors = nb.StructureFactors.from_mtz(path)
    assert as_dict(factors)[-1, -2, 3] == 1
    assert "2 operators of the file (P 1 1 2)" in factors.note
