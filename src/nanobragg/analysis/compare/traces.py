"""Two traces beside each other: the first quantity, in the order of computation, where they part."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ...rendering.trace.trace import Trace, Value

ROUNDING = 1e-9  # of a quantity's natural size: sums in another order differ by less
COUNTS = "counts."


@dataclass(frozen=True)
class Divergence:
    """A quantity whose values differ.

    Attributes
    ----------
    name
        As in `Trace.values`, or the C program's name.
    a, b
        Both values; None where a trace does not have it.
    """

    name: str
    a: Value
    b: Value

    def __str__(self) -> str:
        return f"{self.name}: {_text(self.a)} against {_text(self.b)}"


@dataclass(frozen=True)
class TraceComparison:
    """What two walks to one pixel have in common.

    Attributes
    ----------
    divergence
        The first quantity, in the order of computation, that differs by more than rounding; None: there is none.
    agreed
        Number of quantities that agree before it.
    """

    divergence: Divergence | None
    agreed: int


def compare_traces(a: Trace, b: Trace) -> TraceComparison:
    """Find where two traces part first.

    Parameters
    ----------
    a, b : Trace
        Of the same pixel. Where a trace keeps only its strongest terms, terms that are not in both are left out.

    Notes
    -----
    Compared first is how many there are of what is summed: `counts.sub_pixels`, `.layers`, `.sources`, `.phi_steps`,
    `.domains`, `.cells`. Vectors are compared by their largest component; what is a difference of large numbers
    (q, δ, a lattice factor near its zero) by the size that its rounding goes by.
    """
    scales = {name: max(size, _scales(b)[name]) for name, size in _scales(a).items()}
    ours, theirs = quantities(a), quantities(b)
    whole = all(trace.n_terms == len(trace.terms) for trace in (a, b))
    agreed = 0
    for name in _merged(ours, theirs):
        if name not in ours or name not in theirs:
            if whole:
                return TraceComparison(Divergence(name, ours.get(name), theirs.get(name)), agreed)
            continue
        if differ(ours[name], theirs[name], rounding=ROUNDING, scale=scales.get(name.rpartition(".")[2], 0.0)):
            return TraceComparison(Divergence(name, ours[name], theirs[name]), agreed)
        agreed += 1
    return TraceComparison(None, agreed)


def quantities(trace: Trace) -> dict[str, Value]:
    """How many there are of everything that is summed, then `Trace.values`, but for what the recorder left out."""
    scene = trace.scene
    counts: dict[str, Value] = {
        "sub_pixels": scene.oversample**2,
        "layers": scene.sensor.count,
        "sources": len(scene.sources.weights),
        "phi_steps": scene.phi.count,
        "domains": scene.domains,
        "cells": scene.n_cells,
    }
    values = {name: value for name, value in trace.values().items() if name != "terms_kept"}
    return {f"{COUNTS}{name}": value for name, value in counts.items()} | values


def differ(a: Value, b: Value, *, rounding: float, scale: float = 0.0) -> bool:
    """Whether two values differ by more than `rounding` times the larger of them, or than `rounding` times `scale`."""
    numbers = [_numbers(value) for value in (a, b)]
    if numbers[0] is None or numbers[1] is None or len(numbers[0]) != len(numbers[1]):
        return a != b
    largest = max((abs(x) for value in numbers for x in value or () if math.isfinite(x)), default=0.0)
    allowed = rounding * max(largest, scale)
    return any(not _equal(x, y, allowed) for x, y in zip(numbers[0], numbers[1], strict=True))


def _numbers(value: Value) -> tuple[float, ...] | None:
    """A value as numbers; None if it is none."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return (value,)
    return None


def _equal(x: float, y: float, allowed: float) -> bool:
    if math.isfinite(x) and math.isfinite(y):
        return abs(x - y) <= allowed
    return x == y or (math.isnan(x) and math.isnan(y))


def _merged(ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Names in the order of computation: a's, and each of b's own after the one that it follows in b."""
    known = dict.fromkeys(ours)
    following: dict[str | None, list[str]] = {}
    last: str | None = None
    for name in theirs:
        if name in known:
            last = name
        else:
            following.setdefault(last, []).append(name)
    merged = following.get(None, [])
    for name in known:
        merged += [name, *following.get(name, [])]
    return merged


def _scales(trace: Trace) -> dict[str, float]:
    """The size that the rounding of a quantity goes by, where that is not its own."""
    cells, total = trace.scene.n_cells, abs(trace.final.sum)
    per_m = 1.0 / trace.scene.wavelength
    return {
        "cos_2theta": 1.0, "along_e": 1.0, "along_b": 1.0, "q_per_m": per_m, "q_length_per_m": per_m,
        "hkl": 1.0, "delta": 1.0, "radius_sqr": 1.0, "lattice_factors": max(cells),
        "F_latt": math.prod(cells), "F_latt_sqr": math.prod(cells) ** 2, "contribution": total, "running_sum": total,
    }  # fmt: skip


def _text(value: Value) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        return " ".join(f"{number:.12g}" for number in value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)
