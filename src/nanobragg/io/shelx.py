"""SHELX lists of reflections (HKLF 4): fixed columns h k l (3I4), F² and σ (2F8), batch (I4), ended by 0 0 0.

Such a list is unmerged by convention, alone and where SHELXL embeds it in a CIF.
Source: https://shelx.uni-goettingen.de/shelxl_html.php, instruction HKLF.
"""

import numpy as np

from ..errors import FormatError
from .atomic import StrPath
from .file_symmetry import FileSymmetry
from .hkl_kinds import describe_other_list, is_shelx_line
from .input_file import read_text
from .named_files import quote
from .reflections import Unmerged, checked_indices

LABEL = "_shelx_hkl_file"  # the name of an embedded list


def read_shelx(path: StrPath) -> Unmerged:
    """Read a file of HKLF 4; raise `FormatError` if it is not one, or lists the overlaps of a twin (HKLF 5)."""
    text = read_text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not is_shelx_line(first):
        kind = describe_other_list(text)
        told = f"the file {kind}" if kind else "expected h k l (3I4), F² and σ (2F8)"
        raise FormatError(f"{path}: {quote(path, first[:60])} is not a line of SHELX's HKLF 4; {told}")
    return parse_shelx(path, text)


def parse_shelx(path: StrPath, text: str) -> Unmerged:
    """Return the measurements of a list up to the line 0 0 0, the end, or whatever follows the reflections."""
    rows: list[tuple[float, ...]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            row = int(line[:4]), int(line[4:8]), int(line[8:12]), float(line[12:20]), float(line[20:28] or 0)
        except ValueError:
            if rows:
                break  # instructions or checksums after the list
            raise FormatError(f"{path}: {quote(path, line[:40])} in {LABEL} is not 'h k l F² σ' (3I4, 2F8)") from None
        if row[:3] == (0, 0, 0):
            break
        if line[28:32].strip().startswith("-"):
            raise FormatError(
                f"{path}: {quote(path, line[:40])} overlaps with the next reflection of a twin (HKLF 5); give a list "
                "of HKLF 4"
            )
        rows.append(row)
    if not rows:
        raise FormatError(f"{path}: {LABEL} lists no reflections")
    table = np.array(rows, dtype=np.float64)
    if not np.isfinite(table).all():
        raise FormatError(f"{path}: {LABEL} holds a number that is not finite; correct it")
    indices = checked_indices(path, table[:, :3].astype(np.int64))
    return Unmerged(indices, table[:, 3], table[:, 4], None, FileSymmetry(), LABEL, "F² of SHELX (HKLF 4)")
