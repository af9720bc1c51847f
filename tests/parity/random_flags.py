"""Random command lines of the C program's flags: a seed gives a line, and the lines together use every flag.

Run as a program it writes the small files that the lines name, and prints the lines of some seeds:
`python random_flags.py FOLDER SEED…`

Left out, besides the flags of `LEFT_OUT`: values that we refuse and the C program takes (negative lengths and
fluences, cells of no volume, an empty region, a mask of another size than the detector, a polarization axis along
the beam or, with -polar, along a source); and what comments below say.
"""

from __future__ import annotations

import random
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from nanobragg.io.fdump import write_fdump
from nanobragg.nanobragg_c.flags.flag_table import GROUPS, SPELLINGS

INPUTS = Path(__file__).parents[1] / "inputs"
TERMS = 240  # of a pixel, at most: a line is a few milliseconds of the C program's time
HEADER_SHAPE = (32, 40)  # of the images whose headers lines use; slow, fast

# Flags that no line has, and why.
LEFT_OUT = {
    "-exact": "not the C program's",
    "-threads": "not the C program's",
    "-tolerance": "not the C program's",
    "-tolerance_ph": "not the C program's",
    "-trace_pixel": "not the C program's",
    "-noisefile": "test_noise_c.py and the reference cases compare noise images",
    "-pgmfile": "the reference cases compare pictures",
    "-pgmscale": "the reference cases compare pictures",
    "-nonoise": "every line has it, in front",
    "-nopgm": "every line has it, in front",
    "-noprogress": "every line has it, in front",
    "-Q": "the C program reads its file and ignores it, like -stol's",
    "-4stol": "the C program reads its file and ignores it, like -stol's",
}

Words = list[str]
_SPELLINGS = {flag.name: (flag.name, *flag.aliases) for flags in GROUPS.values() for flag in flags}


class Draw:
    """The random choices of one line, and how many terms of a pixel it may still use."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.terms_left = TERMS
        self.unpolarized = self.chance(0.5)
        self.round_shape = self.chance(0.2)
        self.automatic = self.chance(0.12)  # oversampling; then crystal and pixels are small

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def number(self, low: float, high: float, digits: int = 5) -> str:
        return f"{self.rng.uniform(low, high):.{digits}g}"

    def power(self, low: float, high: float) -> str:
        """Return ten to a random power between these."""
        return f"{10 ** self.rng.uniform(low, high):.5g}"

    def length(self, low: float, high: float) -> str:
        """With so many digits that no header shows the middle between two roundings, which could go either way."""
        return self.number(low, high, 13)

    def whole(self, low: int, high: int) -> str:
        return str(self.rng.randint(low, high))

    def pick(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def flag(self, name: str, *values: str) -> Words:
        """Return the flag in one of its spellings, with its values."""
        return [self.rng.choice(_SPELLINGS[name]), *values]

    def maybe(self, probability: float, name: str, *values: str) -> list[Words]:
        return [self.flag(name, *values)] if self.chance(probability) else []

    def count(self, most: int) -> int:
        """Return a number of steps within the line's remaining terms; mostly 1."""
        n = self.rng.randint(1, max(1, min(most, self.terms_left)))
        return self.spend(n if self.chance(0.5) else 1)

    def spend(self, n: int) -> int:
        self.terms_left //= max(n, 1)
        return n

    def vector(self, spread: float, around: Sequence[float]) -> Words:
        return [f"{x + self.rng.uniform(-spread, spread):.5g}" for x in around]


def random_line(seed: int) -> Words:
    """Return the words of a command line without the program's name and the switches that all lines share."""
    draw = Draw(seed)
    pixel = draw.length(0.05, 0.15) if draw.automatic else draw.length(0.1, 1.2)
    distance = draw.length(60 if draw.automatic else 20, 150)
    uses = _sampling(draw)
    for part in draw.rng.sample((_spectrum, _divergence, _scan, _mosaic, _sensor), 5):
        uses += part(draw)
    uses += _crystal(draw) + _amplitudes(draw) + _beam(draw) + _output(draw)
    if draw.chance(0.1):  # flags that come twice: the last one counts
        uses += _beam(draw) + _size(draw)
    uses += [*_pixels(draw, float(pixel)), ["-pixel", pixel], *_geometry(draw, float(pixel), distance)]
    draw.rng.shuffle(uses)
    return _in_order(draw, uses)


