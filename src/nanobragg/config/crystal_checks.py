"""Checks of a Crystal's blocks and domains that concern several fields.

The module of `Crystal` imports this one, so that arguments are not annotated with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._functions import block_of
from ..errors import ConfigError
from .twin_law import law_matrix

MOST_SMEARED = {"mosaic_spread_deg": 1.0, "strain_percent": 1.0}  # beyond, the closed form is not accurate


def check_block(crystal: Any) -> None:
    """Raise `ConfigError` unless a general Gaussian block is one."""
    if not any(crystal.n_cells_off):
        return
    if crystal.shape != "gauss":
        raise ConfigError(
            f"Crystal.n_cells_off = {crystal.n_cells_off}: is for the general Gaussian block; give shape='gauss'"
        )
    if crystal.block_um is not None or any(crystal.size_mm):
        field = "block_um" if crystal.block_um is not None else "size_mm"
        raise ConfigError(
            f"Crystal.n_cells_off = {crystal.n_cells_off}: needs n_cells, not {field}; give blocks or volume_mm3 for "
            "the size of the crystal"
        )
    matrix = cells_matrix((*crystal.n_cells, *crystal.n_cells_off))
    if not np.linalg.eigvalsh(matrix).min() > 1e-6 * block_of((*crystal.n_cells, *crystal.n_cells_off))[0] ** (1 / 3):
        raise ConfigError(
            f"Crystal.n_cells_off = {crystal.n_cells_off}: with n_cells = {crystal.n_cells} the matrix of cells is not "
            "positive definite; reduce the off-diagonal numbers"
        )


def cells_matrix(n: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Return the symmetric matrix N of six numbers of cells: aa, bb, cc, ab, bc, ac."""
    a, b, c, d, e, f = n
    return np.array([[a, d, f], [d, b, e], [f, e, c]], np.float64)


def check_domains(crystal: Any) -> None:
    """Raise `ConfigError` for a spread, a list of domains or a strain that is not valid."""
    spread = crystal.mosaic_spread_deg
    if spread is not None and np.min(spread) < 0:
        shown = spread if isinstance(spread, tuple) else f"{spread:g}"
        raise ConfigError(f"Crystal.mosaic_spread_deg = {shown}: must not be negative")
    if isinstance(spread, tuple) and crystal.mosaic_model != "gaussian":
        raise ConfigError(
            f"Crystal.mosaic_model = {crystal.mosaic_model!r}: three spreads are standard deviations; "
            "give mosaic_model='gaussian'"
        )
    if np.min(crystal.strain_percent) < 0:
        raise ConfigError(f"Crystal.strain_percent = {crystal.strain_percent}: must not be negative")
    if crystal.is_smeared:
        _check_smeared(crystal)
    rotations, weights = crystal.mosaic_rotations_deg, crystal.mosaic_weights
    if rotations is None:
        if weights is not None:
            raise ConfigError("Crystal.mosaic_weights: belong to mosaic_rotations_deg; give these too")
        return
    for name in ("mosaic_spread_deg", "mosaic_domains"):
        if getattr(crystal, name) is not None:
            raise ConfigError(f"Crystal.mosaic_rotations_deg and Crystal.{name}: give one of them")
    if len(rotations) == 0 or rotations.shape[1] != 3:
        raise ConfigError(
            f"Crystal.mosaic_rotations_deg: has the shape {rotations.shape}; give three numbers for each domain"
        )
    if weights is None:
        return
    if len(weights) != len(rotations):
        raise ConfigError(f"Crystal.mosaic_weights: {len(weights)} weights for {len(rotations)} domains; give one each")
    if not (weights >= 0).all() or not weights.any():
        raise ConfigError("Crystal.mosaic_weights: must not be negative, nor all zero")


def _check_smeared(crystal: Any) -> None:
    """Raise `ConfigError` for a crystal whose sum over domains has no closed form."""
    where = 'Crystal.mosaic_sampling = "analytic"'
    if crystal.shape not in ("gauss", "gauss_star"):
        raise ConfigError(f"Crystal.shape = {crystal.shape!r}: {where} is for Gaussian blocks; give 'gauss' or 'gauss_star'")
    if crystal.fudge == 0:
        raise ConfigError(f"Crystal.fudge = 0: {where} is for blocks with spots; give one above 0")
    spread = crystal.mosaic_spread_deg
    if isinstance(spread, (int, float)) and spread > 0:
        three = f"({spread:g}, {spread:g}, {spread:g})"
        raise ConfigError(
            f"Crystal.mosaic_spread_deg = {spread:g}: {where} takes the standard deviations about three axes; give "
            f"mosaic_spread_deg={three} and mosaic_model='gaussian'"
        )
    for name in ("mosaic_domains", "mosaic_rotations_deg", "mosaic_weights"):
        value = getattr(crystal, name)
        if value is not None:
            shown = f" = {value}" if isinstance(value, int) else ""
            raise ConfigError(f"Crystal.{name}{shown}: {where} has no list of domains; leave it out")
    for name, most in MOST_SMEARED.items():
        if np.max(getattr(crystal, name) or 0.0) > most:
            raise ConfigError(
                f"Crystal.{name} = {getattr(crystal, name)}: {where} holds up to {most:g}; list domains "
                "(mosaic_sampling='balanced')"
            )


def check_twins(crystal: Any) -> None:
    """Raise `ConfigError` for a twin law, or shares of twins, that are not valid."""
    for law in [law for law, _ in crystal.twins] + ([crystal.twin_law] if crystal.twin_law is not None else []):
        law_matrix(law)
    if crystal.twins and crystal.twin_law is not None:
        raise ConfigError("Crystal.twins and Crystal.twin_law: an individual of a twin has no twins; give one of them")
    shares = [share for _, share in crystal.twins]
    if shares and not (min(shares) > 0 and sum(shares) < 1):
        raise ConfigError(f"Crystal.twins: shares {shares} must be positive and add up to less than 1")
