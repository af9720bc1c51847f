"""Space groups, and reflections of the asymmetric unit expanded to P1."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError, warn_user
from ..geometry import FloatArray
from ..unit_cell import Cell

if TYPE_CHECKING:
    from ..io.file_symmetry import FileSymmetry

IndexArray = npt.NDArray[np.int32]
ComplexArray = npt.NDArray[np.complex128]
Values = npt.NDArray[Any]  # amplitudes: numbers, or complex ones with phases

MERGED = 0.01  # equivalents that differ by more, relative to the mean and their own amplitude, are unmerged
SETTINGS = (  # spellings of a setting after the symbol, and gemmi's extension
    (r"\s*[{(:]?\s*rhombohedral( axes| setting)?\s*[})]?$", "R"),
    (r"\s*[{(:]?\s*hexagonal( axes| setting)?\s*[})]?$", "H"),
    (r"\s*[{(:]?\s*origin( choice)? ?(no\.? ?)?1\s*[})]?$", "1"),
    (r"\s*[{(:]?\s*origin( choice)? ?(no\.? ?)?2\s*[})]?$", "2"),
    (r"\s+HR?$", "H"), (r"\s+R$", "R"), (r"\s+S$", "1"), (r"\s+Z$", "2"),  # of the Inorganic Crystal Structure Database
)  # fmt: skip
EQUAL_EDGES, EQUAL_ANGLES_DEG = 1e-3, 0.05  # relative, and absolute
MOST_AWAY = 0.2  # of the amplitudes of centric reflections, by which their phases may differ from the allowed ones
INDEX_OFFSET = 2**20  # larger than any |h|


class Group(NamedTuple):
    """A space group: its name and all of its operators x' = R x + t.

    Attributes
    ----------
    name
        Extended Hermann-Mauguin symbol, or the symbol and number of operators of a group that is not tabulated.
    rotations, translations
        Shapes (n, 3, 3) and (n, 3), the identity first.
    tabulated
        The group with these operators in gemmi's table; None if there is none.
    closed
        Whether the operators make a group. Otherwise amplitudes have no symmetry.
    """

    name: str
    rotations: npt.NDArray[np.int64]
    translations: FloatArray
    tabulated: Any
    closed: bool = True


def find_space_group(name: str, where: str) -> Any:
    """Return gemmi's space group for a Hermann-Mauguin or Hall symbol or number; raises `ConfigError` if it is unknown.

    Examples are "P 43 21 2", "P212121", "96" and "R 3 :H"; screw axes may be written as in "P 2(1)/c" or "P 2_1/c", and
    settings as in "R -3 m {rhombohedral axes}" or "F d -3 m S". `where` is the field or file, for the error.
    """
    group = _named(str(name))
    if group is None:
        found = f"{name!r} is not a valid space group" if str(name).strip() else "the space group is missing"
        raise ConfigError(f"{where}: {found}; give space_group, a symbol like 'P 43 21 2' or a number")
    return group


def _named(name: str, alpha: float = 0.0, gamma: float = 0.0) -> Any:
    """Return gemmi's group of a symbol in any usual spelling, or None; angles select the axes of a rhombohedral one."""
    import gemmi

    name = re.sub(r"\((\d)\)", r"\1", name.strip())
    setting = ""
    for pattern, extension in SETTINGS:
        found = re.search(pattern, name, re.IGNORECASE)
        if found and gemmi.find_spacegroup_by_name(name) is None:
            name, setting = name[: found.start()].strip(), extension
            break
    group = gemmi.find_spacegroup_by_name(name, alpha, gamma) if name else None
    group = group or _of_hall(name)
    return (gemmi.find_spacegroup_by_name(f"{group.hm}:{setting}") or group) if group and setting else group


def space_group_on_axes(name: str, cell: Cell, where: str) -> Any:
    """As `find_space_group`, with the axes of a rhombohedral group taken from the cell.

    A number stands for hexagonal axes; raises `ConfigError` if the cell is rhombohedral.
    """
    group = find_space_group(name, where)
    if str(name).strip().isdigit() and group.ext == "H" and is_rhombohedral(cell):
        raise ConfigError(
            f"{where}: the number {name} of a space group stands for hexagonal axes, but the cell "
            f"{' '.join(f'{x:g}' for x in cell)} is rhombohedral; give space_group = '{group.hm} :R'"
        )
    return _named(str(name), cell[3], cell[5]) or group


