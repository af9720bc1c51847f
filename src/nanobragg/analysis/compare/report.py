"""Output folder of a comparison: numbers as JSON, both images, pictures, the traced pixel."""

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ...errors import FileError
from ...io.atomic import CURES, StrPath, atomic_write
from ...io.npy import write_npy
from .difference_maps import write_maps, write_previews
from .images import ImageComparison

Image = npt.NDArray[Any]
VECTOR = re.compile(r"\[[^\[\]{}\"]*\]")  # a list of numbers


def write_comparison(folder: StrPath, ours: Image, theirs: Image, compared: ImageComparison) -> dict[str, float]:
    """Write metrics.json, both images and their pictures to a folder, which is created if needed.

    The files are metrics.json, ours.npy, theirs.npy, ours.png, theirs.png, difference.png and ratio.png. Pictures are
    plain pixels; `nanobragg.plotting.comparison` draws them with axes. Returns the scales of the last two
    (`difference_maps.write_maps`).
    """
    folder = make_folder(folder)
    write_npy(folder / "ours.npy", ours)
    write_npy(folder / "theirs.npy", theirs)
    write_previews(folder, ours, theirs)
    scales = write_maps(folder, ours, theirs)
    write_json(folder / "metrics.json", compared.metrics())
    return scales


def make_folder(folder: StrPath) -> Path:
    """Create a folder if it does not exist and return its path; raises `FileError` if that fails."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        cure = CURES.get(error.errno or 0, "name another folder")
        raise FileError(f"{folder}: cannot be created ({error.strerror or error}); {cure}") from error
    return Path(folder)


def write_json(path: StrPath, values: Mapping[str, Any]) -> None:
    """Write an object as JSON, one entry or vector per line; values that are not finite become null."""
    text = json.dumps(_finite(values), indent=1, ensure_ascii=False)
    write_text(path, VECTOR.sub(lambda match: " ".join(match.group().split()), text) + "\n")


def write_text(path: StrPath, text: str) -> None:
    """Write a text file atomically."""
    with atomic_write(path) as handle:
        handle.write(text.encode("utf-8"))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
