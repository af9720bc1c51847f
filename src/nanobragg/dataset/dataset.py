"""Data sets: a description, and the shots that are made from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .description import Description
from .plan_file import read_plan, write_plan
from .shot import Shot, make_shot


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

    def shot(self, k: int, *, threads: int | None = None) -> Shot:
        """Return shot k: its image and its truth.

        Parameters
        ----------
        k
            Number of the shot, from 0; negative numbers count from the end.
        threads
            As in `simulate`; the image does not depend on it.

        Returns
        -------
        Shot
            The image as recorded, or expected photons if the base has no noise; the Config and truth of each crystal.

        Raises
        ------
        ConfigError
            No such shot, or a value that its field cannot have.
        """
        return make_shot(self, self.number_of(k), threads)
