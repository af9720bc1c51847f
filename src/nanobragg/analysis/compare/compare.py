"""Comparison of two images or two traces."""

from __future__ import annotations

from typing import overload

import numpy.typing as npt

from ...calls import public
from ...errors import ConfigError
from ...rendering.trace.trace import Trace
from .images import DEFAULT_PEAKS, ImageComparison, compare_images
from .peaks import PeakMatch, PeakPair
from .traces import Divergence, TraceComparison, compare_traces

__all__ = ["Divergence", "ImageComparison", "PeakMatch", "PeakPair", "TraceComparison", "compare"]


@overload
def compare(a: Trace, b: Trace) -> TraceComparison: ...
@overload
def compare(a: npt.ArrayLike, b: npt.ArrayLike, *, peaks: int = ...) -> ImageComparison: ...
@public
def compare(
    a: npt.ArrayLike | Trace, b: npt.ArrayLike | Trace, *, peaks: int = DEFAULT_PEAKS
) -> ImageComparison | TraceComparison:
    """Compare two images or two traces.

    Parameters
    ----------
    a, b
        Two images of the same shape, or two traces of the same pixel; b is the reference.
    peaks
        For images: number of local maxima to match, which needs scipy (the extra `compare`); 0: none.

    Returns
    -------
    ImageComparison
        For images: correlation, errors, sums, and matched peaks.
    TraceComparison
        For traces: the first quantity, in the order of computation, that differs by more than rounding.

    Raises
    ------
    ShapeError
        Images of different shapes.
    ConfigError
        Arguments of different kinds, or peaks without scipy.
    """
    if isinstance(a, Trace) and isinstance(b, Trace):
        return compare_traces(a, b)
    if isinstance(a, Trace) or isinstance(b, Trace):
        raise ConfigError(
            f"a {type(a).__name__} and a {type(b).__name__} cannot be compared; give two images or two traces "
            "(a trace and a reference.Run: reference.compare_trace)"
        )
    return compare_images(a, b, peaks=peaks)
