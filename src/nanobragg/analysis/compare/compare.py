"""What two results have in common, and where they part: images, traces, and our trace beside the original program."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy.typing as npt

from ...errors import ConfigError
from ...rendering.trace.trace import Trace
from .images import DEFAULT_PEAKS, ImageComparison, compare_images
from .peaks import PeakMatch, PeakPair
from .printed import compare_with_original
from .traces import Divergence, TraceComparison, compare_traces

if TYPE_CHECKING:
    from ...nanobragg_c.reference.program_output import Run

__all__ = ["Divergence", "ImageComparison", "PeakMatch", "PeakPair", "TraceComparison", "compare"]


@overload
def compare(a: Trace, b: Trace | Run) -> TraceComparison: ...
@overload
def compare(a: npt.ArrayLike, b: npt.ArrayLike, *, peaks: int = ...) -> ImageComparison: ...
def compare(
    a: npt.ArrayLike | Trace, b: npt.ArrayLike | Trace | Run, *, peaks: int = DEFAULT_PEAKS
) -> ImageComparison | TraceComparison:
    """Compare two images, two traces, or a trace with what the original program printed.

    Parameters
    ----------
    a, b
        Two images of one shape, b the reference; two traces of one pixel; or a trace and a `reference.Run` in
        which that pixel was printed.
    peaks
        For images: how many local maxima are matched, which needs scipy (the extra `compare`); 0: none.

    Returns
    -------
    ImageComparison
        For images: correlation, errors, sums, and peaks in pairs.
    TraceComparison
        For traces: the first quantity, in the order of computation, that differs by more than rounding.

    Raises
    ------
    ShapeError
        Images of different shapes.
    ConfigError
        Two things that cannot be compared, or peaks without scipy.
    """
    from ...nanobragg_c.reference.program_output import Run

    if isinstance(a, Trace) and isinstance(b, Run):
        return compare_with_original(a, b)
    if isinstance(a, Trace) and isinstance(b, Trace):
        return compare_traces(a, b)
    if isinstance(a, (Trace, Run)) or isinstance(b, (Trace, Run)):
        raise ConfigError(
            f"a {type(a).__name__} and a {type(b).__name__} cannot be compared; give two images, two traces, or a "
            "trace and a reference.Run"
        )
    return compare_images(a, b, peaks=peaks)