def odd_line(seed: int) -> Words:
    """Return a random line with numbers spelled as C reads them, and with doubtful values."""
    draw = Draw(seed)
    words = [_respelled(draw, word, previous) for previous, word in pairwise(["", *random_line(seed)])]
    doubtful = draw.maybe(0.15, "-seed", draw.whole(-99999, -1)) + draw.maybe(
        0.15, "-mosaic_seed", draw.whole(-999, -1)
    )
    doubtful += draw.maybe(0.1, "-polar", draw.number(1, 3)) + draw.maybe(0.1, "-sourcefile", "odd.sources")
    doubtful += draw.maybe(0.05, "-polar_vector", "1", "0", "0") + draw.maybe(0.1, "-img", "odd.img")
    doubtful += draw.maybe(0.05, "-spindle_axis", "0", "0", "0") + draw.maybe(0.05, "-stol", "stol.txt")
    draw.rng.shuffle(doubtful)
    return [word for use in doubtful for word in use] + words


def _respelled(draw: Draw, word: str, previous: str) -> str:
    """Return another spelling of a number with the same value for the C program; other words as they are."""
    if not re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", word) or draw.chance(0.7):
        return word
    sign, digits = ("-", word[1:]) if word.startswith("-") else (draw.pick("", "", "+"), word)
    if previous in SPELLINGS and SPELLINGS[previous].kind in ("integer", "seed"):
        return sign + draw.pick(f"0{digits}", f"{digits}.9", f"{digits}abc", f"{digits}e1", f"{digits}.")
    if "e" in digits:
        return sign + draw.pick(digits.replace("e", "E"), f"{digits}.5", f"{digits}mm", f"0{digits}")
    return sign + draw.pick(f"0{digits}", f"{digits}e0", f"{digits}E+00", f"{digits}mm", f"{digits},5", f"{digits}e")


def _in_order(draw: Draw, uses: list[Words]) -> Words:
    """One line of the flags; what the C program's substring matching forbids to stand where it stands is moved."""
    last: list[Words] = []
    if any(use[0] == "-twotheta_axis" for use in uses):  # row 19: it also sets two-theta, so that must come later
        last += [use for use in uses if use[0] == "-twotheta"] or [["-twotheta", draw.number(-25, 25)]]
    if any(use[1:] == ["random"] for use in uses):  # row 19: it also sets misset, but for want of words not at the end
        last.append(["-misset_seed", draw.whole(1, 99999)])
    uses = [use for use in uses if use not in last] + last
    if uses[-1] == ["-curved_det"]:  # row 22: ignored as the last argument
        uses.insert(0, uses.pop())
    return [word for use in uses for word in use]


def _sampling(draw: Draw) -> list[Words]:
    uses = []
    if draw.automatic:
        draw.spend(16)
        uses += draw.maybe(0.2, "-oversample", draw.pick("0", "-1"))
    else:
        side = draw.rng.choice((1, 1, 1, 2, 3))
        draw.spend(side * side)
        uses.append(["-oversample", str(side)])
    uses += draw.maybe(0.1, "-oversample_omega") + draw.maybe(0.1, "-oversample_polar")
    return uses + draw.maybe(0.12, "-dmin", draw.number(0.7, 4))


def _sweep(draw: Draw, flags: tuple[str, str, str], low: float, high: float, most: int) -> list[Words]:
    """Any of range, step and count; now and then 0 or negative, which the C program takes as not given."""
    range_flag, step_flag, count_flag = flags
    n = draw.count(most)
    if n == 1 and draw.chance(0.6):
        return []
    if n == 1:
        n = draw.spend(min(2, draw.terms_left))
    if n < 2:
        return []
    span = draw.rng.uniform(low, high)
    uses = []
    if draw.chance(0.7):
        uses.append(draw.flag(range_flag, draw.pick("0", "-1") if draw.chance(0.07) else f"{span:.4g}"))
    if step_flag and draw.chance(0.4):
        step = span / (n - draw.rng.uniform(0.05, 0.95))
        uses.append(draw.flag(step_flag, draw.pick("0", "-1") if draw.chance(0.07) else f"{step:.4g}"))
    if draw.chance(0.6):
        uses.append(draw.flag(count_flag, draw.pick("0", "-1") if draw.chance(0.07) else str(n)))
    return uses


