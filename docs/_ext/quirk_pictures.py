"""Draw a picture for each row of docs/quirks.md: nanoBragg.c's image, ours and their difference."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb
from nanobragg.analysis.statistics import statistics
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.io.smv import write_smv

INPUTS = Path(__file__).parents[2] / "tests" / "inputs"
SPOTS = (
    "-default_F 100 -cell 60 70 80 90 90 90 -misset 5 5 5 -N 6 -lambda 1 -distance 100 -detpixels 48 -pixel 0.6 "
    "-oversample 1"
)
SMOOTH = "-default_F 100 -cell 60 70 80 90 90 90 -N 1 -lambda 1 -distance 60 -detpixels 16 -pixel 3.2"
FLAT = (
    "-default_F 100 -cell 60 70 80 90 90 90 -misset 1 2 3 -N 6 -lambda 1 -oversample 1 -distance 90 -detpixels 24 "
    "-pixel 1"
)
CUBE = "-cell 100 100 100 90 90 90 -default_F 100 -N 5 -lambda 1 -distance 100 -detpixels 128 -pixel 0.1 -oversample 1"


@dataclass(frozen=True)
class Pair:
    """nanoBragg.c's image, and ours with its title; `dark` is the lower limit of a logarithmic scale (0: linear)."""

    c: np.ndarray
    ours: np.ndarray
    dark: float = 0.0
    title: str = "compat=None"


def image(flags: str, *, exact: bool = False) -> np.ndarray:
    """Render a line of C flags."""
    return nb.simulate(nb.config_from_flags(flags, exact=exact), dtype="float64")


def pair(flags: str, dark: float = 0.0) -> Pair:
    """Render the same flags with and without the C program's behaviour."""
    return Pair(image(flags), image(flags, exact=True), dark)


def with_panel(origin_mm: tuple[float, float, float]) -> np.ndarray:
    """Render FLAT with another panel origin."""
    config = nb.config_from_flags(FLAT, exact=True)
    panel = config.detector.panels[0].replace(origin_mm=origin_mm)
    return nb.simulate(config.replace(detector=nb.Detector(panels=(panel,))), dtype="float64")


def with_detector(**options: Any) -> np.ndarray:
    """Render FLAT with another `Detector.flat`."""
    detector = nb.Detector.flat(distance_mm=90, pixels=24, pixel_mm=1, **options)
    return nb.simulate(nb.config_from_flags(FLAT, exact=True).replace(detector=detector), dtype="float64")


def weighted_sources() -> Pair:
    """Return row 5: two wavelengths weighted 3 : 1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sources"
        path.write_text("0 0 10 3 1e-10\n0 0 10 1 1.01e-10\n")
        return pair(f"{SPOTS} -xds -sourcefile {path}", dark=1e-4)


def swung_header() -> Pair:
    """Return row 20: an image header with a two-theta of 10°."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "swung.img"
        write_smv(path, np.ones((24, 24), np.uint16), {"PIXEL_SIZE": "1", "DISTANCE": "90", "TWOTHETA": "10"})
        lattice = FLAT.split(" -distance")[0]
        return Pair(image(f"{lattice} -img {path}"), image(f"{FLAT} -twotheta 10"), 1e-4, "as intended")


def sized() -> Pair:
    """Return row 21: a sample size in place of cells."""
    flags = (
        f"-cell 40 50 60 90 90 90 -hkl {INPUTS}/wilson_f000.hkl -misset 10 20 30 -lambda 1 -distance 500 "
        "-detpixels 64 -pixel 0.5 -oversample 1"
    )
    return Pair(image(f"{flags} -samplesize 0.00002"), image(f"{flags} -Na 5 -Nb 4 -Nc 4"), 1e-4, "as intended")


