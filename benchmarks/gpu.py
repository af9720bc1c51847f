"""`python -m benchmarks.gpu --out gpu.json`: times of a GPU, beside those of the CPU (docs/gpu.md)."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import nanobragg as nb
from nanobragg.errors import NanobraggWarning
from nanobragg.rendering.cuda import deviates
from nanobragg.rendering.cuda.choice import gpu_named
from nanobragg.rendering.cuda.culled import WARP, culled_kind
from nanobragg.rendering.cuda.devices import cupy
from nanobragg.rendering.cuda.primitives import gradient_kind
from nanobragg.rendering.cuda.render import image_kind
from nanobragg.rendering.cuda.source import THREADS

INPUTS = Path(__file__).parents[1] / "tests" / "inputs"
COMMON = (
    f"-oversample 1 -distance 100 -lambda 1 -cell 40 50 60 90 90 90 -misset 10 20 30 -hkl {INPUTS}/wilson_40_50_60.hkl"
)
# nanoBraggCUDA's kernel on an H100, ms: in single and in double precision (the same flags)
IMAGES = {
    "25 domains": ("-N 20 -mosaic 0.5 -mosaic_dom 25", 4096, 102.4, (5.46, 8.0)),
    "20 domains, 50 wavelengths": ("-N 30 -mosaic 0.1 -mosaic_dom 20 -dispersion 0.5 -dispsteps 50", 2048, 102.4,
                                   (47.6, 67.4)),
}  # fmt: skip
CULLED = {"gauss": 1e-7, "square": 1e-5}
SIXTEEN = "-N 30 -mosaic 0.1 -mosaic_dom 100 -dispersion 0.5 -dispsteps 100"
FIRST = """
import sys, time
start = time.perf_counter()
import nanobragg as nb
from tests import builders
scene = builders.scene(detector=nb.Detector.flat(distance_mm=100, pixels=1024, pixel_mm=0.1))
nb.simulate(scene, device=sys.argv[1])
print(time.perf_counter() - start)
"""


def scene_of(flags: str, pixels: int, edge_mm: float, **changes: Any) -> nb.Scene:
    """Return the scene of C flags, on a square detector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        words = f"{COMMON} {flags} -detpixels {pixels} -pixel {edge_mm / pixels}".split()
        return nb.Scene(nb.config_from_flags(words, exact=True).replace(changes))


def median_s(call: Callable[[], Any], repeats: int) -> float:
    """Return the median time of a call, after a first one that is not counted."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def time_images(device: str, pixels: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return times of exact images that stay in the GPU's memory, and on the CPU, and the largest difference."""
    rows = []
    for name, (flags, wide, edge_mm, theirs) in IMAGES.items():
        scene = scene_of(flags, pixels or wide, edge_mm)
        steps = scene.terms * int(np.prod(scene.shape))
        part = np.s_[: min(256, scene.shape[0]), : min(256, scene.shape[1])]
        exact = nb.simulate(scene, roi=part, dtype="float64", tolerance=0)[part]
        for dtype, their_ms in zip(("float32", "float64"), theirs, strict=True):
            out = cupy().zeros(scene.shape, dtype)
            seconds = median_s(lambda s=scene, o=out: nb.simulate(s, device=device, out=o, tolerance=0), repeats)  # type: ignore[misc]
            rows.append({
                "image": name, "dtype": dtype, "ms": 1e3 * seconds, "G_steps_per_s": steps / seconds / 1e9,
                "nanoBraggCUDA_ms": their_ms if pixels is None else None,
                "cpu_ms": 1e3 * median_s(lambda s=scene, d=dtype: nb.simulate(s, dtype=d, tolerance=0), 1),  # type: ignore[misc]
                "difference": float(np.abs(cupy().asnumpy(out)[part] - exact).max() / exact.max()),
            })  # fmt: skip
    return rows


