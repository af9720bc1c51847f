"""Sweeps over rotation, divergence, dispersion and sensor depth, completed from count, range and step.

docs/step_rules.md has the rules.
"""

import math
from dataclasses import dataclass
from typing import Literal

from .bounds import MOST_STEPS
from .constants import RADIAN_IN_DEGREES
from .errors import ConfigError


@dataclass(frozen=True)
class Sweep:
    """A resolved sweep: `count` values, `step` apart, covering `range` (SI units)."""

    count: int
    range: float
    step: float


def resolve_sweep(
    kind: Literal["phi", "beam", "sensor"],
    count: int | None,
    span: float | None,
    step: float | None,
    *,
    layers_overshoot: bool = False,
) -> Sweep:
    """Complete a sweep from those of count, range and step that are given (None: not given).

    Parameters
    ----------
    kind
        "phi" (radians), "beam" (divergence in radians, or dispersion as a fraction) or "sensor" (metres).
    count, span, step
        Number of steps, total range, distance between steps.
    layers_overshoot
        With `kind="sensor"`: n layers, at least two, cover n/(n-1) of the thickness (docs/quirks.md, row 12).

    Raises
    ------
    ConfigError
        A phi range of 0 with a step, which gives no steps, or more than ten million steps.
    """
    resolved = _no_count(kind, span, step)
    if count is not None:
        resolved = _given_count(kind, count, span, step, layers_overshoot)
    if resolved.count > MOST_STEPS:
        raise ConfigError(f"{kind} sweep: more than {MOST_STEPS} steps; use fewer steps or a larger step")
    if kind == "phi":
        if resolved.count < 1:
            raise ConfigError(
                f"rotation range {span} with step {step} rad: gives no phi step; leave out the range or the step"
            )
        return resolved
    if min(resolved.count, resolved.range, resolved.step) <= 0:
        return Sweep(1, 0.0, 0.0)
    return resolved


def _no_count(kind: str, span: float | None, step: float | None) -> Sweep:
    step_given = step is not None and step > 0
    if span is None:
        return Sweep(2, float(step), float(step)) if step_given and step else Sweep(1, 0.0, 0.0)
    if step_given and step:
        return Sweep(math.ceil(min(span / step, MOST_STEPS + 1.0)), span, step)
    return Sweep(2, span, span if kind == "beam" else span / 2.0)


def _given_count(kind: str, count: int, span: float | None, step: float | None, overshoot: bool) -> Sweep:
    count = max(count, 1)
    if span is None:
        if step is not None and step > 0:
            return Sweep(2, step, step)
        span = {"phi": 1.0 / RADIAN_IN_DEGREES, "beam": 1.0, "sensor": 0.5e-6}[kind]
        return Sweep(count, span, span / count)
    if kind == "phi":
        return Sweep(count, span, span / count if step is None else step)
    if step is not None and step > 0:
        return Sweep(count, span, step)
    if kind == "sensor" and not overshoot:
        return Sweep(count, span, span / count)
    count = max(count, 2)
    return Sweep(count, span, span / (count - 1))