def shifted_bytes() -> Pair:
    """Return row 24: an image with a header of 607 bytes, read as if the header had 512."""
    slow, fast = np.indices((24, 24))
    pixels = (16000 * (1 + np.cos(fast / 3)) * (1 + np.cos(slow / 4))).astype("<u2")
    read = (b" " * 95 + pixels.tobytes())[: pixels.nbytes]
    return Pair(np.frombuffer(read, "<u2").reshape(24, 24).astype(float), pixels.astype(float), title="nanobragg")


def zero_phi() -> Pair:
    """Return row 1: steps at -1, -0.5, 0 and 0.5 degrees."""
    flags = f"{SPOTS} -osc 2 -phisteps 4 -phi"
    return Pair(image(f"{flags} -1"), image(f"{flags} -1.25", exact=True), 1e-4)


def layered(flags: str, layers: int) -> np.ndarray:
    """Render C flags with exact physics and so many sensor layers."""
    config = nb.config_from_flags(flags, exact=True)
    return nb.simulate(config.replace(detector=config.detector.replace(sensor_layers=layers)), dtype="float64")


def few_domains() -> Pair:
    """Return row 26: eight mosaic domains."""
    flags = f"{SPOTS.replace('-N 6', '-N 20')} -mosaic 0.5 -mosaic_dom 8"
    config = nb.config_from_flags(flags, exact=True)
    balanced = config.replace(crystal=config.crystal.replace(mosaic_sampling="balanced"))
    return Pair(image(flags), nb.simulate(balanced, dtype="float64"), 1e-4, 'mosaic_sampling="balanced"')


THICK = (
    f"{SPOTS.replace('-N 6', '-N 20').replace('-distance 100', '-distance 40').replace('-pixel 0.6', '-pixel 0.2')} "
    "-detpixels 240 -detector_thick 450 -detector_abs 240"
)
TILTED = FLAT + " -detector_roty 10"
TRICLINIC = SPOTS.replace("60 70 80 90 90 90 -misset 5 5 5 -N 6", "70 80 90 75 85 95 -N 5")
SENSOR = f"{SMOOTH} -oversample 1 -detector_thick 450 -detector_abs 450"
TABLE = (
    f"-cell 40 50 60 90 90 90 -misset 10 20 30 -lambda 2 -oversample 1 -hkl {INPUTS}/wilson_f000.hkl -N 1 "
    "-distance 60 -detpixels 64 -pixel 1 -default_F 3"
)
WATER = "-default_F 1e-9 -cell 60 70 80 90 90 90 -N 6 -lambda 1 -distance 100 -detpixels 24 -pixel 1 -oversample 2"

PAIRS: dict[int, Callable[[], Pair]] = {
    1: zero_phi,
    2: lambda: pair(f"{SMOOTH} -oversample 3 -polar 0.9"),
    3: lambda: Pair(image(SENSOR), layered(SENSOR, 2)),
    4: lambda: pair(f"{SMOOTH} -oversample 2 -oversample_omega"),
    5: weighted_sources,
    6: lambda: pair(TABLE),
    7: lambda: pair(f"{CUBE} -gauss_xtal", dark=1e-4),
    8: lambda: pair(SPOTS.replace("-misset 5 5 5", "-misset random -misset_seed 12345"), dark=1e-4),
    9: lambda: pair(TRICLINIC.replace("-detpixels 48 -pixel 0.6", "-detpixels 128 -pixel 0.3"), dark=1e-4),
    10: lambda: pair(SPOTS.replace("-distance 100", "-distance 90 -curved_det"), dark=1e-4),
    11: lambda: pair(f"{WATER} -fluence 1e24 -water 20 -phi 1 -osc 1 -phisteps 5", dark=1e-8),
    12: lambda: pair(f"{SENSOR} -thicksteps 10"),
    16: lambda: Pair(image(f"{FLAT} -pix0_vector 0.09 0.006 -0.006"), with_panel((90, 6, -6)), 1e-4, "as intended"),
    17: lambda: Pair(
        image(f"{FLAT} -xds -Xclose 5 -Yclose 9"),
        with_detector(convention="xds", beam_center_mm=(5, 9)),
        1e-4,
        "as intended",
    ),
    18: lambda: Pair(
        image(f"{TILTED} -pivot sample"), with_detector(rotation_deg=(0, 10, 0), pivot="sample"), 1e-4, "as intended"
    ),
    19: lambda: Pair(
        image(FLAT.replace("-misset 1 2 3", "-misset 7 0 0")),  # the effect of -misset_seed 7 in the C program
        image(FLAT.replace("-misset 1 2 3", "-misset_seed 7")),
        1e-4,
        "nanobragg",
    ),
    20: swung_header,
    21: sized,
    22: lambda: Pair(image(FLAT), image(f"{FLAT} -curved_det", exact=True), 1e-4, "nanobragg"),
    24: shifted_bytes,
    25: lambda: pair(f"{SPOTS} -phi 1 -osc 1 -phisteps 2", dark=1e-4),
    26: few_domains,
    27: lambda: pair(
        f"{SPOTS} -beam_vector 1 0 0 -odet_vector 1 0 0 -fdet_vector 0 0 1 -sdet_vector 0 -1 0 -polar_vector 1 0 1 "
        "-hdivrange 10 -hdivsteps 3 -vdivrange 10 -vdivsteps 3",
        dark=1e-4,
    ),
    28: lambda: pair(THICK, dark=1e-4),
}


