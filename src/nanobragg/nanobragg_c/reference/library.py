"""The original program as a shared library, linked at run time: its functions, and whole runs."""

from __future__ import annotations

import inspect
import math
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError, FormatError
from ...geometry import FloatArray
from ...io.atomic import StrPath
from ..flags.flag_values import MAX_SEED
from .original_program import OriginalProgram, existing_file

if TYPE_CHECKING:
    from ..._reference import Library as LinkedLibrary

FUNCTIONS = (
    "sincg", "sinc3", "polarization_factor", "rotate", "rotate_axis", "unitize", "mosaic_rotation_umat", "umat2misset",
    "ran1", "poidev", "gammln", "polint", "polin3",
)  # fmt: skip
FloatImage = npt.NDArray[np.float32]


def load(path: StrPath | None = None) -> Library:
    """Open a shared library built from nanoBragg.c.

    Parameters
    ----------
    path
        The library; default: the environment variable NB_C_LIB.

    Returns
    -------
    Library
        Its functions, and whole runs.

    Raises
    ------
    ConfigError
        No path is given, or this installation was built without the extension `_reference`.
    FileError
        The file does not exist.
    FormatError
        The file is not a shared library for this machine, or was not built from nanoBragg.c.
    """
    return Library(existing_file(path, "NB_C_LIB", "a shared library built from nanoBragg.c"))


class Library(OriginalProgram):
    """A shared library of the original program: its functions here, its `run` in a child process.

    Arguments broadcast over leading dimensions; vectors are arrays of shape (…, 3). The functions keep static state:
    every call starts new random sequences and holds the GIL. Calling a function that the library lacks raises
    `FormatError`.

    Attributes
    ----------
    functions : tuple of str
        The names in `FUNCTIONS` that the library has.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        extension = _extension()
        try:
            self._library = extension(path)
        except RuntimeError as error:
            raise FormatError(
                f"{path}: cannot be opened as a shared library of this machine ({platform.machine()}): {error}; "
                "open an executable with reference.program"
            ) from None
        self.functions = tuple(name for name in FUNCTIONS if self._library.has(name))
        if not self.functions:
            raise FormatError(
                f"{path} is not a valid nanoBragg library: it has none of the functions {', '.join(FUNCTIONS)}"
            )

    def command(self) -> list[str]:
        self._require("main")
        child = Path(__file__).with_name("_child.py")
        return [sys.executable, "-I", str(child), inspect.getfile(_extension()), str(self.path)]

    def _require(self, name: str) -> None:
        if not self._library.has(name):
            raise FormatError(f"{self.path}: has no function {name}; build it from a nanoBragg.c with that function")

    def sincg(self, x: npt.ArrayLike, n: npt.ArrayLike) -> FloatArray:
        """Return sin(n·x)/sin(x)."""
        self._require("sincg")
        return np.asarray(self._library.sincg(_doubles(x), _doubles(n)))

    def sinc3(self, x: npt.ArrayLike) -> FloatArray:
        """Return 3 (sin x/x - cos x)/x²."""
        self._require("sinc3")
        return np.asarray(self._library.sinc3(_doubles(x)))

    def gammln(self, x: npt.ArrayLike) -> FloatImage:
        """Return ln Γ(x), in single precision."""
        self._require("gammln")
        return np.asarray(self._library.gammln(np.asarray(x, np.float32)))

    def polarization_factor(
        self, kahn: npt.ArrayLike, incident: npt.ArrayLike, diffracted: npt.ArrayLike, axis: npt.ArrayLike
    ) -> FloatArray:
        """Return the polarization factor for a Kahn factor (…) and directions (…, 3) of any length."""
        self._require("polarization_factor")
        arguments = {
            "kahn": (kahn, ()),
            "incident": (incident, (3,)),
            "diffracted": (diffracted, (3,)),
            "axis": (axis, (3,)),
        }
        return _by_rows(self._library.polarization_factor, (), **arguments)

    def rotate(self, vector: npt.ArrayLike, angles_rad: npt.ArrayLike) -> FloatArray:
        """Rotate vectors (…, 3) about x, y, then z by angles (…, 3)."""
        self._require("rotate")
        return _by_rows(self._library.rotate, (3,), vector=(vector, (3,)), angles_rad=(angles_rad, (3,)))

    def rotate_axis(self, vector: npt.ArrayLike, axis: npt.ArrayLike, angle_rad: npt.ArrayLike) -> FloatArray:
        """Rotate vectors (…, 3) about unit axes (…, 3) by angles (…)."""
        self._require("rotate_axis")
        arguments = {"vector": (vector, (3,)), "axis": (axis, (3,)), "angle_rad": (angle_rad, ())}
        return _by_rows(self._library.rotate_axis, (3,), **arguments)

    def unitize(self, vector: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return unit vectors (…, 3) along `vector`, and their lengths (…)."""
        self._require("unitize")
        lead, (rows,) = _rows(vector=(vector, (3,)))
        unit, length = self._library.unitize(rows)
        return unit.reshape(*lead, 3), length.reshape(lead)

    def umat2misset(self, umat: npt.ArrayLike) -> FloatArray:
        """Return the angles (…, 3) (radians) about x, y, z of rotation matrices (…, 3, 3)."""
        self._require("umat2misset")
        return _by_rows(self._library.umat2misset, (3,), umat=(umat, (3, 3)))

    def mosaic_rotation_umat(self, spread_rad: float, n: int, seed: int) -> FloatArray:
        """Return n random rotations, shape (n, 3, 3), by up to `spread_rad`."""
        self._require("mosaic_rotation_umat")
        umats: FloatArray = self._library.mosaic_rotation_umat(spread_rad, _count(n), _seed(seed))
        return umats.reshape(n, 3, 3)

    def ran1(self, n: int, seed: int) -> FloatImage:
        """Return the first n uniform deviates of a seed, in single precision."""
        self._require("ran1")
        return self._library.ran1(_count(n), _seed(seed))

    def poidev(self, means: npt.ArrayLike, seed: int) -> FloatImage:
        """Return a Poisson deviate for each mean, drawn in row-major order from a new sequence, in single precision."""
        self._require("poidev")
        single = np.ascontiguousarray(means, np.float32)
        if not np.isfinite(single).all():
            raise ConfigError("means: must be finite, or the C function does not return")
        return self._library.poidev(single, _seed(seed)).reshape(single.shape)

    def polint(self, nodes: npt.ArrayLike, values: npt.ArrayLike, at: npt.ArrayLike) -> FloatArray:
        """Return the cubic through four nodes (…, 4) and values (…, 4), evaluated at (…)."""
        self._require("polint")
        return _by_rows(self._library.polint, (), nodes=(nodes, (4,)), values=(values, (4,)), at=(at, ()))

    def polin3(self, nodes: npt.ArrayLike, values: npt.ArrayLike, at: npt.ArrayLike) -> FloatArray:
        """Return the tricubic through nodes (…, 3, 4) and values (…, 4, 4, 4), evaluated at points (…, 3)."""
        self._require("polin3")
        arguments = {"nodes": (nodes, (3, 4)), "values": (values, (4, 4, 4)), "at": (at, (3,))}
        return _by_rows(self._library.polin3, (), **arguments)


