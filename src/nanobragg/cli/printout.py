"""-printout, -printout_pixel and -trace_pixel: pixels in words."""

from __future__ import annotations

from collections.abc import Iterator

from ..nanobragg_c.flags.to_config import Outputs
from ..scene.scene import Scene


def print_pixels(scene: Scene, outputs: Outputs) -> None:
    """Print what the flags ask of one pixel, or of all that are rendered."""
    if outputs.printout:
        from .trace import c_printout_lines

        slow, fast = scene.shape
        for x, y in _rendered(scene) if outputs.printout_pixel is None else [outputs.printout_pixel]:
            if 0 <= x < fast and 0 <= y < slow and scene.rendered[y, x]:
                print("\n".join(c_printout_lines(scene, (x, y))))
    if outputs.trace_pixel is not None:
        from .trace import c_trace_lines

        print("\n".join(c_trace_lines(scene, outputs.trace_pixel)))


def _rendered(scene: Scene) -> Iterator[tuple[int, int]]:
    """Pixels (fast, slow) of the region of interest, in the order of rendering."""
    x0, x1, y0, y1 = scene.roi
    return ((x, y) for y in range(y0, y1 + 1) for x in range(x0, x1 + 1))
