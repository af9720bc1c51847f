"""Values that the C program renders and that are doubtful: we render the same image, byte for byte, and warn.

Set NB_C_BIN to the compiled C program to compare with it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.io.smv import write_smv
from nanobragg.nanobragg_c.flags.config_from_flags import parse_flags

C_PROGRAM = os.environ.get("NB_C_BIN", "")
FEW = "-cell 71 83 92 -default_F 100 -N 3 -detpixels 12 -pixel 0.8 -distance 80"
LINES = {  # line: a part of the warning
    "-polar 0.9 -xds -sourcefile along.txt": None,
    "-polar 0.9 -polar_vector 1 0 0": None,
    "-sourcefile comments.txt": "more fields",
    "-sourcefile weights.txt": None,
    "-mosaic 1 -mosaic_dom 3 -mosaic_seed -12345678": None,
    "-misset_seed 5 -misset random -mosaic 1 -mosaic_dom 3 -mosaic_seed -77": None,
    "-misset_seed -5 -misset random": None,
    "-seed -5": None,
    "-seed -5 -mosaic 1 -mosaic_dom 4 -mosaic_seed 9": None,
    "-seed -5 -misset_seed 3 -misset random -mosaic_seed -4 -mosaic 2": None,
    "-seed 7.9": "only 7 is read",
    "-polar 2 -nopolar": "not a degree of polarization",
    "-polar 2 -nopolar -oversample_polar -oversample 2": "not a degree of polarization",
    "-polar 2": "not a degree of polarization",
    "-polar -1.5": "not a degree of polarization",
    "-spindle_axis 0 0 0": "no direction",
    "-twotheta_axis 0 0 0": "no direction",
    "-N 2.7": "only 2 is read",
    "-N 1e1": "only 1 is read",
    "-N 5abc": "only 5 is read",
    "-Na +3 -Nb 07 -Nc 4.0": None,
    "-oversample 2.9": "only 2 is read",
    "-distance 90mm": "only 90 is read",
    "-lambda 1.2A -fudge 1.5.5": "only 1.2 is read",
    "-roi 1.5 9 2 8x": "only 1 is read",
    "-img long.img": "only its header is used",
    "-img short.img": "only its header is used",
    "-img units.img": None,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with the files that the lines name, as the current one."""
    monkeypatch.chdir(tmp_path)
    Path("along.txt").write_text("0 1 0\n-10 0 0\n0 0.01 -10\n")
    Path("comments.txt").write_text("-10 0 0 1 1e-10 # left\n-10 0.02 0 1 1.1e-10 right 5\n")
    Path("weights.txt").write_text("-10 0 0 0 1e-10\n-10 0.02 0 -3 1.1e-10\n")
    header = {"PIXEL_SIZE": 0.7, "DISTANCE": 75, "WAVELENGTH": 1.1}
    for name, change in (("long.img", bytes(10)), ("short.img", None), ("units.img", b"")):
        write_smv(name, np.ones((9, 11), np.uint16), header | ({"DISTANCE": "80 mm"} if name == "units.img" else {}))
        content = Path(name).read_bytes()
        Path(name).write_bytes(content[:-30] if change is None else content + change)
    return tmp_path


def as_written(folder: Path) -> dict[str, bytes]:
    names = ("floatimage.bin", "intimage.img", "noiseimage.img")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.skipif(not C_PROGRAM, reason="set NB_C_BIN to the compiled C program, nanoBragg")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")
def test_doubtful_values_give_the_c_programs_files(line, folder):
    words = shlex.split(f"{FEW} -seed 3 {line} -noprogress -nopgm")
    subprocess.run(
        [C_PROGRAM, *words], check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    theirs = as_written(folder)
    for name in theirs:
        (folder / name).unlink()
    assert cli.main(words) == 0
    ours = as_written(folder)
    pixels, expected = (np.frombuffer(files["floatimage.bin"], np.float32) for files in (ours, theirs))
    np.testing.assert_allclose(pixels, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())
    if np.array_equal(pixels, expected):  # otherwise a last bit may decide on an integer
        assert ours["intimage.img"] == theirs["intimage.img"]
        assert ours["noiseimage.img"] == theirs["noiseimage.img"]


@pytest.mark.parametrize("line", LINES)
def test_doubtful_values_are_rendered_with_a_warning(line, folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isfinite(nb.simulate(parse_flags(f"{FEW} {line}").config)).all()
    told = [str(each.message) for each in caught]
    assert all(each.category is NanobraggWarning for each in caught)
    assert LINES[line] is None or any(LINES[line] in message for message in told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("-N abc", "is not a valid integer"),
        ("-N 0x10", "only 0 is read"),
        ("-distance 0x50", "is not a finite number"),
        ("-distance nan", "is not a finite number"),
        ("-lambda 1_000", "is not a finite number"),
        ("-fluence 1e300", "is too large"),
        ("-seed 2147483648", "is not a valid integer"),
        ("-phi 1 -spindle_axis 0 0 0", "direction cannot have length zero"),
        ("-twotheta 1 -twotheta_axis 0 0 0", "not a valid axis"),
        ("-exact -polar 1.5", "kahn_factor"),
    ],
)
def test_values_that_make_no_sensible_image_are_refused(line, told):
    with pytest.raises((ConfigError, NanobraggWarning), match=told):
        nb.simulate(parse_flags(f"{FEW} {line}").config)
