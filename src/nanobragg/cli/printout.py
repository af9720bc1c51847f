"""The output of -printout, -printout_pixel and -trace_pixel."""

from collections.abc import Iterator

from ..nanobragg_c.flags.to_config import Outputs
from ..nanobragg_c.trace_lines import c_printout, c_trace_lines
from ..rendering.trace.trace import trace
from ..scene.scene import Scene


def print_pixels(scene: Scene, outputs: Outputs) -> None:
    """Print the traces that the flags request, of one pixel or of all rendered ones."""
    if outputs.printout:
        slow, fast = scene.shape
        for x, y in _rendered(scene) if outputs.printout_pixel is None else [outputs.printout_pixel]:
            if 0 <= x < fast and 0 <= y < slow and scene.rendered[y, x]:
                print("\n".join(c_printout(trace(scene, slow=y, fast=x, strongest=1))))
    if outputs.trace_pixel is not None:
        slow, fast = outputs.trace_pixel
        print("\n".join(c_trace_lines(trace(scene, slow=slow, fast=fast, strongest=1))))


def _rendered(scene: Scene) -> Iterator[tuple[int, int]]:
    """Return the pixels (fast, slow) of the region of interest, in the order of rendering."""
    x0, x1, y0, y1 = scene.roi
    return ((x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1))
