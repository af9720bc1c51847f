"""Reflections from CIF files, read by gemmi: structure-factor mmCIF and small-molecule CIF."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import read_text
from .named_files import reason
from .reflections import (
    Choice,
    Column,
    Kind,
    Reflections,
    Unmerged,
    as_amplitudes,
    cell_or_none,
    checked_indices,
    choose_column,
)
from .shelx import LABEL, parse_shelx

KINDS: dict[str, Kind] = {
    "F_meas": "F", "F_meas_au": "F", "F_calc": "F", "F_calc_au": "F", "pdbx_FC_calc": "F",
    "F_squared_meas": "J", "F_squared_calc": "J", "intensity_meas": "J", "intensity_calc": "J",
    "pdbx_F_plus": "G", "pdbx_F_minus": "G", "pdbx_I_plus": "K", "pdbx_I_minus": "K",
    "pdbx_F_calc_with_solvent": "F", "pdbx_F_calc_part_solvent": "F",
}  # fmt: skip
SHELX_LIST = ("_shelx_hkl_file", "_iucr_refine_reflections_details")


def read_cif_document(path: StrPath) -> Any:
    """Return a CIF file as a gemmi Document; raise `FormatError` if it is not a valid CIF or has no data block."""
    import gemmi

    text = read_text(path)
    try:
        document = gemmi.cif.read_string(text)
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise FormatError(f"{path} is not a valid CIF ({reason(path, error)}); correct it") from None
    if len(document) == 0:
        raise FormatError(f"{path} is a CIF without a data block; fetch it again")
    return document


def holds_reflections(document: Any) -> bool:
    """Return whether a CIF lists reflections."""
    return _reflection_block(document) is not None


def read_cif(path: StrPath, column: str | None = None) -> Reflections | Unmerged:
    """Read amplitudes, or the square roots of intensities, from a CIF file.

    The file is a structure-factor mmCIF (`_refln.`), or a small-molecule CIF with a `_refln_` loop or an embedded
    SHELXL list (`_shelx_hkl_file`, HKLF 4), which is unmerged. The first block with reflections is read. `column` is
    the name of an item without its category, such as F_meas_au or pdbx_F_plus (pdbx_F_minus is then read too); default:
    see `choose_column`.

    Raises `FormatError` if the file is not a valid CIF, lists no merged reflections, or has none of the known items,
    and `ConfigError` if there is no item of that name.
    """
    document = read_cif_document(path)
    block = _reflection_block(document)
    if block is None:
        raise FormatError(f"{path} lists no reflections (_refln); for its atoms use StructureFactors.from_coordinates")
    try:
        cell, symbol = _cell_and_group(block)
    except (RuntimeError, ValueError, UnicodeError) as error:
        raise FormatError(f"{path}: its cell or symmetry is not valid ({reason(path, error)}); correct it") from None
    if _loop_start(block) is None:
        return _embedded_list(path, block, column)._replace(cell=cell, space_group=symbol)
    indices, values, choice = _loop_columns(path, block, column)
    amplitudes = [None if each is None else as_amplitudes(path, choice.label, choice.kind, each) for each in values]
    assert amplitudes[0] is not None
    return Reflections(checked_indices(path, indices), amplitudes[0], amplitudes[1], cell, symbol, choice.note)


Columns = tuple[npt.NDArray[np.int64], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None], Choice]


def _loop_start(block: Any) -> str | None:
    return next((start for start in ("_refln.", "_refln_") if block.find_loop(f"{start}index_h")), None)


def _reflection_block(document: Any) -> Any:
    for block in document:
        if _loop_start(block) is not None or any(block.find_value(name) for name in SHELX_LIST):
            return block
    return None


def _cell_and_group(block: Any) -> tuple[Any, str]:
    import gemmi

    if _loop_start(block) == "_refln.":
        blocks = gemmi.as_refln_blocks(_copy(block))
        refln = blocks[0]
        group = refln.spacegroup
        named = block.find_value("_symmetry.space_group_name_H-M") or ""
        return cell_or_none(refln.cell.parameters), group.xhm() if group is not None else gemmi.cif.as_string(named)
    small = gemmi.make_small_structure_from_block(block)
    group = small.spacegroup
    return cell_or_none(small.cell.parameters), group.xhm() if group is not None else small.spacegroup_hm


def _copy(block: Any) -> Any:
    """Return a document with a copy of one block, because `as_refln_blocks` empties the document it is given."""
    import gemmi

    document = gemmi.cif.Document()
    document.add_copied_block(block)
    return document


def _loop_columns(path: StrPath, block: Any, column: str | None) -> Columns:
    start = _loop_start(block)
    loop = block.find_loop(f"{start}index_h").get_loop()
    tags = [tag[len(start or "") :] for tag in loop.tags]
    choice = choose_column(path, [Column(tag, KINDS.get(tag)) for tag in tags if not tag.startswith("index_")], column)
    indices = np.column_stack([_numbers(path, block, f"{start}index_{axis}") for axis in "hkl"])
    if not (np.isfinite(indices).all() and (indices == np.rint(indices)).all() and (np.abs(indices) < 2**40).all()):
        raise FormatError(f"{path}: an index h, k, l is not an integer; correct it")
    first = _numbers(path, block, f"{start}{choice.label}")
    mate = None if choice.mate is None else _numbers(path, block, f"{start}{choice.mate}")
    return indices.astype(np.int64), (first, mate), choice


def _numbers(path: StrPath, block: Any, tag: str) -> npt.NDArray[np.float64]:
    """Return a column as numbers without standard uncertainties; NaN where a value is missing."""
    import gemmi

    found = block.find_loop(tag)
    if not found:
        raise FormatError(f"{path}: its loop has no {tag}; add it")
    return np.array([gemmi.cif.as_number(text) for text in found], dtype=np.float64)


def _embedded_list(path: StrPath, block: Any, column: str | None) -> Unmerged:
    import gemmi

    choice = choose_column(path, [Column(LABEL, "J")], column)
    text = next(value for name in SHELX_LIST if (value := block.find_value(name)))
    return parse_shelx(path, gemmi.cif.as_string(text))._replace(note=choice.note)
