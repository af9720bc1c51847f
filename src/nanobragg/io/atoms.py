"""Atomic models from PDB, mmCIF and small-molecule CIF files, read by gemmi and checked."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError, warn_user
from ..unit_cell import Cell, check_cell
from .atomic import StrPath
from .cif_blocks import choose_block, read_cif_document, values_elsewhere
from .doubts import Doubts
from .elements import UNKNOWN, is_element
from .file_symmetry import FileSymmetry, cif_symmetry
from .hkl_kinds import describe_other_list
from .input_file import read_text
from .limits import check_bytes
from .mmcif_atoms import mmcif_structure
from .named_files import reason
from .pdb_text import pdb_structure
from .reflections import cell_or_none
from .small_molecule import B_PER_U, cell_of_block, read_sites

LARGEST_B = 1000.0  # Å²; the PDB format holds no larger value, and such an atom hardly scatters
LARGEST_COORDINATE = 1e5  # Å; the PDB format holds no more than 9999.999
BYTES_PER_ATOM = 200  # in gemmi
DUMMY = "DUM"  # name of residues that are no atoms
MACROMOLECULE = ("_atom_site.Cartn_x",)
SMALL_MOLECULE = ("_atom_site_fract_x", "_atom_site.fract_x")
MOST_NAMED = 6  # labels in a message


class AtomicModel(NamedTuple):
    """Atoms of an asymmetric unit.

    Attributes
    ----------
    structure
        gemmi Structure with one model, with the occupancies of the file.
    cell
        Unit cell, or None if the file has none.
    symmetry
        Operators and symbol in the file.
    small
        Whether this is a small-molecule structure, without bulk solvent.
    stated
        Multiplicity and order of the site symmetry that the file states for each atom, shape (n, 2); NaN where it does
        not.
    note
        Which of several structures was read; may be empty.
    """

    structure: Any
    cell: Cell | None
    symmetry: FileSymmetry
    small: bool
    stated: npt.NDArray[np.float64]
    note: str = ""


def read_atoms(path: StrPath, *, block: str | None = None, unknown_atoms: str | None = None) -> AtomicModel:
    """Return the first model of a PDB or CIF file; raise `FormatError` if it is neither or an atom is impossible.

    Warns about entries that are missing, doubtful or left out, with their number; docs/readers.md lists them.

    Parameters
    ----------
    path
        The file.
    block
        Name of the CIF data block; None: the first with atoms.
    unknown_atoms
        Element as which atoms of unknown element count; None: they are left out.
    """
    if unknown_atoms is not None and not is_element(unknown_atoms):
        raise ConfigError(f"StructureFactors.unknown_atoms: {unknown_atoms!r} is not an element; give one, such as 'O'")
    content, doubts = read_text(path), Doubts(path)
    try:
        if _looks_like_cif(content):
            model = _read_cif_atoms(path, block, doubts)
        elif block is not None:
            raise ConfigError(f"StructureFactors.block = {block!r}: {path} is not a CIF; leave it out")
        else:
            model = _read_pdb(path, content, doubts)
        model = model._replace(stated=_settle_unknown(path, model, unknown_atoms, doubts))
    except (RuntimeError, ValueError, IndexError, UnicodeError, OverflowError, MemoryError) as error:
        if isinstance(error, (FormatError, ConfigError)):
            raise
        raise FormatError(f"{path} is not a valid atomic model ({reason(path, error)}); correct it") from None
    _check_atoms(path, model.structure, doubts)
    doubts.warn()
    return model


def atoms_of(structure: Any) -> Iterator[Any]:
    """Yield the atoms of a structure's first model."""
    for chain in structure[0] if len(structure) else ():
        for residue in chain:
            yield from residue


def _looks_like_cif(content: str) -> bool:
    lines = (line.strip() for line in content.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "").lower().startswith("data_")


def _read_pdb(path: StrPath, content: str, doubts: Doubts) -> AtomicModel:
    if "ATOM" not in content and (kind := describe_other_list(content)):
        raise FormatError(f"{path} holds no atoms: it {kind}")
    structure, symmetry = pdb_structure(path, content, doubts)
    return _macromolecule(path, structure, symmetry, doubts)


