"""Twin laws: operations on h, k, l, and the rotations of a lattice that they mean."""

import re
from fractions import Fraction

import numpy as np

from ..errors import ConfigError
from ..geometry import FloatArray, determinant

TERM = re.compile(r"([+-]?)\s*(\d+(?:/\d+|\.\d+)?|\.\d+)?\s*\*?\s*([hkl])\s*(?:/\s*(\d+))?")
LARGEST_OBLIQUITY = 0.1  # strain that a law may imply: the lattice is nearly, not exactly, mapped onto itself


def law_matrix(law: str) -> FloatArray:
    """Return the matrix of a law such as "-h,-k,l" or "k,h,-l" or "h,-k,-h/2-l", which acts on columns h, k, l.

    Raises
    ------
    ConfigError
        The text is not three expressions in h, k, l, or they are linearly dependent.
    """
    parts = law.lower().split(",")
    matrix = np.zeros((3, 3))
    for row, part in zip(matrix, parts if len(parts) == 3 else ("",), strict=False):
        text, end = part.strip(), 0
        for match in TERM.finditer(text):
            if match.start() != end and text[end : match.start()].strip():
                break
            sign, factor, index, divisor = match.groups()
            if end and not sign:
                break
            value = Fraction(factor or 1) / int(divisor or 1) if divisor != "0" else Fraction(0)
            row["hkl".index(index)] += float(-value if sign == "-" else value)
            end = match.end()
        if not text or text[end:].strip():
            matrix[:] = 0.0
            break
    if not 1e-6 < abs(determinant(matrix)) < 1e6:
        raise ConfigError(f"twin law {law!r}: is not valid; give three expressions in h, k, l, as in '-h,-k,l'")
    return matrix


def twin_rotation(law: str, direct: FloatArray) -> FloatArray:
    """Return the rotation (or rotation and inversion) of a lattice, a, b, c as rows, into its twin's orientation.

    The twin's reflection h, k, l lies where the law of h, k, l lies in the lattice itself. A law that maps the lattice
    onto itself only nearly stands for the rotation that is closest to it, as after the polar decomposition.

    Raises
    ------
    ConfigError
        The law is not valid, or strains the lattice by more than a tenth.
    """
    reciprocal = np.linalg.inv(direct)  # columns a*, b*, c*
    moved = reciprocal @ law_matrix(law) @ np.linalg.inv(reciprocal)
    left, _, right = np.linalg.svd(moved)
    rotation = left @ right
    obliquity = float(np.linalg.norm(moved @ rotation.T - np.eye(3), 2))
    if obliquity > LARGEST_OBLIQUITY:
        raise ConfigError(
            f"twin law {law!r}: would strain the lattice by {100 * obliquity:.3g} %; give a law that is nearly a "
            "symmetry of the lattice"
        )
    return np.asarray(rotation)
