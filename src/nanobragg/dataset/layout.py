"""Names of the files of a data set, and the shots in each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError

USUAL_PER_FILE = 100
MASTER = "images_master.h5"
MANIFEST = "manifest.json"
CONTACT_SHEET = "contact_sheet.png"  # of a dry run
FEWEST_FILES = 20  # so that little is repeated after an interruption


class Layout(NamedTuple):
    """The files in the folder of a data set.

    Attributes
    ----------
    folder
        The folder.
    shots
        Number of shots.
    per_file
        Number of shots in a data file; in the last one there may be fewer.
    """

    folder: Path
    shots: int
    per_file: int

    @property
    def blocks(self) -> int:
        """Number of data files."""
        return -(-self.shots // self.per_file)

    def numbers(self, block: int) -> range:
        """Return the numbers of the shots in a data file."""
        return range(block * self.per_file, min((block + 1) * self.per_file, self.shots))

    def blocks_of(self, first: int, after: int) -> range:
        """Return the data files that hold shots from `first` up to but without `after`."""
        if not 0 <= first < after <= self.shots:
            raise ConfigError(f"only = {first}:{after}: the data set has {self.shots} shots, counted from 0")
        return range(first // self.per_file, -(-after // self.per_file))

    def data(self, block: int) -> Path:
        """Return the path of a data file."""
        return self.folder / f"images_{block + 1:06d}.h5"

    def table(self, kind: str, block: int) -> Path:
        """Return the path of the part of a table ("shots", "crystals", "spots") that belongs to a data file."""
        return self.folder / kind / f"{block + 1:06d}.parquet"

    def record(self, block: int) -> Path:
        """Return the path of the record that is written when a data file and its parts of the tables are complete."""
        return self.folder / "records" / f"{block + 1:06d}.json"

    @property
    def master(self) -> Path:
        """The file that shows all data files as one series."""
        return self.folder / MASTER

    @property
    def plan(self) -> Path:
        """The description."""
        return self.folder / "plan.toml"

    @property
    def manifest(self) -> Path:
        """Versions, settings, and checksums of all files."""
        return self.folder / MANIFEST


def usual_per_file(shots: int) -> int:
    """Return the number of shots in a data file unless it is given."""
    return max(1, min(USUAL_PER_FILE, -(-shots // FEWEST_FILES)))
