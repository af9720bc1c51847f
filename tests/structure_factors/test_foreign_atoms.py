"""Coordinates as other programs write them: symmetry, special positions, displacements, elements, blocks, gaps."""

from __future__ import annotations

import warnings
from pathlib import Path

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FormatError, NanobraggWarning
from tests.structure_factors.cif_files import ITEMS, ROCK_SALT, cif_text, write_cif

SALT_CELL, SALT = ROCK_SALT
SALT_ELECTRONS = 111.97  # four Na and four Cl, by the International Tables' coefficients
QUARTZ = ((5.1, 5.1, 5.9, 90, 90, 120), ["Si1 Si 0.45 0 0 0.01 1", "O1 O 0.40 0.25 0.13 0.02 1"])
SHIFTED = ["x,y,z", "y,x,2/3-z", "-y,x-y,2/3+z", "-x,-x+y,1/3-z", "-x+y,-x,1/3+z", "x-y,-y,-z"]
QUARTZ_SUM = {(1, 0, 0): 13.559, (0, 1, 0): 13.559, (1, 1, 1): 8.057, (2, 1, 1): 17.808, (0, 0, 3): 5.293}
P1_CELL = (7, 8, 9, 90, 90, 90)


def read(path: Path, **options: object) -> dict[tuple[int, ...], float]:
    """Return amplitudes by index, F(000) from the file's atoms included."""
    factors = nb.StructureFactors.from_coordinates(path, **{"d_min_A": 0.9, "k_sol": 0, **options})  # type: ignore[arg-type]
    assert factors.listing is not None
    indices, amplitudes = factors.listing
    return dict(zip(map(tuple, indices.tolist()), amplitudes.tolist(), strict=True))


def electrons(path: Path, **options: object) -> float:
    return read(path, **options)[0, 0, 0]


# --- symmetry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["P 32 2 1", None, "R -3 m HR"])
def test_the_operators_decide_and_the_symbol_is_a_name(tmp_path: Path, symbol: str | None) -> None:
    path = write_cif(tmp_path / "a.cif", *QUARTZ, symbol=symbol, operators=SHIFTED)
    if symbol == "R -3 m HR":
        with pytest.warns(NanobraggWarning, match="6 symmetry operators are not those of its space group 'R -3"):
            found = read(path)
    else:
        found = read(path)
    assert {hkl: found[hkl] for hkl in QUARTZ_SUM} == pytest.approx(QUARTZ_SUM, abs=2e-3)
    assert found[0, 0, 0] == pytest.approx(89.989, abs=1e-3)


def test_operators_that_make_no_group_are_applied_as_listed(tmp_path: Path) -> None:
    path = write_cif(tmp_path / "a.cif", P1_CELL, ["O1 O 0.1 0.2 0.3 0.01 1"], operators=["x,y,z", "x,y,z+0.3"])
    with pytest.warns(NanobraggWarning, match="2 symmetry operators do not make a group; they are applied as"):
        found = read(path)
    assert found[0, 0, 1] / found[0, 0, 0] < np.cos(0.3 * np.pi)
    assert found[0, 0, 0] == pytest.approx(16, rel=1e-3)


@pytest.mark.parametrize("triplet", ["x,y", "x,y,z,x", "x,y,q", "x,y,x", "x,y,z+1/0", "2.5*x,y,z", "", "x;y;z"])
def test_a_triplet_that_is_no_operator_is_named(tmp_path: Path, triplet: str) -> None:
    path = write_cif(tmp_path / "a.cif", *QUARTZ, operators=["x,y,z", triplet])
    if triplet == "":
        path.write_text(path.read_text().replace("''", "'x,,z'"))
    with pytest.raises(FormatError, match=r"a\.cif: '.*' is not a valid symmetry operator"):
        read(path)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("P 2(1)/c", "P 1 21/c 1"), ("P2(1)2(1)2(1)", "P 21 21 21"), ("P 1 2_1/c 1", "P 1 21/c 1"),
        ("R -3 m {rhombohedral axes}", "R -3 m:R"), ("R -3 m {hexagonal axes}", "R -3 m:H"), ("R -3 m H", "R -3 m:H"),
        ("F d -3 m S", "F d -3 m:1"), ("F d -3 m Z", "F d -3 m:2"), ("F d -3 m {origin choice 2}", "F d -3 m:2"),
        ("R -3 m :R", "R -3 m:R"), ("-P 2ybc", "P 1 21/c 1"), ("14", "P 1 21/c 1"), ("P 1", "P 1"), ("C -1", "C -1"),
    ],
)  # fmt: skip
def test_symbols_in_the_spellings_of_data_bases(spelled: str, name: str) -> None:
    from nanobragg.structure_factors.symmetry import find_space_group

    assert find_space_group(spelled, "here").xhm() == name


