"""Random lines over the whole flag set give the photons and the SMV file that nanoBragg.c gives, which is run here.

Set NB_C_BIN to the compiled C program; NB_RANDOM_LINES (default 300) and NB_RANDOM_FIRST (default 1) choose the
seeds. A line that fails is shown with the commands that repeat it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.export.smv_header import smv_header_of
from nanobragg.io.smv import parse_header
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags
from nanobragg.nanobragg_c.flags.flag_table import GROUPS, SPELLINGS
from nanobragg.nanobragg_c.outputs import make_c_images

from .random_flags import LEFT_OUT, odd_line, random_line, write_inputs

C_PROGRAM = os.environ.get("NB_C_BIN", "")
FIRST = int(os.environ.get("NB_RANDOM_FIRST", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("NB_RANDOM_LINES", "300")))
# Messages for lines that the C program renders, for the reasons in the table of refusals in docs/from_c.md
REFUSALS = (r"spindle_axis = \(0.0, 0.0, 0.0\): a direction cannot have length zero",)
SWITCHES = ["-nonoise", "-nopgm", "-noprogress"]


def run_c(words: list[str]) -> tuple[np.ndarray, bytes]:
    """Run the C program in the current folder on one thread; return its photons (one row) and its SMV file."""
    subprocess.run(
        [C_PROGRAM, *words], env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True, timeout=600,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    photons = "photons.bin" if "photons.bin" in words else "floatimage.bin"
    integers = "integers.img" if "integers.img" in words else "intimage.img"
    return np.fromfile(photons, np.float32), Path(integers).read_bytes()


def compare(words: list[str]) -> tuple[float, str]:
    """Deviation of our photons in units of the tolerance, and what else differs; files are in the current folder.

    Row 23 of "C quirks": where the C program has no φ step or no source, its image is not finite and
    we refuse.
    """
    try:
        parsed = parse_flags(words)
        scene = nb.Scene(parsed.config)
    except nb.errors.NanobraggError as error:
        listed = any(re.search(pattern, str(error)) for pattern in REFUSALS)
        theirs, _ = run_c(words)
        return 0.0, f"refused: {error}" if np.isfinite(theirs).all() and not listed else ""
    ours = nb.simulate(scene, threads=1)
    theirs, their_smv = run_c(words)
    if theirs.size != ours.size:
        return float("inf"), f"{theirs.size} pixels in place of {ours.size}"
    remark = ""
    if np.isfinite(theirs).all():
        # integers of the C program's photons, lest a last bit of a photon number decide on one
        integers = make_c_images(theirs.reshape(ours.shape), scene, parsed.outputs, rmsd=0.0).integers
        remark = "" if integers.astype("<u2").tobytes() == their_smv[-2 * ours.size :] else "integers differ"
    our_header = f"{smv_header_of(scene)}\f".ljust(512)
    return deviation(ours.ravel(), theirs), remark or header_difference(
        our_header, their_smv[: -2 * ours.size].decode()
    )


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest |ours - C| in units of the tolerance 1e-5·|C| + 1e-7·max|C|; infinite where only one is finite."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    finite = np.isfinite(theirs)
    if not (np.isfinite(ours) == finite).all():
        return float("inf")
    ours, theirs = ours[finite], theirs[finite]
    unequal = ours != theirs
    tolerance = 1e-5 * np.abs(theirs) + 1e-7 * np.abs(theirs).max(initial=1e-300)
    return float((np.abs(ours - theirs) / tolerance)[unequal].max(initial=0.0))


def header_difference(ours: str, theirs: str) -> str:
    """What differs between two headers; empty if they are the same, byte for byte.

    Two exceptions. A number that should be 0 may be either program's rounding. And a header of more than 512 bytes
    overwrites the C program's pixels (docs/quirks.md, row 24): ours then has five digits in place of six.
    """
    if ours == theirs:
        return ""
    our_entries, their_entries = parse_header(ours), parse_header(theirs)
    if list(our_entries) != list(their_entries):
        return f"header keys {list(our_entries)} in place of {list(their_entries)}"
    relative = 5.1e-5 if len(theirs) > 512 else 0.0
    if relative:
        del their_entries["HEADER_BYTES"]
    size_mm = float(their_entries["SIZE2"]) * float(their_entries["PIXEL_SIZE"])
    for key, text in their_entries.items():
        for one, other in zip(our_entries[key].split(","), text.split(","), strict=True):
            if one != other and not abs(float(one) - float(other)) <= 1e-12 * size_mm + relative * abs(float(other)):
                return f"{key}={our_entries[key]} in place of {text}"
    return ""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.mark.skipif(not C_PROGRAM, reason="set NB_C_BIN to the compiled C program, nanoBragg")
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_random_line_gives_the_c_programs_image(seed, inputs, tmp_path, monkeypatch):
    for item in inputs.iterdir():
        (tmp_path / item.name).symlink_to(item)
    monkeypatch.chdir(tmp_path)
    words = [*SWITCHES, *random_line(seed)]
    worst, remark = compare(words)
    repeat = (
        f"python {Path(__file__).with_name('random_flags.py')} FOLDER; cd FOLDER; OMP_NUM_THREADS=1 $NB_C_BIN "
        f"{shlex.join(words)}"
    )
    assert worst <= 1.0, f"{worst:.3g} times the tolerance\n{repeat}"
    assert not remark, f"{remark}\n{repeat}"


@pytest.mark.skipif(not C_PROGRAM, reason="set NB_C_BIN to the compiled C program, nanoBragg")
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
@pytest.mark.parametrize("seed", SEEDS)
def test_odd_line_gives_the_c_programs_image(seed, inputs, tmp_path, monkeypatch):
    for item in inputs.iterdir():
        (tmp_path / item.name).symlink_to(item)
    monkeypatch.chdir(tmp_path)
    words = [*SWITCHES, *odd_line(seed)]
    worst, remark = compare(words)
    assert worst <= 1.0, f"{worst:.3g} times the tolerance: {shlex.join(words)}"
    assert not remark, f"{remark}: {shlex.join(words)}"


def test_random_lines_use_the_whole_flag_set():
    used = {SPELLINGS[word].name for seed in range(2000) for word in random_line(seed) if word in SPELLINGS}
    assert used | set(LEFT_OUT) == {flag.name for flags in GROUPS.values() for flag in flags}
    assert not used & set(LEFT_OUT)
