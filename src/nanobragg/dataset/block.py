"""Making one data file of a data set, with its parts of the tables and its record."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..io.atomic import atomic_write
from ..io.hdf5 import Compression, compression_options, create_hdf5
from ..io.nexus_frames import FrameWriter
from ..rendering.cuda.choice import gpu_named
from ..rendering.instruction_sets import pin_instruction_set
from .description import Description
from .devices import PROCESSORS, Devices, versions_of
from .layout import Layout
from .shared_tables import SharedTables
from .shot import UnexposedShot, expose, set_up
from .tables import Tables

CHUNK_BYTES = 2**20
TOGETHER = 16  # shots
SMALL_BYTES = 2**22  # of the orientations of a shot


@dataclass(frozen=True)
class Job:
    """What a worker needs to make any data file of a data set.

    Attributes
    ----------
    plan
        The description; its structure factors are those of `tables` where these are given.
    layout
        The files.
    compression
        Compression of the images.
    spots
        Whether to write the table of spots.
    threads
        Threads of a worker for rendering and noise.
    instruction_set
        The kernel that all shots are rendered with, because kernels differ in the last bits.
    devices
        What its workers render on.
    tables
        Structure factors in files that all workers of a machine share; None: those of the plan.
    """

    plan: Description
    layout: Layout
    compression: Compression | None
    spots: bool
    threads: int | None
    instruction_set: str
    devices: Devices = PROCESSORS
    tables: SharedTables | None = None


def nothing() -> None:
    """Do nothing."""


def make_block(
    job: Job,
    block: int,
    worker: int = 0,
    *,
    after_shot: Callable[[], None] = nothing,
    after_last: Callable[[], None] = nothing,
) -> dict[str, Any]:
    """Make a data file and its parts of the tables by a worker, and write and return their record.

    Each file is complete or absent, and the record is written when all others are on disk. `after_last` is called when
    all shots are made, before the disk is waited for.
    """
    pin_instruction_set(job.instruction_set)
    device = job.devices.of_worker(worker)
    plan = job.plan if job.tables is None else job.tables.attached_to(job.plan)
    layout, tables = job.layout, Tables(plan, spots=job.spots)
    path = layout.data(block)
    detector = plan.base.detector
    shapes = [detector.shape, detector.stacked_shape]
    with create_hdf5(path) as file, ExitStack() as files:
        store = FrameWriter(path, file, shapes, compression_options(job.compression), None, files)
        for frame, unexposed in enumerate(_set_up(plan, layout.numbers(block), tables)):
            shot = expose(unexposed, job.threads, device)
            shape = shot.image.shape
            if shape != detector.shape:
                raise ConfigError(f"shot {shot.number}: shape {shape} is not that of the base, {detector.shape}")
            store.append(shot.image)
            tables.add(shot, path.name, frame)
            after_shot()
            del shot, unexposed  # whose memory the next file needs
        after_last()
    kinds = ["shots", "crystals", *(["spots"] if job.spots else [])]
    parts = {kind: layout.table(kind, block) for kind in kinds}
    tables.write(parts)
    record = {
        "block": block, "first": layout.numbers(block)[0], "shots": len(layout.numbers(block)),
        "dtype": str(store.dtype), "files": file_entries(layout.folder, [path, *parts.values()]),
    }  # fmt: skip
    if device != "cpu":
        record["versions"] = versions_of(gpu_named(device))
    write_json(layout.record(block), record)
    _release(path)
    return record


def _set_up(plan: Description, numbers: range, tables: Tables) -> Iterator[UnexposedShot]:
    """Yield shots without their images, and add their crystals to the tables.

    Some are set up one after the other, because an image drives code and data out of the caches of the processor: this
    takes two thirds of the time. Those that need much memory of their own do not wait.
    """
    waiting: list[UnexposedShot] = []
    for number in numbers:
        waiting.append(set_up(plan, number))
        tables.add_crystals(waiting[-1])
        if len(waiting) == TOGETHER or number == numbers[-1] or not _is_small(plan, waiting[-1]):
            while waiting:
                yield waiting.pop(0)


def _is_small(plan: Description, shot: UnexposedShot) -> bool:
    """Return whether a shot shares structure factors and mask with the base, and has few orientations."""
    if isinstance(plan.base.detector.mask, Path):  # which every scene reads
        return False
    scenes = [each.scene for each in shot.truth]
    shared = all(scene.spot_factors is plan.base.structure_factors for scene in scenes)
    return shared and sum(scene.cells.nbytes for scene in scenes) <= SMALL_BYTES


def _release(path: Path) -> None:
    """Let the system reuse the memory in which it keeps a file on disk, for the files that follow.

    A run writes more than it reads. Its files would otherwise fill the memory at the cost of what others keep there,
    and memory that was not used before is slow in a virtual machine.
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError), open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def file_entries(folder: Path, paths: list[Path]) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of files, by their names in a folder."""
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for path in paths
    }


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
