"""MOSFLM orientation matrix files: rows x y z, columns a* b* c*, multiplied by the wavelength."""

from __future__ import annotations

import math
import re

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..errors import FormatError
from .atomic import StrPath
from .input_file import NUMBER, open_input
from .named_files import quote

READ_LIMIT = 65536
# MOSFLM writes fixed columns, so two numbers may be separated by a sign only
NEXT_NUMBER = re.compile(rf"\s*({NUMBER})", re.ASCII)


@public
def read_matrix(path: StrPath) -> npt.NDArray[np.float64]:
    """Return an orientation matrix as stored: rows x y z, columns a* b* c*, in units of 1/wavelength.

    Anything after them (cell, missetting angles) is ignored. Raises `FormatError`, which names the line, if the file
    does not start with nine finite numbers.
    """
    with open_input(path) as handle:
        text = handle.read(READ_LIMIT).decode("latin-1")
    numbers: list[float] = []
    position = 0
    while len(numbers) < 9:
        found = NEXT_NUMBER.match(text, position)
        if found is None or not math.isfinite(float(found.group(1))):
            raise FormatError(_message(path, text, position, len(numbers)))
        numbers.append(float(found.group(1)))
        position = found.end()
    return np.array(numbers).reshape(3, 3)


def _message(path: StrPath, text: str, position: int, count: int) -> str:
    rest = text[position:].lstrip()
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    found = quote(path, rest.split()[0][:40]) if rest else "the end of the file"
    return (
        f"{path}, line {line}: found {found} in place of number {count + 1} of 9; "
        "expected three lines x y z of the columns a* b* c*"
    )