def _spectrum(draw: Draw) -> list[Words]:
    return _sweep(draw, ("-dispersion", "", "-dispsteps"), 0.1, 8, 5)


def _divergence(draw: Draw) -> list[Words]:
    if draw.chance(0.1) and draw.terms_left >= 5:
        draw.spend(5)
        names = ["five.sources"]
        if draw.unpolarized:  # these have a source along x, which is the polarization axis of some conventions
            names += ["inputs/sources.txt", "inputs/sources_short.txt"]
        return [draw.flag("-sourcefile", draw.pick(*names))]
    uses = draw.maybe(0.15, "-round_div") + draw.maybe(0.3, "-square_div")
    if draw.chance(0.15) and draw.terms_left >= 9:
        draw.spend(9)
        uses += draw.maybe(0.8, "-divergence", draw.number(0.1, 20)) + draw.maybe(0.6, "-divsteps", draw.whole(1, 3))
        return uses
    for axis in "hv":
        uses += _sweep(draw, (f"-{axis}divrange", f"-{axis}divstep", f"-{axis}divsteps"), 0.1, 20, 4)
    return uses


def _scan(draw: Draw) -> list[Words]:
    uses = _sweep(draw, ("-osc", "-phistep", "-phisteps"), 0.1, 6, 6)
    if draw.chance(0.3):
        return [*uses, ["-phi", draw.pick("0", "-1", "-2", "-0.5")]]  # steps through exactly 0 among them
    return uses + draw.maybe(0.4, "-phi", draw.number(-90, 90))


def _mosaic(draw: Draw) -> list[Words]:
    n = draw.count(12)
    uses = draw.maybe(0.3, "-mosaic_seed", draw.whole(1, 2**31 - 1))
    if n > 1:
        uses.append(draw.flag("-mosaic", draw.number(0.05, 3) if draw.chance(0.9) else draw.pick("0", "90")))
        return [*uses, draw.flag("-mosaic_domains", str(n))]
    if draw.terms_left >= 10 and draw.chance(0.1):
        draw.spend(10)
        return [*uses, draw.flag("-mosaic", draw.number(0.05, 3))]
    return uses + draw.maybe(0.1, "-mosaic_domains", "7")


def _sensor(draw: Draw) -> list[Words]:
    if draw.chance(0.7) or draw.terms_left < 4:
        return draw.maybe(0.02, "-oversample_thick")  # row 4: all zero
    draw.spend(4)
    uses = draw.maybe(0.9, "-detector_thick", draw.number(10, 1000) if draw.chance(0.95) else draw.pick("0", "-1"))
    uses += draw.maybe(0.6, "-detector_abs", draw.number(20, 2000) if draw.chance(0.9) else draw.pick("inf", "0"))
    return uses + draw.maybe(0.6, "-detector_thicksteps", draw.whole(0, 4)) + draw.maybe(0.2, "-oversample_thick")


def _cell(draw: Draw) -> Words:
    a, b, c = (draw.number(20, 120, 4) for _ in range(3))
    kind = draw.rng.randrange(8)
    if kind < 2:  # cubic, in one number or six
        return [a] if kind == 0 else [a, a, a, "90", "90", "90"]
    if kind == 2:  # incomplete: what is missing follows the first length, and 90 degrees
        return [a, b, c, draw.number(75, 105)][: draw.rng.randint(2, 4)]
    if kind == 3:
        return [a, b, c, "90", "90", "90"]
    if kind == 4:
        return [a, a, c, "90", "90", "120"]
    if kind == 5:
        return [a, b, c, "90", draw.number(91, 125), "90"]
    return [a, b, c, *(draw.number(62, 115) for _ in range(3))]


