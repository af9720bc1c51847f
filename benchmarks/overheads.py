"""Measurements besides rendering: import time, set-up time of a small ROI, memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import nanobragg as nb

from .processes import run_python
from .workloads import load_workloads

SMALL_ROI = (slice(8), slice(8))
ROI_CALLS = 50

IMPORT = """
import time
start = time.perf_counter()
import nanobragg
print(time.perf_counter() - start)
"""

# ru_maxrss cannot be used, because a child inherits it from its parent.
MEMORY = """
import re, sys, warnings
import nanobragg as nb

def memory(which):
    with open("/proc/self/status") as status:
        return 1024 * int(re.search(which + r":\\s*(\\d+)", status.read())[1])

warnings.simplefilter("ignore")
nb.simulate(nb.config_from_flags("-cell 100 100 100 90 90 90 -default_F 1 -N 1 -lambda 1 -detpixels 8", exact=True))
before = memory("VmRSS")
image = nb.simulate(nb.config_from_flags(sys.argv[1:], exact=True))
print(memory("VmHWM") - before - image.nbytes)
"""


def measure_overheads(pixels: int, threads: Sequence[int], repeats: int) -> dict[str, Any]:
    """Return the import time, the times of a small ROI, and the memory beyond the image.

    Parameters
    ----------
    pixels
        Pixels along a side of the image whose memory is measured.
    threads
        Numbers of threads that render the small ROI.
    repeats
        Number of imports, of which the median is used.
    """
    return {
        "import_s": statistics.median(float(run_python(IMPORT)) for _ in range(repeats)),
        "small_roi_s": {str(n): _small_roi_seconds(n) for n in threads},
        "memory_pixels": pixels,
        "memory_beyond_image_bytes": _memory(pixels),
    }


def _small_roi_seconds(threads: int) -> float:
    """Return the time to render 8 × 8 pixels of an existing scene, which is mostly set-up."""
    scene = load_workloads(["mosaic"])[0].scene(None)
    seconds = []
    for _ in range(ROI_CALLS):
        start = time.perf_counter()
        nb.simulate(scene, roi=SMALL_ROI, threads=threads)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _memory(pixels: int) -> int | None:
    """Return the growth of peak memory from Config to image, minus the image's size; None if not on Linux."""
    if sys.platform != "linux":
        return None
    return int(run_python(MEMORY, *load_workloads(["single"], pixels)[0].flags))
