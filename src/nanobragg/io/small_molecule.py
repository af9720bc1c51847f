"""Atoms of small-molecule CIF files (CIF core dictionary): coordinates, displacements, occupancies, elements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import FormatError
from .cif_values import first_value, number_of, text_of
from .elements import Found, from_label, from_type_symbol

if TYPE_CHECKING:
    import numpy.typing as npt

    from .atomic import StrPath

B_PER_U = 8.0 * np.pi**2
ITEMS = (
    "label", "type_symbol", "calc_flag", "fract_x", "fract_y", "fract_z", "occupancy", "U_iso_or_equiv",
    "U_equiv_geom_mean", "B_iso_or_equiv", "B_equiv_geom_mean", "site_symmetry_multiplicity", "symmetry_multiplicity",
    "site_symmetry_order",
)  # fmt: skip
PAIRS = ("11", "22", "33", "12", "13", "23")
LENGTHS = ("length_a", "length_b", "length_c")
ANGLES = ("angle_alpha", "angle_beta", "angle_gamma")


class Site(NamedTuple):
    """A site of the list: NaN where the file states no number.

    Attributes
    ----------
    label
        Its label.
    found
        Its element and charge.
    fract
        Fractional coordinates.
    occupancy, u_iso
        Occupancy and isotropic U (Å²).
    u_cif
        U11, U22, U33, U12, U13, U23 (Å²) with respect to a*, b*, c*; None if the file has none.
    multiplicity, order
        Stated multiplicity of the site and order of its site symmetry.
    """

    label: str
    found: Found
    fract: tuple[float, float, float]
    occupancy: float
    u_iso: float
    u_cif: npt.NDArray[np.float64] | None
    multiplicity: float
    order: float


class SiteList(NamedTuple):
    """The sites of a block, and how many rows were left out: dummy sites, vacancies, sites without coordinates."""

    sites: list[Site]
    dummies: int
    vacancies: int
    unplaced: int


def names(item: str) -> tuple[str, str]:
    """Return the tag of an item of the category atom_site in the two spellings of the dictionaries."""
    return f"_atom_site_{item}", f"_atom_site.{item}"


def cell_of_block(block: Any) -> tuple[list[float], int]:
    """Return a b c (Å) α β γ (degrees), NaN where a length is missing, and how many angles are missing and taken as 90.

    90 degrees is the default of the dictionary.
    """
    lengths, angles = (
        [number_of(first_value(block, (f"_cell_{item}", f"_cell.{item}"))) for item in items]
        for items in (LENGTHS, ANGLES)
    )
    missing = [not np.isfinite(angle) for angle in angles]
    return lengths + [90.0 if none else angle for none, angle in zip(missing, angles, strict=True)], sum(missing)


def read_sites(path: StrPath, block: Any, star: Sequence[float]) -> SiteList:
    """Return the sites of a block; `star` are a*, b*, c* (Å⁻¹), which β_ij need."""
    table = _Table(path, block)
    formula = frozenset(
        symbol.upper() for symbol in re.findall(r"[A-Z][a-z]?", first_value(block, ("_chemical_formula_sum",)))
    )
    tensors = _tensors(block, np.asarray(star))
    sites, dummies, vacancies, unplaced = [], 0, 0, 0
    for row in range(table.rows):
        label, symbol = table.text(row, "label"), table.text(row, "type_symbol")
        found = from_type_symbol(symbol) if symbol else from_label(label, formula)
        fract = tuple(table.number(row, f"fract_{axis}") for axis in "xyz")
        if table.text(row, "calc_flag").lower() == "dum":
            dummies += 1
        elif not found.element:
            vacancies += 1
        elif not np.isfinite(fract).all() and not all(table.text(row, f"fract_{axis}") for axis in "xyz"):
            unplaced += 1
        else:
            sites.append(
                Site(
                    label, found, (fract[0], fract[1], fract[2]), table.number(row, "occupancy"), table.u_iso(row),
                    tensors.get(label), table.first(row, "site_symmetry_multiplicity", "symmetry_multiplicity"),
                    table.number(row, "site_symmetry_order"),
                )
            )  # fmt: skip
    return SiteList(sites, dummies, vacancies, unplaced)


class _Table:
    """The columns of the loop atom_site."""

    def __init__(self, path: StrPath, block: Any) -> None:
        self._columns: dict[str, list[str]] = {}
        for item in ITEMS:
            column = next((found for name in names(item) if (found := block.find_values(name))), None)
            if column is not None:
                self._columns[item] = [text_of(value) for value in column]
        self.rows = len(self._columns.get("fract_x", []))
        for item, values in self._columns.items():
            if len(values) != self.rows:
                raise FormatError(
                    f"{path}: {names(item)[0]} has {len(values)} values for {self.rows} atoms; correct it"
                )
        for axis in "yz":
            if f"fract_{axis}" not in self._columns:
                raise FormatError(f"{path}: has no _atom_site_fract_{axis}; add it")

    def text(self, row: int, item: str) -> str:
        return self._columns[item][row] if item in self._columns else ""

    def number(self, row: int, item: str) -> float:
        return number_of(self.text(row, item))

    def first(self, row: int, *items: str) -> float:
        """Return the first of several items that is a number; NaN if there is none."""
        return next((value for item in items if np.isfinite(value := self.number(row, item))), np.nan)

    def u_iso(self, row: int) -> float:
        """Return the isotropic or equivalent U (Å²) from U or B; NaN if there is none."""
        u = self.first(row, "U_iso_or_equiv", "U_equiv_geom_mean")
        return u if np.isfinite(u) else self.first(row, "B_iso_or_equiv", "B_equiv_geom_mean") / B_PER_U


def _tensors(block: Any, star: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Return by label U11, U22, U33, U12, U13, U23 (Å²) from U_ij, B_ij = 8π² U_ij, or β_ij = 2π² a*_i a*_j U_ij."""
    a, b, c = star
    beta = 2 * np.pi**2 * np.array([a * a, b * b, c * c, a * b, a * c, b * c])
    found: dict[str, npt.NDArray[np.float64]] = {}
    for name, divisor in (("U", np.ones(6)), ("B", np.full(6, B_PER_U)), ("beta", beta)):
        for form in ("_atom_site_aniso_", "_atom_site_aniso."):
            labels = block.find_values(f"{form}label")
            columns = [block.find_values(f"{form}{name}_{pair}") for pair in PAIRS]
            if not labels or any(len(column) != len(labels) for column in columns):
                continue
            for row, label in enumerate(labels):
                values = np.array([number_of(text_of(column[row])) for column in columns])
                if np.isfinite(values).all():
                    found.setdefault(text_of(label), values / divisor)
    return found
