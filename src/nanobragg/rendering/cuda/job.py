"""The pixels of one launch of device code (nb::Job of include/nanobragg/device/pixels.h)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...geometry import Roi

JOB = np.dtype(
    [("first_row", np.int64), ("n_spans", np.int64)]
    + [(name, np.int32) for name in ("fast", "width", "slow", "height", "rows", "columns", "add")],
    align=True,
)
NO_LIST = -1
WARP = 32


def rectangle(roi: Roi, shape: tuple[int, int], add: bool) -> npt.NDArray[np.void]:
    """Return the job of a region on all panels of `shape`, from its first row on."""
    x0, x1, y0, y1 = roi
    job = np.zeros(1, JOB)
    job["n_spans"] = NO_LIST
    job["fast"], job["width"], job["slow"], job["height"] = x0, x1 - x0 + 1, y0, y1 - y0 + 1
    job["rows"], job["columns"] = shape
    job["add"] = add
    return job


def pixel_list(spans: int, shape: tuple[int, int], add: bool) -> npt.NDArray[np.void]:
    """Return the job of a list of pixels on panels of `shape`."""
    job = np.zeros(1, JOB)
    job["n_spans"], job["add"] = spans, add
    job["rows"], job["columns"] = shape
    return job


def blocks_of_rows(width: int, rows: int, lanes: int, most: int) -> tuple[int, int]:
    """Return the numbers of blocks, and of threads in each (at most `most`), for rows of pixels."""
    threads = min(most, -(-width // (lanes * WARP)) * WARP)
    return -(-width // (threads * lanes)) * rows, threads


def strips(total: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield the first number, and how many, of consecutive parts of at most `most`."""
    for first in range(0, total, most):
        yield first, min(most, total - first)


def as_argument(job: npt.NDArray[np.void], **changes: Any) -> npt.NDArray[np.void]:
    """Return a copy of a job with other values of some fields."""
    other = job.copy()
    for name, value in changes.items():
        other[name] = value
    return other
