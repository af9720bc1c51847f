"""NumPy's own files, read without trusting the header and without pickles."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FormatError
from .atomic import StrPath, atomic_write
from .check_image import check_image
from .input_file import open_input, read_all, read_array
from .limits import check_bytes

HEADER_LIMIT = 65536
READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write_npy(path: StrPath, image: npt.NDArray[Any]) -> None:
    """Write an image as .npy, in the type that it has.

    Parameters
    ----------
    path : path
        Target; it appears whole or not at all.
    image : (slow, fast)
        Numbers.

    Raises
    ------
    FormatError
        The image is not 2-D or holds no real numbers.
    FileError
        The file cannot be written.
    """
    check_image(path, image.shape, image.dtype)
    pixels = np.ascontiguousarray(image)
    with atomic_write(path) as handle:  # numpy's own writer hides why a disk refuses
        np.lib.format.write_array_header_1_0(handle, np.lib.format.header_data_from_array_1_0(pixels))
        handle.write(pixels.data)


def read_npy(path: StrPath) -> npt.NDArray[Any]:
    """Read a 2-D .npy image.

    Parameters
    ----------
    path : path
        A .npy file.

    Returns
    -------
    (slow, fast)
        In the type that the file has, native byte order.

    Raises
    ------
    FormatError
        It is no .npy file, no 2-D array of real numbers, or it promises what the file does not hold.
    FileError
        The file cannot be read.
    """
    with open_input(path) as handle:
        shape, fortran, dtype = _read_header(handle, path)
        check_image(path, shape, dtype)
        stored = shape[::-1] if fortran else shape
        pixels = read_array(handle, path, dtype, stored, "shape")
        return np.ascontiguousarray(pixels.T) if fortran else pixels


def read_npz(path: StrPath) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays of an .npz file.

    Parameters
    ----------
    path : path
        A .npz file.

    Returns
    -------
    dict
        Name to array, each in the type that the file has, native byte order.

    Raises
    ------
    FormatError
        It is no .npz file of numbers, or it promises what it does not hold or what `limits.byte_limit` forbids.
    FileError
        The file cannot be read.
    """
    with open_input(path) as handle:
        content = read_all(handle, path)  # of a file, the library takes the memory that the zip asks for
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as stored:
            check_bytes(path, sum(member.file_size for member in stored.infolist()), "its arrays")
            return {name.removesuffix(".npy"): _member(stored, name, path) for name in stored.namelist()}
    except FormatError:
        raise
    except Exception as error:  # a damaged zip raises anything
        raise FormatError(f"{path}: is no readable .npz ({error}); write it with numpy.savez") from error


def _member(stored: zipfile.ZipFile, name: str, path: StrPath) -> npt.NDArray[Any]:
    where = f"{path}, {name!r}"
    with io.BytesIO(stored.read(name)) as content:
        shape, fortran, dtype = _read_header(content, where)
        data = content.read()
    if dtype.kind not in "buif" or math.prod(shape) * dtype.itemsize != len(data):
        raise FormatError(f"{where}: {len(data)} bytes are no {dtype} {shape}; write it with numpy.savez")
    values = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return values.astype(dtype.newbyteorder("="))


def _read_header(handle: BinaryIO, path: StrPath) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    start = io.BytesIO(handle.read(HEADER_LIMIT))  # a file would take what memory the header says before it reads
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = READERS[np.lib.format.read_magic(start)](start)
    except Exception as error:  # the header is evaluated as Python text, which fails in many ways
        raise FormatError(f"{path}: no .npy header ({error}); write it with numpy.save") from error
    handle.seek(start.tell())
    return header
