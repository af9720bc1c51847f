"""The coherent blocks of a crystal: their unit cells, and the number of them in the beam (docs/theory.md, Size)."""

import math
from typing import NamedTuple

from .._functions import block_of
from ..bounds import check_bound
from ..config.beam import Beam
from ..config.crystal import Crystal, Lattice
from ..geometry import dot


class Blocks(NamedTuple):
    """Blocks of a crystal.

    Attributes
    ----------
    n_cells
        Unit cells of one block along a, b, c.
    number
        Number of blocks in the beam.
    cells
        Unit cells of one block in all.
    """

    n_cells: tuple[float, float, float]
    number: float
    cells: float


def resolve_blocks(crystal: Crystal, beam: Beam, lattice: Lattice, *, like_c: bool) -> Blocks:
    """Return the blocks of a crystal in a beam, which clips the crystal along b and c.

    Along an axis with a size, the crystal is a row of blocks, or a single one if `n_cells` is 1 or `block_um` is not
    smaller. With `like_c` it is a single one whatever `n_cells` is.
    """
    axes = [math.sqrt(dot(vector, vector)) for vector in lattice.direct * 1e-10]
    width = math.inf if beam.size_mm is None else beam.size_mm / 1000.0
    along, *across = (size / 1000.0 for size in crystal.size_mm)
    cells: list[float] = []
    number = 1.0 if crystal.blocks is None else crystal.blocks
    block = None if crystal.block_um is None else crystal.block_um * 1e-6
    for axis, size, n in zip(axes, [along, *(min(size, width) for size in across)], crystal.n_cells, strict=True):
        one_block = size > 0 and (like_c or (n == 1 if block is None else block >= size))
        if block is not None:
            n = max(1, round(block / axis))
        cells.append(max(1, math.ceil(size / axis)) if one_block else n)
        number *= 1.0 if one_block or size == 0 else size / (n * axis)
    in_block, _ = block_of((*cells, *crystal.n_cells_off))
    if crystal.volume_mm3 is not None:
        edge = _edge_mm(crystal.volume_mm3) / 1000.0
        number = edge * min(edge, width) ** 2 / (in_block * lattice.volume * 1e-30)
    number *= crystal.fraction
    check_bound("number of blocks in the beam", number, field="Crystal.blocks")
    return Blocks((cells[0], cells[1], cells[2]), number, in_block)


def _edge_mm(volume_mm3: float) -> float:
    """Return the edge of the cube that a volume counts as."""
    return float(volume_mm3 ** (1 / 3))


def clippings(crystal: Crystal, beam_mm: float | None) -> list[str]:
    """Return a message about each size that the beam clips."""
    if beam_mm is None:
        return []
    clipped = f"is larger than the beam and clipped to its {beam_mm:g} mm"
    found = [f"Crystal.size_mm[{axis}] = {crystal.size_mm[axis]:g} {clipped}" for axis in (1, 2)
             if crystal.size_mm[axis] > beam_mm]  # fmt: skip
    if crystal.volume_mm3 is not None and _edge_mm(crystal.volume_mm3) > beam_mm:
        edge = _edge_mm(crystal.volume_mm3)
        found.append(f"Crystal.volume_mm3 = {crystal.volume_mm3:g}: a cube of {edge:g} mm {clipped}")
    return found