def _crystal(draw: Draw) -> list[Words]:
    uses = []
    has_matrix = draw.chance(0.15)
    if has_matrix:
        uses.append(draw.flag("-mat", draw.pick("inputs/A.mat", "large.mat")))
    if not has_matrix or draw.chance(0.15):
        uses.append(draw.flag("-cell", *_cell(draw)))
    if draw.chance(0.7):
        uses.append(["-misset", *(draw.number(-180, 180) for _ in range(3))])
    elif draw.chance(0.3):
        uses.append(["-misset", "random"])
    uses += _size(draw)
    uses += draw.maybe(1.0 if draw.round_shape else 0.0, "-round_xtal") + draw.maybe(0.1, "-square_xtal")
    uses += draw.maybe(0.2, "-gauss_xtal") + draw.maybe(0.15, "-tophat_spots")
    uses += draw.maybe(0.5, "-fudge", draw.power(-5, 2))  # row 7: radii are huge without
    return uses + draw.maybe(0.03, "-density", "1.3") + draw.maybe(0.03, "-MW", "18")


def _size(draw: Draw) -> list[Words]:
    uses = draw.maybe(0.7, "-N", draw.whole(0, 3 if draw.automatic else 14))
    for name in ("-Na", "-Nb", "-Nc"):
        uses += draw.maybe(0.15, name, draw.whole(0, 4 if draw.automatic else 20))
    uses += draw.maybe(0.12, "-samplesize", draw.number(1e-5, 1e-4))
    for name in ("-sample_x", "-sample_y", "-sample_z"):
        uses += draw.maybe(0.06, name, draw.number(1e-5, 2e-4))
    return uses


def _amplitudes(draw: Draw) -> list[Words]:
    uses: list[Words] = []
    source = draw.rng.random()
    if source < 0.5:
        names = ("anomalous.hkl", "wilson_40_50_60.hkl", "wilson_f000.hkl", "six.hkl", "sparse.hkl")
        uses.append(draw.flag("-hkl", f"inputs/{draw.pick(*names)}"))
    elif source < 0.6:
        uses.append(draw.flag("-dump", "small.dump"))
    if source >= 0.6 or draw.chance(0.6):
        uses.append(["-default_F", draw.number(1, 1000)])
    uses += draw.maybe(0.2, "-interpolate") + draw.maybe(0.15, "-nointerpolate")
    uses += draw.maybe(0.2, "-water", draw.power(-1, 2))
    return uses + draw.maybe(0.03, "-stol", "stol.txt") + draw.maybe(0.03, "-stolout", "out.stol")


def _beam(draw: Draw) -> list[Words]:
    uses = draw.maybe(0.8, "-lambda", draw.number(0.5, 6)) + draw.maybe(0.15, "-energy", draw.number(3000, 20000))
    uses += draw.maybe(0.2, "-fluence", draw.power(10, 26)) + draw.maybe(0.15, "-flux", draw.power(9, 13))
    uses += draw.maybe(0.15, "-exposure", draw.power(-2, 2) if draw.chance(0.9) else "0")
    beam_size = draw.power(-5, 0) if draw.chance(0.9) else "-1"
    uses += draw.maybe(0.15, "-beamsize", beam_size)
    if draw.unpolarized:
        uses += draw.maybe(0.1, "-polar", "0")
    else:
        uses += draw.maybe(0.9, "-polar", draw.number(-1, 1) if draw.chance(0.8) else draw.pick("1", "-1"))
    uses += draw.maybe(0.15, "-nopolar") + draw.maybe(0.03, "-coherent")
    for name in ("-hdiv", "-vdiv", "-dispstep", "-source_distance"):
        uses += draw.maybe(0.02, name, draw.number(1, 9))
    return uses


