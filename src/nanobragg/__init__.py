"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

import logging as _logging
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from . import errors
from .amplitudes.structure_factors import StructureFactors
from .background import Background
from .beam import Beam, Sources
from .comparison.compare import compare
from .config import Config, Sampling, Scan
from .crystal import Crystal
from .detectors.detector import Detector, Panel
from .scene import Scene
from .simulate import simulate
from .spectrum import Spectrum
from .statistics import Statistics, statistics
from .tracing.trace import Trace, trace

if TYPE_CHECKING:
    from . import reference
    from .experiments.experiment import Experiment, read_expt, read_nxmx
    from .image_files.nexus import write_nexus
    from .image_files.write import write_image
    from .integer import to_integers
    from .io import read_image
    from .noise import add_noise, c_noise
    from .pixel_angles import resolution
    from .plotting import plot, plot_radial, plot_slice
    from .radial import radial_average
    from .spots.predict import Spots, predict_spots
    from .spots.truth import GroundTruth, bragg_mask, ground_truth

    __version__: str

__all__ = [
    "Background",
    "Beam",
    "Config",
    "Crystal",
    "Detector",
    "Experiment",
    "GroundTruth",
    "Panel",
    "Sampling",
    "Scan",
    "Scene",
    "Sources",
    "Spectrum",
    "Spots",
    "Statistics",
    "StructureFactors",
    "Trace",
    "add_noise",
    "bragg_mask",
    "c_noise",
    "compare",
    "errors",
    "ground_truth",
    "plot",
    "plot_radial",
    "plot_slice",
    "predict_spots",
    "radial_average",
    "read_expt",
    "read_image",
    "read_nxmx",
    "reference",
    "resolution",
    "simulate",
    "statistics",
    "to_integers",
    "trace",
    "write_image",
    "write_nexus",
]

_logging.getLogger(__name__).addHandler(_logging.NullHandler())  # silent, unless the application wants to hear

# Imported when first asked for: a command line that renders needs none of them.
_LATER = {
    "Experiment": ".experiments.experiment",
    "GroundTruth": ".spots.truth",
    "Spots": ".spots.predict",
    "add_noise": ".noise",
    "bragg_mask": ".spots.truth",
    "c_noise": ".noise",
    "ground_truth": ".spots.truth",
    "plot": ".plotting",
    "plot_radial": ".plotting",
    "plot_slice": ".plotting",
    "predict_spots": ".spots.predict",
    "radial_average": ".radial",
    "read_expt": ".experiments.experiment",
    "read_image": ".io",
    "read_nxmx": ".experiments.experiment",
    "resolution": ".pixel_angles",
    "to_integers": ".integer",
    "write_image": ".image_files.write",
    "write_nexus": ".image_files.nexus",
}


def __getattr__(name: str) -> Any:
    if name == "reference":
        return _import_module(".reference", __name__)
    if name == "__version__":
        from importlib.metadata import version

        return version("nanobragg")
    if name in _LATER:
        return getattr(_import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
