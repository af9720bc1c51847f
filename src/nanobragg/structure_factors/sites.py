"""Atoms on special positions, and several atoms in one place: the share of each in the sum over all operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import warn_user
from ..geometry import FloatArray
from .neighbours import ONE_PLACE_A, close_pairs, distances_to_copies

if TYPE_CHECKING:
    from .symmetry import Group

Integers = npt.NDArray[np.int64]

EXACT_A = 0.02  # Å; rounding of coordinates with three decimals or more
ROUNDED_A = 0.2  # Å; of coordinates with two decimals
OVERFULL = (
    "atoms would overfill the place that they share with symmetry copies at less than {} Å; they are taken to be on a "
    "special position"
)
STATED_A = 1.0  # Å; a stated site symmetry does not move an atom farther than this
CHUNK = 2**16  # distances at a time
FULL = 1.05  # occupancy of one place that is more than full by more than rounding


class Sites(NamedTuple):
    """Atoms in a cell.

    Attributes
    ----------
    fract : ndarray, shape (n, 3)
        Fractional coordinates.
    occupancies : ndarray, shape (n,)
        As in the file.
    elements : ndarray, shape (n,)
        Atomic numbers.
    orthogonal : ndarray, shape (3, 3)
        Columns a, b, c (Å).
    stated : ndarray, shape (n, 2), or None
        Multiplicity and order of the site symmetry in the file's own group, NaN where not stated.
    chemical
        Whether occupancies are those of the place, which the order divides (CIF core dictionary). In a macromolecule's
        file the occupancy on a special position is already divided; only one that is too large is reduced.
    """

    fract: FloatArray
    occupancies: FloatArray
    elements: Integers
    orthogonal: FloatArray
    stated: FloatArray | None
    chemical: bool


def site_shares(where: str, sites: Sites, group: Group) -> FloatArray:
    """Return the occupancy of each atom in a sum over all operators of the group.

    An atom on a special position of order m appears m times in this sum, so that its occupancy is divided by m. The
    order is the stated one where it is possible; otherwise the number of copies in exactly one place, or of copies that
    are as close as rounding can put them, if their occupancies would add up to more than 1. A macromolecule's atom with
    more than full occupancy at copies closer than ONE_PLACE_A is reduced to the share that fills the place. An atom
    that is a symmetry copy of an earlier one of its element does not count if the place would be more than full. Warns
    about all of these, and about other places with an occupancy above 1; `where` names the file.
    """
    meanings = _stated_meanings(sites.stated, len(group.rotations))
    nearest = _Nearest(sites, group, meanings)
    close = nearest.close
    overfull = sites.occupancies * close > FULL
    told: list[str] = []
    if sites.chemical:
        shares = sites.occupancies / _orders(sites, nearest, told)
    else:
        shares = np.where(overfull, np.minimum(sites.occupancies, 1.0 / close), sites.occupancies)
        _tell(
            told,
            int((overfull & (close > 1)).sum()),
            OVERFULL.format(ONE_PLACE_A),
        )
    shares, copies, crowded = _without_copies(sites, shares, group)
    _tell(told, copies, "atoms are symmetry copies of other atoms in the file, and do not count again")
    where_else = f"share places of {ONE_PLACE_A} Å with others or their own copies, with an occupancy above 1 in all"
    _tell(told, crowded, f"atoms {where_else}; state their site symmetry or occupancy")
    if told:
        warn_user(f"{where}: {'; '.join(told)}; correct the file if that is wrong")
    return shares


def _orders(sites: Sites, nearest: _Nearest, told: list[str]) -> Integers:
    """Return the order of each site's symmetry, and tell of those that are not stated or exact.

    Some programs write the order in place of the multiplicity, so that the meaning with more possible orders is taken
    for the whole list.
    """
    stated = max(nearest.possible, key=lambda orders: int((orders > 0).sum()))
    if sites.stated is not None:
        given = np.isfinite(sites.stated).any(axis=1)
        contradicted = int((given & (stated == 0)).sum())
        _tell(told, contradicted, "stated site symmetries contradict the coordinates, which are used")
    merged = (sites.occupancies * nearest.rounded > FULL) & (nearest.rounded > nearest.exact) & (stated == 0)
    _tell(told, int(merged.sum()), OVERFULL.format(ROUNDED_A))
    orders: Integers = np.where(stated > 0, stated, np.where(merged, nearest.rounded, nearest.exact))
    return orders


def _stated_meanings(stated: FloatArray | None, operators: int) -> list[FloatArray]:
    """Return the orders of site symmetry that a file states, for both meanings of a multiplicity; NaN where unknown."""
    if stated is None or not len(stated):
        return [np.full(0 if stated is None else len(stated), np.nan)]
    multiplicity, order = stated.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return [np.where(np.isfinite(order), order, each) for each in (operators / multiplicity, multiplicity)]


def _tell(told: list[str], count: int, what: str) -> None:
    if count:
        told.append(f"{count} {what}")


class _Nearest:
    """How many copies of each atom, itself included, are nearby, and which stated orders of site symmetry are possible.

    An order is possible if that many copies are apart from all others; it is 0 otherwise.
    """

    def __init__(self, sites: Sites, group: Group, meanings: list[FloatArray]) -> None:
        count = len(sites.fract)
        self.exact, self.rounded, self.close = (np.ones(count, np.int64) for _ in range(3))
        wanted = [_whole_orders(each, count, len(group.rotations)) for each in meanings]
        self.possible = [np.where(each == 1, 1, 0) for each in wanted]
        near = np.zeros(count, np.int64)
        for distances in distances_to_copies(sites.fract, group, sites.orthogonal):
            near += distances < STATED_A
        crowded = np.flatnonzero(near > 1)
        step = max(1, CHUNK // len(group.rotations))
        for rows in (crowded[start : start + step] for start in range(0, len(crowded), step)):
            columns = distances_to_copies(sites.fract[rows], group, sites.orthogonal)
            nearest = np.sort(np.stack(list(columns), axis=1), axis=1)
            for counts, limit in ((self.exact, EXACT_A), (self.rounded, ROUNDED_A), (self.close, ONE_PLACE_A)):
                counts[rows] = (nearest < limit).sum(axis=1)
            for possible, orders in zip(self.possible, wanted, strict=True):
                possible[rows] = _possible(nearest, orders[rows])


def _whole_orders(orders: FloatArray, count: int, operators: int) -> Integers:
    """Return orders that are whole numbers up to that of the group, and 0 for others."""
    if not len(orders):
        return np.zeros(count, np.int64)
    whole = np.isfinite(orders) & (orders >= 1) & (orders <= operators) & (np.abs(orders - np.rint(orders)) < 1e-6)
    found: Integers = np.where(whole, np.nan_to_num(orders, posinf=0.0, neginf=0.0), 0).astype(np.int64)
    return found


def _possible(nearest: FloatArray, orders: Integers) -> Integers:
    """Return orders for which that many copies are apart from all others, 0 for others; distances are sorted."""
    rows, wanted, operators = np.arange(len(nearest)), np.maximum(orders, 1), nearest.shape[1]
    inside = nearest[rows, wanted - 1] < STATED_A
    beyond = np.where(wanted < operators, nearest[rows, np.minimum(wanted, operators - 1)], np.inf)
    found: Integers = np.where(inside & (beyond > EXACT_A), orders, 0)
    return found


def _without_copies(sites: Sites, shares: FloatArray, group: Group) -> tuple[FloatArray, int, int]:
    """Return shares of 0 for atoms that copy earlier ones, their number, and that of atoms in other crowded places."""
    pairs = close_pairs(sites.fract, group, sites.orthogonal)
    if pairs is None:
        return shares, 0, 0

    def crowded() -> Integers:
        totals = np.bincount(pairs.here, shares[pairs.there], len(shares))
        return np.flatnonzero((totals > FULL) & (shares > 0))

    suspects = np.isin(pairs.here, crowded()) & pairs.is_copy & (pairs.there < pairs.here)
    suspects &= sites.elements[pairs.there] == sites.elements[pairs.here]
    shares = shares.copy()
    copies = np.unique(pairs.here[suspects])
    shares[copies] = 0.0
    return shares, len(copies), len(crowded())
