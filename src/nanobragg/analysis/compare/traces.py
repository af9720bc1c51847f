"""Comparison of two traces: the first quantity, in the order of computation, that differs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ...rendering.trace.trace import Trace, Value

ROUNDING = 1e-9  # relative to the scale of a quantity; sums in another order differ by less
COUNTS = "counts."


@dataclass(frozen=True)
class Divergence:
    """A quantity whose values differ.

    Attributes
    ----------
    name
        Name as in `Trace.values`, or in the C program's output.
    a, b
        Both values; None where a trace does not have the quantity.
    """

    name: str
    a: Value
    b: Value

    def __str__(self) -> str:
        return f"{self.name}: {_text(self.a)} against {_text(self.b)}"


@dataclass(frozen=True)
class TraceComparison:
    """Comparison of two traces of a pixel.

    Attributes
    ----------
    divergence
        The first quantity, in the order of computation, that differs by more than rounding; None if all agree.
    agreed
        Number of quantities before it, which agree.
    """

    divergence: Divergence | None
    agreed: int


def compare_traces(a: Trace, b: Trace) -> TraceComparison:
    """Find the first quantity that differs between two traces.

    Parameters
    ----------
    a, b : Trace
        Traces of the same pixel. If one keeps only its strongest terms, terms that are not in both are ignored.

    Notes
    -----
    The numbers of summed items come first: `counts.sub_pixels`, `.layers`, `.sources`, `.phi_steps`, `.domains`,
    `.cells`. Tolerances are relative to the largest component of a vector, and for differences of large numbers (q, δ,
    a lattice factor near its zero) to the size of those numbers.
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
    """Return the numbers of summed items, then `Trace.values` without `terms_kept`."""
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
    """Return whether two values differ by more than `rounding` times the largest of both values and `scale`."""
    numbers = [_numbers(value) for value in (a, b)]
    if numbers[0] is None or numbers[1] is None or len(numbers[0]) != len(numbers[1]):
        return a != b
    largest = max((abs(x) for value in numbers for x in value or () if math.isfinite(x)), default=0.0)
    allowed = rounding * max(largest, scale)
    return any(not _equal(x, y, allowed) for x, y in zip(numbers[0], numbers[1], strict=True))


def _numbers(value: Value) -> tuple[float, ...] | None:
    """Return a value as a tuple of numbers; None if it is not numeric."""
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
    """Merge names in the order of computation: those of a, with each extra name of b after its predecessor in b."""
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
    """Return the scales of quantities whose rounding error is not relative to their own size."""
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