def is_rhombohedral(cell: Cell) -> bool:
    """Return whether the axes of a cell are rhombohedral: equal edges, and equal angles other than 90 degrees."""
    edges, angles = np.array(cell[:3]), np.array(cell[3:])
    equal = np.ptp(edges) <= EQUAL_EDGES * edges.max() and np.ptp(angles) <= EQUAL_ANGLES_DEG
    return bool(equal and abs(angles.mean() - 90.0) > EQUAL_ANGLES_DEG)


def space_group_of_cell(name: str, cell: Cell, where: str) -> Any:
    """As `space_group_on_axes`; warns if the cell does not have the symmetry of the group."""
    group = space_group_on_axes(name, cell, where)
    _warn_of_cell(group, cell, where)
    return group


def _warn_of_cell(group: Any, cell: Cell, where: str) -> None:
    import gemmi

    if not gemmi.UnitCell(*cell).is_compatible_with_spacegroup(group):
        warn_user(
            f"{where}: the cell {' '.join(f'{x:g}' for x in cell)} does not have the symmetry of {group.xhm()}; "
            "check both")  # fmt: skip


def group_from_table(group: Any) -> Group:
    """Return a group of gemmi's table with its operators."""
    operators = list(group.operations())
    rotations = np.array([op.rot for op in operators], dtype=np.int64) // operators[0].DEN
    translations = np.array([op.tran for op in operators], dtype=np.float64) / operators[0].DEN % 1.0
    return Group(group.xhm(), rotations, translations, group)


def choose_group(where: str, wanted: str | None, stated: FileSymmetry, cell: Cell | None) -> Group:
    """Return the group that the user wants, or that a file states, whose operators decide where its symbol disagrees.

    Raises `ConfigError` if neither is known. Warns if operators and symbol of the file belong to different groups.
    """
    if wanted is not None or stated.operators is None:
        setting = _setting_of_hall(where, stated) if wanted is None else None
        if setting is not None:
            if cell is not None:
                _warn_of_cell(setting, cell, where)
            return group_from_table(setting)
        symbol = _known_symbol(where, stated) if wanted is None else wanted
        found = find_space_group(symbol, where) if cell is None else space_group_of_cell(symbol, cell, where)
        return group_from_table(found)
    named = _named(stated.symbol) if cell is None else _named(stated.symbol, cell[3], cell[5])
    group = _group_of_operators(stated, named)
    if named is not None and not _is_setting(group, named):
        warn_user(
            f"{where}: its {len(group.rotations)} symmetry operators are not those of its space group "
            f"{stated.symbol!r}; the operators are used; correct the file, or give space_group"
        )
    if group.tabulated is not None and cell is not None:
        _warn_of_cell(group.tabulated, cell, where)
    return group


def _setting_of_hall(where: str, stated: FileSymmetry) -> Any:
    """Return gemmi's group of a file's Hall symbol; None, with a warning, if its other symbol is of another group."""
    named, hall = _named(stated.symbol), _of_hall(stated.hall)
    if hall is not None and named is not None and hall.number != named.number:
        _warn_of_symbols(where, f"Hall symbol {stated.hall!r} and symbol {stated.symbol!r}", stated.symbol)
        return None
    return hall


def _known_symbol(where: str, stated: FileSymmetry) -> str:
    """Return the symbol of a file, or its number if the symbol is not known."""
    if _named(stated.symbol) is not None or _named(stated.number) is None:
        return stated.symbol
    _warn_of_symbols(where, f"symbol {stated.symbol!r}, which is unknown, and number {stated.number}", stated.number)
    return stated.number


def _of_hall(symbol: str) -> Any:
    """Return gemmi's group of a Hall symbol, or None; some are Hermann-Mauguin symbols of other settings too."""
    import gemmi

    try:
        return gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(symbol)) if symbol else None
    except (RuntimeError, ValueError):
        return None


def _warn_of_symbols(where: str, told: str, used: str) -> None:
    warn_user(
        f"{where}: its {told} do not name the same space group; {used} is used; give space_group if that is wrong"
    )


def _group_of_operators(stated: FileSymmetry, named: Any) -> Group:
    """Return the group of operators, with its entry in the table if it has one (`named` if that is it)."""
    import gemmi

    assert stated.operators is not None
    rotations, translations, closed = stated.operators
    steps = translations * gemmi.Op.DEN
    tabulated = None
    if closed and np.abs(steps - np.rint(steps)).max() < 1e-6:
        if named is not None and _operator_set(group_from_table(named)) == _operator_set(
            Group("", rotations, translations, None)
        ):
            return group_from_table(named)
        ops = [_gemmi_op(rotation, step) for rotation, step in zip(rotations, np.rint(steps).astype(int), strict=True)]
        tabulated = gemmi.find_spacegroup_by_ops(gemmi.GroupOps(ops))
    if tabulated is not None:
        return group_from_table(tabulated)
    name = f"{len(rotations)} operators of the file" + (f" ({stated.symbol})" if stated.symbol else "")
    return Group(name, rotations, translations, None, closed)