def _extension() -> type[LinkedLibrary]:
    try:
        from ..._reference import Library as LinkedLibrary
    except ImportError as error:
        raise ConfigError(
            f"reference.load: this installation has no nanobragg._reference ({error}); build it with a C++ compiler "
            "and pybind11, or use reference.program"
        ) from None
    return LinkedLibrary


def _doubles(values: npt.ArrayLike) -> FloatArray:
    return np.asarray(values, np.float64)


Argument = tuple[npt.ArrayLike, tuple[int, ...]]  # values, and the shape of one item


def _rows(**arguments: Argument) -> tuple[tuple[int, ...], list[FloatArray]]:
    """Return the common leading shape, and every argument broadcast to it as rows of one item each."""
    arrays = {name: _doubles(values) for name, (values, _) in arguments.items()}
    leads = []
    for name, (_, item) in arguments.items():
        shape = arrays[name].shape
        split = len(shape) - len(item)
        if split < 0 or shape[split:] != item:
            raise ConfigError(f"{name}: shape {shape} must end with {item}")
        leads.append(shape[:split])
    try:
        lead = np.broadcast_shapes(*leads)
    except ValueError:
        raise ConfigError(f"{', '.join(arguments)}: leading shapes {leads} do not broadcast") from None
    return lead, [
        np.ascontiguousarray(np.broadcast_to(arrays[name], lead + item)).reshape(-1, math.prod(item))
        for name, (_, item) in arguments.items()
    ]


def _by_rows(call: Callable[..., FloatArray], item: tuple[int, ...], **arguments: Argument) -> FloatArray:
    lead, rows = _rows(**arguments)
    return call(*rows).reshape(lead + item)


def _count(n: int) -> int:
    if n < 0:
        raise ConfigError(f"n = {n}: must not be negative")
    return n


def _seed(seed: int) -> int:
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed = {seed}: must be 0 to {MAX_SEED}")
    return seed
