"""Reading and writing files: one module per format, arrays and metadata in, bytes out.

`read_image` and `write_image` choose the format by the file's suffix, from the table in `formats`. The format
modules are imported when they are needed, so that importing the package stays fast.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, FormatError
from .formats import BY_NAME, BY_SUFFIX, ImageFormat, Request

if TYPE_CHECKING:
    import numpy.typing as npt

    from .atomic import StrPath

__all__ = ["format_of", "read_image", "write_image"]


def read_image(
    path: StrPath, *, format: str | None = None, shape: tuple[int, int] | None = None, index: int = 0
) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Read an image of any known format.

    Parameters
    ----------
    path : path
        .img or .smv (SMV), .bin (raw 32-bit floats), .npy, .png, .pgm, .cbf, .tif or .tiff, .nxs, .h5 or .hdf5
        (NXmx).
    format : str, optional
        smv, bin, npy, png, pgm, cbf, tiff or nexus, if the suffix does not tell.
    shape : (slow, fast), optional
        Needed for bin, which has no header; otherwise the image must have it.
    index : int
        Which image of an NXmx file, from 0; the other formats hold one.

    Returns
    -------
    image : (slow, fast)
        In the type of the file.
    metadata : dict
        SMV and CBF: the header's keys with their text. PGM: `scale`, if told. TIFF: `description`, if there is
        one. NXmx: see `nexus_read.read_nexus`. Others: nothing.

    Raises
    ------
    ConfigError
        The suffix or format is unknown, the shape is missing, there is no image of this index, or a library of
        the extra `files` is not installed.
    FormatError
        The content is not what the format promises.
    FileError
        The file cannot be read.
    """
    chosen = format_of(path, format)
    if index != 0 and not chosen.many:
        raise ConfigError(f"index = {index}: {path} holds one image; only NXmx files hold several")
    image, metadata = chosen.read(Request(path, shape, index))
    if shape is not None and image.shape != tuple(shape):
        raise FormatError(f"{path}: the image is {image.shape}, not shape={tuple(shape)}; correct shape")
    return image, metadata


def write_image(
    path: StrPath,
    image: npt.ArrayLike,
    metadata: Mapping[str, object] | None = None,
    *,
    format: str | None = None,
) -> None:
    """Write an image in any known format but NXmx; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        As for `read_image`.
    image : (slow, fast)
        SMV holds whole numbers 0 to 65535, CBF those of 32 bits with a sign, and they refuse others. PNG keeps
        uint8 and uint16 and draws everything else as dark spots on white (`png.render_grey`). PGM keeps uint8
        and scales everything else. TIFF holds uint8, uint16, int32 and float32.
    metadata : mapping, optional
        SMV and CBF: header entries. PGM: `scale`, the factor from photons to grey. TIFF: `description` and
        `software`. Others have no place for it.
    format : str, optional
        smv, bin, npy, png, pgm, cbf or tiff, if the suffix does not tell.

    Raises
    ------
    ConfigError
        The suffix or format is unknown, or a library of the extra `files` is not installed.
    FormatError
        The format cannot hold the image.
    FileError
        The file cannot be written.
    """
    from .check_image import check_image

    chosen = format_of(path, format)
    pixels = np.asarray(image)
    check_image(path, pixels.shape, pixels.dtype)
    chosen.write(path, pixels, metadata or {})


def format_of(path: StrPath, format: str | None = None) -> ImageFormat:
    """The format of this name, or else the one that the suffix tells.

    Raises
    ------
    ConfigError
        It is unknown.
    """
    if format is not None:
        if format not in BY_NAME:
            raise ConfigError(f"format: {format!r} is unknown; choose one of {' '.join(BY_NAME)}")
        return BY_NAME[format]
    suffix = os.path.splitext(os.fspath(path))[1]
    if suffix.lower() not in BY_SUFFIX:
        raise ConfigError(
            f"{path}: suffix {suffix!r} tells no image format; use one of {' '.join(BY_SUFFIX)} or give the format"
        )
    return BY_SUFFIX[suffix.lower()]