def draw_all(folder: Path) -> None:
    """Write row_01.png … row_28.png."""
    folder.mkdir(parents=True, exist_ok=True)
    special = {13: grating_at_integers, 14: place_of_maximum, 15: beam_spots, 23: no_image}
    for row in sorted({*PAIRS, *special}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NanobraggWarning)
            figure = draw_pair(PAIRS[row]()) if row in PAIRS else special[row]()
        figure.draw_without_rendering()  # fixes the tick labels before the layout is computed
        figure.savefig(folder / f"row_{row:02}.png", dpi=110)
        plt.close(figure)


def draw_pair(shown: Pair) -> plt.Figure:
    """Draw C's image, ours on the same scale, and their difference in percent of our brightest pixel."""
    figure, axes = plt.subplots(1, 3, figsize=(8.4, 3.0), layout="constrained")
    top = max(shown.c.max(), shown.ours.max())
    norm = "log" if shown.dark else "linear"
    for axis, picture, title in zip(axes, (shown.c, shown.ours), ("nanoBragg.c", shown.title), strict=False):
        low = top * shown.dark
        axis.imshow(np.maximum(picture, low), cmap="magma", norm=norm, vmin=low, vmax=top)
        axis.set_title(title, fontsize=10)
    percent = 100 * (shown.c - shown.ours) / shown.ours.max()
    reach = float(np.abs(percent).max()) or 1.0
    drawn = axes[2].imshow(percent, cmap="RdBu_r", vmin=-reach, vmax=reach)
    axes[2].set_title("difference, % of the brightest", fontsize=10)
    figure.colorbar(drawn, ax=axes[2], shrink=0.85)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.supxlabel(size_of(shown), fontsize=9)
    return figure


def size_of(shown: Pair) -> str:
    """Return the size of the effect as text."""
    c, ours = shown.c, shown.ours
    largest = 100 * np.abs(c - ours).max() / ours.max()
    ratio = c.sum() / ours.sum()
    total = f"{100 * (ratio - 1):+.2g} %" if 0.5 < ratio < 2 else f"× {ratio:.3g}"
    flat = np.ptp(c) == 0 or np.ptp(ours) == 0
    alike = "" if flat else f", correlation {np.corrcoef(c.ravel(), ours.ravel())[0, 1]:.3f}"
    return f"a pixel off by up to {largest:.3g} % of the brightest, all photons {total}{alike}"