def _read_cif_atoms(path: StrPath, wanted: str | None, doubts: Doubts) -> AtomicModel:
    document = read_cif_document(path)
    block, note = choose_block(path, document, (*MACROMOLECULE, *SMALL_MOLECULE), wanted, "atoms")
    if block is None:
        raise FormatError(f"{path} lists no atoms (_atom_site); give a coordinate file")
    if block.find_loop(MACROMOLECULE[0]):
        structure = mmcif_structure(path, block, doubts)
        return _macromolecule(path, structure, cif_symmetry(path, block), doubts, note)
    with_cell = values_elsewhere(path, document, block, ("_cell_length_a", "_cell.length_a"), "cell")
    with_group = values_elsewhere(path, document, block, None, "symmetry")
    return _small_molecule(path, block, with_cell, cif_symmetry(path, with_group), doubts)._replace(note=note)


def _macromolecule(
    path: StrPath, structure: Any, symmetry: FileSymmetry, doubts: Doubts, note: str = ""
) -> AtomicModel:
    import gemmi

    if len(structure) > 1:
        warn_user(f"{path} holds {len(structure)} models; only the first is used; split the file for others")
        while len(structure) > 1:
            del structure[-1]
    doubts.add(_without_dummies(structure), "atoms of dummy residues (DUM) are left out")
    copies = sum(not operation.given for operation in structure.ncs)
    if copies and len(structure):
        check_bytes(path, (1 + copies) * structure[0].count_atom_sites() * BYTES_PER_ATOM, "every copy of its atoms")
        structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup, merge_dist=0.0)
    stated = np.full((sum(1 for _ in atoms_of(structure)), 2), np.nan)
    return AtomicModel(structure, cell_or_none(structure.cell.parameters), symmetry, False, stated, note)


def _without_dummies(structure: Any) -> int:
    """Remove residues DUM, which mark places such as the faces of a membrane; return the number of their atoms."""
    count = 0
    for chain in structure[0] if len(structure) else ():
        for i in reversed(range(len(chain))):
            if chain[i].name == DUMMY:
                count += len(chain[i])
                del chain[i]
    return count


def _small_molecule(path: StrPath, block: Any, with_cell: Any, symmetry: FileSymmetry, doubts: Doubts) -> AtomicModel:
    import gemmi

    numbers, angles = cell_of_block(with_cell)
    cell = cell_or_none(numbers)
    doubts.add(angles if cell else 0, "angles of the cell are missing; 90 degrees are used")
    try:
        unit_cell = gemmi.UnitCell(*(check_cell(cell) if cell else (1.0, 1.0, 1.0, 90.0, 90.0, 90.0)))
    except ConfigError as error:
        raise FormatError(f"{path}: {error}") from None
    listed = read_sites(path, block, unit_cell.reciprocal().parameters[:3])
    residue = gemmi.Residue()
    residue.name = "UNL"
    for site in listed.sites:
        residue.add_atom(_atom(site, unit_cell))
    chain, model, structure = gemmi.Chain("A"), gemmi.Model(1), gemmi.Structure()
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.cell = unit_cell
    doubts.add(sum(np.isnan(site.occupancy) for site in listed.sites), "atoms have no occupancy; 1 is used")
    without_b = sum(bool(np.isnan(site.u_iso)) and site.u_cif is None for site in listed.sites)
    doubts.add(without_b, "atoms have no displacement parameter; B = 0 is used")
    doubts.add(listed.dummies, "dummy sites (calc_flag dum) are left out")
    doubts.add(listed.vacancies, "vacancies are left out")
    doubts.add(listed.unplaced, "sites without coordinates are left out")
    doubts.guessed(
        [
            (site.label, site.found.element)
            for site in listed.sites
            if site.found.doubtful and site.found.element != UNKNOWN
        ]
    )
    stated = np.array([(site.multiplicity, site.order) for site in listed.sites]).reshape(-1, 2)
    return AtomicModel(structure, cell, symmetry, True, stated)


def _atom(site: Any, cell: Any) -> Any:
    """Return a CIF site with Cartesian coordinates and displacements (U in a CIF refers to a*, b*, c*)."""
    import gemmi

    atom = gemmi.Atom()
    atom.name, atom.element, atom.charge = site.label[:4], gemmi.Element(site.found.element), site.found.charge
    atom.pos = cell.orthogonalize(gemmi.Fractional(*site.fract))
    atom.occ = 1.0 if np.isnan(site.occupancy) else site.occupancy
    atom.b_iso = 0.0 if np.isnan(site.u_iso) else B_PER_U * site.u_iso
    if site.u_cif is not None:
        star = np.array(cell.reciprocal().parameters[:3])
        axes = np.array(cell.orth.mat.tolist()) * star
        u11, u22, u33, u12, u13, u23 = site.u_cif.tolist()
        u = axes @ np.array([[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]]) @ axes.T
        atom.aniso = gemmi.SMat33f(u[0, 0], u[1, 1], u[2, 2], u[0, 1], u[0, 2], u[1, 2])
        if np.isnan(site.u_iso):
            atom.b_iso = max(0.0, B_PER_U * float(np.trace(u)) / 3.0)  # where the tensor is not positive definite
    return atom


