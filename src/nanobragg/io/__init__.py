"""Reading and writing files: one module per format, arrays and metadata in, bytes out.

`read_image` and `write_image` choose the format by the file's suffix. The format modules are imported when
they are needed, so that importing the package stays fast.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, FormatError

if TYPE_CHECKING:
    import numpy.typing as npt

    from .atomic import StrPath

__all__ = ["IMAGE_SUFFIXES", "read_image", "write_image"]

IMAGE_SUFFIXES = {".img": "smv", ".smv": "smv", ".bin": "bin", ".npy": "npy", ".png": "png", ".pgm": "pgm"}


def read_image(
    path: StrPath, *, format: str | None = None, shape: tuple[int, int] | None = None
) -> tuple[npt.NDArray[Any], dict[str, object]]:
    """Read an image of any known format.

    Parameters
    ----------
    path : path
        .img or .smv (SMV), .bin (raw 32-bit floats), .npy, .png or .pgm.
    format : str, optional
        smv, bin, npy, png or pgm, if the suffix does not tell.
    shape : (slow, fast), optional
        Needed for bin, which has no header; otherwise the image must have it.

    Returns
    -------
    image : (slow, fast)
        In the type of the file.
    metadata : dict
        SMV: the header's keys with their text. PGM: `scale`, if told. Others: nothing.

    Raises
    ------
    ConfigError
        The suffix or format is unknown, or the shape is missing.
    FormatError
        The content is not what the format promises.
    FileError
        The file cannot be read.
    """
    image, metadata = _read(path, _format_of(path, format), shape)
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
    """Write an image in any known format; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        .img or .smv (SMV), .bin (raw 32-bit floats), .npy, .png or .pgm.
    image : (slow, fast)
        SMV holds whole numbers 0 to 65535 and refuses others. PNG keeps uint8 and uint16 and draws
        everything else as dark spots on white (`png.render_grey`). PGM keeps uint8 and scales everything
        else.
    metadata : mapping, optional
        SMV: header entries. PGM: `scale`, the factor from photons to grey. Others have no place for it.
    format : str, optional
        smv, bin, npy, png or pgm, if the suffix does not tell.

    Raises
    ------
    ConfigError
        The suffix or format is unknown.
    FormatError
        The format cannot hold the image.
    FileError
        The file cannot be written.
    """
    from .checks import check_image

    chosen = _format_of(path, format)
    pixels = np.asarray(image)
    check_image(path, pixels.shape, pixels.dtype)
    _write(path, pixels, metadata or {}, chosen)


def _format_of(path: StrPath, format: str | None) -> str:
    formats = list(dict.fromkeys(IMAGE_SUFFIXES.values()))
    if format is not None:
        if format not in formats:
            raise ConfigError(f"format: {format!r} is unknown; choose one of {' '.join(formats)}")
        return format
    suffix = os.path.splitext(os.fspath(path))[1]
    if suffix.lower() not in IMAGE_SUFFIXES:
        raise ConfigError(
            f"{path}: suffix {suffix!r} tells no image format; use one of {' '.join(IMAGE_SUFFIXES)} or give the format"
        )
    return IMAGE_SUFFIXES[suffix.lower()]


def _read(path: StrPath, format: str, shape: tuple[int, int] | None) -> tuple[npt.NDArray[Any], dict[str, object]]:
    if format == "smv":
        from .smv import read_smv

        image, header = read_smv(path)
        return image, dict(header)
    if format == "pgm":
        from .pgm import read_pgm

        grey, scale = read_pgm(path)
        return grey, {} if scale is None else {"scale": scale}
    if format == "bin":
        from .floatimage import read_float_image

        return read_float_image(path, shape), {}
    if format == "npy":
        from .npy import read_npy

        return read_npy(path), {}
    from .png import read_png

    return read_png(path), {}


def _write(path: StrPath, image: npt.NDArray[Any], metadata: Mapping[str, object], format: str) -> None:
    if format == "smv":
        from .smv import write_smv

        write_smv(path, _as_uint16(path, image), metadata)
    elif format == "pgm":
        from ..integer import to_pgm
        from .pgm import write_pgm

        scale = metadata.get("scale")
        factor = float(scale) if isinstance(scale, (int, float)) else None
        grey, used = (image, factor or 1.0) if image.dtype == np.uint8 else to_pgm(image, factor)
        write_pgm(path, grey, used)
    elif format == "bin":
        from .floatimage import write_float_image

        write_float_image(path, image)
    elif format == "npy":
        from .npy import write_npy

        write_npy(path, image)
    else:
        from .png import render_grey, write_png

        write_png(path, image if image.dtype in (np.uint8, np.uint16) else render_grey(image))


def _as_uint16(path: StrPath, image: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """The same values as unsigned 16-bit integers; refuses those that are not."""
    with np.errstate(invalid="ignore"):  # what cannot be cast is found by the comparison
        whole = image.astype(np.uint16)
    different = whole != image
    if different.any():
        slow, fast = np.argwhere(different)[0]
        raise FormatError(
            f"{path}: pixel (slow {slow}, fast {fast}) = {image[slow, fast]} does not fit into SMV, whole "
            "numbers 0 to 65535; scale it first (integer.to_integers), or choose .bin or .npy"
        )
    return whole
