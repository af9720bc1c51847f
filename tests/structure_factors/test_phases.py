"""Phases of amplitudes: symmetry, Friedel mates, files, and what is refused without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FormatError, NanobraggWarning
from nanobragg.nanobragg_c.flags.config_to_flags import config_to_flags
from tests.builders import config
from tests.physics.test_phased import CELL, Model, ball, reflections, sum_over_atoms
from tests.structure_factors.cif_files import CELL_ITEMS
from tests.structure_factors.mtz_files import write_mtz

HEXAGONAL = (30.0, 30.0, 40.0, 90.0, 90.0, 120.0)
GROUPS = {"P 21 21 21": CELL, "P 31 2 1": HEXAGONAL, "C 1 2/c 1": CELL, "R 3 :H": HEXAGONAL}
D_MIN_A = 4.0


def model_of(group: str) -> Model:
    return ball(GROUPS[group], group, (0.2, 0.3, 0.35), 6.0)


def unique(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return reflections of the asymmetric unit that are not absent, and their complex amplitudes."""
    group = gemmi.SpaceGroup(model.group)
    indices = np.asarray(gemmi.make_miller_array(gemmi.UnitCell(*model.cell), group, D_MIN_A))
    return indices, calculated(model, indices)


def calculated(model: Model, indices: np.ndarray) -> np.ndarray:
    s_squared = gemmi.UnitCell(*model.cell).calculate_1_d2_array(np.asarray(indices, np.int32))
    return sum_over_atoms(model, model.copies, indices, s_squared)


def check(factors: nb.StructureFactors, model: Model, *, atol: float = 1e-6) -> None:
    """All reflections of the sphere have the phases of the sum over all atoms."""
    indices, values, _, per_index = factors.contents
    assert per_index == 1
    absent = np.abs(calculated(model, reflections(model, D_MIN_A)[0])) < 1e-6
    assert len(indices) == np.count_nonzero(~absent)
    np.testing.assert_allclose(values, calculated(model, indices), atol=atol)
    np.testing.assert_allclose(factors.listing[1], np.abs(values), rtol=1e-12)


@pytest.mark.parametrize("group", GROUPS)
def test_equivalents_have_the_phases_of_the_operators_translations(group: str) -> None:
    model = model_of(group)
    indices, values = unique(model)
    check(nb.StructureFactors.from_asu(indices, values, group, cell=model.cell, interpolate="phased"), model)


@pytest.mark.parametrize("group", ["P 21 21 21", "P 31 2 1"])
def test_mtz_phases_are_those_of_the_model(tmp_path: Path, group: str) -> None:
    model = model_of(group)
    indices, values = unique(model)
    columns = {
        "FC": ("F", np.abs(values)), "PHIC": ("P", np.degrees(np.angle(values))), "FOM": ("W", np.ones(len(values))),
        "PHIB": ("P", np.degrees(np.angle(-values))),
    }  # fmt: skip
    path = write_mtz(tmp_path / "model.mtz", columns, indices=indices, group=group, cell=model.cell)
    factors = nb.StructureFactors.from_mtz(path, interpolate="phased")
    check(factors, model, atol=1e-3)
    assert factors.note.startswith("FC (amplitudes; the only one); PHIC")
    other = nb.StructureFactors.from_mtz(path, interpolate="phased", phase_column="PHIB")
    assert other.note.startswith("FC (amplitudes; the only one); PHIB")
    np.testing.assert_allclose(other.contents.values, -factors.contents.values, atol=1e-3)


def test_cif_phases_are_those_of_the_model(tmp_path: Path) -> None:
    model = model_of("P 21 21 21")
    indices, values = unique(model)
    rows = [
        f"{h} {k} {l} {abs(value):.4f} {np.degrees(np.angle(value)):.4f}"
        for (h, k, l), value in zip(indices.tolist(), values, strict=True)
    ]
    names = ("index_h", "index_k", "index_l", "F_calc", "phase_calc")
    head = ["data_r", "_symmetry.space_group_name_H-M 'P 21 21 21'"]
    head += [f"_cell.{name} {value}" for name, value in zip(CELL_ITEMS, CELL, strict=True)]
    path = tmp_path / "model.cif"
    path.write_text("\n".join([*head, "loop_", *(f"_refln.{name}" for name in names), *rows, ""]))
    check(nb.StructureFactors.from_cif(path, interpolate="phased"), model, atol=2e-3)


def test_bijvoet_mates_with_one_column_of_phases(tmp_path: Path) -> None:
    """The phase of F(-) is the opposite one; a centric pair has the mean amplitude."""
    indices = np.array([[1, 2, 3], [0, 2, 4]])
    columns = {"F(+)": ("G", [50.0, 30.0]), "F(-)": ("G", [60.0, 34.0]), "PHI": ("P", [40.0, 180.0])}
    path = write_mtz(tmp_path / "pair.mtz", columns, indices=indices)
    found, values, *_ = nb.StructureFactors.from_mtz(path, interpolate="phased").contents
    listed = {tuple(hkl): value for hkl, value in zip(found.tolist(), values, strict=True)}
    assert listed[1, 2, 3] == pytest.approx(50 * np.exp(1j * np.radians(40)))
    assert listed[-1, -2, -3] == pytest.approx(60 * np.exp(-1j * np.radians(40)))
    assert listed[0, 2, 4] == pytest.approx(-32)
    assert listed[0, -2, -4] == pytest.approx(-32)


