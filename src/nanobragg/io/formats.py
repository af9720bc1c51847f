"""The table of image formats: suffixes, reader and writer of each. Format modules are imported on first use."""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from .atomic import StrPath
from .check_image import cast_to_integers
from .compressed import without_compression_suffix

Image = npt.NDArray[Any]
Metadata = dict[str, object]


class Request(NamedTuple):
    """An image to read: `shape` (slow, fast) for formats without a header, `number` for formats with many images."""

    path: StrPath
    shape: tuple[int, int] | None
    number: int


class ImageFormat(NamedTuple):
    """A format: name, suffixes, reader, writer, and whether a file can hold many images."""

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Request], tuple[Image, Metadata]]
    write: Callable[[StrPath, Image, Mapping[str, object]], None]
    many: bool = False


def _read_smv(request: Request) -> tuple[Image, Metadata]:
    from .smv import read_smv

    image, header = read_smv(request.path)
    return image, dict(header)


def _write_smv(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .smv import write_smv

    write_smv(path, cast_to_integers(path, image, np.uint16, "SMV"), metadata)


def _read_bin(request: Request) -> tuple[Image, Metadata]:
    from .float_image import read_float_image

    return read_float_image(request.path, request.shape), {}


def _write_bin(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .float_image import write_float_image

    write_float_image(path, image)


def _read_npy(request: Request) -> tuple[Image, Metadata]:
    from .npy import read_npy

    return read_npy(request.path), {}


def _write_npy(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .npy import write_npy

    write_npy(path, image)


def _read_png(request: Request) -> tuple[Image, Metadata]:
    from .png import read_png

    return read_png(request.path), {}


def _write_png(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .png import render_grey, write_png

    write_png(path, image if image.dtype in (np.uint8, np.uint16) else render_grey(image))


def _read_pgm(request: Request) -> tuple[Image, Metadata]:
    from .pgm import read_pgm

    grey, scale = read_pgm(request.path)
    return grey, {} if scale is None else {"scale": scale}


def _write_pgm(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .pgm import write_pgm

    scale = metadata.get("scale")
    write_pgm(path, image, float(scale) if isinstance(scale, (int, float)) and scale else 1.0)


def _read_cbf(request: Request) -> tuple[Image, Metadata]:
    from .cbf import read_cbf

    image, header = read_cbf(request.path)
    return image, dict(header)


def _write_cbf(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .cbf import write_cbf

    whole = cast_to_integers(path, image, np.int32, "CBF")
    write_cbf(path, whole, {key: str(value) for key, value in metadata.items()})


def _read_tiff(request: Request) -> tuple[Image, Metadata]:
    from .tiff import read_tiff

    image, description = read_tiff(request.path)
    return image, {"description": description} if description else {}


def _write_tiff(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    from .tiff import write_tiff

    texts = {key: str(metadata[key]) for key in ("description", "software") if key in metadata}
    write_tiff(path, image, **texts)


def _read_nexus(request: Request) -> tuple[Image, Metadata]:
    from .nexus_read import read_nexus

    return read_nexus(request.path, request.number)


def _write_nexus(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    raise ConfigError(
        f"{path}: an NXmx file describes the whole experiment; give its Config (write_image(…, config=…), "
        "write_nexus, or convert --config)"
    )


def _read_edf(request: Request) -> tuple[Image, Metadata]:
    from .edf import read_edf

    image, header = read_edf(request.path)
    return image, dict(header)


def _refuse_to_write(path: StrPath, image: Image, metadata: Mapping[str, object]) -> None:
    raise ConfigError(f"{path}: this format is only read; write .img, .cbf, .nxs, .tif, .npy or .bin")


FORMATS = (
    ImageFormat("smv", (".img", ".smv"), _read_smv, _write_smv),
    ImageFormat("bin", (".bin",), _read_bin, _write_bin),
    ImageFormat("npy", (".npy",), _read_npy, _write_npy),
    ImageFormat("png", (".png",), _read_png, _write_png),
    ImageFormat("pgm", (".pgm",), _read_pgm, _write_pgm),
    ImageFormat("cbf", (".cbf",), _read_cbf, _write_cbf),
    ImageFormat("tiff", (".tif", ".tiff"), _read_tiff, _write_tiff),
    ImageFormat("nexus", (".nxs", ".h5", ".hdf5"), _read_nexus, _write_nexus, many=True),
)
ONLY_READ = (
    ImageFormat("edf", (".edf",), _read_edf, _refuse_to_write),
    ImageFormat("mccd", (".mccd",), _read_tiff, _refuse_to_write),
)
BY_NAME = {each.name: each for each in FORMATS}
BY_SUFFIX = {suffix: each for each in FORMATS for suffix in each.suffixes}


def format_to_read(path: StrPath, format: str | None = None) -> ImageFormat:
    """As `format_of`, with the formats that are only read; the suffix .gz or .bz2 of a compressed file is ignored."""
    name = without_compression_suffix(os.fspath(path))
    suffix = os.path.splitext(name)[1].lower()
    found = (each for each in ONLY_READ if format == each.name or (format is None and suffix in each.suffixes))
    return next(found, None) or format_of(name, format)


def format_of(path: StrPath, format: str | None = None) -> ImageFormat:
    """Return the format called `format`, or the one of the path's suffix; raise `ConfigError` if it is unknown."""
    if format is not None:
        if format not in BY_NAME:
            raise ConfigError(f"format: {format!r} is unknown; choose one of {' '.join(BY_NAME)}")
        return BY_NAME[format]
    suffix = os.path.splitext(os.fspath(path))[1]
    if suffix.lower() not in BY_SUFFIX:
        raise ConfigError(
            f"{path}: {suffix!r} is not a valid image suffix; use one of {' '.join(BY_SUFFIX)} or give the format"
        )
    return BY_SUFFIX[suffix.lower()]