def _pixels(draw: Draw, pixel: float) -> list[Words]:
    """How many pixels: flags, or the header of an image; a mask, a region."""
    if draw.chance(0.15):
        uses = [draw.flag("-mask", draw.pick("near.mask", "far.mask", "bare.mask"))]
        uses += draw.maybe(0.3, "-img", draw.pick("beam.img", "org.img"))
    elif draw.chance(0.15):
        uses = [draw.flag("-img", draw.pick("beam.img", "org.img"))]
        uses += draw.maybe(0.3, "-detpixels", draw.whole(16, 40))
    else:
        uses = _pixel_flags(draw, pixel)
    uses += draw.maybe(0.1, "-curved_det") + draw.maybe(0.1, "-point_pixel")
    if draw.chance(0.25):
        limits = [draw.pick("-1", draw.whole(0, 15)), draw.pick("-1", draw.whole(15, 60))]
        limits += [draw.pick("-1", draw.whole(0, 15)), draw.pick("-1", draw.whole(15, 60))]
        uses.append(["-roi", *limits])
    return uses + draw.maybe(0.03, "-detsize_x", "10") + draw.maybe(0.03, "-detsize_y", "10")


def _pixel_flags(draw: Draw, pixel: float) -> list[Words]:
    kind = draw.rng.randrange(4)
    if kind == 0:
        return [draw.flag("-detpixels", draw.whole(16, 40))]
    if kind == 1:
        return [draw.flag("-detpixels_f", draw.whole(16, 80)), draw.flag("-detpixels_s", draw.whole(16, 40))]
    if kind == 2:
        return [["-detsize", f"{(draw.rng.randint(16, 40) + 0.3) * pixel:.13g}"]]
    sizes = [f"{(draw.rng.randint(16, 40) + draw.rng.uniform(-0.4, 0.4)) * pixel:.13g}" for _ in range(2)]
    return [["-detsize_f", sizes[0]], ["-detsize_s", sizes[1]]]


def _geometry(draw: Draw, pixel: float, distance: str) -> list[Words]:
    uses = draw.maybe(0.9, "-distance", distance) + draw.maybe(0.2, "-close_distance", draw.length(20, 150))
    uses += draw.maybe(0.8, "-" + draw.pick("mosflm", "denzo", "adxv", "xds", "dials"))
    if draw.chance(0.3):
        uses += _vectors(draw)
    for names, factor, probability in (
        (("-Xbeam", "-Ybeam"), pixel, 0.5), (("-Xclose", "-Yclose"), pixel, 0.2), (("-ORGX", "-ORGY"), 1.0, 0.3),
    ):  # fmt: skip
        # row 13: next to the direct beam the round shape is rounding noise, so that must not hit a pixel's centre
        always = draw.round_shape and names[0] != "-Xclose"
        if always or draw.chance(probability):
            for name in names:
                uses += draw.maybe(1.0 if always else 0.9, name, draw.length(2 * factor, 30 * factor))
    for name in ("-detector_rotx", "-detector_roty", "-detector_rotz"):
        limit = 40 if draw.chance(0.95) else 180
        uses += draw.maybe(0.25, name, draw.number(-limit, limit))
    uses += draw.maybe(0.3, "-twotheta", draw.number(-40, 40))
    return uses + draw.maybe(0.25, "-pivot", draw.pick("beam", "sample"))


def _vectors(draw: Draw) -> list[Words]:
    """Return vectors near MOSFLM's, of any length and not quite perpendicular."""
    uses = []
    for name, around in (
        ("-fdet_vector", (0, 0, 1)), ("-sdet_vector", (0, -1, 0)), ("-odet_vector", (1, 0, 0)),
        ("-beam_vector", (1, 0, 0)), ("-polar_vector", (0, 0, 1)), ("-spindle_axis", (0, 0, 1)),
    ):  # fmt: skip
        uses += draw.maybe(0.5, name, *draw.vector(0.3 if draw.chance(0.8) else 0.0, around))
    if draw.chance(0.3):
        uses.append(["-twotheta_axis", *draw.vector(0.3, draw.rng.choice(((0, 1, 0), (0, 0, -1), (0.7, 0.7, 0))))])
    uses += draw.maybe(0.1, "-pix0_vector", *draw.vector(50, (100, 0, 0)))
    for name in ("-xdet_vector", "-ydet_vector", "-zdet_vector"):
        uses += draw.maybe(0.03, name, *draw.vector(1, (0, 0, 0)))
    return uses


