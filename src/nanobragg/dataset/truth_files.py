"""Files of other programs with the truth about the shots of a data set."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..export.dials_truth import dials_truth_writer
from ..export.stream import stream_writer
from ..export.truth import TruthImage, TruthLattice, TruthWriter
from ..io.atomic import StrPath
from .description import Description
from .layout import MASTER
from .shot import set_up


class DialsFiles(NamedTuple):
    """An experiment list, a reflection table, and the folder of the images."""

    expt: StrPath
    refl: StrPath
    folder: StrPath


def write_truth(
    plan: Description, *, stream: StrPath | None = None, dials: DialsFiles | None = None, space_group: str | None = None
) -> None:
    """Write the truth as a CrystFEL stream, for DIALS, or both; the spots of a shot are predicted once."""
    with ExitStack() as files:
        writers: list[TruthWriter] = []
        if dials is not None:
            master = os.fspath((Path(dials.folder) / MASTER).absolute())
            writer = dials_truth_writer(dials.expt, dials.refl, master, space_group=space_group)
            writers.append(files.enter_context(writer))
        if stream is not None:
            writers.append(files.enter_context(stream_writer(stream, plan.base, MASTER, space_group=space_group)))
        for k in range(plan.n if writers else 0):
            shot = set_up(plan, k)
            image = TruthImage(k, shot.config, [TruthLattice(each.scene, each.spots) for each in shot.truth])
            for write in writers:
                write(image)
