"""Catalogue of commercial and facility detectors: modules, gaps and sensors."""

import difflib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError


@dataclass(frozen=True)
class Module:
    """A module in the plane of its detector, in pixels: corner of pixel (0, 0), and fast and slow directions."""

    corner: tuple[float, float]
    fast: tuple[int, int] = (1, 0)
    slow: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Design:
    """Design of a detector.

    Attributes
    ----------
    pixel_mm, pixels
        Edge of a pixel, and pixels (slow, fast) of a module.
    size
        Pixels (slow, fast) of the whole detector.
    gap
        Gap (slow, fast) between modules that share an image, pixels.
    circular
        Whether only the circle within the image is sensitive.
    modules
        Modules that are panels of their own, in place of a grid.
    saturation
        Photons for counting and integrating pixels, ADU for CCDs.
    """

    pixel_mm: float
    pixels: tuple[int, int]
    size: tuple[int, int]
    material: str
    thickness_um: float
    saturation: float
    gap: tuple[int, int] = (0, 0)
    circular: bool = False
    modules: tuple[Module, ...] = ()


def module_grid(
    pixel_mm: float, pixels: tuple[int, int], count: tuple[int, int], gap: tuple[int, int], **sensor: Any
) -> Design:
    """Return the design of a grid of modules that is read out as one image."""
    slow, fast = ((n + g) * c - g for n, c, g in zip(pixels, count, gap, strict=True))
    return Design(pixel_mm, pixels, (slow, fast), gap=gap, **sensor)


def jungfrau(rows: tuple[int, ...], columns: tuple[int, ...]) -> Design:
    """Return a JUNGFRAU with modules of 514 x 1030 pixels (wide pixels between chips split in two) at these corners."""
    modules = tuple(Module((column, row)) for row, column in zip(rows, columns, strict=True))
    size = (max(rows) + 514, max(columns) + 1030)
    return Design(0.075, (514, 1030), size, "Si", 320, 10_000, modules=modules)


def agipd() -> Design:
    """Return an AGIPD: sixteen modules of eight panels of 64 x 128 pixels, 2 pixels between panels, 29 between modules.

    The quadrants are those of the example of EXtra-geom, relative to the beam: seen along it, x is left and y is up.
    """
    quadrants = (((-525, 625), 1, -1), ((-550, -10), 1, -1), ((520, -160), -1, 1), ((542.5, 475), -1, 1))
    middle = (551, 626)  # fast, slow position of the beam, such that no coordinate is negative
    modules = tuple(
        Module((middle[0] - (x + along * 66 * chip), middle[1] - (y - 157 * number)), (0, -up), (-along, 0))
        for (x, y), along, up in quadrants
        for number in range(4)
        for chip in range(8)
    )
    return Design(0.2, (64, 128), (2 * middle[1], 2 * middle[0]), "Si", 500, 10_000, modules=modules)


def quadrants(
    pixel_mm: float,
    pixels: tuple[int, int],
    chips: tuple[int, int],
    gap: tuple[float, float],
    sensors: tuple[tuple[complex, complex], ...],
    *,
    edge: int,
    saturation: float,
) -> Design:
    """Return a detector of four quadrants around the beam, each turned by 90° from the one before; a panel is a chip.

    Parameters
    ----------
    pixels, chips, gap
        Pixels of a chip, chips of a sensor, and gaps between them in pixels (slow, fast).
    sensors
        Centre and fast direction of the sensors of the first quadrant, in pixels from the beam. Places and directions
        are complex numbers x + iy; seen along the beam, x is left and y is up.
    edge
        Pixels along an edge of the square that holds all sensors.
    """

    def starts(direction: int) -> list[float]:
        step = pixels[direction] + gap[direction]
        return [step * (chip - chips[direction] / 2) + gap[direction] / 2 for chip in range(chips[direction])]

    def module(place: complex, fast: complex) -> Module:
        corner = (edge / 2 - place.real, edge / 2 - place.imag)
        return Module(corner, (-int(fast.real), -int(fast.imag)), (int(fast.imag), -int(fast.real)))

    modules = tuple(
        module(turn * (centre + fast * complex(column, row)), turn * fast)
        for turn in (1, 1j, -1, -1j)
        for centre, fast in sensors
        for row in starts(0)
        for column in starts(1)
    )
    return Design(pixel_mm, pixels, (edge, edge), "Si", 500, saturation, modules=modules)


def epix10k() -> Design:
    """Return an ePix10k 2M: sixteen sensors of 2 x 2 chips, whose wide pixels fill the 2.5 pixels between them."""
    sensors = tuple((complex(x, y), -1j) for x in (595, 175) for y in (232.5, 639))
    return quadrants(0.1, (176, 192), (2, 2), (2.5, 2.5), sensors, edge=1665, saturation=7300)


def cspad() -> Design:
    """Return a CSPAD: 32 sensors of two chips, whose wide pixels fill the 3 pixels between them."""
    sensors = (
        (347 + 164j, 1j), (140 + 164j, 1j), (667 + 271j, -1), (667 + 65.5j, -1),
        (561.5 + 596.5j, -1j), (772.5 + 596.5j, -1j), (241 + 675j, -1), (241 + 464j, -1),
    )  # fmt: skip
    return quadrants(0.10992, (185, 194), (1, 2), (0, 3), sensors, edge=1730, saturation=1800)


SILICON: dict[str, Any] = {"material": "Si", "thickness_um": 450}
PHOSPHOR: dict[str, Any] = {"material": "Gd2O2S", "thickness_um": 40, "saturation": 2**16 - 1}


