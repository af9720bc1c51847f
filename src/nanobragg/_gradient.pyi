import numpy as np
import numpy.typing as npt

SOURCE_MOTION: np.dtype[np.void]
SPAN: int
PLACES: dict[str, int]
COUNT: int

def primitives(
    kernel: int,
    scene: int,
    precision: int,
    sources: npt.NDArray[np.void],
    spins: npt.NDArray[np.float64] | None,
    shape: tuple[int, int],
    pixels: npt.NDArray[np.int64],
    spans: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
    threads: int,
    stop: npt.NDArray[np.int32],
    done: npt.NDArray[np.int64],
) -> None: ...
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