@pytest.mark.parametrize(
    ("items", "group", "told"),
    [
        ({"name_Hall": "-F 4vw 2vw 3", "name_H-M_alt": "F d -3 m"}, "F d -3 m:2", ""),
        ({"name_Hall": "P 2"}, "P 1 1 2", ""),
        ({"name_Hall": "P 2 2", "name_H-M_alt": "P 1 21/c 1"}, "P 1 21/c 1", "P 1 21/c 1 is used"),
        ({"name_H-M_alt": "P 99", "IT_number": "14"}, "P 1 21/c 1", "'P 99', which is unknown, and number 14"),
        ({"IT_number": "19"}, "P 21 21 21", ""),
    ],
)
def test_the_setting_comes_from_the_hall_symbol_and_the_number_is_the_last_resort(
    tmp_path: Path, items: dict[str, str], group: str, told: str
) -> None:
    more = "".join(f"_space_group_{item} '{value}'\n" for item, value in items.items())
    cell = (12, 12, 12, 90, 90, 90)
    path = write_cif(tmp_path / "a.cif", cell, ["O1 O 0.11 0.23 0.37 0.01 1"], more=more)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read(path, d_min_A=3)
    assert [told in str(each.message) for each in caught] == [True] * bool(told)
    write_cif(path, cell, ["O1 O 0.11 0.23 0.37 0.01 1"], symbol=group)
    assert found == pytest.approx(read(path, d_min_A=3))