def grating_at_integers() -> plt.Figure:
    """Draw row 13: the quotient of sines at neighbouring floating-point numbers."""
    index = 3 + np.arange(-40, 41) * np.spacing(3.0)
    quotient = np.array([math.sin(5 * math.pi * h) / math.sin(math.pi * h) for h in index])
    figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
    axis.plot(np.arange(-40, 41), quotient, ".", label="sin(πNh)/sin(πh) as written")
    axis.axhline(5, color="C1", label="its value, N = 5")
    axis.set_xlabel("h − 3, in units of the last place of a double")
    axis.set_ylabel("F$_{latt}$ of one axis")
    axis.legend(fontsize=8)
    return figure


def place_of_maximum() -> plt.Figure:
    """Draw row 14: the reported position of the brightest pixel."""
    flags = FLAT.replace("-oversample 1", "-oversample 4")
    c, ours = (nb.Scene(nb.config_from_flags(flags, exact=exact)) for exact in (False, True))
    picture = nb.simulate(ours)
    places = [statistics(picture, scene).maximum_at_mm for scene in (c, ours)]
    figure, axis = plt.subplots(figsize=(3.4, 3.0), layout="constrained")
    n_slow, n_fast = picture.shape
    axis.imshow(picture, cmap="magma", norm="log", vmin=picture.max() * 1e-4, extent=(0, n_fast, n_slow, 0))
    for (slow, fast), marker, name in zip(places, "x+", ("nanoBragg.c", "compat=None"), strict=True):
        axis.plot(fast, slow, marker, color="cyan" if marker == "x" else "lime", ms=12, mew=2, label=name)
    slow, fast = places[1]
    axis.set(xlim=(fast - 3.5, fast + 3.5), ylim=(slow + 3.5, slow - 3.5), xlabel="fast, mm", ylabel="slow, mm")
    axis.legend(fontsize=8)
    return figure


def beam_spots() -> plt.Figure:
    """Draw row 15: the beam spot according to the headers and to the geometry."""
    flags = (
        "-default_F 100 -cell 100 90 80 90 90 90 -lambda 1 -N 5 -detpixels 300 -pixel 0.2 -detector_rotx 4 "
        "-detector_roty -3 -detector_rotz 2 -xds -distance 100 -twotheta 12 -oversample 1"
    )
    c, ours = (nb.config_from_flags(flags, exact=exact) for exact in (False, True))
    picture = nb.simulate(ours)
    figure, axis = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
    axis.imshow(picture, cmap="magma", norm="log", vmin=picture.max() * 1e-5, extent=(0, 60, 60, 0))
    for config, marker, name in ((c, "x", "nanoBragg.c"), (ours, "+", "compat=None")):
        stated = config.detector.nominal
        label = f"{name}: {stated.distance_mm:.1f} mm"
        color = "cyan" if marker == "x" else "lime"
        axis.plot(stated.beam_fast_mm, stated.beam_slow_mm, marker, color=color, ms=11, mew=2, label=label)
    fast, slow = stated.beam_fast_mm, stated.beam_slow_mm
    axis.set(xlim=(fast - 8, fast + 8), ylim=(60, slow - 11), xlabel="fast, mm", ylabel="slow, mm")
    axis.legend(fontsize=8)
    return figure


def no_image() -> plt.Figure:
    """Draw row 23: NaN in the C program, an error here."""
    try:
        nb.config_from_flags(f"{FLAT} -osc 0 -phistep 0.1")
    except ConfigError as error:
        message = str(error)
    figure, axes = plt.subplots(1, 2, figsize=(8.4, 2.2), layout="constrained", width_ratios=(1, 3))
    axes[0].imshow(np.zeros((24, 24)), cmap="gray", vmin=-1, vmax=1)
    axes[0].text(12, 12, "NaN", ha="center", va="center")
    axes[0].set_title("nanoBragg.c", fontsize=10)
    axes[1].text(0.0, 0.5, "\n".join(message.split("; ")), va="center", family="monospace", fontsize=8)
    axes[1].set_title("compat=None and compat='c'", fontsize=10)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    axes[1].set_frame_on(False)
    return figure
