"""The most likely squared amplitudes, of which the photons of every pixel are a linear function."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..derivatives.likelihood import Likelihood
from ..geometry import FloatArray

CONVERGED = 0.02  # of a standard error: the largest step at the minimum
SOLVED, MOST_SOLVING = 1e-3, 40  # relative residual of the linear equations, and iterations on them


def by_newton(
    noise: Likelihood, matrix: Any, data: FloatArray, rest: FloatArray, start: FloatArray, most: int
) -> tuple[FloatArray, int, bool]:
    """Return the squares with the smallest loss, the number of iterations, and whether they converged.

    Newton steps with the Fisher matrix, solved by conjugate gradients; the first step takes the data for the variance.
    """
    from scipy.sparse import linalg

    squares, loss = start, np.inf
    for iteration in range(most):
        terms = noise.terms(data, matrix @ squares + rest)
        weight = terms.weight if iteration else 1.0 / noise.variance(np.maximum(data, 1.0))
        slope = terms.slope if iteration else weight * (matrix @ squares + rest - data)
        gradient, diagonal = matrix.T @ slope, fisher_diagonal(matrix, weight)
        free = (squares > 0) | (gradient < 0)

        def curved(v: FloatArray, weight: FloatArray = weight, free: npt.NDArray[np.bool_] = free) -> FloatArray:
            return np.where(free, matrix.T @ (weight * (matrix @ np.where(free, v, 0.0))), v)

        shape = (len(start), len(start))
        inverse = linalg.LinearOperator(shape, matvec=lambda v, d=diagonal, free=free: np.where(free, v / d, v))
        operator = linalg.LinearOperator(shape, matvec=curved, dtype=np.float64)
        step, _ = linalg.cg(operator, np.where(free, -gradient, 0.0), rtol=SOLVED, maxiter=MOST_SOLVING, M=inverse)
        if iteration and np.abs(step * np.sqrt(diagonal)).max() < CONVERGED:
            return squares, iteration, True
        squares, loss = _accepted(noise, matrix, data, rest, squares, step, loss if iteration > 1 else np.inf)
    return squares, most, False


def by_scipy(
    noise: Likelihood, matrix: Any, data: FloatArray, rest: FloatArray, start: FloatArray, most: int
) -> tuple[FloatArray, int, bool]:
    """As `by_newton`, by the method of Byrd, Lu, Nocedal and Zhu, over the squares in their standard errors."""
    from scipy.optimize import minimize

    scale = 1.0 / np.sqrt(fisher_diagonal(matrix, 1.0 / noise.variance(np.maximum(data, 1.0))))

    def loss(scaled: FloatArray) -> tuple[float, FloatArray]:
        terms = noise.terms(data, matrix @ (scaled * scale) + rest)
        return float(terms.loss.sum()), (matrix.T @ terms.slope) * scale

    found = minimize(
        loss, start / scale, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start),
        options={"maxiter": most, "ftol": 1e-12, "gtol": CONVERGED},
    )  # fmt: skip
    return np.asarray(found.x * scale), int(found.nit), bool(found.success)


def _accepted(
    noise: Likelihood,
    matrix: Any,
    data: FloatArray,
    rest: FloatArray,
    squares: FloatArray,
    step: FloatArray,
    before: float,
) -> tuple[FloatArray, float]:
    """Return the squares after a step, halved until the loss falls, and their loss."""
    for part in (1.0, 0.5, 0.25, 0.125):
        trial = np.maximum(squares + part * step, 0.0)
        loss = float(noise.terms(data, matrix @ trial + rest).loss.sum())
        if loss < before:
            return trial, loss
    return squares, before


def fisher_diagonal(matrix: Any, weights: FloatArray) -> FloatArray:
    """Return the diagonal of the Fisher matrix MᵀWM."""
    return np.asarray(matrix.multiply(matrix).T @ weights)


MINIMISERS = {"newton": by_newton, "l-bfgs-b": by_scipy}
