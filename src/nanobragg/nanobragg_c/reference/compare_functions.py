"""Comparison of the functions of a loaded library with ours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._functions import cubic, grating_sqr, polarization, rotate_about, sphere_sqr, tricubic
from ..._noise import CRandom, gammln, mosaic_rotations, umat_to_misset
from ...geometry import rotate, unit
from .library import Library

SEED = 20260101
CELLS = (2, 5, 100)
MEANS = (0.0, 0.01, 1.0, 11.9, 12.0, 50.0, 1e3, 9.9e5, 1.1e6, 1e9)
CUBE_NODES = np.tile(np.array([-1.0, 0.0, 1.0, 2.0]), (3, 1))


@dataclass(frozen=True)
class Agreement:
    """Agreement of one function of the library with ours.

    Attributes
    ----------
    function
        Name in the library.
    samples
        Number of values compared; 0 if the library lacks the function.
    largest
        Largest absolute difference.
    scale
        Largest absolute value from the library.
    note
        Arguments compared, or the reason of a difference.
    """

    function: str
    samples: int = 0
    largest: float = 0.0
    scale: float = 0.0
    note: str = ""

    @property
    def relative(self) -> float:
        """Largest difference relative to the scale."""
        return self.largest / self.scale if self.scale else self.largest


@dataclass(frozen=True)
class FunctionTable:
    """The `Agreement` of every function in a fixed order; `str` gives a text table."""

    rows: tuple[Agreement, ...]

    def to_text(self) -> str:
        """Return a table of function, samples, largest absolute and relative difference, and note."""
        lines = [f"{'function':<22}{'samples':>8}  {'largest':>9}  {'relative':>9}  note"]
        for row in self.rows:
            numbers = f"{row.largest:9.2e}  {row.relative:9.2e}" if row.samples else f"{'-':>9}  {'-':>9}"
            lines.append(f"{row.function:<22}{row.samples:>8}  {numbers}  {row.note}".rstrip())
        return "\n".join(lines)

    __str__ = to_text


def function_table(library: Library) -> FunctionTable:
    """Return the largest disagreement between each function of a loaded library and ours; see `FunctionTable`."""
    rows: list[Agreement] = []
    for name, compare in COMPARISONS.items():
        if name in library.functions:
            for note, theirs, ours in compare(library, np.random.default_rng(SEED)):
                rows.append(_agreement(name, note, np.asarray(theirs, np.float64), np.asarray(ours, np.float64)))
        else:
            rows.append(Agreement(name, note="not in this library"))
    return FunctionTable(tuple(rows))


def _agreement(name: str, note: str, theirs: Any, ours: Any) -> Agreement:
    return Agreement(name, theirs.size, float(np.abs(ours - theirs).max()), float(np.abs(theirs).max()), note)


Pairs = Iterator[tuple[str, Any, Any]]  # note, values of the library, our values


def _sincg(library: Library, draw: np.random.Generator) -> Pairs:
    index = draw.integers(-30, 31, 300) + draw.choice([-1, 1], 300) * draw.uniform(1e-3, 0.5, 300)
    whole = np.array([-5.0, -3.0, -2.0, 2.0, 3.0, 5.0])
    places = ((index, "1e-3 or more from whole indices"), (whole, "whole indices: row 13, the library's is noise"))
    for n in CELLS:
        for h, where in places:
            ours = np.sqrt(grating_sqr(h, np.full(h.shape, float(n))))
            yield f"|sincg|, N = {n}, {where}", np.abs(library.sincg(np.pi * h, n)), ours


def _sinc3(library: Library, draw: np.random.Generator) -> Pairs:
    for low, high in ((0.1, 60.0), (1e-4, 1e-3)):
        x = draw.uniform(low, high, 300)
        note = f"|sinc3|, {low:g} < x < {high:g}" + (": row 13, the library loses digits" if high < 1 else "")
        yield note, np.abs(library.sinc3(x)), np.sqrt(sphere_sqr(x / np.pi))


def _polarization(library: Library, draw: np.random.Generator) -> Pairs:
    vectors = draw.normal(size=(3, 300, 3))
    kahn = np.concatenate([[0.0, 1.0, -1.0], draw.uniform(-1, 1, 297)])
    yield "", library.polarization_factor(kahn, *vectors), polarization(kahn, *vectors)


def _rotate(library: Library, draw: np.random.Generator) -> Pairs:
    vectors, angles = draw.normal(size=(300, 3)), draw.uniform(-np.pi, np.pi, (300, 3))
    ours = [rotate(vector, tuple(about)) for vector, about in zip(vectors, angles.tolist(), strict=True)]
    yield "", library.rotate(vectors, angles), ours


def _rotate_axis(library: Library, draw: np.random.Generator) -> Pairs:
    vectors, axes = draw.normal(size=(2, 300, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = draw.uniform(-np.pi, np.pi, 300)
    yield "", library.rotate_axis(vectors, axes, angles), rotate_about(vectors, axes, angles)


def _unitize(library: Library, draw: np.random.Generator) -> Pairs:
    vectors = draw.normal(size=(300, 3))
    yield "", library.unitize(vectors)[0], [unit(vector) for vector in vectors]


def _mosaic(library: Library, draw: np.random.Generator) -> Pairs:
    for seed, degrees in ((12345678, 0.5), (42, 90.0)):
        spread = np.radians(degrees)
        theirs, ours = library.mosaic_rotation_umat(spread, 100, seed), mosaic_rotations(spread, 100, seed)
        yield f"spread {degrees:g} degrees, without domain 0", theirs[1:], ours[1:]


def _umat2misset(library: Library, draw: np.random.Generator) -> Pairs:
    umats = mosaic_rotations(np.pi, 100, 7)[1:]
    yield "radians", library.umat2misset(umats), [umat_to_misset(umat) for umat in umats]


def _ran1(library: Library, draw: np.random.Generator) -> Pairs:
    for seed in (1, 12345678):
        yield f"seed {seed}", library.ran1(1000, seed), CRandom(seed).ran1(1000)


def _poidev(library: Library, draw: np.random.Generator) -> Pairs:
    means = np.tile(np.array(MEANS, np.float32), 100)
    yield "means 0 to 1e9", library.poidev(means, 7), CRandom(7).poisson(means)


def _gammln(library: Library, draw: np.random.Generator) -> Pairs:
    x = np.exp(draw.uniform(0, 14, 300)).astype(np.float32)
    yield "single precision", library.gammln(x), [gammln(value) for value in x.tolist()]


def _polint(library: Library, draw: np.random.Generator) -> Pairs:
    values, at = draw.uniform(0, 100, (300, 4)), draw.uniform(0, 1, 300)
    yield "", library.polint(CUBE_NODES[0], values, at), cubic(values, at)


def _polin3(library: Library, draw: np.random.Generator) -> Pairs:
    values, at = draw.uniform(0, 100, (300, 4, 4, 4)), draw.uniform(0, 1, (300, 3))
    yield "", library.polin3(CUBE_NODES, values, at), tricubic(values, at)


COMPARISONS: dict[str, Callable[[Library, np.random.Generator], Pairs]] = {
    "sincg": _sincg,
    "sinc3": _sinc3,
    "polarization_factor": _polarization,
    "rotate": _rotate,
    "rotate_axis": _rotate_axis,
    "unitize": _unitize,
    "mosaic_rotation_umat": _mosaic,
    "umat2misset": _umat2misset,
    "ran1": _ran1,
    "poidev": _poidev,
    "gammln": _gammln,
    "polint": _polint,
    "polin3": _polin3,
}
