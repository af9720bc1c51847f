"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

from importlib.metadata import version as _version

from . import errors, reference
from .amplitudes import StructureFactors
from .beam import Beam, Sources
from .background import Background
from .config import Config, Sampling, Scan
from .crystal import Crystal
from .detector import Detector, Panel
from .scene import Scene
from .simulate import simulate
from .trace import Trace, trace

__version__ = _version("nanobragg")

__all__ = [
    "Background",
    "Beam",
    "Config",
    "Crystal",
    "Detector",
    "Panel",
    "Sampling",
    "Scan",
    "Scene",
    "Sources",
    "StructureFactors",
    "Trace",
    "errors",
    "reference",
    "simulate",
    "trace",
]