def _gemmi_op(rotation: npt.NDArray[np.int64], steps: npt.NDArray[np.int64]) -> Any:
    import gemmi

    op = gemmi.Op()
    op.rot = (rotation * op.DEN).tolist()
    op.tran = (steps % op.DEN).tolist()
    return op


def _operator_set(group: Group) -> set[tuple[int, ...]]:
    steps = np.rint(group.translations * 1000).astype(int) % 1000
    return {(*rotation.ravel().tolist(), *step.tolist()) for rotation, step in zip(group.rotations, steps, strict=True)}


def _is_setting(group: Group, named: Any) -> bool:
    """Return whether operators may be those of a tabulated group in another setting."""
    if group.tabulated is not None:
        return bool(group.tabulated.number == named.number)
    other = group_from_table(named)

    def kinds(each: Group) -> list[tuple[int, int]]:
        rotations = point_group(each)
        traces, signs = np.trace(rotations, axis1=1, axis2=2), np.rint(np.linalg.det(rotations))
        return sorted(zip(traces.astype(int).tolist(), signs.astype(int).tolist(), strict=True))

    return kinds(group) == kinds(other)


def rotations_of(operations: Any) -> npt.NDArray[np.int64]:
    """Return the distinct rotation matrices R of gemmi's operations, shape (n, 3, 3); h·R is equivalent to h."""
    matrices = {tuple(map(tuple, op.rot)) for op in operations.sym_ops}
    rotations = np.array(sorted(matrices, reverse=True), dtype=np.int64)
    rotations //= next(iter(operations.sym_ops)).DEN
    return rotations


def point_group(group: Group) -> npt.NDArray[np.int64]:
    """Return the distinct rotation matrices R of a group, shape (n, 3, 3); h·R is equivalent to h.

    Operators that make no group leave the identity only.
    """
    return point_operators(group)[0]


def point_operators(group: Group) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the rotations of `point_group`, and a translation that goes with each, shape (n, 3)."""
    if not group.closed:
        return np.eye(3, dtype=np.int64)[None], np.zeros((1, 3))
    translations: dict[Any, FloatArray] = {}
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        translations.setdefault(_as_tuple(rotation), translation)
    rotations = sorted(translations, reverse=True)
    return np.array(rotations, dtype=np.int64), np.array([translations[each] for each in rotations])


def _as_tuple(matrix: npt.NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def absent_reflections(indices: IndexArray, group: Group) -> npt.NDArray[np.bool_]:
    """Return a mask of the systematic absences: an operator with h·R = h changes their phase."""
    absent = np.zeros(len(indices), dtype=bool)
    if not group.closed:
        return absent
    for rotation, translation in zip(group.rotations, group.translations, strict=True):
        turns = indices @ translation
        absent |= (indices @ rotation == indices).all(axis=1) & (np.abs(turns - np.rint(turns)) > 1e-3)
    return absent


def centric_reflections(indices: IndexArray, rotations: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return a mask of the centric reflections: those equivalent to -h by symmetry."""
    found = np.zeros(len(indices), dtype=bool)
    for rotation in rotations:
        found |= (indices @ rotation == -indices).all(axis=1)
    return found


def separate_mates(
    indices: IndexArray, plus: Values, minus: Values, rotations: npt.NDArray[np.int64]
) -> tuple[IndexArray, Values]:
    """Merge two columns into one list of h and -h without missing values (NaN).

    The amplitudes of centric pairs are averaged; complex ones keep the phase of h.
    """
    centric = centric_reflections(indices, rotations)
    both = centric & np.isfinite(plus) & np.isfinite(minus)
    mean = 0.5 * (np.abs(plus) + np.abs(minus))
    if np.iscomplexobj(plus):
        mean = mean * np.exp(1j * np.angle(plus))
    plus, minus = np.where(both, mean, plus), np.where(centric & np.isfinite(plus), np.nan, minus)
    here, there = np.isfinite(plus), np.isfinite(minus)
    return np.concatenate([indices[here], -indices[there]]), np.concatenate([plus[here], minus[there]])