def test_a_group_of_the_user_is_applied_to_the_atoms_as_listed(tmp_path: Path) -> None:
    every = [
        f"{element}{i} {element} {' '.join(str((x + y) % 1) for x, y in zip(site, shift, strict=True))} 0.01 1"
        for element, site in (("Na", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5)))
        for i, shift in enumerate([(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
    ]
    path = tmp_path / "a.cif"
    assert electrons(write_cif(path, SALT_CELL, SALT, symbol="F m -3 m")) == pytest.approx(SALT_ELECTRONS, abs=0.01)
    for symbol in (None, "P 1"):
        write_cif(path, SALT_CELL, SALT, symbol=symbol)
        assert electrons(path, space_group="F m -3 m") == pytest.approx(SALT_ELECTRONS, abs=0.01)
    write_cif(path, SALT_CELL, every, symbol="F m -3 m")
    assert electrons(path, space_group="P 1") == pytest.approx(SALT_ELECTRONS, abs=0.01)
    with pytest.warns(NanobraggWarning, match="6 atoms are symmetry copies of other atoms in the file, and do not"):
        assert electrons(path) == pytest.approx(SALT_ELECTRONS, abs=0.01)


def test_remark_290_replaces_an_unknown_symbol(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    remarks = "REMARK 290       1555   X,Y,Z\nREMARK 290       2555   -X,Y+1/2,-Z\n"
    path.write_text(f"{remarks}{CRYST.replace('P 1 21 1', 'Q 7')}{GLYCINE}")
    other = tmp_path / "b.pdb"
    other.write_text(CRYST + GLYCINE)
    assert read(path, d_min_A=3) == pytest.approx(read(other, d_min_A=3))


# --- special positions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "values"), [("site_symmetry_multiplicity", (4, 4)), ("symmetry_multiplicity", (4, 4)),
                         ("site_symmetry_order", (48, 48)), ("symmetry_multiplicity", (48, 48))],
)  # fmt: skip
def test_stated_site_symmetries_decide_also_where_the_order_is_called_multiplicity(
    tmp_path: Path, item: str, values: tuple[int, int]
) -> None:
    rows = [f"{row} {value}" for row, value in zip(SALT, values, strict=True)]
    path = write_cif(tmp_path / "a.cif", SALT_CELL, rows, items=[*ITEMS, item], symbol="F m -3 m")
    assert electrons(path) == pytest.approx(SALT_ELECTRONS, abs=0.01)


def test_a_general_position_near_a_mirror_is_not_moved_onto_it(tmp_path: Path) -> None:
    """Half an atom at 0.15 Å from a mirror is one of two disordered positions, stated or not."""
    rows = ["O1 O 0.02 0.2 0.3 0.01 0.5"]
    path = write_cif(tmp_path / "a.cif", P1_CELL, rows, symbol="P m m m")
    assert electrons(path) == pytest.approx(4 * 8, rel=1e-3)
    write_cif(path, P1_CELL, [f"{rows[0]} 8"], items=[*ITEMS, "site_symmetry_multiplicity"], symbol="P m m m")
    assert electrons(path) == pytest.approx(4 * 8, rel=1e-3)
    write_cif(path, P1_CELL, [f"{rows[0]} 4"], items=[*ITEMS, "site_symmetry_multiplicity"], symbol="P m m m")
    assert electrons(path) == pytest.approx(2 * 8, rel=1e-3)


def test_a_full_atom_near_a_mirror_warns(tmp_path: Path) -> None:
    path = write_cif(tmp_path / "a.cif", P1_CELL, ["O1 O 0.02 0.2 0.3 0.01 1"], symbol="P m m m")
    with pytest.warns(NanobraggWarning, match="1 atoms share places of 0.4 Å .* above 1 in all; state their"):
        assert electrons(path) == pytest.approx(8 * 8, rel=1e-3)
    write_cif(path, P1_CELL, ["O1 O 0.005 0.2 0.3 0.01 1"], symbol="P m m m")
    with pytest.warns(NanobraggWarning, match="1 atoms would overfill the place .* they are taken to be on a special"):
        assert electrons(path) == pytest.approx(4 * 8, rel=1e-3)


def test_a_stated_order_that_is_impossible_gives_way_to_the_coordinates(tmp_path: Path) -> None:
    rows = ["O1 O 0.1 0.2 0.3 0.01 1 3", "Fe1 Fe 0 0 0 0.01 1 8"]
    path = write_cif(tmp_path / "a.cif", P1_CELL, rows, items=[*ITEMS, "site_symmetry_order"], symbol="P m m m")
    with pytest.warns(NanobraggWarning, match="1 stated site symmetries contradict the coordinates, which are used"):
        assert electrons(path) == pytest.approx(8 * 8 + 26, rel=1e-3)


def test_both_halves_of_a_molecule_on_an_inversion_centre_count_once(tmp_path: Path) -> None:
    rows = ["Fe1 Fe 0 0 0 0.01 1", "C1 C 0.12 0.05 0.09 0.02 1", "C1A C -0.12 -0.05 -0.09 0.02 1"]
    path = write_cif(tmp_path / "a.cif", (7, 8, 9, 90, 100, 90), rows, symbol="P 1 21/c 1")
    with pytest.warns(NanobraggWarning, match=r"a\.cif: 1 atoms are symmetry copies of other atoms in the file"):
        found = read(path)
    write_cif(path, (7, 8, 9, 90, 100, 90), rows[:2], symbol="P 1 21/c 1")
    assert found == pytest.approx(read(path))
    assert found[0, 0, 0] == pytest.approx(76, rel=1e-3)


def test_two_elements_in_one_place_warn_if_it_is_overfull(tmp_path: Path) -> None:
    mixed = ["Fe1 Fe 0.1 0.2 0.3 0.01 0.6", "Mg1 Mg 0.1 0.2 0.3 0.01 0.4"]
    path = write_cif(tmp_path / "a.cif", P1_CELL, mixed, symbol="P 1")
    assert electrons(path) == pytest.approx(0.6 * 26 + 0.4 * 12, rel=1e-3)
    write_cif(path, P1_CELL, [row.replace("0.4", "1") for row in mixed], symbol="P 1")
    with pytest.warns(NanobraggWarning, match="2 atoms share places of 0.4 Å with others"):
        assert electrons(path) == pytest.approx(0.6 * 26 + 12, rel=1e-3)


ZINC = "HETATM    6 ZN    ZN A   2       0.000   9.000   0.000  1.00 12.00          ZN  \n"
MONOCLINIC = "CRYST1   40.000   30.000   35.000  90.00 100.00  90.00 C 1 2 1       1\n"


def test_an_ion_on_a_twofold_axis_counts_once_with_either_occupancy(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(MONOCLINIC + ZINC.replace("1.00 12", "0.50 12"))
    half = read(path, d_min_A=3)
    path.write_text(MONOCLINIC + ZINC)
    with pytest.warns(NanobraggWarning, match="1 atoms would overfill the place .* at less than 0.4 Å"):
        whole = read(path, d_min_A=3)
    assert whole == half
    assert whole[0, 0, 0] == pytest.approx(60, rel=2e-3)


def test_coordinates_with_two_decimals_are_on_their_axis(tmp_path: Path) -> None:
    cell, rows = (10, 10, 10, 90, 90, 120), ["O1 O 0.333 0.667 0.3 0.01 1", "C1 C 0.33 0.67 0.7 0.01 1"]
    path = write_cif(tmp_path / "a.cif", cell, rows, symbol="P 3")
    with pytest.warns(NanobraggWarning, match="1 atoms would overfill the place"):
        assert electrons(path) == pytest.approx(14, rel=1e-3)


def test_scale_records_of_another_orientation_are_applied(tmp_path: Path) -> None:
    """The frame is turned by 90 degrees about c, which exchanges what is along a and b."""
    cell = "CRYST1   20.000   24.000   28.000  90.00  90.00  90.00 P 1\n"
    atom = "ATOM      1  CA  ALA A   1    {}{}   3.000  1.00 10.00           C  \n"
    tensor = "ANISOU    1  CA  ALA A   1  {}{}   1000      0      0      0       C  \n"
    scale = (
        "SCALE1      0.000000  0.050000  0.000000        0.00000\n"
        "SCALE2     -0.041667  0.000000  0.000000        0.00000\n"
        "SCALE3      0.000000  0.000000  0.035714        0.00000\n"
    )
    turned, plain = tmp_path / "turned.pdb", tmp_path / "plain.pdb"
    other = "ATOM      2  O   ALA A   1    {}{}   3.000  1.00 10.00           O  \n"
    plain.write_text(cell + atom.format("   1.000", "   2.000") + tensor.format("    500", "   2000")
                     + other.format("   4.000", "   2.000"))  # fmt: skip
    turned.write_text(cell + scale + atom.format("  -2.000", "   1.000") + tensor.format("   2000", "    500")
                      + other.format("  -2.000", "   4.000"))  # fmt: skip
    assert read(turned, d_min_A=3) == pytest.approx(read(plain, d_min_A=3), abs=2e-3)


# --- displacements --------------------------------------------------------------------------------------------

BARE = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
IRON = ["Fe1 Fe 0.12 0.22 0.31 1", "O1 O 0.52 0.12 0.71 1"]
IRON_CELL = (4.2, 5.3, 6.1, 90, 103.2, 90)
B_ROWS = "Fe1 0.6 1.2 2.4 0.1 0.3 -0.2\nO1 1.1 3.3 1.9 -0.2 0.2 0.4"
BETA_ROWS = "Fe1 0.011 0.012 0.014 0.001 0.003 -0.002\nO1 0.02 0.033 0.019 -0.002 0.002 0.004"


def tensors(name: str, rows: str) -> str:
    tags = "".join(f"_atom_site_aniso_{name}_{pair}\n" for pair in ("11", "22", "33", "12", "13", "23"))
    return f"loop_\n_atom_site_aniso_label\n{tags}{rows}"


@pytest.mark.parametrize(
    ("name", "rows", "sums"), [("B", B_ROWS, (28.911, 12.467, 2.352)), ("beta", BETA_ROWS, (27.335, 11.848, 1.444))]
)
def test_anisotropic_displacements_in_every_convention(tmp_path: Path, name: str, rows: str, sums: tuple) -> None:
    """The sums are those of cctbx (B) and by hand (β)."""
    path = write_cif(tmp_path / "a.cif", IRON_CELL, IRON, items=BARE, symbol="P 1 21/c 1", more=tensors(name, rows))
    found = read(path, d_min_A=0.8)
    assert (found[5, 0, 0], found[0, 6, 0], found[1, 2, 3]) == pytest.approx(sums, abs=2e-3)


@pytest.mark.parametrize("item", ["U_iso_or_equiv", "B_iso_or_equiv", "U_equiv_geom_mean", "B_equiv_geom_mean"])
def test_isotropic_displacements_in_every_convention(tmp_path: Path, item: str) -> None:
    u = 0.02 * (8 * np.pi**2 if item.startswith("B") else 1)
    path = write_cif(tmp_path / "a.cif", P1_CELL, [f"O1 O 0.1 0.2 0.3 1 {u}"], items=[*BARE, item], symbol="P 1")
    found = read(path)
    factor = gemmi.Element("O").it92.calculate_sf(9 / 7**2 / 4) * np.exp(-2 * np.pi**2 * 0.02 * 9 / 7**2)
    assert found[3, 0, 0] == pytest.approx(factor, rel=1e-5)


def test_atoms_without_displacements_are_counted_and_get_b_0(tmp_path: Path) -> None:
    path = write_cif(tmp_path / "a.cif", P1_CELL, IRON, items=BARE, symbol="P 1")
    with pytest.warns(NanobraggWarning, match=r"a\.cif: 2 atoms have no displacement parameter; B = 0 is used"):
        bare = read(path)
    write_cif(path, P1_CELL, [f"{row} 0" for row in IRON], items=[*BARE, "B_iso_or_equiv"], symbol="P 1")
    assert bare == pytest.approx(read(path))


def test_a_tensor_that_is_not_positive_definite_is_replaced_by_its_trace(tmp_path: Path) -> None:
    rows = "Fe1 0.03 0.03 0.03 0 0 0.0305\nO1 0.03 0.03 0.03 0 0 0.0305"
    path = write_cif(tmp_path / "a.cif", P1_CELL, IRON, items=BARE, symbol="P 1", more=tensors("U", rows))
    with pytest.warns(NanobraggWarning, match="U of 2 atoms are not positive definite; their isotropic B, or 8π²/3"):
        found = read(path)
    write_cif(path, P1_CELL, [f"{row} 0.03" for row in IRON], items=[*BARE, "U_iso_or_equiv"], symbol="P 1")
    assert found == pytest.approx(read(path))


def test_diffuse_light_atoms_in_a_small_cell(tmp_path: Path) -> None:
    """Beryllium reaches beyond half of such a cell; the bound is 0.1 % of the direct sum."""
    rows = ["Be1 Be 0.1 0.2 0.3 0.005 1", "Be2 Be 0.5 0.7 0.8 0.005 1"]
    path = write_cif(tmp_path / "a.cif", (2.3, 2.4, 3.6, 90, 90, 90), rows, symbol="P 1")
    found = read(path, d_min_A=0.9)
    expected = {(0, 0, 0): 8.0, (1, 0, 0): 1.191, (1, 1, 1): 0.966, (2, 1, 1): 1.989}
    assert {hkl: found[hkl] for hkl in expected} == pytest.approx(expected, rel=1e-3)
    pdb = gemmi.read_pdb_string(CRYST.replace("20.000   24.000   28.000", " 4.300    4.400    5.600") + ZINC)
    pdb.spacegroup_hm = "P 1"
    pdb.write_pdb(str(tmp_path / "b.pdb"))
    narrow = read(tmp_path / "b.pdb", d_min_A=1.0)
    f = gemmi.Element("Zn").it92.calculate_sf(1 / 4.4**2 / 4) * np.exp(-12 / 4.4**2 / 4)
    assert narrow[0, 1, 0] == pytest.approx(f, rel=1e-3)


# --- elements and charges -------------------------------------------------------------------------------------


def test_ions_take_ionic_factors_and_the_note_says_so(tmp_path: Path) -> None:
    rows = ["Na1 Na+ 0 0 0 0.01 1", "Cl1 Cl1- 0.5 0.5 0.5 0.01 1", "Fe1 Fe5+ 0.25 0.25 0.25 0.01 0.1"]
    path = write_cif(tmp_path / "a.cif", SALT_CELL, rows, symbol="P 1")
    factors = nb.StructureFactors.from_coordinates(path, d_min_A=2)
    assert "ionic factors of 1 Cl-1, 1 Na+1" in factors.note
    assert "neutral factors, for want of ionic ones, of 1 Fe+5" in factors.note
    found = read(path)
    sizes = [gemmi.Element(each).it92.calculate_sf(0) for each in ("Na", "Cl")]
    assert sum(sizes) == pytest.approx(28, abs=0.02)
    assert found[1, 0, 0] != pytest.approx(read(write_cif(path, SALT_CELL, SALT, symbol="P 1"))[1, 0, 0], rel=1e-3)
    assert gemmi.IT92_get_ignore_charge()


@pytest.mark.parametrize(
    ("label", "number"),
    [("OW", 8), ("Wat", 8), ("HN", 1), ("Oll", 8), ("OH", 8), ("CL1", 17), ("FE1", 26)],
)
def test_site_labels_without_type_symbols_warn_and_name_the_labels(tmp_path: Path, label: str, number: int) -> None:
    items = ("label", *ITEMS[2:])
    path = write_cif(tmp_path / "a.cif", P1_CELL, [f"{label} 0.1 0.2 0.3 0.01 1"], items=items, symbol="P 1")
    with pytest.warns(NanobraggWarning, match=rf"elements of 1 atoms are guessed from their names: {label} as [A-Z]"):
        assert electrons(path) == pytest.approx(number, rel=3e-3)


def test_plain_labels_and_the_formula_need_no_guess(tmp_path: Path) -> None:
    items, rows = ("label", *ITEMS[2:]), ["Ca1 0.1 0.2 0.3 0.01 1", "C2 0.5 0.5 0.5 0.01 1"]
    path = write_cif(tmp_path / "a.cif", P1_CELL, rows, items=items, symbol="P 1")
    assert electrons(path) == pytest.approx(26, rel=1e-3)
    write_cif(
        path, P1_CELL, ["CA 0.1 0.2 0.3 0.01 1"], items=items, symbol="P 1", more="_chemical_formula_sum 'C2 H6 O'"
    )
    assert electrons(path) == pytest.approx(6, rel=1e-3)


def test_dummies_vacancies_and_sites_without_coordinates_are_left_out(tmp_path: Path) -> None:
    rows = ["O1 O .1 .1 .1 .01 1 d", "Cg1 C .5 .5 .5 .02 1 dum", "Vac1 Vac .3 .3 .3 .01 1 d", "H1 H ? ? ? .01 1 d"]
    path = write_cif(tmp_path / "a.cif", P1_CELL, rows, items=[*ITEMS, "calc_flag"], symbol="P 1")
    told = r"1 dummy sites \(calc_flag dum\) are left out; 1 vacancies are left out; 1 sites without coordinates are"
    with pytest.warns(NanobraggWarning, match=told):
        assert electrons(path) == pytest.approx(8, rel=1e-3)


CRYST = "CRYST1   20.000   24.000   28.000  90.00  95.00  90.00 P 1 21 1\n"
GLYCINE = "".join(
    f"ATOM      {number} {name:4s} GLY A   1    {x:8.3f}   2.000   3.000  1.00 10.00          {name.strip()[0]:>2}\n"
    for number, (name, x) in enumerate(((" N  ", 1.0), (" CA ", 2.3), (" C  ", 3.4), (" O  ", 4.5)), start=1)
)


def test_dummy_residues_are_no_atoms(tmp_path: Path) -> None:
    """OPM marks the faces of a membrane by atoms O and N of residues DUM."""
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE)
    alone = electrons(path)
    marks = "".join(
        f"HETATM{n:5d}  {element}   DUM A{n:4d}       8.000   {n:.3f}  10.000  1.00 12.00           {element}  \n"
        for n, element in ((7, "O"), (8, "N"))
    )
    path.write_text(CRYST + GLYCINE + marks)
    with pytest.warns(NanobraggWarning, match=r"2 atoms of dummy residues \(DUM\) are left out"):
        assert electrons(path) == pytest.approx(alone)


def test_unknown_atoms_are_left_out_or_count_as_an_element(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE)
    known = electrons(path, d_min_A=3)
    path.write_text(
        CRYST + GLYCINE + "HETATM    6 UNK  UNX A   2       8.000   9.000  10.000  1.00 12.00           X  \n"
    )
    with pytest.warns(
        NanobraggWarning, match=r"1 atoms of unknown element \(UNK UNX 2\) are left out; unknown_atoms = 'O'"
    ):
        assert electrons(path, d_min_A=3) == pytest.approx(known)
    with pytest.warns(NanobraggWarning, match=r"1 atoms of unknown element \(UNK UNX 2\) count as O"):
        assert electrons(path, d_min_A=3, unknown_atoms="O") == pytest.approx(known + 16, rel=1e-4)
    with pytest.raises(ConfigError, match="unknown_atoms: 'Q' is not an element"):
        electrons(path, d_min_A=3, unknown_atoms="Q")


def test_names_decide_where_element_columns_are_missing(tmp_path: Path) -> None:
    """CA of an amino acid is carbon wherever it stands; calcium is a residue of its own."""
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE)
    whole = read(path, d_min_A=3)
    bare = "".join(f"{line[:66]}\n" for line in GLYCINE.splitlines())
    for text in (
        bare,
        bare.replace(" N  ", "N   ").replace(" CA ", "CA  ").replace(" C  ", "C   ").replace(" O  ", "O   "),
    ):
        path.write_text(CRYST + text)
        assert read(path, d_min_A=3) == pytest.approx(whole)
    path.write_text(f"{CRYST}HETATM    1 CA    CA A   1       1.000   2.000   3.000  1.00 10.00\n")
    assert electrons(path, d_min_A=3) == pytest.approx(40, rel=3e-3)


