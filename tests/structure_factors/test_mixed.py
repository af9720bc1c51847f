"""Structure factors of two states: intensities of domains add, amplitudes of molecules add."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import config

CELL = (50, 60, 70, 90, 90, 90)
ONE = nb.StructureFactors(indices=[[1, 2, 3], [0, 0, 4]], amplitudes=[10, 20], cell=CELL, default_F=1)
OTHER = nb.StructureFactors(indices=[[0, 0, 4], [5, 0, 0]], amplitudes=[40, 7], cell=CELL)


def listed(factors):
    return {tuple(hkl): value for hkl, value in zip(factors.listing[0].tolist(), factors.listing[1], strict=True)}


def test_intensities_of_domains_add():
    found = nb.StructureFactors.mixed([(0.75, ONE), (0.25, OTHER)])
    assert listed(found) == pytest.approx({
        (1, 2, 3): np.sqrt(0.75 * 100), (0, 0, 4): np.sqrt(0.75 * 400 + 0.25 * 1600),
        (5, 0, 0): np.sqrt(0.75 * 1 + 0.25 * 49),
    })  # fmt: skip
    assert found.default_F == pytest.approx(np.sqrt(0.75))
    assert found.cell == CELL


def test_the_image_is_that_of_both_states():
    """The mixture has the image of two crystals in the same orientation with these fractions."""
    crystal = nb.Crystal(cell=CELL, n_cells=6, shape="gauss")
    states = [nb.StructureFactors.wilson(CELL, "P 21 21 21", b_factor=10, d_min_A=4, seed=seed) for seed in (1, 2)]
    mixed = config(crystal=crystal, structure_factors=nb.StructureFactors.mixed([(0.6, states[0]), (0.4, states[1])]))
    images = [nb.simulate(mixed.replace(structure_factors=each), dtype="float64", tolerance=0) for each in states]
    image = nb.simulate(mixed, dtype="float64", tolerance=0)
    np.testing.assert_allclose(image, 0.6 * images[0] + 0.4 * images[1], rtol=1e-9)


def test_constants_and_energies():
    constant = nb.StructureFactors.mixed(
        [(0.5, nb.StructureFactors.constant(3)), (0.5, nb.StructureFactors.constant(4))]
    )
    assert constant.listing is None
    assert constant.default_F == pytest.approx(np.sqrt(12.5))
    both = [
        nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[[3.0], [5.0]], energies_eV=[9000, 9100]),
        nb.StructureFactors(indices=[[2, 0, 0]], amplitudes=[[1.0], [2.0]], energies_eV=[9000, 9100], default_F=2),
    ]
    found = nb.StructureFactors.mixed([(0.5, both[0]), (0.5, both[1])])
    np.testing.assert_allclose(found.amplitudes, np.sqrt([[(9 + 4) / 2, 0.5], [(25 + 4) / 2, 2.0]]))
    np.testing.assert_array_equal(found.energies, [9000, 9100])


def write_model(path, places, element="S", group="P 1"):
    structure = gemmi.Structure()
    structure.cell, structure.spacegroup_hm = gemmi.UnitCell(20, 21, 22, 90, 90, 90), group
    model, chain, residue = gemmi.Model("1"), gemmi.Chain("A"), gemmi.Residue()
    residue.name, residue.seqid = "ALA", gemmi.SeqId("1")
    for number, place in enumerate(places):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.b_iso, atom.pos = f"S{number}", gemmi.Element(element), 10, gemmi.Position(*place)
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    structure.write_pdb(str(path))
    return path


@pytest.mark.parametrize("energy", [None, 7000.0])
@pytest.mark.parametrize("group", ["P 1", "P 21 21 21"])
def test_amplitudes_of_molecules_add(tmp_path, energy, group):
    """A mixture of an atom at two places is a model with both atoms at partial occupancy."""
    places = [(3.0, 4.0, 5.0), (6.0, 4.0, 5.5)]
    options = {"d_min_A": 3, "k_sol": 0, "energies_eV": energy}
    states = [
        nb.read_coordinates(write_model(tmp_path / f"{i}.pdb", [place], group=group), **options)
        for i, place in enumerate(places)
    ]
    found = nb.StructureFactors.mixed([(0.7, states[0]), (0.3, states[1])], coherent=True)
    structure = gemmi.read_structure(str(write_model(tmp_path / "both.pdb", places, group=group)))
    for atom, share in zip(structure[0][0][0], (0.7, 0.3), strict=True):
        atom.occ = share
    structure.write_pdb(str(tmp_path / "both.pdb"))
    expected = listed(nb.read_coordinates(tmp_path / "both.pdb", **options))
    values = listed(found)
    assert values.keys() == expected.keys()
    assert values.pop((0, 0, 0)) == 0
    expected.pop((0, 0, 0))
    largest = max(expected.values())
    for hkl, value in values.items():
        assert value == pytest.approx(expected[hkl], abs=2e-4 * largest)
    separate = listed(nb.StructureFactors.mixed([(0.7, states[0]), (0.3, states[1])]))
    assert any(abs(separate[hkl] - value) > 0.05 * largest for hkl, value in values.items())


def test_states_that_do_not_go_together_are_refused(tmp_path):
    def refused(states, message, **options):
        with pytest.raises(ConfigError, match=message):
            nb.StructureFactors.mixed(states, **options)

    refused([(0.5, ONE), (0.6, OTHER)], r"mixed: the shares \[0\.5, 0\.6\] add up to 1\.1; must be 1")
    refused([(-0.5, ONE), (1.5, OTHER)], r"mixed: a share = -0\.5: must be a number from 0 to 1")
    refused([], r"mixed: give pairs of a share and structure factors")
    refused([ONE, OTHER], r"mixed: give pairs")
    refused([(1.0, "a.mtz")], r"mixed: give pairs")
    refused([(0.5, ONE), (0.5, OTHER.replace(cell=(50, 61, 70)))], r"mixed: the states have the cells")
    axis = nb.StructureFactors(indices=[[1, 0, 0]], amplitudes=[[1.0], [2.0]], energies_eV=[9000, 9100])
    refused([(0.5, ONE), (0.5, axis)], r"mixed: the states have energies_eV \(\) and \(9000\.0, 9100\.0\)")
    refused([(0.5, ONE), (0.5, OTHER)], r"coherent = True needs the phases of all states", coherent=True)
    model = write_model(tmp_path / "a.pdb", [(1, 2, 3)])
    two = [nb.read_coordinates(model, d_min_A=d, k_sol=0) for d in (3, 4)]
    refused([(0.5, two[0]), (0.5, two[1])], r"the states have different reflections", coherent=True)
    beam = nb.read_coordinates(model, d_min_A=3, energies_eV="beam")
    refused([(0.5, beam), (0.5, two[0])], r'energies_eV = "beam" has no energy yet')
