"""Truth of many images as DIALS files, as if they had been indexed and integrated as stills without an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..io.atomic import StrPath, atomic_write
from ..response.recording import resolve_recording
from ..scene.scene_data import SceneData
from .expt import beam_model, crystal_model, detector_model
from .truth import TruthImage, TruthLattice, TruthWriter, in_the_middle

PREDICTED, INDEXED, INTEGRATED = 1, 4, 256  # flags of a reflection
TYPES = {
    "miller_index": ("cctbx::miller::index<>", np.int32), "id": ("int", np.int32), "panel": ("std::size_t", np.uint64),
    "flags": ("std::size_t", np.uint64), "xyzcal.px": ("vec3<double>", np.float64),
    "xyzobs.px.value": ("vec3<double>", np.float64), "intensity.sum.value": ("double", np.float64),
    "intensity.sum.variance": ("double", np.float64), "partiality": ("double", np.float64), "d": ("double", np.float64),
}  # fmt: skip
SHAPES = {"cctbx::miller::index<>": (3,), "vec3<double>": (3,)}
MODELS = (
    "experiment", "imageset", "beam", "detector", "goniometer", "scan", "crystal", "profile", "scaling_model",
)  # fmt: skip


@contextmanager
def dials_truth_writer(
    expt: StrPath, refl: StrPath, file: str, *, space_group: str | None = None
) -> Iterator[TruthWriter]:
    """Yield a function that adds an image of `file` to an experiment list and a reflection table.

    There is a still for each crystal of each image. Intensities are the photons of a spot times the gain of recorded
    images, and their variances those of counting. The files are written when the block ends.
    """
    try:
        import msgpack
    except ImportError as error:
        raise ConfigError(f"reflection table: needs msgpack ({error}); pip install 'nanobragg[dataset]'") from None
    stills = _Stills(file, space_group)
    yield stills.add
    with atomic_write(refl) as output:
        output.write(msgpack.packb(["dials::af::reflection_table", 1, stills.table()]))
    with atomic_write(expt) as output:
        output.write(json.dumps(stills.models).encode())


class _Stills:
    """A still for each crystal: dxtbx models, and rows of the table of reflections."""

    def __init__(self, file: str, space_group: str | None) -> None:
        self.models: dict[str, Any] = {"__id__": "ExperimentList", **{name: [] for name in MODELS}}
        self._file, self._space_group = file, space_group
        self._parts: list[dict[str, npt.NDArray[Any]]] = []

    def add(self, image: TruthImage) -> None:
        """Add an image with its crystals."""
        scene, models = SceneData(image.config), self.models
        detector = detector_model(scene)
        if not models["detector"] or models["detector"][-1] != detector:
            models["detector"].append(detector)
        models["beam"].append(beam_model(scene))
        models["imageset"].append({
            "__id__": "ImageSet", "images": [self._file], "single_file_indices": [image.event], "mask": None,
            "gain": None, "pedestal": None, "dx": None, "dy": None, "params": {},
        })  # fmt: skip
        for lattice in image.lattices:
            number, last = len(models["experiment"]), len(models["beam"]) - 1
            models["crystal"].append(_crystal(lattice.scene, self._space_group))
            models["experiment"].append({
                "__id__": "Experiment", "identifier": f"truth-{number}", "beam": last, "imageset": last,
                "detector": len(models["detector"]) - 1, "crystal": number,
            })  # fmt: skip
            self._parts.append(_rows(lattice, number))

    def table(self) -> dict[str, Any]:
        """Return the content of a reflection table (dxtbx's msgpack format)."""
        columns = {}
        for name, (kind, dtype) in TYPES.items():
            values = np.concatenate([np.empty((0, *SHAPES.get(kind, ()))), *(part[name] for part in self._parts)])
            columns[name] = [kind, [len(values), values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()]]
        names = {number: each["identifier"] for number, each in enumerate(self.models["experiment"])}
        return {"identifiers": names, "nrows": sum(len(part["id"]) for part in self._parts), "data": columns}


def _crystal(scene: SceneData, space_group: str | None) -> dict[str, Any]:
    """Return the crystal as it is in the middle of the image."""
    axes = {
        f"real_space_{name}": in_the_middle(scene, axis).tolist()
        for name, axis in zip("abc", scene.lattice.direct, strict=True)
    }
    return crystal_model(scene, space_group) | axes


def _rows(lattice: TruthLattice, number: int) -> dict[str, npt.NDArray[Any]]:
    spots, config = lattice.spots, lattice.scene.config
    gain = resolve_recording(config).gain_adu_per_photon if config.noise else 1.0
    places = np.stack([spots.fast_px, spots.slow_px, np.full(len(spots), 0.5)], axis=1)
    return {
        "miller_index": spots.hkl, "id": np.full(len(spots), number), "panel": spots.panel,
        "flags": np.full(len(spots), PREDICTED | INDEXED | INTEGRATED), "xyzcal.px": places, "xyzobs.px.value": places,
        "intensity.sum.value": gain * spots.photons, "intensity.sum.variance": gain**2 * spots.photons,
        "partiality": spots.partiality, "d": spots.d_A,
    }  # fmt: skip