def test_the_entry_code_of_files_before_1996_is_not_a_charge(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE)
    whole = read(path, d_min_A=3)
    old = [f"{line[:66]:<72}1ABC{number:4d}" for number, line in enumerate(GLYCINE.splitlines(), start=91)]
    path.write_text("\n".join([f"{CRYST.strip():<72}1ABC  90", *old]))
    assert read(path, d_min_A=3) == pytest.approx(whole)


def test_a_pdb_column_that_is_no_number_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE.replace("   2.000", "********", 1))
    with pytest.raises(FormatError, match=r"a\.pdb, line 2: '\*{8}' in columns 39 to 46 is not a number; correct it"):
        read(path, d_min_A=3)


@pytest.mark.parametrize("name", ["a.res", "a.ins"])
def test_shelx_models_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        "TITL x in P-1\nCELL 0.71073 7.1 8.2 9.3 81 82 83\nSFAC C O\nC1 1 0.1 0.2 0.3 11.0 0.03\n"
    )
    with pytest.raises(
        FormatError, match=r"holds no atoms: it is a SHELX \.res or \.ins file, which is not read; convert"
    ):
        read(tmp_path / name)


# --- missing values and blocks --------------------------------------------------------------------------------


def test_blank_columns_of_a_pdb_file_get_documented_values(tmp_path: Path) -> None:
    path = tmp_path / "a.pdb"
    path.write_text(CRYST + GLYCINE.replace("  1.00 10.00", " " * 12))
    with pytest.warns(NanobraggWarning, match="4 atoms have no occupancy; 1 is used; 4 atoms have no displ"):
        blank = read(path, d_min_A=3)
    path.write_text(CRYST + GLYCINE.replace("10.00 ", " 0.00 "))
    assert blank == pytest.approx(read(path, d_min_A=3))


