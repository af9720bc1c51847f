"""Ground-truth files of rendered images."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ..config.background import Background
from ..errors import ConfigError
from ..io.atomic import check_writable
from ..scene.scene import Scene


def check_truth_paths(paths: Sequence[str]) -> Sequence[str]:
    """Return `paths`; raises `ConfigError` or `FileError` unless each is an .npz file that can be written."""
    for path in paths:
        if not path.lower().endswith(".npz"):
            raise ConfigError(f"--truth {path}: must have the suffix .npz")
        check_writable(path)
    return paths


def write_truth(path: str, scene: Scene, image: npt.NDArray[Any], threads: int | None) -> str:
    """Write the ground truth and return a summary of it; `image` is used if the scene has no background."""
    from ..analysis.spots.ground_truth import ground_truth

    alone = scene.config.background == Background()
    truth = ground_truth(scene, image=image if alone else None, threads=threads)
    truth.save(path)
    return f"{len(truth.spots)} spots, {truth.bragg_mask.mean():.2%} of the pixels, in {path}"
