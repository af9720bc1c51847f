"""Time and size of a data set, measured on a few of its shots."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..io.hdf5 import Compression, compression_options, create_hdf5
from ..io.nexus_frames import FrameWriter
from .description import Description
from .shot import Shot, make_shot

TABLE_BYTES = 400.0  # of a shot, in the tables


class Measured(NamedTuple):
    """Shots that were made to measure, with the mean time (s, on one thread, or a GPU) and size (bytes) of one."""

    shots: list[Shot]
    seconds: float
    bytes: float


def measure(
    plan: Description, numbers: Sequence[int], compression: Compression | None, device: str = "cpu"
) -> Measured:
    """Make some shots on a device, and return them with the mean time and size of one."""
    if device != "cpu" and len(numbers) > 1:
        make_shot(plan, numbers[0], 1, device)  # which compiles device code
    shots, seconds = [], 0.0
    detector = plan.base.detector
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shots.h5"
        with create_hdf5(path) as file, ExitStack() as files:
            store = FrameWriter(path, file, [detector.shape, detector.stacked_shape], compression_options(compression),
                                None, files)  # fmt: skip
            for number in numbers:
                start = time.perf_counter()
                shots.append(make_shot(plan, number, 1, device))
                for truth in shots[-1].truth:
                    truth.spots  # noqa: B018  the tables need them
                store.append(shots[-1].image)
                seconds += time.perf_counter() - start
        size = path.stat().st_size
    return Measured(shots, seconds / len(numbers), size / len(numbers) + TABLE_BYTES)


def spread(count: int, shots: int) -> list[int]:
    """Return the numbers of at most `count` shots, evenly spread over a data set."""
    return sorted({round(i * (shots - 1) / max(count - 1, 1)) for i in range(count)})