MMCIF = """data_m
_cell.length_a 21
_cell.length_b 23
_cell.length_c 27
_cell.angle_alpha 90
_cell.angle_beta 107
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 21 1'
loop_
"""


def mmcif(path: Path, items: str, *rows: str) -> Path:
    tags = "".join(f"_atom_site.{item}\n" for item in f"group_PDB id label_atom_id label_comp_id {items}".split())
    path.write_text(MMCIF + tags + "\n".join([*rows, ""]))
    return path


def test_an_mmcif_file_without_optional_items(tmp_path: Path) -> None:
    path = mmcif(tmp_path / "a.cif", "Cartn_x Cartn_y Cartn_z", "ATOM 1 N ALA 1 2 3", "ATOM 2 CA ALA 2.4 2 3")
    told = r"2 atoms have no displacement parameter; B = 0 is used; 2 atoms have no occupancy; 1 is used"
    with pytest.warns(NanobraggWarning, match=told):
        bare = read(path, d_min_A=3)
    items = "type_symbol Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv"
    mmcif(path, items, "ATOM 1 N ALA N 1 2 3 1 0", "ATOM 2 CA ALA C 2.4 2 3 1 0")
    assert bare == pytest.approx(read(path, d_min_A=3))


def test_mmcif_displacements_as_u_or_as_tensors_b(tmp_path: Path) -> None:
    u = 10 / (8 * np.pi**2)
    items = "type_symbol Cartn_x Cartn_y Cartn_z occupancy"
    path = mmcif(tmp_path / "a.cif", f"{items} B_iso_or_equiv", "ATOM 1 N ALA N 1 2 3 1 10")
    whole = read(path, d_min_A=3)
    mmcif(path, f"{items} U_iso_or_equiv", f"ATOM 1 N ALA N 1 2 3 1 {u}")
    assert read(path, d_min_A=3) == pytest.approx(whole, rel=1e-5)
    pairs = ("[1][1]", "[2][2]", "[3][3]", "[1][2]", "[1][3]", "[2][3]")
    for listed in (
        "loop_\n_atom_site_anisotrop.id\n" + "".join(f"_atom_site_anisotrop.B{pair}\n" for pair in pairs)
        + "1 10 10 10 0 0 0\n",
        None,
    ):  # fmt: skip
        if listed:
            mmcif(path, items, "ATOM 1 N ALA N 1 2 3 1")
            path.write_text(path.read_text() + listed)
        else:
            mmcif(
                path,
                f"{items} {' '.join(f'aniso_U{pair}' for pair in pairs)}",
                f"ATOM 1 N ALA N 1 2 3 1 {u} {u} {u} 0 0 0",
            )
        assert read(path, d_min_A=3) == pytest.approx(whole, rel=1e-4, abs=1e-4)


