"""Reflections from CIF files, read by gemmi: structure-factor mmCIF and small-molecule CIF."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .cif_blocks import choose_block, read_cif_document, values_elsewhere
from .cif_values import text_of
from .doubts import Doubts
from .file_symmetry import cif_symmetry
from .reflections import (
    Column,
    Kind,
    Reflections,
    Unmerged,
    as_amplitudes,
    cell_or_none,
    checked_indices,
    choose_column,
    choose_phases,
    constant,
    fill_from_mean,
    with_phases,
)
from .shelx import LABEL, parse_shelx
from .small_molecule import cell_of_block

KINDS: dict[str, Kind] = {
    "F_meas": "F", "F_meas_au": "F", "F_calc": "F", "F_calc_au": "F", "pdbx_FC_calc": "F",
    "F_squared_meas": "J", "F_squared_calc": "J", "intensity_meas": "J", "intensity_calc": "J",
    "pdbx_F_plus": "G", "pdbx_F_minus": "G", "pdbx_I_plus": "K", "pdbx_I_minus": "K",
    "pdbx_F_calc_with_solvent": "F", "pdbx_F_calc_part_solvent": "F",
}  # fmt: skip
PHASES = ("phase_calc", "phase_meas", "pdbx_PHWT", "pdbx_DELPHWT")  # the first is preferred
CELL_TAGS = ("_cell_length_a", "_cell.length_a")
LEFT_OUT = ("x", "-")  # values of a reflection's status
SHELX_LIST = ("_shelx_hkl_file", "_iucr_refine_reflections_details")


def holds_reflections(path: StrPath) -> bool:
    """Return whether a CIF lists reflections."""
    return any(_has_reflections(block) for block in read_cif_document(path))


def read_cif(
    path: StrPath,
    column: str | None = None,
    block: str | None = None,
    phased: bool = False,
    phase_column: str | None = None,
) -> Reflections | Unmerged:
    """Read amplitudes, or the square roots of intensities, from a CIF file.

    The file is a structure-factor mmCIF (`_refln.`), or a small-molecule CIF with a `_refln_` loop or an embedded
    SHELXL list (`_shelx_hkl_file`, HKLF 4), which is unmerged. `column` is the name of an item without its category,
    such as F_meas_au or pdbx_F_plus (pdbx_F_minus is then read too); default: see `choose_column`. `block` is the name
    of a data block; default: the first with reflections, with a warning if there are several. Rows that are marked as
    absent or unreliable, or belong to another wavelength or crystal than the first row, are left out with a warning.
    `phased` asks for phases too (see `choose_phases`).

    Raises `FormatError` if the file is not a valid CIF, lists no merged reflections, or has none of the known items,
    and `ConfigError` if there is no item or block of that name.
    """
    document = read_cif_document(path)
    chosen, told = choose_block(path, document, _has_reflections, block, "reflections")
    if chosen is None:
        raise FormatError(f"{path} lists no reflections (_refln); for its atoms use StructureFactors.from_coordinates")
    doubts = Doubts(path)
    numbers, angles = cell_of_block(values_elsewhere(path, document, chosen, CELL_TAGS, "cell"))
    cell = cell_or_none(numbers)
    doubts.add(angles if cell else 0, "angles of the cell are missing; 90 degrees are used")
    symmetry = cif_symmetry(path, values_elsewhere(path, document, chosen, None, "symmetry"))
    if _loop_start(chosen) is None:
        if phased:
            choose_phases(path, [], LABEL, phase_column)
        found = _embedded_list(path, chosen, column)
        return found._replace(cell=cell, symmetry=symmetry, note=_joined(told, found.note))
    table = _Rows(path, chosen, doubts)
    choice = choose_column(path, table.columns(), column)
    values = table.amplitudes(choice.label, choice.kind)
    mates = None if choice.mate is None else table.amplitudes(choice.mate, choice.kind)
    note = _joined(told, choice.note)
    if choice.mean is not None and mates is not None:
        mean = table.amplitudes(*choice.mean)
        values, count = fill_from_mean(values, mates, mean)
        note += f", and {count} reflections from {choice.mean[0]}" if count else ""
    doubts.warn()
    reflections = Reflections(table.indices, values, mates, cell, symmetry, note)
    if not phased:
        return reflections
    known = table.phases()
    phases = choose_phases(path, known, choice.label, phase_column or next(iter(known), None))
    return with_phases(path, reflections, phases, table.numbers(phases))


def _joined(*parts: str) -> str:
    return ": ".join(filter(None, parts))


def _loop_start(block: Any) -> str | None:
    return next((start for start in ("_refln.", "_refln_") if block.find_loop(f"{start}index_h")), None)


def _has_reflections(block: Any) -> bool:
    return _loop_start(block) is not None or any(block.find_value(name) for name in SHELX_LIST)


class _Rows:
    """The rows of a loop of reflections that count."""

    def __init__(self, path: StrPath, block: Any, doubts: Doubts) -> None:
        self._path, self._start = path, _loop_start(block) or ""
        loop = block.find_loop(f"{self._start}index_h").get_loop()
        self._tags = [tag[len(self._start) :] for tag in loop.tags]
        self._values = loop.values
        self._kept = self._choose_rows(loop.length(), doubts)
        indices = np.column_stack([self.numbers(f"index_{axis}") for axis in "hkl"])
        if not (np.isfinite(indices).all() and (indices == np.rint(indices)).all() and (np.abs(indices) < 2**40).all()):
            raise FormatError(f"{path}: an index h, k, l is not an integer; correct it")
        self.indices = checked_indices(path, indices)

    def columns(self) -> list[Column]:
        """Return the columns other than the indices."""
        return [self._column(tag) for tag in self._tags if not tag.startswith("index_")]

    def phases(self) -> list[str]:
        """Return the columns of phases."""
        return [tag for tag in PHASES if tag in self._tags]

    def amplitudes(self, tag: str, kind: Kind) -> npt.NDArray[np.float64]:
        """Return the amplitudes of a column in the rows that count."""
        return as_amplitudes(self._path, tag, kind, self.numbers(tag))

    def _column(self, tag: str) -> Column:
        kind = KINDS.get(tag)
        is_constant = kind is not None and constant(self.numbers(tag))
        return Column(tag, kind, has_sigma=any(name in self._tags for name in _sigmas(tag)), is_dummy=is_constant)

    def _choose_rows(self, count: int, doubts: Doubts) -> npt.NDArray[np.bool_]:
        kept = np.ones(count, dtype=bool)
        for item in ("status", "observed_status", "include_status"):
            if item in self._tags:
                kept &= ~np.isin(self._texts(item), LEFT_OUT)
        doubts.add(int((~kept).sum()), "reflections are left out: their status is x (unreliable) or - (absent)")
        for item in ("wavelength_id", "crystal_id"):
            if item in self._tags and kept.any():
                values = self._texts(item)
                first = str(values[kept][0])
                others = kept & (values != first)
                doubts.add(int(others.sum()), f"reflections are left out: their {item} is not {first!r}")
                kept &= ~others
        return kept

    def _texts(self, item: str) -> npt.NDArray[np.str_]:
        return np.array([text_of(value) for value in self._column_of(item)], dtype=np.str_)

    def numbers(self, item: str) -> npt.NDArray[np.float64]:
        """Return a column as numbers without standard uncertainties; NaN where a value is missing."""
        import gemmi

        return np.array([gemmi.cif.as_number(text) for text in self._column_of(item)], dtype=np.float64)[self._kept]

    def _column_of(self, item: str) -> list[str]:
        if item not in self._tags:
            raise FormatError(f"{self._path}: its loop has no {self._start}{item}; add it")
        values: list[str] = self._values[self._tags.index(item) :: len(self._tags)]
        return values


def _sigmas(tag: str) -> tuple[str, str]:
    """Return the names of a column's standard uncertainties: F_meas_sigma_au, intensity_sigma, pdbx_F_plus_sigma."""
    return tag.replace("_meas", "_meas_sigma"), f"{tag}_sigma"


def _embedded_list(path: StrPath, block: Any, column: str | None) -> Unmerged:
    import gemmi

    choice = choose_column(path, [Column(LABEL, "J")], column)
    text = next(value for name in SHELX_LIST if (value := block.find_value(name)))
    return parse_shelx(path, gemmi.cif.as_string(text))._replace(note=choice.note)