def pilatus(series: str, counts: dict[str, tuple[int, int]]) -> dict[str, Design]:
    """Return the PILATUS detectors of a series from their numbers of modules (slow, fast)."""
    sensor = {"material": "Si", "thickness_um": 320 if series == "PILATUS" else 450, "saturation": 2**20 - 1}
    return {
        f"{series} {name}": module_grid(0.172, (195, 487), count, (17, 7), **sensor) for name, count in counts.items()
    }


def eiger(counts: dict[str, tuple[int, int]], pixels: tuple[int, int], gap: tuple[int, int]) -> dict[str, Design]:
    """Return EIGER detectors from their numbers of modules (slow, fast)."""
    return {
        name: module_grid(0.075, pixels, count, gap, **SILICON, saturation=2**16 - 1) for name, count in counts.items()
    }


def ccd(pixel_mm: float, pixels: int, modules: int = 1, *, circular: bool = False) -> Design:
    """Return a CCD detector without gaps, with pixels along an edge after 2 x 2 binning."""
    size = (pixels // modules, pixels // modules)
    grid = module_grid(pixel_mm, size, (modules, modules), (0, 0), **PHOSPHOR)
    return replace(grid, circular=circular)


DESIGNS = {
    **eiger({"EIGER 500K": (1, 1), "EIGER 1M": (2, 1), "EIGER 4M": (4, 2), "EIGER 9M": (6, 3), "EIGER 16M": (8, 4)},
            (514, 1030), (37, 10)),
    **eiger({"EIGER2 500K": (1, 1), "EIGER2 1M": (2, 1), "EIGER2 4M": (4, 2), "EIGER2 9M": (6, 3),
             "EIGER2 16M": (8, 4)}, (512, 1028), (38, 12)),
    **pilatus("PILATUS", {"100K": (1, 1), "200K": (2, 1), "300K": (3, 1), "300K-W": (1, 3), "1M": (5, 2), "2M": (8, 3),
                          "6M": (12, 5)}),
    **pilatus("PILATUS3", {"100K": (1, 1), "200K": (2, 1), "300K": (3, 1), "300K-W": (1, 3), "1M": (5, 2),
                           "2M": (8, 3), "6M": (12, 5)}),
    **{f"PILATUS4 {name}": module_grid(0.15, (255, 513), count, (20, 7), **SILICON, saturation=2**20 - 1)
       for name, count in {"1M": (4, 2), "2M": (6, 3), "4M": (8, 4)}.items()},
    "JUNGFRAU 0.5M": jungfrau((0,), (0,)),
    "JUNGFRAU 1M": jungfrau((0, 550), (0, 0)),
    "JUNGFRAU 4M": jungfrau((68, 0, 618, 550, 1168, 1100, 1718, 1650), (0, 1039, 0, 1039, 67, 1106, 67, 1106)),
    "JUNGFRAU 16M": jungfrau(
        tuple(550 * row + shift for row in range(8) for shift in (0, 0, 68, 68)),
        tuple(1039 * column + shift for shift in (68, 68, 68, 68, 0, 0, 0, 0) for column in range(4)),
    ),
    "Rayonix MX170": ccd(0.0885417, 1920, 2),
    "Rayonix MX170-HS": ccd(0.0885417, 1920, 2),
    "Rayonix MX225": ccd(0.073242, 3072, 3),
    "Rayonix MX225-HS": ccd(0.078125, 2880, 3),
    "Rayonix MX300": ccd(0.073242, 4096, 4),
    "Rayonix MX300-HS": ccd(0.078125, 3840, 4),
    "Rayonix MX325": ccd(0.079346, 4096, 4),
    "Rayonix MX340": ccd(0.0885417, 3840, 4),
    "Rayonix MX340-HS": ccd(0.0885417, 3840, 4),
    "MAR 165": ccd(0.079, 2048, circular=True),
    "MAR 225": ccd(0.073242, 3072, 3),
    "ADSC Q4": ccd(0.0816, 2304, 2),
    "ADSC Q210": ccd(0.102, 2048, 2),
    "ADSC Q270": ccd(0.1296, 2084, 2),
    "ADSC Q315": ccd(0.102, 3072, 3),
    "ADSC Q315r": ccd(0.102592, 3072, 3),
    "AGIPD 1M": agipd(),
    "ePix10k 2M": epix10k(),
    "CSPAD": cspad(),
}  # fmt: skip


def find_design(name: str) -> tuple[str, Design]:
    """Return the catalogue's name and design of a detector; case, blanks, hyphens and underscores are ignored."""
    known = {_plain(each): each for each in DESIGNS}
    found = known.get(_plain(str(name)))
    if found is None:
        raise ConfigError(f"Detector.named: {name!r} is not a detector that is known here; {_cure(_plain(str(name)))}")
    return found, DESIGNS[found]


def _cure(plain: str) -> str:
    """Return which detectors a name may mean, in its plain form, or all of them."""
    known = {_plain(each): each for each in DESIGNS}
    family = [each for each in known if plain and (each.startswith(plain) or plain.startswith(each))]
    meant = family or difflib.get_close_matches(plain, known, 3)
    if not meant:
        return f"the names are {', '.join(DESIGNS)}"
    return f"did you mean {', '.join(repr(known[each]) for each in meant)}?"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def gap_mask(design: Design) -> npt.NDArray[np.bool_]:
    """Return the mask of a grid of modules: False in the gaps, and outside a circular detector."""
    slow, fast = (
        np.arange(size) % (pixels + space) < pixels
        for size, pixels, space in zip(design.size, design.pixels, design.gap, strict=True)
    )
    mask = np.asarray(slow[:, np.newaxis] & fast)
    if design.circular:
        y, x = (np.arange(size) + 0.5 - size / 2 for size in design.size)
        mask &= np.hypot(y[:, np.newaxis], x) <= min(design.size) / 2
    return mask