def _settle_unknown(
    path: StrPath, model: AtomicModel, replacement: str | None, doubts: Doubts
) -> npt.NDArray[np.float64]:
    """Remove atoms of unknown element, or make them another one; return what is stated of the others."""
    import gemmi

    unknown = [atom.element.atomic_number == 0 for atom in atoms_of(model.structure)]
    if not any(unknown):
        return model.stated
    if replacement is None and all(unknown):
        raise FormatError(
            f"{path}: no scattering factors for element {UNKNOWN}, which all atoms have; correct them, or give "
            "unknown_atoms, the element as which they count"
        )
    labels = []
    for residue in (residue for chain in model.structure[0] for residue in chain):
        for index in reversed(range(len(residue))):
            atom = residue[index]
            if atom.element.atomic_number == 0:
                labels.append(atom.name if model.small else f"{atom.name} {residue.name} {residue.seqid}")
                if replacement is None:
                    del residue[index]
                else:
                    atom.element = gemmi.Element(replacement)
    named = ", ".join(sorted(set(labels))[:MOST_NAMED])
    done = "are left out; unknown_atoms = 'O' would count them as oxygen" if replacement is None else (
        f"count as {replacement}"
    )  # fmt: skip
    doubts.add(len(labels), f"atoms of unknown element ({named}) {done}")
    return model.stated if replacement else model.stated[~np.array(unknown)]


def _check_atoms(path: StrPath, structure: Any, doubts: Doubts) -> None:
    atoms = list(atoms_of(structure))
    if not atoms:
        raise FormatError(f"{path} holds no atoms; give a coordinate file")
    unknown = {atom.element.name for atom in atoms if atom.element.it92 is None}
    if unknown:
        raise FormatError(
            f"{path}: no scattering factors for element {', '.join(sorted(unknown))}; correct or remove its atoms"
        )
    numbers = np.array([(*atom.pos.tolist(), atom.occ, atom.b_iso) for atom in atoms])
    coordinates, occupancies, b = numbers[:, :3], numbers[:, 3], numbers[:, 4]
    if not (np.isfinite(numbers).all() and np.abs(coordinates).max() < LARGEST_COORDINATE):
        raise FormatError(
            f"{path}: an atom's coordinates, occupancy or B are not finite, or far too large; correct them"
        )
    if occupancies.min() < 0 or occupancies.max() > 2:
        raise FormatError(
            f"{path}: occupancies from {occupancies.min():g} to {occupancies.max():g} are not valid; give 0 to 2"
        )
    if not occupancies.any():
        raise FormatError(f"{path}: every atom has occupancy 0, so nothing scatters; correct the occupancies")
    if b.min() < 0 or b.max() > LARGEST_B:
        raise FormatError(f"{path}: B from {b.min():g} to {b.max():g} Å² is not valid; give 0 to {LARGEST_B:g}")
    _reset_bad_displacements(atoms, doubts)


def _reset_bad_displacements(atoms: list[Any], doubts: Doubts) -> None:
    """Make atoms whose displacement tensor is not positive definite scatter with their isotropic B."""
    import gemmi

    ellipsoids = [atom for atom in atoms if atom.aniso.nonzero()]
    if not ellipsoids:
        return
    tensors = np.array([atom.aniso.as_mat33().tolist() for atom in ellipsoids], dtype=np.float64)
    tensors[~np.isfinite(tensors).all(axis=(1, 2))] = -np.eye(3)
    eigenvalues = np.linalg.eigvalsh(tensors)
    bad = (eigenvalues.min(axis=1) <= 0) | (eigenvalues.max(axis=1) > LARGEST_B / B_PER_U)
    for atom, is_bad in zip(ellipsoids, bad.tolist(), strict=True):
        if is_bad:
            atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    if bad.any():
        doubts.tell(
            f"the displacement tensors U of {bad.sum()} atoms are not positive definite; their isotropic B, or 8π²/3 "
            "times the trace, is used"
        )
