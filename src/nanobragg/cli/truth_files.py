"""The ground truth of rendered images, as files."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ..config.background import Background
from ..errors import ConfigError
from ..io.atomic import check_writable
from ..scene.scene import Scene


def check_truth_paths(paths: Sequence[str]) -> Sequence[str]:
    """`paths` if each is an .npz file that can be written."""
    for path in paths:
        if not path.lower().endswith(".npz"):
            raise ConfigError(f"--truth {path}: is written as .npz; choose such a name")
        check_writable(path)
    return paths


def write_truth(path: str, scene: Scene, image: npt.NDArray[Any], threads: int | None) -> str:
    """Write the ground truth and say what is in it; the image is the crystal's alone if there is no background."""
    from ..analysis.spots.ground_truth import ground_truth

    alone = scene.config.background == Background()
    truth = ground_truth(scene, image=image if alone else None, threads=threads)
    truth.save(path)
    return f"{len(truth.spots)} spots, {truth.bragg_mask.mean():.2%} of the pixels, in {path}"
