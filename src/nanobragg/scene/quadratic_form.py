"""Quadratic forms of an offset (Δh, Δk, Δl) as the kernel has them: hh kk ll, 2kl 2hl 2hk."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .._functions import shape_metric
from ..config.crystal import Crystal, Lattice
from ..geometry import FloatArray, dot

PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def matrix_of(form: FloatArray) -> FloatArray:
    """Return the symmetric matrix of a quadratic form."""
    hh, kk, ll, kl, hl, hk = form
    return np.array([[hh, hk / 2, hl / 2], [hk / 2, kk, kl / 2], [hl / 2, kl / 2, ll]])


def form_of(matrix: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Return the quadratic form of a symmetric matrix."""
    return six_of(matrix) * (1, 1, 1, 2, 2, 2)


def six_of(matrix: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Return the elements of a symmetric matrix: hh kk ll, kl hl hk."""
    return np.array([matrix[i, j] for i, j in PAIRS])


def radius_metric(
    crystal: Crystal, n_cells: tuple[float, float, float], lattice: Lattice, *, like_c: bool
) -> FloatArray:
    """Return a shape's squared radius as a quadratic form.

    `like_c`: of `gauss` and `tophat` as the C program has it (docs/quirks.md, row 7).
    """
    n, reciprocal = np.array((*n_cells, *crystal.n_cells_off), float), lattice.reciprocal
    if like_c and crystal.shape in ("gauss", "tophat"):
        a, b, c = reciprocal
        products = [dot(a, a), dot(b, b), dot(c, c), 2 * dot(b, c), 2 * dot(a, c), 2 * dot(a, b)]
        return np.asarray(np.array(products) * (crystal.fudge * (n[0] * n[1] * n[2]) ** 2))
    return shape_metric(crystal.shape, n, crystal.fudge, np.ascontiguousarray(reciprocal))