def test_phases_of_another_origin_are_refused() -> None:
    model = model_of("P 21 21 21")
    indices, values = unique(model)
    moved = values * np.exp(2j * np.pi * indices @ (0.1, 0.2, 0.0))
    with pytest.raises(
        FormatError, match="centric reflections are not those of P 21 21 21: its origin or setting is an"
    ):
        nb.StructureFactors.from_asu(indices, moved, "P 21 21 21", cell=CELL, interpolate="phased")


def test_anomalous_mates_are_not_conjugates(tmp_path: Path) -> None:
    """At one energy F(h) and F(-h) are the sums with f' and f'' over the atoms, between reflections too."""
    model = ball(CELL, "P 21 21 21", (0.2, 0.3, 0.35), 6.0)
    path = model.write(tmp_path / "model.cif")
    factors = nb.StructureFactors.from_coordinates(
        path, d_min_A=D_MIN_A, k_sol=0, f000=True, energies_eV=2600.0, interpolate="phased"
    )
    indices, values, _, per_index = factors.contents
    copies = model.copies
    copies -= np.floor(copies.mean(axis=1) - model.fract.mean(axis=0) + 0.5 + 1e-6)[:, np.newaxis]
    h = indices / per_index
    cell = gemmi.UnitCell(*(CELL[i] * per_index for i in range(3)), *CELL[3:])
    s_squared = cell.calculate_1_d2_array(indices)
    expected = sum_over_atoms(model, copies, h, s_squared)
    for number, element in enumerate(model.elements):
        extra = complex(*gemmi.cromer_liberman(gemmi.Element(element).atomic_number, 2600.0))
        wave = np.exp(2j * np.pi * h @ copies[:, number].T).sum(axis=1) * np.exp(-40.0 / 4 * s_squared)
        expected += extra * wave
    np.testing.assert_allclose(values, expected, atol=2e-3 * np.abs(expected).max())
    mates = dict(zip(map(tuple, indices.tolist()), values, strict=True))
    apart = [abs(abs(mates[h, k, l]) - abs(mates[-h, -k, -l])) for h, k, l in mates]
    assert max(apart) > 1.0


def test_states_that_share_a_cell_keep_the_phases_of_their_mean(tmp_path: Path) -> None:
    models = [ball(CELL, "P 21 21 21", (0.2, 0.3, 0.35), radius) for radius in (5.0, 6.0)]
    paths = [model.write(tmp_path / f"{number}.cif") for number, model in enumerate(models)]
    states = [nb.StructureFactors.from_coordinates(path, d_min_A=D_MIN_A, k_sol=0) for path in paths]
    mixed = nb.StructureFactors.mixed([(0.7, states[0]), (0.3, states[1])], coherent=True, interpolate="phased")
    indices, values, *_ = mixed.contents
    expected = sum(share * calculated(model, indices) for share, model in zip((0.7, 0.3), models, strict=True))
    expected[~indices.any(axis=1)] = 0.0
    np.testing.assert_allclose(values, expected, atol=2e-3 * np.abs(expected).max())


def test_phases_outlast_toml_files_and_energies(tmp_path: Path) -> None:
    indices = np.array([[1, 2, 3], [-1, -2, -3], [0, 0, 2]])
    values = np.array([[3 + 4j, 3 - 4j, 2], [6 + 8j, 6 - 8j, 2j]])
    factors = nb.StructureFactors(
        indices=indices, amplitudes=values, energies_eV=[9000, 9100], interpolate="phased", contents_centre=(0.1, 0, 0)
    )
    np.testing.assert_allclose(factors.contents.values, values)
    assert factors.contents.centre == (0.1, 0, 0)
    config(structure_factors=factors).to_toml(tmp_path / "still.toml")
    assert nb.Config.from_toml(tmp_path / "still.toml").structure_factors == factors


