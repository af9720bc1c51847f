"""Making the files of a data set."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..config.structure_factors import StructureFactors
from ..errors import ConfigError, FileError
from ..io.atomic import write_error
from ..io.hdf5 import Compression, compression_options
from ..io.optional_imports import import_optional
from ..rendering.cuda.choice import refuse_on_gpu
from ..rendering.instruction_sets import select_instruction_set
from ..scene.scene import Scene
from .block import Job, file_entries, make_block
from .cluster import Cluster, Workers, run_on_cluster, write_job
from .description import Description
from .devices import Devices
from .estimate import measure
from .layout import CONTACT_SHEET, MANIFEST, Layout, usual_per_file
from .manifest import check_same, complete_records, describe, read_manifest, versions_of_workers, write_manifest
from .master import write_master
from .plan_file import write_plan
from .progress import ShotProgress
from .shared_tables import share_tables, with_factors
from .tables import import_pyarrow

log = logging.getLogger(__name__)
Records = dict[int, dict[str, Any]]
WORKERS = "workers"  # folder of what workers read


class RunReport(NamedTuple):
    """What a run did.

    Attributes
    ----------
    folder : Path
        Folder of the data set.
    made, there : int
        Number of shots that were made, and that were there before.
    complete : bool
        Whether all shots of the data set are there now, and the master file.
    seconds : float
        Wall-clock time.
    """

    folder: Path
    made: int
    there: int
    complete: bool
    seconds: float

    def __str__(self) -> str:
        rate = f", {self.made / self.seconds:.3g} shots per second" if self.made else ""
        state = "the data set is complete" if self.complete else "the data set is not complete yet"
        return f"{self.made} shots made in {self.seconds:.3g} s{rate}; {self.there} were there; {state}"


class Settings(NamedTuple):
    """The options of a run; see `Dataset.run`."""

    images_per_file: int | None
    compression: Compression | None
    spots: bool
    only: tuple[int, int] | None
    resume: bool
    force: bool


def run(plan: Description, folder: Path, settings: Settings, cluster: Cluster, progress: ShotProgress) -> RunReport:
    """Make the files of a data set that are not there yet; parameters as in `Dataset.run`."""
    start = time.perf_counter()
    _check_libraries(settings)
    cluster.check()
    devices = cluster.find_devices()
    if devices.kind != "cpu":
        refuse_on_gpu(Scene(plan.base), cluster.device)
    layout = _layout(plan, folder, settings)
    chosen = range(layout.blocks) if settings.only is None else layout.blocks_of(*settings.only)
    measured_on = "cpu" if cluster.scheduler else devices.names[0]
    is_new = not layout.manifest.is_file()
    if is_new:  # nothing is left behind of what is refused, so that another plan may follow
        _check_new(folder)
        _check_space(plan, layout, chosen, settings, measured_on)
    description = _begin(plan, layout, settings, devices)
    records = complete_records(layout, range(layout.blocks))
    missing = [block for block in chosen if block not in records]
    there = sum(len(layout.numbers(block)) for block in chosen if block in records)
    if missing:
        if not is_new:
            _check_space(plan, layout, missing, settings, measured_on)
        job = Job(
            plan, layout, settings.compression, settings.spots, cluster.threads_of_a_worker(),
            description["instruction_set"], devices,
        )  # fmt: skip
        with Workers(cluster, layout.folder / WORKERS) as workers:  # which start while the plan is written
            _write_plan(plan, layout, settings)
            records |= _make(job, missing, workers, progress)
    else:
        _write_plan(plan, layout, settings)
    complete = len(records) == layout.blocks
    if complete:
        shutil.rmtree(layout.folder / WORKERS, ignore_errors=True)  # of a run that was killed after its last data file
        _finish(plan, layout, records, description)
    count = sum(len(layout.numbers(block)) for block in missing)
    return RunReport(folder, count, there, complete, time.perf_counter() - start)


def _check_libraries(settings: Settings) -> None:
    import_pyarrow()
    import_optional("h5py", "images of a data set")
    compression_options(settings.compression)


def _layout(plan: Description, folder: Path, settings: Settings) -> Layout:
    there = read_manifest(folder / MANIFEST) or {}
    return Layout(folder, plan.n, settings.images_per_file or there.get("images_per_file") or usual_per_file(plan.n))


def _check_new(folder: Path) -> None:
    """Raise `ConfigError` if a folder holds other files than a data set's, and `FileError` if it cannot be read."""
    try:
        other = {path.name for path in folder.iterdir()} - {CONTACT_SHEET}
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"{folder}: {write_error(error)}") from error
    if other and MANIFEST not in other:  # which the run of another part may have begun just now
        raise ConfigError(f"{folder}: is not empty, and holds no data set; choose another folder")


