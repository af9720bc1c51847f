"""Atomic models from PDB, mmCIF and small-molecule CIF files, read by gemmi and checked."""

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..errors import FormatError, NanobraggWarning
from ..unit_cell import Cell
from .atomic import StrPath
from .cif import read_cif_document
from .input_file import read_text
from .limits import check_bytes
from .named_files import reason
from .reflections import cell_or_none

B_PER_U = 8.0 * math.pi**2
LARGEST_B = 1000.0  # Å²; the PDB format holds no larger value, and such an atom hardly scatters
LARGEST_COORDINATE = 1e5  # Å; the PDB format holds no more than 9999.999
BYTES_PER_ATOM = 200  # in gemmi
OCCUPANCY = slice(54, 60)  # columns of an ATOM record


class AtomicModel(NamedTuple):
    """Atoms of an asymmetric unit.

    Attributes
    ----------
    structure
        gemmi Structure with one model; occupancies of atoms on special positions are divided by their multiplicity.
    cell
        Unit cell, or None if the file has none.
    space_group
        Symbol in the file, or "" if there is none.
    small
        Whether this is a small-molecule structure, without bulk solvent.
    """

    structure: Any
    cell: Cell | None
    space_group: str
    small: bool


def read_atoms(path: StrPath) -> AtomicModel:
    """Return the first model of a PDB or CIF file; raise `FormatError` if it is neither or an atom is impossible.

    Warns about missing occupancies, invalid displacement parameters and further models, which are ignored.
    """
    content = read_text(path)
    try:
        model = _read_cif_atoms(path) if _looks_like_cif(content) else _read_pdb(path, content)
    except (RuntimeError, ValueError, IndexError, UnicodeError, OverflowError, MemoryError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"{path} is not a valid atomic model ({reason(path, error)}); correct it") from None
    _check_atoms(path, model.structure)
    return model


def _looks_like_cif(content: str) -> bool:
    lines = (line.strip() for line in content.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "").lower().startswith("data_")


def _read_pdb(path: StrPath, content: str) -> AtomicModel:
    import gemmi

    lines, missing = [], 0
    for line in content.splitlines():
        if line.startswith(("ATOM  ", "HETATM")) and not line[OCCUPANCY].strip():
            line = f"{line[:54]:<54}  1.00{line[60:]}"
            missing += 1
        lines.append(line)
    structure = gemmi.read_pdb_string("\n".join(lines))
    _warn_missing(path, missing)
    return _macromolecule(path, structure)


def _read_cif_atoms(path: StrPath) -> AtomicModel:
    import gemmi

    document = read_cif_document(path)
    for block in document:
        if block.find_loop("_atom_site.Cartn_x"):
            _warn_missing(path, _complete_occupancies(block))
            return _macromolecule(path, gemmi.make_structure_from_block(block))
        if block.find_loop("_atom_site_fract_x"):
            return _small_molecule(gemmi.make_small_structure_from_block(block))
    raise FormatError(f"{path} lists no atoms (_atom_site); give a coordinate file")


def _complete_occupancies(block: Any) -> int:
    """Set missing occupancies to 1; return how many."""
    table = block.find("_atom_site.", ["Cartn_x", "?occupancy"])
    if not table.has_column(1):
        return len(table)  # gemmi's default is 1
    missing = [row for row in table if row[1] in "?."]
    for row in missing:
        row[1] = "1.0"
    return len(missing)


def _warn_missing(path: StrPath, count: int) -> None:
    if count:
        warnings.warn(f"{path}: {count} atoms have no occupancy; 1 is used", NanobraggWarning, stacklevel=2)


def _macromolecule(path: StrPath, structure: Any) -> AtomicModel:
    import gemmi

    if len(structure) > 1:
        warnings.warn(f"{path} holds {len(structure)} models; only the first is used", NanobraggWarning, stacklevel=2)
        while len(structure) > 1:
            del structure[-1]
    copies = sum(not operation.given for operation in structure.ncs)
    if copies and len(structure):
        check_bytes(path, (1 + copies) * structure[0].count_atom_sites() * BYTES_PER_ATOM, "every copy of its atoms")
        structure.expand_ncs(gemmi.HowToNameCopiedChain.Dup, merge_dist=0.0)
    return AtomicModel(structure, cell_or_none(structure.cell.parameters), structure.spacegroup_hm, small=False)


def _small_molecule(small: Any) -> AtomicModel:
    import gemmi

    group = small.spacegroup
    small.setup_cell_images()
    small.change_occupancies_to_crystallographic(0.4)
    residue = gemmi.Residue()
    residue.name = "UNL"
    for site in small.sites:
        residue.add_atom(_atom(site, small.cell))
    chain, model, structure = gemmi.Chain("A"), gemmi.Model(1), gemmi.Structure()
    chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.cell = small.cell
    symbol = group.xhm() if group is not None else small.spacegroup_hm
    return AtomicModel(structure, cell_or_none(small.cell.parameters), symbol, small=True)


def _atom(site: Any, cell: Any) -> Any:
    """Return a CIF site with Cartesian coordinates and displacements (U in a CIF refers to a*, b*, c*)."""
    import gemmi

    atom = gemmi.Atom()
    atom.name, atom.element, atom.charge = site.label[:4], site.element, site.charge
    atom.pos, atom.occ, atom.b_iso = cell.orthogonalize(site.fract), site.occ, B_PER_U * site.u_iso
    if site.aniso.nonzero():
        star = np.array(cell.reciprocal().parameters[:3])
        axes = np.array(cell.orth.mat.tolist()) * star
        u = axes @ np.array(site.aniso.as_mat33().tolist()) @ axes.T
        atom.aniso = gemmi.SMat33f(u[0, 0], u[1, 1], u[2, 2], u[0, 1], u[0, 2], u[1, 2])
    return atom


def _atoms(structure: Any) -> Iterator[Any]:
    for chain in structure[0]:
        for residue in chain:
            yield from residue


def _check_atoms(path: StrPath, structure: Any) -> None:
    atoms = list(_atoms(structure)) if len(structure) else []
    if not atoms:
        raise FormatError(f"{path} holds no atoms; give a coordinate file")
    unknown = {atom.element.name for atom in atoms if atom.element.it92 is None or not atom.element.atomic_number}
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
    _reset_bad_displacements(path, atoms)


def _reset_bad_displacements(path: StrPath, atoms: list[Any]) -> None:
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
        warnings.warn(
            f"{path}: the displacement tensors U of {bad.sum()} atoms are not positive definite; isotropic B is used",
            NanobraggWarning,
            stacklevel=2,
        )