def test_the_first_of_several_blocks_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    rows = ["O1 O 0.1 0.2 0.3 0.01 1"]
    path.write_text(
        cif_text(P1_CELL, rows, symbol="P 1", name="one") + cif_text(SALT_CELL, SALT, symbol="P 1", name="two")
    )
    with pytest.warns(
        NanobraggWarning, match=r"has atoms in 2 blocks \('one', 'two'\); block 'one' is used; choose one with"
    ):
        assert electrons(path) == pytest.approx(8, rel=1e-3)
    factors = nb.StructureFactors.from_coordinates(path, d_min_A=2, block="two")
    assert factors.note.startswith("block two, ")
    assert factors.known_cell == SALT_CELL
    with pytest.raises(ConfigError, match=r"block = 'three': .* has atoms in 'one', 'two'"):
        electrons(path, block="three")


def test_cell_and_group_come_from_the_only_other_block_that_has_them(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    path.write_text(
        cif_text(SALT_CELL, [], items=[], symbol="F m -3 m", name="g").replace("loop_\n", "") + cif_text(None, SALT)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert electrons(path) == pytest.approx(SALT_ELECTRONS, abs=0.01)
    told = " ".join(str(each.message) for each in caught)
    assert "block 'x' has no cell; that of block 'g' is used" in told
    assert "block 'x' has no symmetry; that of block 'g' is used" in told


def test_a_cell_of_the_user_keeps_fractional_coordinates(tmp_path: Path) -> None:
    with_cell = write_cif(tmp_path / "a.cif", SALT_CELL, SALT, symbol="F m -3 m")
    without = write_cif(tmp_path / "b.cif", None, SALT, symbol="F m -3 m")
    assert read(without, cell=SALT_CELL) == pytest.approx(read(with_cell), abs=1e-5)


def test_missing_angles_are_right_angles_with_a_warning(tmp_path: Path) -> None:
    path = write_cif(tmp_path / "a.cif", (*SALT_CELL[:3], "?", "?", "?"), SALT, symbol="F m -3 m")
    with pytest.warns(NanobraggWarning, match="3 angles of the cell are missing; 90 degrees are used"):
        assert electrons(path) == pytest.approx(SALT_ELECTRONS, abs=0.01)