def _begin(plan: Description, layout: Layout, settings: Settings, devices: Devices) -> dict[str, Any]:
    """Return the description of a data set; make its folder, or check that a run may go on in it."""
    folder, there = layout.folder, read_manifest(layout.manifest)
    isa = (there or {}).get("instruction_set") or select_instruction_set()
    description = describe(plan, layout, settings.compression, settings.spots, isa, devices)
    if there is None:
        _make_folders([folder])
        write_manifest(layout.manifest, description, None)  # first, so that what is killed now can be resumed
    else:
        check_same(layout.manifest, there, description, force=settings.force)
        if not (settings.resume or settings.only):
            raise ConfigError(f"{folder}: holds this data set already; go on with resume=True (--resume)")
        if not settings.force:
            description["versions"] = there["versions"]
    return description


def _write_plan(plan: Description, layout: Layout, settings: Settings) -> None:
    """Write the plan, and make the folders of tables, unless they are there."""
    kinds = ("shots", "crystals", "records", *(["spots"] if settings.spots else []))
    _make_folders([layout.table(kind, 0).parent for kind in kinds])
    if not layout.plan.is_file():
        write_plan(plan, layout.plan)


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{folder}: {write_error(error)}") from error


def _check_space(plan: Description, layout: Layout, missing: Sequence[int], settings: Settings, device: str) -> None:
    """Raise `ConfigError` if the disk has not enough space for the missing shots."""
    if settings.force:
        return
    shots = sum(len(layout.numbers(block)) for block in missing)
    size = measure(plan, [layout.numbers(missing[0])[0]], settings.compression, device).bytes * shots
    folder = layout.folder.absolute()
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    if size > free:
        raise ConfigError(
            f"{layout.folder}: {shots} shots need about {size / 1e9:.3g} GB, {free / 1e9:.3g} GB are free; free some "
            "space, choose another disk, or try with force=True (--force)"
        )


def _make(job: Job, missing: list[int], workers: Workers, progress: ShotProgress) -> Records:
    """Make data files, in this process or on a cluster, and return their records."""
    layout = job.layout
    total = sum(len(layout.numbers(block)) for block in missing)
    made: Records = {}
    with progress.of(total) as show:
        if workers.cluster.in_this_process:
            for block in missing:
                made[block] = make_block(job, block, after_shot=lambda: show(1))
            return made
        workers.folder.mkdir(exist_ok=True)
        path = workers.folder / "job.pickle"
        write_job(_with_shared_tables(job, workers.folder), path)
        for block, record in run_on_cluster(path, missing, workers):
            made[block] = record
            show(len(layout.numbers(block)))
    return made


def _with_shared_tables(job: Job, scratch: Path) -> Job:
    """Return the job with structure factors in files, and without them in its plan."""
    tables = share_tables(job.plan, scratch)
    if tables is None:
        return job
    plan = with_factors(job.plan, StructureFactors(cell=tables.fields["cell"]))
    return replace(job, plan=plan, tables=tables)


def _finish(plan: Description, layout: Layout, records: Records, description: dict[str, Any]) -> None:
    """Write the master file and the manifest of all files, unless they are there."""
    files = {name: entry for block in sorted(records) for name, entry in records[block]["files"].items()}
    there = read_manifest(layout.manifest) or {}
    same = there.get("complete") and all(there["files"].get(name) == entry for name, entry in files.items())
    if same and layout.master.is_file():
        return
    write_master(plan, layout, records)
    own = [layout.master, layout.plan, *([layout.plan.with_suffix(".npz")] if _has_arrays(layout) else [])]
    made_with = versions_of_workers(records.values())
    write_manifest(layout.manifest, description | made_with, files | file_entries(layout.folder, own))


def _has_arrays(layout: Layout) -> bool:
    return layout.plan.with_suffix(".npz").is_file()
