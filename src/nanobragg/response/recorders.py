"""Where an exposure is recorded, a block of rows at a time: on the processors, or on a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .._photons import normal_deviates, poisson_deviates
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.choice import gpu_named
from ..rendering.cuda.deviates import GpuDeviates
from ..rendering.cuda.devices import Gpu, cupy, is_on_gpu
from ..rendering.cuda.scene_arrays import check_memory
from ..rendering.threads import share, thread_count

BLOCK_PIXELS = 1 << 15  # pixels that a thread works on at a time
GPU_BLOCK_PIXELS = 1 << 22  # that a GPU does
GPU_PIXEL_BYTES = 64  # of each: the image, photons, deviates and what arithmetic leaves
GPU_TYPES = tuple(map(np.dtype, "bBhHiIqQfd"))  # that CuPy rounds to as NumPy does
MEMORY_SHARE = 0.5  # of a GPU's free memory that a block may take


class OnProcessors:
    """Recording in threads.

    Parameters
    ----------
    threads
        Their number.

    Attributes
    ----------
    threads, workers : int
        Number of threads, and of those that record.
    """

    poisson_deviates = staticmethod(poisson_deviates)
    normal_deviates = staticmethod(normal_deviates)

    def __init__(self, threads: int) -> None:
        self.threads = self.workers = threads

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which arrays are made and used."""
        return nullcontext()

    def empty(self, shape: tuple[int, ...]) -> FloatArray:
        """Return an array of float64 for scratch."""
        return np.empty(shape)

    def view(self, array: Any, name: str) -> Any:
        """Return an array as recording uses it."""
        return array

    def check_type(self, dtype: np.dtype[Any]) -> None:
        """Raise `ConfigError` for a type that a result cannot have."""

    def block_rows(self, columns: int) -> int:
        """Return how many rows make a block."""
        return max(1, BLOCK_PIXELS // columns)

    def each_block(self, work: Callable[[slice, FloatArray], None], shape: tuple[int, ...]) -> None:
        """Call ``work(rows, scratch)`` for every block of rows, in threads; the GIL is released inside.

        Each thread reuses one scratch array of shape (2, rows, fast): allocating it for every block would cost more
        than the arithmetic.
        """
        n_rows, n_columns = shape
        step = min(self.block_rows(n_columns), n_rows)

        def some_blocks(blocks: Iterator[int]) -> None:
            with self.active():
                scratch = self.empty((2, step, n_columns))
                for n in blocks:
                    rows = slice(n * step, min((n + 1) * step, n_rows))
                    work(rows, scratch[:, : rows.stop - rows.start])

        share(some_blocks, math.ceil(n_rows / step), self.workers)


class OnGpu(OnProcessors):
    """Recording on a GPU, where blocks and deviates are CuPy's arrays.

    Parameters
    ----------
    gpu
        Which.
    threads
        Number of threads of what the processors do.
    """

    def __init__(self, gpu: Gpu, threads: int) -> None:
        super().__init__(threads)
        self.workers, self.gpu = 1, gpu
        deviates = GpuDeviates(gpu)
        self.poisson_deviates, self.normal_deviates = deviates.poisson_deviates, deviates.normal_deviates

    def empty(self, shape: tuple[int, ...]) -> Any:
        """Return an array of float64 in the GPU's memory."""
        return cupy().empty(shape, np.float64)

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which this thread's arrays are on this GPU."""
        return self.gpu.active()

    def view(self, array: Any, name: str) -> Any:
        """Return an array in this GPU's memory as one of CuPy, others as they are."""
        return self.gpu.view(array, name)

    def check_type(self, dtype: np.dtype[Any]) -> None:
        """Raise `ConfigError` for a type that a result cannot have."""
        if dtype not in GPU_TYPES:
            raise ConfigError(
                f'dtype = {dtype}: must be float32, float64 or an integer type on a GPU; use device="cpu"'
            )

    def block_rows(self, columns: int) -> int:
        """Return how many rows make a block, which fits into the free memory."""
        check_memory(self.gpu, GPU_PIXEL_BYTES * columns, "the noise of a row of the image")
        most = min(GPU_BLOCK_PIXELS, MEMORY_SHARE * self.gpu.free_bytes() / GPU_PIXEL_BYTES)
        return max(1, int(most / columns))


def choose_recorder(device: object, threads: int | None, image: Any, out: Any) -> OnProcessors:
    """Return where an exposure is recorded.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:N", or "auto" for where the image, or `out`, is.
    threads
        Number of threads on the processors; None: the default.
    image, out
        Arrays; one in the memory of a GPU chooses that one.

    Raises
    ------
    ConfigError
        The name is not valid; there is no such GPU, or it cannot be used; or an array is elsewhere.
    """
    count = thread_count(threads)
    arrays = {name: array for name, array in (("image", image), ("out", out)) if is_on_gpu(array)}
    if device == "cpu" and arrays:
        raise ConfigError(f'device = "cpu": {next(iter(arrays))} is in the memory of a GPU; use device="cuda"')
    if device == "cpu" or (device == "auto" and not arrays):
        return OnProcessors(count)
    name = "cuda" if device == "auto" else device
    gpus = [gpu_named(name, array, what) for what, array in arrays.items()] or [gpu_named(name)]
    if len(set(gpus)) > 1:
        raise ConfigError("image and out are in the memories of two GPUs; give arrays of one")
    return OnGpu(gpus[0], count)
