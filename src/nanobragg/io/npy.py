"""NumPy's .npy and .npz files, read without pickles and with sizes checked before allocating."""

import io
import math
import zipfile
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, without_library_warnings
from .atomic import StrPath, atomic_write
from .check_image import check_image
from .input_file import file_size, open_input, read_file
from .limits import check_bytes
from .named_files import reason

NUMBERS = "buif"  # kinds of dtype
HEADER_LIMIT = 65536
PIECE_BYTES = 2**18
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write_npy(path: StrPath, image: npt.NDArray[Any]) -> None:
    """Write an image (slow, fast) of real numbers as .npy, in its own data type."""
    check_image(path, image)
    pixels = np.ascontiguousarray(image)
    with atomic_write(path) as handle:  # numpy.save hides the reason why a write fails
        np.lib.format.write_array_header_1_0(handle, np.lib.format.header_data_from_array_1_0(pixels))
        handle.write(pixels.data)


def read_npy(path: StrPath) -> npt.NDArray[Any]:
    """Return the image (slow, fast) of real numbers in a .npy file, in the file's data type and native byte order."""
    with open_input(path) as handle:
        image = _load(handle, file_size(handle), path)
    check_image(path, image)
    return np.ascontiguousarray(image)


def read_npz(path: StrPath, kinds: str = NUMBERS) -> dict[str, npt.NDArray[Any]]:
    """Return all arrays of an .npz file by name, in the file's data types and native byte order.

    Raises `FormatError` if the file is not a valid .npz of the accepted `kinds` of dtype, or its arrays exceed
    `limits.byte_limit`.
    """
    return load_npz(read_file(path), path, kinds)


def load_npz(content: bytes, path: StrPath, kinds: str = NUMBERS) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays in the content of an .npz file; `path` is for errors, otherwise as `read_npz`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as stored:
            check_bytes(path, sum(member.file_size for member in stored.infolist()), "its unpacked content")
            return {
                member.filename.removesuffix(".npy"): _load(
                    _member(stored, member, path), member.file_size, f"{path}, {member.filename!r}", kinds
                )
                for member in stored.infolist()
            }
    except FormatError:
        raise
    except Exception as error:  # zipfile raises many types for damaged files
        raise FormatError(
            f"{path}: is not a readable .npz ({reason(path, error)}); write it with numpy.savez"
        ) from error


def _member(stored: zipfile.ZipFile, member: zipfile.ZipInfo, path: StrPath) -> BinaryIO:
    """Return a member of a zip file, decompressed in pieces so that its stated size cannot be exceeded."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others decompress as a whole
        raise FormatError(f"{path}, {member.filename!r}: only deflate is read; write it with numpy.savez_compressed")
    content, left = io.BytesIO(), member.file_size
    with stored.open(member) as packed:
        while piece := packed.read(PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise FormatError(
                    f"{path}, {member.filename!r}: holds more than its {member.file_size} bytes; fetch it again"
                )
            content.write(piece)
    content.seek(0)
    return content


def _load(handle: BinaryIO, size: int, where: StrPath, kinds: str = NUMBERS) -> npt.NDArray[Any]:
    """Load the array of an open .npy of `size` bytes, in native byte order.

    NumPy allocates memory for the header and for the array before it reads either, so both are checked first.
    """
    start = io.BytesIO(handle.read(HEADER_LIMIT))
    with without_library_warnings():
        try:
            shape, _, dtype = READERS[np.lib.format.read_magic(start)](start)
        except Exception as error:  # the header is evaluated as Python text, which fails in many ways
            raise FormatError(f"{where}: no .npy header ({reason(where, error)}); write it with numpy.save") from error
        if dtype.kind not in kinds:
            raise FormatError(f"{where}: must hold numbers, not {dtype}; convert it first")
        needed, held = math.prod(shape) * dtype.itemsize, size - start.tell()
        if needed != held or min(shape, default=0) < 0:
            dimensions = " x ".join(map(str, shape))
            raise FormatError(
                f"{where}: shape = {dimensions} needs {needed} bytes of data, the file holds {held}; "
                "fetch the whole file again"
            )
        handle.seek(0)
        values: npt.NDArray[Any] = np.load(handle, allow_pickle=False)
    return values.astype(dtype.newbyteorder("="), copy=False)
