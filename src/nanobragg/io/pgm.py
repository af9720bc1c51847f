"""Binary PGM images (P5): one byte per pixel, with the scale in a comment."""

import re

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .check_image import check_image
from .input_file import open_input, read_array
from .named_files import quote

HEADER_LIMIT = 4096
GAP = rb"(?:\s|#[^\n]*\n)+"
HEADER = re.compile(rb"P5" + GAP + rb"([0-9]{1,10})" + GAP + rb"([0-9]{1,10})" + GAP + rb"([0-9]{1,10})\s")
SCALE = re.compile(rb"# pixels scaled by ([-+0-9.eE]{1,30})\n")


def write_pgm(path: StrPath, image: npt.NDArray[np.uint8], scale: float = 1.0) -> None:
    """Write a (slow, fast) uint8 image, 255 white, with the scale (grey levels per photon) in the comment."""
    check_image(path, image, allowed=[np.uint8], cure="scale it with response.quantize.to_pgm")
    slow, fast = image.shape
    with atomic_write(path) as handle:
        handle.write(b"P5\n%d %d\n# pixels scaled by %g\n255\n" % (fast, slow, scale))
        handle.write(np.ascontiguousarray(image).data)


def read_pgm(path: StrPath) -> tuple[npt.NDArray[np.uint8], float | None]:
    """Return the (slow, fast) uint8 image of a PGM file (P5), and the scale if the comment records it."""
    with open_input(path) as handle:
        start = handle.read(HEADER_LIMIT)
        header = HEADER.match(start)
        if header is None:
            raise FormatError(f"{path}: starts with {quote(path, start[:20])}, not with a P5 header; check the file")
        fast, slow, white = map(int, header.groups())
        if not (fast and slow and 0 < white <= 255):
            raise FormatError(
                f"{path}: size {fast} x {slow}, maximum {white} is not valid; sizes must be positive, the maximum "
                "1 to 255"
            )
        handle.seek(header.end())
        image = read_array(handle, path, np.uint8, (slow, fast), "height x width")
    return image, _parse_scale(header.group())


def _parse_scale(header: bytes) -> float | None:
    found = SCALE.search(header)
    if found is None:
        return None
    try:
        return float(found.group(1))
    except ValueError:  # a comment is free text
        return None
