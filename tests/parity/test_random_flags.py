"""Random lines over the whole flag set give the images, integers and headers that nanoBragg.c gives, run here.

Set NB_C_BIN to the compiled C program; NB_RANDOM_LINES (default 300) and NB_RANDOM_FIRST (default 1) choose the
seeds. A failing line is printed with the commands that repeat it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.flag_table import GROUPS, SPELLINGS
from nanobragg.flags import ParsedFlags, parse_flags
from nanobragg.integer import to_integers
from nanobragg.io.smv import parse_header, smv_header

from .random_flags import LEFT_OUT, random_line, write_inputs

C_PROGRAM = os.environ.get("NB_C_BIN", "")
SEEDS = range(
    first := int(os.environ.get("NB_RANDOM_FIRST", "1")), first + int(os.environ.get("NB_RANDOM_LINES", "300"))
)
SWITCHES = ["-nonoise", "-nopgm", "-noprogress"]


@dataclass(frozen=True)
class Result:
    """What a line gives: photons and integers of shape (slow, fast), and the integer image's header text."""

    image: np.ndarray
    integers: np.ndarray
    header: str


def run_c(words: list[str], parsed: ParsedFlags, folder: Path) -> Result:
    """The C program's result, on one thread."""
    subprocess.run(
        [C_PROGRAM, *SWITCHES, *words], cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True,
        timeout=60, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    shape = parsed.config.detector.shape
    image = np.fromfile(folder / parsed.outputs.float_path, np.float32).reshape(shape)
    smv = (folder / parsed.outputs.int_path).read_bytes()
    end = max(smv.index(b"}\f") + 2, 512)
    return Result(image, np.frombuffer(smv[end:], "<u2").reshape(shape), smv[:end].decode())


def run_ours(parsed: ParsedFlags, c_image: np.ndarray) -> Result:
    """Our result; the integers are those of the C program's photons, so that rounding photons does not matter."""
    scene = nb.Scene(parsed.config)
    image = nb.simulate(scene, threads=1)
    mask = None if parsed.config.detector.mask is None else scene.rendered
    integers = np.zeros(image.shape, np.uint16)
    if np.isfinite(c_image).all():
        outputs = parsed.outputs
        integers, _ = to_integers(c_image, outputs.int_scale, outputs.adc_offset, scene.roi, mask)
    header = header_of(scene)
    return Result(image, integers, f"{header}\f".ljust(512))


def header_of(scene: nb.Scene) -> str:
    detector, geometry = scene.config.detector, scene.config.detector.nominal
    assert geometry is not None
    panel = detector.panels[0]
    x, y, z = panel.origin_mm
    return smv_header(
        fast_pixels=panel.pixels[1],
        slow_pixels=panel.pixels[0],
        pixel_mm=panel.pixel_mm,
        distance_mm=geometry.distance_mm,
        wavelength_A=scene.wavelength * 1e10,
        beam_center_x_mm=geometry.beam_center_mm[0],
        beam_center_y_mm=geometry.beam_center_mm[1],
        f_beam_mm=geometry.beam_fast_mm,
        s_beam_mm=geometry.beam_slow_mm,
        dials_origin_mm=(z, y, -x),
        orgx_px=geometry.near_fast_mm / panel.pixel_mm + 0.5,
        orgy_px=geometry.near_slow_mm / panel.pixel_mm + 0.5,
        close_distance_mm=geometry.close_distance_mm,
        phi_deg=scene.config.scan.start_deg,
        osc_deg=np.rad2deg(scene.phi.range),
        twotheta_deg=geometry.twotheta_deg,
    )


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest |ours - C| in units of the tolerance 1e-5·|C| + 1e-7·max|C|; infinite where only one is finite."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(theirs)
    if not (np.isfinite(ours) == finite).all():
        return float("inf")
    ours, theirs = ours[finite], theirs[finite]
    tolerance = 1e-5 * np.abs(theirs) + 1e-7 * np.abs(theirs).max(initial=0.0)
    differs = ours != theirs
    return float((np.abs(ours - theirs)[differs] / np.maximum(tolerance[differs], 1e-300)).max(initial=0.0))


def header_difference(ours: str, theirs: str) -> str:
    """What differs between two headers; empty if they say the same.

    A number that is nothing but rounding may differ. A header of more than 512 bytes shifts the C program's
    pixels (spec section 9, row 24); ours then has five digits in place of six.
    """
    if ours == theirs:
        return ""
    our_entries, their_entries = parse_header(ours), parse_header(theirs)
    if list(our_entries) != list(their_entries):
        return f"keys {list(our_entries)} in place of {list(their_entries)}"
    digits = 1e-5 if len(theirs) > 512 else 0.0
    size = float(their_entries["SIZE2"]) * float(their_entries["PIXEL_SIZE"])
    for key, text in their_entries.items():
        for one, other in zip(our_entries[key].split(","), text.split(","), strict=True):
            if one != other and abs(float(one) - float(other)) > 1e-12 * size + digits * abs(float(other)):
                return f"{key}={our_entries[key]} in place of {text}"
    return ""


def differences(words: list[str], folder: Path) -> tuple[float, str]:
    """The photons' deviation, and what else differs between our result and the C program's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nb.errors.NanobraggWarning)
        try:
            parsed = parse_flags(words)
            scene_error = ""
            nb.Scene(parsed.config)
        except nb.errors.ConfigError as error:
            raise AssertionError(f"refused: {error}") from error
        theirs = run_c(words, parsed, folder)
        ours = run_ours(parsed, theirs.image)
    remarks = header_difference(ours.header, theirs.header)
    if np.isfinite(theirs.image).all() and not np.array_equal(ours.integers, theirs.integers):
        remarks += " integers"
    return deviation(ours.image, theirs.image), remarks
