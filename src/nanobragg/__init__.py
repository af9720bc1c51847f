"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

from importlib.metadata import version as _version

from . import errors, reference
from .amplitudes import StructureFactors
from .background import Background
from .beam import Beam, Sources
from .compare import compare
from .config import Config, Sampling, Scan
from .crystal import Crystal
from .detector import Detector, Panel
from .integer import to_integers
from .io import read_image, write_image
from .noise import add_noise, c_noise
from .scene import Scene
from .simulate import simulate
from .statistics import Statistics, statistics
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
    "Statistics",
    "StructureFactors",
    "Trace",
    "add_noise",
    "c_noise",
    "compare",
    "errors",
    "read_image",
    "reference",
    "simulate",
    "statistics",
    "to_integers",
    "trace",
    "write_image",
]
