"""Reading and writing files, one module per format.

`read_image` and `write_image` choose the format by the file's suffix, from the table in `formats`. Format modules are
imported on first use, so that importing the package stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bounds import whole
from ..calls import public
from ..errors import ConfigError, FormatError
from .formats import Request, format_of, format_to_read

if TYPE_CHECKING:
    import numpy.typing as npt

    from .atomic import StrPath

__all__ = ["read_image", "write_image"]

MOST_IMAGES = 2**31  # of a file


@public
def read_image(
    path: StrPath, *, format: str | None = None, shape: tuple[int, int] | None = None, index: int = 0
) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Read an image in any supported format.

    Parameters
    ----------
    path : path
        .img or .smv (SMV, d*TREK), .bin (raw 32-bit floats), .npy, .png, .pgm, .cbf, .tif or .tiff, .nxs, .h5 or
        .hdf5 (NXmx), .mccd (MarCCD, a TIFF), .edf. Files compressed with gzip or bzip2 are unpacked; their suffix may
        be followed by .gz or .bz2.
    format : str, optional
        smv, bin, npy, png, pgm, cbf, tiff, nexus, mccd or edf; default: chosen by the suffix.
    shape : (slow, fast), optional
        Required for bin, which has no header. For other formats, the shape that the image must have.
    index : int
        Index of the image in an NXmx file, from 0; the other formats hold one image.

    Returns
    -------
    image : (slow, fast)
        In the file's data type.
    metadata : dict
        SMV, CBF and EDF: the header's keys and values as text. PGM: `scale`, if recorded. TIFF: `description`, if
        present. NXmx: see `nexus_read.read_nexus`. Other formats: empty.

    Raises
    ------
    ConfigError
        The suffix or format is unknown, the shape is missing, the index is out of range, or a library of the extra
        `files` is not installed.
    FormatError
        The content does not conform to the format.
    FileError
        The file cannot be read.
    """
    chosen = format_to_read(path, format)
    index = whole("index", index, -MOST_IMAGES, MOST_IMAGES)
    if index != 0 and not chosen.many:
        raise ConfigError(f"index = {index}: {path} holds one image; only NXmx files hold several")
    image, metadata = chosen.read(Request(path, shape, index))
    if shape is not None and image.shape != tuple(shape):
        raise FormatError(f"{path}: the image is {image.shape}, not shape={tuple(shape)}; correct shape")
    return image, metadata


@public
def write_image(
    path: StrPath, image: npt.ArrayLike, metadata: Mapping[str, object] | None = None, *, format: str | None = None
) -> None:
    """Write an image in any supported format except NXmx; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        As for `read_image`.
    image : (slow, fast)
        SMV stores integers from 0 to 65535 and CBF signed 32-bit integers; other values raise an error. PNG stores
        uint8 and uint16 unchanged and renders everything else as dark spots on white (`png.render_grey`). PGM stores
        uint8, TIFF uint8, uint16, int32 and float32.
    metadata : mapping, optional
        SMV and CBF: header entries. PGM: `scale`, the factor from photons to grey. TIFF: `description` and
        `software`. Other formats ignore it.
    format : str, optional
        smv, bin, npy, png, pgm, cbf or tiff; default: chosen by the suffix.

    Raises
    ------
    ConfigError
        The suffix or format is unknown, or a library of the extra `files` is not installed.
    FormatError
        The format cannot represent the image.
    FileError
        The file cannot be written.
    """
    from .check_image import check_image

    chosen = format_of(path, format)
    pixels = np.asarray(image)
    check_image(path, pixels)
    chosen.write(path, pixels, metadata or {})
