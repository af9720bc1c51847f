from typing import Any

import numpy as np
import numpy.typing as npt

BEAM: np.dtype[np.void]
RUN: np.dtype[np.void]
ORIENTATION_GROUP: np.dtype[np.void]
CULLING_PARAMETERS: np.dtype[np.void]
BRIGHT: np.dtype[np.void]
REGION_PIXELS: int
BRIGHT_PIXELS: int
VECTOR_LANES: int

class CullingPlan:
    sources: npt.NDArray[np.void]
    around: npt.NDArray[np.void]
    runs: npt.NDArray[np.void]
    rest: CullingPlan | None
    address: int

    def __init__(
        self,
        sources: npt.NDArray[np.void],
        around: npt.NDArray[np.void],
        kappa: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64],
        beams: npt.NDArray[np.void],
        runs: npt.NDArray[np.void],
        groups: npt.NDArray[np.void],
        parameters: npt.NDArray[np.void],
        squares: npt.NDArray[np.float32],
        cells: npt.NDArray[np.float32],
        reciprocal: npt.NDArray[np.float64],
        rest: CullingPlan | None = None,
    ) -> None: ...
    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]: ...

def memory_per_thread(kernel_address: int, scene_address: int, plan: CullingPlan) -> int: ...
def render(
    kernel_address: int,
    scene_address: int,
    plan: CullingPlan,
    epsilon: float,
    precision: int,
    out: npt.NDArray[Any],
    roi: tuple[int, int, int, int],
    mask: npt.NDArray[np.uint8] | None,
    add: bool,
    threads: int,
    stop: npt.NDArray[np.int32],
    done: npt.NDArray[np.int64],
) -> tuple[float, int]: ...
def try_region(
    kernel_address: int,
    scene_address: int,
    plan: CullingPlan,
    epsilon: float,
    precision: int,
    panel: int,
    rows: int,
    columns: int,
    roi: tuple[int, int, int, int],
    mask: npt.NDArray[np.uint8] | None,
    stop: npt.NDArray[np.int32],
) -> tuple[float, int]: ...
def find_brightest(
    kernel_address: int,
    scene_address: int,
    plan: CullingPlan,
    reach_sqr: float,
    panels: int,
    rows: int,
    columns: int,
    mask: npt.NDArray[np.uint8] | None,
    threads: int,
    stop: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]: ...