@pytest.mark.filterwarnings("ignore:damage_b", "ignore:oversample")
def test_damage_keeps_phases_and_refuses_whole_molecules(tmp_path: Path) -> None:
    indices = np.array([[1, 0, 0], [0, 2, 0]])
    values = np.array([3 + 4j, 5j])
    factors = nb.StructureFactors(indices=indices, amplitudes=values, interpolate="phased", contents_centre=(0.2, 0, 0))
    dosed = config(structure_factors=factors, damage=nb.Damage(b_A2_per_MGy=60), dose_MGy=10).damaged()
    found = dosed.structure_factors.contents
    np.testing.assert_allclose(found.values, values * np.exp(-600 / 4 * np.array([1 / 60**2, 4 / 70**2])), rtol=1e-9)
    assert found.centre == (0.2, 0, 0)
    path = ball(CELL, "P 1", (0.3, 0.3, 0.3), 5.0).write(tmp_path / "model.cif")
    whole = nb.StructureFactors.from_coordinates(path, d_min_A=D_MIN_A, interpolate="phased")
    with pytest.raises(ConfigError, match="does not damp the transform of whole molecules"):
        config(structure_factors=whole, damage=nb.Damage(b_A2_per_MGy=60), dose_MGy=10).damaged()
    crystal = nb.Crystal(n_cells=2)
    halved = nb.Scene(config(crystal=crystal, structure_factors=whole, damage=nb.Damage(half_dose_MGy=20), dose_MGy=10))
    names = [each.name for each in nb.parameters(halved) if "dose" in each.name or "damage" in each.name]
    assert names == ["damage_cell", "half_dose", "dose"]
    with pytest.raises(ConfigError, match="does not damp the transform of whole molecules"):
        nb.derivatives(halved, ["damage_b"])


def refused(**fields: Any) -> nb.StructureFactors:
    return nb.StructureFactors(**{"interpolate": "phased", **fields})


ARRAYS = {"indices": [[1, 2, 3]], "amplitudes": [4.0]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: refused(**ARRAYS), "interpolate = 'phased': arrays of amplitudes alone have no phases; give"),
        (lambda: refused(path="a.hkl"), "a text file has no phases; give from_coordinates, an MTZ or CIF"),
        (lambda: refused(default_F=3), "one constant has no phases"),
        (lambda: refused(**ARRAYS, phases_deg=[0.0], default_F=3), "default_F = 3: has no phase.*leave it out"),
        (lambda: refused(**ARRAYS, phases_deg=[0.0, 1.0]), r"phases_deg: shape \(2,\), but amplitudes of shape \(1,\)"),
        (lambda: refused(phases_deg=[0.0]), r"phases_deg: shape \(1,\), but none; give one phase per amplitude"),
        (lambda: refused(indices=[[1, 2, 3]], amplitudes=[4j], phases_deg=[3.0]), "phases_deg: the amplitudes are com"),
        (lambda: refused(path="a.mtz", interpolate=True, phase_column="PHIC"), "phase_column: is for interpolate = '"),
        (lambda: refused(**ARRAYS, interpolate=None, contents_centre=(0, 0, 0)), "contents_centre: is for interpolate"),
        (lambda: refused(**ARRAYS, phases_deg=[0.0], phase_column="PHIC"), "phase_column: is not valid for arrays"),
    ],
)  # fmt: skip
def test_missing_and_contradictory_phases_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_files_without_clear_phases_are_refused(tmp_path: Path) -> None:
    bare = write_mtz(tmp_path / "bare.mtz", {"FP": ("F", [1, 2, 3, 4])})
    with pytest.raises(FormatError, match=r"bare.mtz: has no column of phases, which interpolate = 'phased' needs"):
        nb.StructureFactors.from_mtz(bare, interpolate="phased")
    two = write_mtz(tmp_path / "two.mtz", {
        "FP": ("F", [1, 2, 3, 4]), "PHIC": ("P", [0, 0, 0, 0]), "PHIB": ("P", [0, 0, np.nan, 0]),
    })  # fmt: skip
    with pytest.raises(ConfigError, match="several columns of phases; give phase_column, one of PHIC, PHIB"):
        nb.StructureFactors.from_mtz(two, interpolate="phased")
    with pytest.raises(ConfigError, match="has no phases 'PHI'; its columns of phases are PHIC, PHIB"):
        nb.StructureFactors.from_mtz(two, interpolate="phased", phase_column="PHI")
    with pytest.warns(NanobraggWarning, match="column PHIB: 1 of 4 reflections lack a phase and are left out"):
        found = nb.StructureFactors.from_mtz(two, interpolate="phased", phase_column="PHIB")
    assert len(found.listing[0]) < len(nb.StructureFactors.from_mtz(two).listing[0])


def test_programs_that_do_not_know_phases_are_refused(tmp_path: Path) -> None:
    hkl = np.indices((30, 30, 30)).reshape(3, -1).T - 15
    factors = nb.StructureFactors(indices=hkl, amplitudes=np.full(len(hkl), 4j), interpolate="phased")
    with pytest.raises(ConfigError, match="interpolate = 'phased': compat='c' does not support it"):
        config(structure_factors=factors, compat="c")
    what = nb.Scene(config(structure_factors=factors))
    with pytest.raises(ConfigError, match='is for the CPU; use device="cpu"'):
        nb.simulate(what, device="cuda")
    for name in ("F", "F(1,2,3)"):
        with pytest.raises(ConfigError, match=r"no derivative by amplitudes with StructureFactors.interpolate = 'phas"):
            nb.vjp(what, np.ones(what.shape), names=[name])
    with pytest.raises(ConfigError, match=r"StructureFactors.interpolate = 'phased': the C program"):
        config_to_flags(what.config, tmp_path)
