"""MOSFLM orientation matrix files: nine numbers, rows x y z, columns a* b* c*, times wavelength."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath
from .input_file import NUMBER, open_input

READ_LIMIT = 65536
# MOSFLM writes fixed columns, so a sign may be all that separates two numbers
NEXT_NUMBER = re.compile(rf"\s*({NUMBER})", re.ASCII)


def read_matrix(path: StrPath) -> npt.NDArray[np.float64]:
    """Read the orientation matrix as it stands in the file; no wavelength is applied.

    Parameters
    ----------
    path : path
        Nine numbers; whatever follows (cell, missetting angles) is ignored.

    Returns
    -------
    (3, 3) float64
        Rows x y z, columns a* b* c*, in units of 1/wavelength.

    Raises
    ------
    FormatError
        There are fewer than nine finite numbers; tells the line.
    FileError
        The file cannot be read.
    """
    with open_input(path) as handle:
        text = handle.read(READ_LIMIT).decode("latin-1")
    numbers: list[float] = []
    position = 0
    while len(numbers) < 9:
        found = NEXT_NUMBER.match(text, position)
        if found is None or not math.isfinite(float(found.group(1))):
            raise FormatError(_complaint(path, text, position, len(numbers)))
        numbers.append(float(found.group(1)))
        position = found.end()
    return np.array(numbers).reshape(3, 3)


def _complaint(path: StrPath, text: str, position: int, count: int) -> str:
    rest = text[position:].lstrip()
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    there = repr(rest.split()[0][:40]) if rest else "the end of the file"
    return (
        f"{path}, line {line}: {there} where number {count + 1} of 9 should be; "
        "expected three lines x y z of the columns a* b* c*"
    )