def _output(draw: Draw) -> list[Words]:
    uses = draw.maybe(0.1, "-floatfile", "photons.bin") + draw.maybe(0.1, "-intfile", "integers.img")
    uses += draw.maybe(0.2, "-adc", draw.number(0, 200)) + draw.maybe(0.1, "-seed", draw.whole(1, 99999))
    uses += draw.maybe(0.2, "-scale", draw.power(-6, 1) if draw.chance(0.9) else "0")
    uses += draw.maybe(0.02, "-printout") + draw.maybe(0.02, "-printout_pixel", draw.whole(0, 15), draw.whole(0, 15))
    return uses + draw.maybe(0.02, "-progress")


def write_inputs(folder: Path) -> None:
    """Copy tests/inputs into a folder, and write the other files that lines name."""
    shutil.copytree(INPUTS, folder / "inputs", dirs_exist_ok=True)
    lines = (f"-9 {0.01 * i:.3f} {-0.02 * i + 0.03:.3f} {1 + i % 2} {1.1e-10 + i * 1e-12:.4e}\n" for i in range(5))
    (folder / "five.sources").write_text("".join(lines))
    (folder / "large.mat").write_text("0.02 0.011 -0.004\n-0.013 0.021 0.002\n0.001 0.006 0.017\n")
    (folder / "stol.txt").write_text("0.0 2.57\n0.3 2.1\n0.5 1.5\n")
    h, k, l = np.indices((9, 11, 10))
    write_fdump(folder / "small.dump", -4, -5, -3, 100.0 + 17.0 * h - 6.0 * k + 3.0 * l)
    # DISTANCE stands after CLOSE_DISTANCE: the C program reads the last key that contains it (row 20)
    _write_header(folder / "near.mask", "PIXEL_SIZE=0.31 DISTANCE=61 WAVELENGTH=1.3 BEAM_CENTER_X=7 BEAM_CENTER_Y=5.7")
    _write_header(folder / "far.mask", "PIXEL_SIZE=0.4 CLOSE_DISTANCE=88 DISTANCE=90 XDS_ORGX=11.3 XDS_ORGY=17.7 PHI=3")
    _write_header(folder / "bare.mask", "")
    beam = "PIXEL_SIZE=0.5 DISTANCE=75 WAVELENGTH=2.1 BEAM_CENTER_X=9.3 BEAM_CENTER_Y=8.1 PHI=-1 OSC_RANGE=2 TWOTHETA=4"
    _write_header(folder / "beam.img", beam)
    (folder / "odd.sources").write_text("-9 0 0 0 1.1e-10 # first\n-9 0.02 0.01 -2 1.2e-10 second 5\n")
    _write_header(folder / "odd.img", "PIXEL_SIZE=0.4 DISTANCE=70 WAVELENGTH=1.4 BEAM_CENTER_X=6")
    with open(folder / "odd.img", "ab") as image:
        image.write(bytes(100))
    _write_header(folder / "org.img", "PIXEL_SIZE=0.6 ORGX=13.2 ORGY=9.9 CLOSE_DISTANCE=55 DISTANCE=57 OSC_RANGE=0")


def _write_header(path: Path, entries: str) -> None:
    """Write an SMV file of ones with a few rows, columns and a block of zeros."""
    slow, fast = HEADER_SHAPE
    pixels = np.ones(HEADER_SHAPE, "<u2")
    pixels[5] = pixels[:, 9] = pixels[10:15, 20:30] = 0
    fixed = f"HEADER_BYTES=512 DIM=2 BYTE_ORDER=little_endian TYPE=unsigned_short SIZE1={fast} SIZE2={slow}"
    text = "{\n" + "".join(f"{entry};\n" for entry in f"{fixed} {entries}".split()) + "}\f"
    path.write_bytes(text.encode().ljust(512) + pixels.tobytes())


if __name__ == "__main__":
    write_inputs(Path(sys.argv[1]))
    for word in sys.argv[2:]:
        print(shlex.join(random_line(int(word))))
