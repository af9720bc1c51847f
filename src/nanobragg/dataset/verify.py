"""Verification of a data set on disk: every file is there, whole, and as it was written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..calls import public
from ..errors import ConfigError, FormatError
from .block import file_digest
from .layout import MANIFEST, Layout
from .manifest import read_json, read_manifest


class Verification(NamedTuple):
    """What was found in the folder of a data set.

    Attributes
    ----------
    shots : int
        Number of shots of the data set.
    there : int
        Number of shots whose files are as they were written.
    complete : bool
        Whether all shots and the master file are there and undamaged.
    problems : list of str
        One line for each file that is missing or damaged.
    """

    shots: int
    there: int
    complete: bool
    problems: list[str]

    def __str__(self) -> str:
        state = "complete" if self.complete else "not complete"
        return f"{self.there} of {self.shots} shots verified, {state}, {len(self.problems)} files missing or damaged"


@public
def verify_dataset(
    folder: str | os.PathLike[str], *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Compare the files of a data set with their checksums.

    Parameters
    ----------
    folder
        The folder of `Dataset.run`.
    progress
        A function that is called with the numbers of verified and of all data files.

    Returns
    -------
    Verification
        Numbers of shots, and problems. `Dataset.run(folder, resume=True)` makes the shots of missing files again;
        remove those that are damaged first.

    Raises
    ------
    ConfigError
        The folder does not hold a data set.
    FormatError
        The manifest or a record is not valid.
    """
    layout = layout_of(Path(folder))
    manifest = read_manifest(layout.manifest) or {}
    problems, there = [], 0
    for block in range(layout.blocks):
        record = read_json(layout.record(block))
        if record is None:
            problems.append(f"{layout.data(block).name}: has not been made yet")
        else:
            found = [problem for name, entry in record["files"].items() if (problem := _problem(layout, name, entry))]
            problems += found
            there += 0 if found else len(layout.numbers(block))
        if progress:
            progress(block + 1, layout.blocks)
    others = {n: e for n, e in manifest["files"].items() if (layout.folder / n).parent == layout.folder}
    known = {layout.data(block).name for block in range(layout.blocks)}
    problems += [p for name, entry in others.items() if name not in known and (p := _problem(layout, name, entry))]
    return Verification(layout.shots, there, bool(manifest["complete"]) and not problems, problems)


def layout_of(folder: Path) -> Layout:
    """Return the layout of the data set in a folder; raises `ConfigError` if it holds none."""
    manifest = read_manifest(folder / MANIFEST)
    if manifest is None:
        raise ConfigError(f"{folder}: is not the folder of a data set: it has no manifest.json")
    try:
        return Layout(folder, int(manifest["shots"]), int(manifest["images_per_file"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{folder / 'manifest.json'}: is not a valid manifest ({error})") from None


def _problem(layout: Layout, name: str, entry: dict[str, object]) -> str | None:
    """Return what is wrong with a file, or None."""
    path = layout.folder / name
    if not path.is_file():
        return f"{name}: is missing"
    size = path.stat().st_size
    if size != entry["bytes"]:
        return f"{name}: has {size} bytes, not {entry['bytes']}"
    return None if file_digest(path) == entry["sha256"] else f"{name}: is damaged: its SHA-256 differs"
