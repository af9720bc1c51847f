from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

PANEL: np.dtype[np.void]
SOURCE: np.dtype[np.void]
PARAMETERS: np.dtype[np.void]
SMEAR: np.dtype[np.void]
CRYSTAL: np.dtype[np.void]
C_RULES: np.dtype[np.void]
TRACE_RECORD: np.dtype[np.void]
LOOKUPS: tuple[str, ...]
PRECISIONS: tuple[str, ...]
HAS_OPENMP: bool

def instruction_sets() -> tuple[str, ...]: ...
def use_instruction_set(name: str) -> str: ...
def instruction_set() -> str: ...
def kernel_address() -> int: ...
def gradient_kernel() -> int: ...
def multiply_adds(n: int) -> None: ...

class CoreScene:
    n_panels: int
    like_c: bool
    rest: CoreScene | None
    def __init__(
        self,
        panels: npt.NDArray[np.void],
        sources: npt.NDArray[np.void],
        parameters: npt.NDArray[np.void],
        cells: npt.NDArray[np.float64],
        shares: npt.NDArray[np.float64] | None,
        mask: npt.NDArray[np.uint8] | None,
        tables: npt.NDArray[Any] | None,
        amorphous: npt.NDArray[np.float64] | None,
        precision: str,
        c_rules: npt.NDArray[np.void] | None = None,
        first_cells: npt.NDArray[np.float64] | None = None,
        smear: npt.NDArray[np.void] | None = None,
        rest: CoreScene | None = None,
        crystal_slope: npt.NDArray[np.void] | None = None,
    ) -> None: ...
    def probe(self, orientations: int, sources: int) -> CoreScene: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def panels(self) -> npt.NDArray[np.void]: ...
    @property
    def sources(self) -> npt.NDArray[np.void]: ...
    @property
    def parameters(self) -> npt.NDArray[np.void]: ...
    @property
    def cells(self) -> npt.NDArray[np.float64]: ...
    @property
    def shares(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def tables(self) -> npt.NDArray[Any] | None: ...
    @property
    def lookup(self) -> str: ...
    @property
    def amorphous(self) -> npt.NDArray[np.float64] | None: ...
    @property
    def smear(self) -> npt.NDArray[np.void] | None: ...
    @property
    def has_amorphous(self) -> bool: ...
    @property
    def address(self) -> int: ...

class TraceTotals(NamedTuple):
    n_kept: int
    n_terms: int
    n_skipped: int
    water: float
    total: float
    omega: float
    polar: float
    capture: float
    photons: float

def render(
    core: CoreScene,
    out: npt.NDArray[Any],
    roi: tuple[int, int, int, int],
    mask: npt.NDArray[np.uint8] | None,
    add: bool,
    threads: int,
    stop: npt.NDArray[np.int32],
    done: npt.NDArray[np.int64],
) -> None: ...
def solid_angle(core: CoreScene, roi: tuple[int, int, int, int], mask: npt.NDArray[np.uint8] | None) -> float: ...
def trace(
    core: CoreScene, roi: tuple[int, int, int, int], panel: int, slow: int, fast: int, kept: npt.NDArray[np.void]
) -> TraceTotals: ...
