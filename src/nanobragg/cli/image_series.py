"""The files of a rendered image or series: one file per image, or all images in one file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy.typing as npt

from ..config.config import Config
from ..errors import ConfigError
from ..export.write import check_image_paths, write_image_file
from ..io.formats import format_of
from ..io.nexus_frames import FrameWriter
from ..scene.scene import Scene

PLACE = re.compile("#+")


def numbered(path: str, count: int | None) -> list[str]:
    """Return the file names of a series, with # in `path` replaced by digits; `path` alone if `count` is None."""
    if count is None:
        return [path]
    places = list(PLACE.finditer(path))
    if len(places) != 1:
        raise ConfigError(f"{path}: a series needs a placeholder for the number of the image, like img_####.cbf")
    start, end = places[0].span()
    return [f"{path[:start]}{number:0{end - start}d}{path[end:]}" for number in range(1, count + 1)]


class ImageFiles:
    """The output files: NXmx files with all images, and files with one image each.

    Each # in a name of `paths` is a digit of the image's number; with `count` None there is one image, and # has no
    special meaning. `config` is that of the first image, `seeds` are those of the noise of each image. Raises
    `ConfigError` for a name without a place for the number or a format that cannot hold the Config, and `FileError` if
    a file cannot be written.
    """

    def __init__(self, paths: Sequence[str], config: Config, count: int | None, seeds: Sequence[int] | None) -> None:
        self.many = [path for path in paths if format_of(path).many]
        self.single = [numbered(path, count) for path in paths if not format_of(path).many]
        self._count, self._config, self._seeds = count, config, seeds
        self._files = ExitStack()
        self._stores: list[FrameWriter] = []
        for names in (self.many, *self.single):
            check_image_paths(names, config)

    @property
    def names(self) -> list[str]:
        """All file names, with numbers filled in."""
        return [*self.many, *(name for names in self.single for name in names)]

    def __enter__(self) -> ImageFiles:
        from ..export.nexus import nexus_writer

        seeds = None if self._seeds is None else list(self._seeds) if self._count else self._seeds[0]
        with ExitStack() as opened:  # closes the open files if a later one cannot be opened
            writers = [nexus_writer(path, self._config, noise_seed=seeds) for path in self.many]
            self._stores = [opened.enter_context(writer) for writer in writers]
            self._files = opened.pop_all()
        return self

    def __exit__(self, *failure: Any) -> bool | None:
        return self._files.__exit__(*failure)

    def write(self, number: int, image: npt.NDArray[Any], scene: Scene) -> int:
        """Write image `number`, counted from 0, and return the largest number of clipped pixels in a file."""
        for store in self._stores:
            store.append(image)
        seed = None if self._seeds is None else self._seeds[number]
        return max((write_image_file(names[number], image, scene, seed=seed) for names in self.single), default=0)
