"""The output of `nanobragg compare`: the printed table and summary.json."""

from typing import Any, NamedTuple

import numpy.typing as npt

from ..analysis.compare.images import ImageComparison
from ..nanobragg_c.compare_runs import OurRun, TracedPixel
from ..nanobragg_c.quirk_sizes import Size
from ..nanobragg_c.quirks import QUIRKS
from ..nanobragg_c.reference.program_output import Run

LABEL_WIDTH = 18
COLUMN = 16


class Theirs(NamedTuple):
    """The other image, from the C program or from a file (without a run); `name` is the path of either."""

    name: str
    run: Run | None
    image: npt.NDArray[Any]


class Result(NamedTuple):
    """Both runs, the comparison of their images, and the traced pixel, if any."""

    ours: OurRun
    theirs: Theirs
    compared: ImageComparison
    traced: TracedPixel | None
    threshold: float


def report_lines(result: Result) -> list[str]:
    """Return the printed table, one line per subject."""
    compared = result.compared
    rows = {
        "": f"{'nanobragg':<{COLUMN}}{result.theirs.name}",
        "seconds": _seconds(result),
        "sum": _both(compared.sum_a, compared.sum_b) + f"ratio {compared.sum_ratio:.9g}",
        "maximum": _both(compared.max_a, compared.max_b).rstrip(),
        "correlation": f"{compared.correlation:.10g} (threshold {result.threshold:g})",
        "RMSE": f"{compared.rmse:.6g} (MSE {compared.mse:.6g})",
        "largest |Δ|": _largest(compared),
        "pixels": f"{compared.pixels} compared, {compared.one_sided} finite in one image only",
        "peaks": _peaks(compared),
        "pixel": _pixel(result),
        "first divergence": _divergence(result.traced),
        "explained by": _rows(result.traced),
    }
    blank = "\n" + " " * LABEL_WIDTH
    return [f"{name:<{LABEL_WIDTH}}{text.replace(chr(10), blank)}" for name, text in rows.items() if text]


def summary(result: Result) -> dict[str, Any]:
    """Return the content of summary.json, with all values of the pixel that both programs print."""
    ours, theirs, compared = result.ours, result.theirs, result.compared
    return {
        "other": theirs.name,
        "seconds": {"ours": ours.seconds, "theirs": None if theirs.run is None else theirs.run.seconds},
        "threshold": result.threshold,
        "correlation": compared.correlation,
        "pixel": None if result.traced is None else _pixel_summary(result.traced),
    }


def _both(ours: float, theirs: float, digits: int = 9) -> str:
    return f"{ours:<{COLUMN}.{digits}g}{theirs:<{COLUMN}.{digits}g}"


def _seconds(result: Result) -> str:
    ours, run = result.ours.seconds, result.theirs.run
    if run is None:
        return f"{ours:.4g}"
    return _both(ours, run.seconds, 4) + f"ratio {run.seconds / ours:.3g} (C program: whole process, 1 thread)"


def _largest(compared: ImageComparison) -> str:
    if compared.max_at is None:
        return "no pixel is finite in both images"
    slow, fast = compared.max_at[-2:]
    return f"{compared.max_abs:.6g} photons at slow {slow}, fast {fast}"


def _peaks(compared: ImageComparison) -> str:
    peaks = compared.peaks
    if peaks is None:
        return ""
    return (
        f"{len(peaks.pairs)} matched, {peaks.only_a} only in nanobragg, {peaks.only_b} only in the reference; "
        f"largest shift {peaks.largest_shift_px:.3g} px"
    )


def _pixel(result: Result) -> str:
    if result.traced is None:
        return "no rendered pixel"
    slow, fast = place = result.traced.slow, result.traced.fast
    ours, theirs = result.ours.image[place], result.theirs.image[place]
    return f"slow {slow}, fast {fast}: {ours:.9g} in nanobragg, {theirs:.9g} in the reference"


def _divergence(traced: TracedPixel | None) -> str:
    if traced is None or traced.compared is None:
        return ""
    if traced.compared.divergence is None:
        return f"none: {traced.compared.agreed} quantities agree to the printed digits"
    return f"{traced.compared.divergence} (after {traced.compared.agreed} quantities that agree)"


def _rows(traced: TracedPixel | None) -> str:
    if traced is None or traced.compared is None:
        return ""
    if traced.compared.divergence is None and not traced.sizes:
        return ""
    sized = [_sized(size) for size in traced.sizes]
    measured = {row for size in traced.sizes for row in size.rows}
    named = [f"row {row} of docs/quirks.md: {QUIRKS[row]}" for row in traced.rows if row not in measured]
    return "\n".join(sized + named) or "no row of docs/quirks.md applies to these flags"


def _sized(size: Size) -> str:
    """Return rows with their effect on the image."""
    rows = f"row {size.rows[0]}" if len(size.rows) == 1 else f"rows {' and '.join(map(str, size.rows))}"
    return f"{rows} of docs/quirks.md: {'; '.join(QUIRKS[row] for row in size.rows)} ({size.text()})"


def _pixel_summary(traced: TracedPixel) -> dict[str, Any]:
    first = None if traced.compared is None else traced.compared.divergence
    return {
        "slow": traced.slow,
        "fast": traced.fast,
        "first_divergence": first and {"name": first.name, "ours": first.a, "theirs": first.b},
        "explained_by_rows": {str(row): QUIRKS[row] for row in traced.rows},
        "sizes_of_rows": [size._asdict() for size in traced.sizes],
        "values": {name: {"ours": ours, "theirs": theirs} for name, (ours, theirs) in traced.values.items()},
    }
