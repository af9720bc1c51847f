from typing import Any

import numpy as np
import numpy.typing as npt

SOURCE_MOTION: np.dtype[np.void]
TERM_AT: np.dtype[np.void]
SPAN: int
PLACES: dict[str, int]
COUNT: int

NOISE_KINDS: dict[str, int]

class Task:
    rows: int

    def __init__(
        self,
        precision: int,
        shape: tuple[int, int],
        pixels: npt.NDArray[np.int64],
        extra: npt.NDArray[np.float64] | None = None,
    ) -> None: ...
    def fill_images(self, factors: npt.NDArray[np.float64], images: npt.NDArray[Any]) -> Task: ...
    def add_products(self, numbers: npt.NDArray[np.float64]) -> Task: ...
    def compare(
        self,
        kind: int,
        sigma: float,
        robust: float,
        data: npt.NDArray[np.float64],
        weights: npt.NDArray[np.float64] | None = None,
        background: npt.NDArray[np.float64] | None = None,
        slopes: npt.NDArray[np.float64] | None = None,
        used: npt.NDArray[np.int32] | None = None,
    ) -> Task: ...

def run(
    kernel_address: int,
    scene_address: int,
    sources: npt.NDArray[np.void],
    moves: npt.NDArray[np.float64] | None,
    task: Task,
    chunks: npt.NDArray[np.int64],
    threads: int,
    stop: npt.NDArray[np.int32],
) -> npt.NDArray[np.float64]: ...
def run_regions(
    kernel_address: int,
    scene_address: int,
    plan_address: int,
    epsilon: float,
    sources: tuple[npt.NDArray[np.void], npt.NDArray[np.void], npt.NDArray[np.void]],
    moves: npt.NDArray[np.float64] | None,
    task: Task,
    panels: int,
    threads: int,
    stop: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], float, int]: ...
def of_terms(
    kernel_address: int,
    scene_address: int,
    sources: npt.NDArray[np.void],
    moves: npt.NDArray[np.float64] | None,
    precision: int,
    terms: npt.NDArray[np.void],
) -> npt.NDArray[np.float64]: ...
def likelihood_terms(
    kind: int,
    sigma: float,
    robust: float,
    data: npt.NDArray[np.float64],
    model: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]: ...
def coefficients(
    kernel: int,
    scene: int,
    precision: int,
    shape: tuple[int, int],
    pixels: npt.NDArray[np.int64],
    spans: npt.NDArray[np.int64],
    threads: int,
    stop: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]: ...
