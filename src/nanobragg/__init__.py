"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

import logging as _logging
from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from . import errors
from .analysis.compare.compare import compare
from .analysis.statistics import Statistics, statistics
from .config.background import Background
from .config.beam import Beam, Sources
from .config.config import Config
from .config.crystal import Crystal
from .config.detector import Detector
from .config.panel import Panel
from .config.sampling import Sampling
from .config.scan import Scan
from .config.spectrum import Spectrum
from .config.structure_factors import StructureFactors
from .rendering.simulate import simulate
from .rendering.trace.trace import Trace, trace
from .scene.scene import Scene

if TYPE_CHECKING:
    from .analysis.radial import radial_average
    from .analysis.resolution import resolution
    from .analysis.spots.predict import Spots, predict_spots
    from .analysis.spots.truth import GroundTruth, bragg_mask, ground_truth
    from .export.nexus import write_nexus
    from .export.write import write_image
    from .importers.dials import read_expt
    from .importers.experiment import Experiment
    from .importers.nexus import read_nxmx, read_nxmx_detector
    from .io import read_image
    from .nanobragg_c import reference
    from .nanobragg_c.flags.from_config import config_to_flags
    from .nanobragg_c.flags.to_config import config_from_flags
    from .nanobragg_c.trace_lines import c_printout, c_trace_lines
    from .plotting import plot, plot_radial, plot_slice
    from .response.noise import add_noise, c_noise
    from .response.quantize import to_integers

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
    "c_printout",
    "c_trace_lines",
    "compare",
    "config_from_flags",
    "config_to_flags",
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
    "read_nxmx_detector",
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
    "Experiment": ".importers.experiment",
    "GroundTruth": ".analysis.spots.truth",
    "Spots": ".analysis.spots.predict",
    "add_noise": ".response.noise",
    "bragg_mask": ".analysis.spots.truth",
    "c_noise": ".response.noise",
    "c_printout": ".nanobragg_c.trace_lines",
    "c_trace_lines": ".nanobragg_c.trace_lines",
    "config_from_flags": ".nanobragg_c.flags.to_config",
    "config_to_flags": ".nanobragg_c.flags.from_config",
    "ground_truth": ".analysis.spots.truth",
    "plot": ".plotting",
    "plot_radial": ".plotting",
    "plot_slice": ".plotting",
    "predict_spots": ".analysis.spots.predict",
    "radial_average": ".analysis.radial",
    "read_expt": ".importers.dials",
    "read_image": ".io",
    "read_nxmx": ".importers.nexus",
    "read_nxmx_detector": ".importers.nexus",
    "resolution": ".analysis.resolution",
    "to_integers": ".response.quantize",
    "write_image": ".export.write",
    "write_nexus": ".export.nexus",
}


def __getattr__(name: str) -> Any:
    if name == "reference":
        return _import_module(".nanobragg_c.reference", __name__)
    if name == "__version__":
        from importlib.metadata import version

        return version("nanobragg")
    if name in _LATER:
        return getattr(_import_module(_LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