def time_culled(device: str, pixels: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return times with terms left out, beside those of all terms."""
    rows = []
    for shape, tolerance in CULLED.items():
        for name, (flags, wide, edge_mm, _) in IMAGES.items():
            scene = scene_of(flags, pixels or wide, edge_mm, **{"crystal.shape": shape})
            out = cupy().zeros(scene.shape, np.float32)
            every, fewer = (
                median_s(lambda s=scene, o=out, t=t: nb.simulate(s, device=device, out=o, tolerance=t), repeats)  # type: ignore[misc]
                for t in (0.0, tolerance)
            )
            _, report = nb.simulate(scene, device=device, out=out, tolerance=tolerance, report=True)
            rows.append({
                "image": name, "shape": shape, "tolerance": tolerance, "exact_ms": 1e3 * every, "ms": 1e3 * fewer,
                "terms_evaluated": report.terms_evaluated / report.terms, "faster": every / fewer,
            })  # fmt: skip
    return rows


def time_gradient(device: str, pixels: int | None, repeats: int) -> dict[str, Any]:
    """Return the time of a loss with its gradient by every parameter, beside that of the image."""
    flags, wide, edge_mm, _ = IMAGES["25 domains"]
    scene = scene_of(flags, min(pixels or wide, 2048), edge_mm)
    data = nb.simulate(scene, device=device, dtype="float64")
    names = [parameter.name for parameter in nb.parameters(scene)]
    image = median_s(lambda: nb.simulate(scene, device=device, tolerance=0), repeats)
    gradient = median_s(lambda: nb.loss_and_gradient(scene, data, names=names, dtype="float32", device=device), repeats)
    return {"parameters": len(names), "image_ms": 1e3 * image, "gradient_ms": 1e3 * gradient, "ratio": gradient / image}


def time_culled_gradient(device: str, pixels: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return times of a loss with its gradient with terms left out, beside those of all terms."""
    rows = []
    for shape, tolerance in CULLED.items():
        flags, wide, edge_mm, _ = IMAGES["25 domains"]
        scene = scene_of(flags, min(pixels or wide, 2048), edge_mm, **{"crystal.shape": shape})
        data, names = nb.simulate(scene, device=device, dtype="float64"), ["rot_x", "cell_a", "n_a"]
        loss = partial(nb.loss_and_gradient, scene, data, names=names, dtype="float32", device=device)
        every, fewer = (median_s(partial(loss, tolerance=limit), repeats) for limit in (0.0, tolerance))
        rows.append({"shape": shape, "tolerance": tolerance, "exact_ms": 1e3 * every, "ms": 1e3 * fewer})
    return rows


def time_noise(device: str, pixels: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return times of photon noise, and whether all of its bits are the CPU's."""
    rows = []
    for photons in (1.0, 100.0):
        image = np.full((pixels or 4096, pixels or 4096), photons, np.float32)
        there = cupy().asarray(image)
        options: dict[str, Any] = {"seed": 1, "readout_noise_adu": 2.0}
        rows.append({
            "photons": photons,
            "ms": 1e3 * median_s(lambda i=there, o=options: nb.add_noise(i, device=device, **o), repeats),  # type: ignore[misc]
            "cpu_ms": 1e3 * median_s(lambda i=image, o=options: nb.add_noise(i, **o), repeats),  # type: ignore[misc]
            "same_bits": bool(np.array_equal(
                cupy().asnumpy(nb.add_noise(there, device=device, **options)), nb.add_noise(image, **options)
            )),
        })  # fmt: skip
    return rows


def time_sixteen_megapixels(device: str, pixels: int | None, repeats: int) -> dict[str, float]:
    """Return the time of a still with 100 wavelengths and 100 domains, which is rendered once."""
    still = scene_of(SIXTEEN, pixels or 4096, 102.4)
    start = time.perf_counter()
    nb.simulate(still, device=device)
    return {"seconds": time.perf_counter() - start}


def time_first(device: str, pixels: int | None, repeats: int) -> dict[str, float] | None:
    """Return the time of a process that renders its first image, with an empty cache of device code and a full one."""
    if pixels is not None:
        return None
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "CUPY_CACHE_DIR": cache, "PYTHONPATH": os.pathsep.join(sys.path)}
        cold, warm = (
            float(subprocess.check_output([sys.executable, "-W", "ignore", "-c", FIRST, device], env=environment))
            for _ in range(2)
        )
    scene = scene_of("-N 5", 1024, 102.4)
    nb.simulate(scene, device=device)
    fresh = nb.Scene(scene.config)
    start = time.perf_counter()
    nb.simulate(fresh, device=device)
    return {"process_cold_s": cold, "process_warm_s": warm, "new_scene_s": time.perf_counter() - start}


def registers(device: str, pixels: int | None, repeats: int) -> list[dict[str, Any]]:
    """Return what the driver says of each kernel, and how many of a multiprocessor's 64 warps its registers allow."""
    scene, gpu = scene_of(IMAGES["25 domains"][0], 64, 102.4), gpu_named(device)
    core = scene.core("float32")
    rows = []
    for name, (kind, threads) in {
        "image": (image_kind(scene, core, "float32"), THREADS),
        "primitives": (gradient_kind(scene, core), THREADS),
        "poisson": (deviates.KIND, THREADS),
        "normals": (deviates.KIND, THREADS),
        "culled": (culled_kind(scene, core, "culled", 4, NB_PIXEL="float"), WARP),
        "culled_primitives": (culled_kind(scene, core, "culled_primitives", 4), WARP),
    }.items():
        function = gpu.function(kind, name)
        facts = {key: getattr(function, key, None) for key in ("num_regs", "local_size_bytes", "shared_size_bytes")}
        blocks = min(32, 65536 // (facts["num_regs"] * threads)) if facts["num_regs"] else None
        warps = None if blocks is None else blocks * threads // WARP
        rows.append({"kernel": name, **facts, "threads": threads, "warps_of_64": warps})
    return rows


PARTS = {
    "images": time_images,
    "terms_left_out": time_culled,
    "noise": time_noise,
    "gradient": time_gradient,
    "gradient_with_terms_left_out": time_culled_gradient,
    "first_image": time_first,
    "16_megapixels_100x100": time_sixteen_megapixels,
    "kernels": registers,
}


def main() -> int:
    """Measure, and write one JSON, after each part anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pixels", type=int, help="smaller images, to test this program")
    parser.add_argument(
        "--failed", nargs="*", default=[], metavar="FILE", help="files of tests that failed, to be stated"
    )
    chosen = parser.parse_args()
    result: dict[str, Any] = {
        "device": str(gpu_named(chosen.device)), "nanobragg": nb.__version__, "failed_tests": chosen.failed,
    }  # fmt: skip
    for name, part in PARTS.items():
        result[name] = part(chosen.device, chosen.pixels, chosen.repeats)
        chosen.out.write_text(json.dumps(result, indent=1) + "\n")
    print(chosen.out.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