def expand_to_p1(
    indices: IndexArray,
    amplitudes: Values,
    rotations: npt.NDArray[np.int64],
    where: str = "StructureFactors",
    translations: FloatArray | None = None,
) -> tuple[IndexArray, Values]:
    """Expand reflections to P1: add symmetry equivalents, and Friedel mates where the mate is not listed.

    Symmetry equivalents have the same amplitude, |F(hR)| = |F(h)|, and the phase of F(hR) = F(h)·exp(-2πi h·t).
    Friedel mates are kept separate where both are listed, as with anomalous scattering; those that are added are
    F(-h) = F(h)*.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    amplitudes : ndarray, shape (n,) or (energies, n)
        Complex ones need translations.
    rotations : ndarray, shape (m, 3, 3)
        From `rotations_of` or `point_operators`.
    where
        The field or file, for the error.
    translations : ndarray, shape (m, 3)
        From `point_operators`.

    Returns
    -------
    indices : ndarray of int32, shape (N, 3)
        Sorted by h, k, l.
    amplitudes : ndarray, shape (N,) or (energies, N)

    Raises
    ------
    FormatError
        Equivalents have different amplitudes: the data are unmerged.
    """
    turned = np.concatenate([indices @ rotation.astype(np.int32) for rotation in rotations])
    keys, first, group = np.unique(reflection_keys(turned), return_index=True, return_inverse=True)
    _check_merged(indices, amplitudes if translations is None else np.abs(amplitudes), first, group, where)
    lone = ~np.isin(reflection_keys(-turned[first]), keys, assume_unique=True)
    everything = np.concatenate([turned[first], -turned[first][lone]]).astype(np.int32)
    operator, rows = np.divmod(np.concatenate([first, first[lone]]), len(indices))
    values = amplitudes[..., rows]
    if translations is not None:
        values = values * np.exp(-2j * np.pi * (indices[rows] * translations[operator]).sum(axis=1))
        values[..., len(first) :] = np.conj(values[..., len(first) :])
    order = np.argsort(reflection_keys(everything))
    return np.ascontiguousarray(everything[order]), values[..., order]


def check_centric_phases(indices: IndexArray, values: ComplexArray, group: Group, where: str) -> None:
    """Raise `FormatError` if phases of centric reflections are not among the two that the operators allow.

    With h·R = -h, F(-h) = F(h)* is F(h)·exp(-2πi h·t). Some anomalous scattering is tolerated.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    values : ndarray, shape (n,) or (energies, n)
    group
        The space group.
    where
        The field or file, for the error.
    """
    away = total = 0.0
    for rotation, translation in zip(*point_operators(group), strict=True):
        centric = (indices @ rotation == -indices).all(axis=1)
        some = values[..., centric]
        mates = some * np.exp(-2j * np.pi * (indices[centric] @ translation))
        away, total = away + float(np.abs(mates - np.conj(some)).sum()), total + float(np.abs(some).sum())
    if away > MOST_AWAY * total:
        raise FormatError(
            f"{where}: the phases of centric reflections are not those of {group.name}: its origin or setting is "
            "another one, or the phases belong to another model; give space_group, or correct the phases"
        )


def reflection_keys(indices: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return an integer per reflection that sorts by h, k, l."""
    h, k, l = indices.astype(np.int64).T + INDEX_OFFSET
    keys: npt.NDArray[np.int64] = (h << 42) | (k << 21) | l
    return keys


def _check_merged(
    indices: IndexArray, amplitudes: FloatArray, first: npt.NDArray[Any], group: npt.NDArray[Any], where: str
) -> None:
    count = len(indices)
    values = np.atleast_2d(amplitudes)[0]
    repeated = values[first % count][group].reshape(-1, count)
    apart = np.abs(repeated - values).max(axis=0) > MERGED * (np.abs(values).mean() + np.abs(values))
    if apart.any():
        row = int(np.argmax(apart))
        raise FormatError(
            f"{where}: reflection {' '.join(map(str, indices[row].tolist()))} and its equivalents have different "
            f"values (as do {apart.sum()} of {count} reflections): the data are unmerged, or the space group is wrong; "
            "merge them first"
        )


def equivalent_groups(
    indices: IndexArray, rotations: npt.NDArray[np.int64], *, friedel: bool
) -> tuple[IndexArray, npt.NDArray[np.int64]]:
    """Return one reflection of each set of equivalents, and the number of the set of every reflection.

    Parameters
    ----------
    indices : ndarray, shape (n, 3)
    rotations : ndarray, shape (m, 3, 3)
        From `rotations_of`.
    friedel
        Whether h and -h are equivalent.
    """
    largest = np.full(len(indices), -1, np.int64)
    for rotation in rotations:
        turned = indices @ rotation
        for each in (turned, -turned) if friedel else (turned,):
            largest = np.maximum(largest, reflection_keys(each))
    _, first, group = np.unique(largest, return_index=True, return_inverse=True)
    return indices[first], group.astype(np.int64)
