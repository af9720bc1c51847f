"""The region of interest: two slices (slow, fast), as an image is indexed, and the limits that the kernel uses."""

from __future__ import annotations

import operator
from typing import Annotated, Any

from pydantic import PlainValidator

from ..errors import ConfigError
from ..geometry import Roi


def _slices(value: Any) -> tuple[slice, slice]:
    """Return two slices; a TOML file gives pairs [start, stop]."""
    try:
        slow, fast = value
        return _slice(slow), _slice(fast)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"is not a valid region; {_cure(value)}") from None


def _slice(part: Any) -> slice:
    if not isinstance(part, slice):
        start, stop = part
        part = slice(start, stop)
    if part.step not in (None, 1):
        raise ValueError("a step")
    return slice(*(None if end is None else operator.index(end) for end in (part.start, part.stop)))


def _cure(value: Any) -> str:
    try:
        x0, x1, y0, y1 = map(operator.index, value)
    except (TypeError, ValueError):
        return "give two slices (slow, fast), as an image is indexed: np.s_[0:50, 100:200]"
    return f"give two slices (slow, fast); first and last fast, first and last slow pixel are {_text((x0, x1, y0, y1))}"


def _text(limits: Roi) -> str:
    x0, x1, y0, y1 = limits
    return f"np.s_[{y0}:{y1 + 1}, {x0}:{x1 + 1}]"


Region = Annotated[tuple[slice, slice], PlainValidator(_slices)]


def region_limits(region: Any, pixels: tuple[int, int]) -> Roi:
    """Return the limits of two slices (slow, fast) on a panel of `pixels` (slow, fast).

    As in NumPy, a missing end is that of the panel, and negative ones count from its end. Raises `ConfigError` if the
    region is not two slices, is empty, or is not within the panel.
    """
    try:
        parts = _slices(region)
    except ValueError as error:
        raise ConfigError(f"roi = {region!r}: {error}") from None
    (y0, y1), (x0, x1) = (_ends(part, size) for part, size in zip(parts, pixels, strict=True))
    if not (0 <= y0 < y1 <= pixels[0] and 0 <= x0 < x1 <= pixels[1]):
        slow, fast = ("".join(f"{'' if end is None else end}:" for end in (p.start, p.stop))[:-1] for p in parts)
        raise ConfigError(
            f"roi = np.s_[{slow}, {fast}]: is empty or not within the image; slow pixels are 0…{pixels[0] - 1}, "
            f"fast pixels 0…{pixels[1] - 1}"
        )
    return x0, x1 - 1, y0, y1 - 1


def _ends(part: slice, size: int) -> tuple[int, int]:
    """Return both ends of a slice of `size` pixels; those beyond the pixels are kept."""
    start, stop = 0 if part.start is None else part.start, size if part.stop is None else part.stop
    return start + size if start < 0 else start, stop + size if stop < 0 else stop


def region_of(limits: Roi) -> tuple[slice, slice]:
    """Return two slices (slow, fast) from first and last fast, first and last slow pixel."""
    x0, x1, y0, y1 = limits
    return slice(y0, y1 + 1), slice(x0, x1 + 1)
