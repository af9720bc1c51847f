"""Data sets: a description, and the shots that are made from it."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..bounds import whole
from ..errors import ConfigError
from ..io.hdf5 import Compression
from ..rendering.progress import Progress
from .cluster import Cluster
from .description import MOST_SHOTS, Description
from .devices import check_device
from .plan_file import read_plan, write_plan
from .progress import ShotProgress
from .run import RunReport, Settings, run
from .shot import Shot, make_shot
from .truth_files import DialsFiles, write_truth


class Dataset(Description):
    """A data set: a base experiment, the number of shots, and how its fields vary from shot to shot.

    Shot k depends on the description and on k only, so that it is the same alone, in any order, and on any number of
    workers.

    Attributes
    ----------
    base
        The experiment that the shots vary. With `noise`, shots are recorded as its detector records them.
    n
        Number of shots.
    vary
        By the name of a field with dots, such as "beam.wavelength_A": its distribution, or a value for each shot as a
        list or array. The field "crystal.rotation" is a rotation of the crystal from its orientation in the base.
        Fields of `crystal` and `structure_factors` are drawn for each crystal of a shot, others once for a shot.
    crystals_per_shot
        Number of crystals, or its distribution; the photons of all are added.
    hit_rate
        Share of the shots that have any crystal; the number of crystals in these is drawn until it is not 0. None: the
        number of crystals alone decides.
    correlate
        A function `correlate(values, generator)` that is given the values of a crystal and of its shot by name, with a
        `numpy.random.Generator`, and returns values to replace or to add, as a dict; or its name, "module:function" or
        "file.py:function". It is called once for a shot without crystals.
    seed
        Seed of the data set, 0 or more.
    """

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Dataset:
        """Read a description from a TOML file; paths in it are relative to its folder (docs/datasets.md).

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Dataset
            The description.

        Raises
        ------
        FileError, FormatError
            The file, or one that it names, cannot be read.
        ConfigError
            An entry is unknown, missing or invalid; the message names it.
        """
        return cls(**read_plan(Path(path)))

    def to_toml(self, path: str | os.PathLike[str]) -> None:
        """Write the description as a TOML file, and arrays to an .npz file of the same name.

        Parameters
        ----------
        path
            The TOML file.

        Raises
        ------
        FileError
            A file cannot be written.
        """
        write_plan(self, Path(path))

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Shot]:  # type: ignore[override]
        """Yield the shots in order; they are made one after the other, in this process."""
        return (self.shot(k) for k in range(self.n))

    def shot(self, k: int, *, threads: int | None = None, device: str = "cpu") -> Shot:
        """Return shot k: its image and its truth.

        Parameters
        ----------
        k
            Number of the shot, from 0; negative numbers count from the end.
        threads
            As in `simulate`; the image does not depend on it.
        device
            "cpu", "cuda" or "cuda:N". A GPU's image differs in the last bits, as in `simulate`.

        Returns
        -------
        Shot
            The image as recorded, or expected photons if the base has no noise; the Config and truth of each crystal.

        Raises
        ------
        ConfigError
            No such shot, or a value that its field cannot have.
        """
        check_device(device)
        return make_shot(self, self.number_of(k), threads, device)

    def run(
        self,
        folder: str | os.PathLike[str],
        *,
        workers: int | None = None,
        scheduler: str | None = None,
        resume: bool = False,
        only: slice | tuple[int, int] | None = None,
        images_per_file: int | None = None,
        compression: Compression | None = "bslz4",
        spots: bool = False,
        force: bool = False,
        timeout_s: float = 30.0,
        device: str = "cpu",
        progress: bool | Progress = False,
    ) -> RunReport:
        """Make all shots, as NXmx data files with a master, and tables of the truth (docs/datasets.md).

        Every file is complete or absent. What was interrupted, by whatever it may be, is finished by another run with
        `resume=True`, which repeats at most the data files in work and gives the same bytes.

        Parameters
        ----------
        folder
            A new or empty folder, or with `resume` that of a run of this data set.
        workers
            Number of worker processes on this machine; 1: this process, on all processors. Default: one for each
            processor, or GPU, or 1 where Dask is not installed.
        scheduler
            Address of a Dask scheduler whose workers are used instead; they must reach the folder by the same name.
        resume
            Go on with what is in the folder.
        only
            First shot, and the one after the last: make only the data files that hold these shots.
        images_per_file
            Shots in a data file; default: 100, and fewer of a small data set.
        compression
            Compression of the images, as in `write_nexus`.
        spots
            Write a table of all predicted spots too.
        force
            Start in spite of a lack of space on the disk, and go on with other versions of libraries.
        timeout_s
            How long to wait for the scheduler, when it is first called and when it has been lost.
        device
            "cpu"; "cuda" for one worker on each GPU of this machine, or "cuda:N" for one of them (docs/gpu.md). More
            `workers` share the GPUs in turn. Each worker of a scheduler uses the GPU of this name that it sees.
        progress
            True for a progress bar on stderr, or a function that is called with the numbers of finished and of all
            shots of this run.

        Returns
        -------
        RunReport
            Numbers of shots, whether the data set is complete, and the time.

        Raises
        ------
        ConfigError
            A folder with something else, too little space, a scheduler that does not answer, a GPU that does not exist
            or cannot be used, a missing library of the extra `dataset`, or an invalid value of a shot.
        FileError
            A file cannot be written.
        """
        part = None if only is None else _part(only, self.n)
        per_file = None if images_per_file is None else whole("images_per_file", images_per_file, 1, MOST_SHOTS)
        settings = Settings(per_file, compression, spots, part, resume, force)
        cluster = Cluster(workers, scheduler, timeout_s, device)
        return run(self, Path(folder), settings, cluster, ShotProgress(progress))

    def write_stream(self, path: str | os.PathLike[str], *, space_group: str | None = None) -> None:
        """Write the truth about all shots as a CrystFEL stream: cells, orientations, and the spots of every crystal.

        Images are those of the master file, `images_master.h5`, which CrystFEL's programs look for in the folder where
        they run. Nothing is rendered. Intensities are photons times the gain of recorded images, with the standard
        errors of counting; peak and background are 0.

        Parameters
        ----------
        path
            The .stream file.
        space_group
            Symbol or number; default: that of the structure factors, otherwise P 1.

        Raises
        ------
        FileError
            The file cannot be written.
        """
        write_truth(self, stream=path, space_group=space_group)

    def write_dials(
        self,
        expt: str | os.PathLike[str],
        refl: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        *,
        space_group: str | None = None,
    ) -> None:
        """Write the truth about all shots as a DIALS experiment list and a reflection table.

        There is a still for each crystal of each shot, with its orientation in the middle of the image, and its spots
        as if they had been indexed and integrated. The lab frame is that of the base, as in `write_expt`. Intensities
        are photons times the gain of recorded images.

        Parameters
        ----------
        expt, refl
            The .expt and the .refl file.
        folder
            The folder of `run`, whose master file the experiments name.
        space_group
            Symbol or number; default: that of the structure factors, otherwise P 1.

        Raises
        ------
        ConfigError
            msgpack, of the extra `dataset`, is not installed.
        FileError
            A file cannot be written.
        """
        write_truth(self, dials=DialsFiles(expt, refl, folder), space_group=space_group)

    def images(self) -> Any:
        """Return the images as a Dask array that makes a shot when it is computed.

        Returns
        -------
        dask.array.Array, shape (n, slow, fast), or (n, panels, slow, fast) for several panels
            One chunk for each shot.

        Raises
        ------
        ConfigError
            Dask is not installed.
        """
        from .lazy import lazy_images

        return lazy_images(self)


def _part(only: slice | tuple[int, int], shots: int) -> tuple[int, int]:
    """Return the first shot of a part of a data set, and the one after its last."""
    try:
        first, after = (only.start, only.stop) if isinstance(only, slice) else only
        return operator.index(0 if first is None else first), operator.index(shots if after is None else after)
    except (TypeError, ValueError):
        raise ConfigError(f"only = {only!r}: must be the first shot, and the one after the last") from None
