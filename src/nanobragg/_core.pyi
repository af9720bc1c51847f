from typing import Any

import numpy as np
import numpy.typing as npt

SHAPES: tuple[str, ...]
LOOKUPS: tuple[str, ...]
PRECISIONS: tuple[str, ...]
HAS_OPENMP: bool
RECORD_DOUBLES: int

def instruction_sets() -> tuple[str, ...]: ...
def use_instruction_set(name: str) -> str: ...
def instruction_set() -> str: ...
def multiply_adds(n: int) -> None: ...

class CoreScene:
    n_panels: int
    def __init__(
        self,
        panels: list[dict[str, Any]],
        sources: list[dict[str, Any]],
        cells: npt.NDArray[np.float64],
        first_cells: npt.NDArray[np.float64] | None,
        mask: npt.NDArray[np.uint8] | None,
        table: npt.NDArray[Any] | None,
        amorphous: npt.NDArray[np.float64] | None,
        precision: str,
        numbers: dict[str, Any],
    ) -> None: ...
    @property
    def precision(self) -> str: ...
    @property
    def needs_order(self) -> bool: ...

def render(
    core: CoreScene,
    out: npt.NDArray[Any],
    roi: tuple[int, int, int, int],
    add: bool,
    threads: int,
    stop: npt.NDArray[np.int32],
    done: npt.NDArray[np.int64],
) -> None: ...
def solid_angle(core: CoreScene, roi: tuple[int, int, int, int]) -> float: ...
def trace(
    core: CoreScene,
    roi: tuple[int, int, int, int],
    panel: int,
    slow: int,
    fast: int,
    kept: npt.NDArray[np.float64],
) -> dict[str, Any]: ...
