"""Limits: the largest file that is read, the largest array that is allocated, and the largest number in a file."""

import os
import re

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, FormatError
from .atomic import StrPath

LIMIT_VARIABLE = "NANOBRAGG_MAX_BYTES"
DEFAULT_LIMIT = 8 * 2**30
LARGEST_NUMBER = 1e50  # in any unit; products of six such numbers do not overflow


def are_numbers(values: npt.ArrayLike) -> bool:
    """Return whether all values of a file's geometry are finite and within `LARGEST_NUMBER`."""
    return bool((np.abs(values) <= LARGEST_NUMBER).all())


def byte_limit() -> int:
    """Return the limit in bytes on a file's size and on an array read from it: NANOBRAGG_MAX_BYTES, or 8 GiB.

    Raises `ConfigError` if the environment variable is not a positive integer.
    """
    text = os.environ.get(LIMIT_VARIABLE, str(DEFAULT_LIMIT))
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise ConfigError(
            f"{LIMIT_VARIABLE}={text[:40]!r} is not a valid number of bytes; give a positive integer or unset it"
        )
    return int(text)


def check_bytes(path: StrPath, needed: int, what: str) -> None:
    """Raise `FormatError` if a file asks for more bytes than `byte_limit`; call it before allocating.

    `what` is the field or object that needs them, for the error ("SIZE1 x SIZE2").
    """
    limit = byte_limit()
    if needed > limit:
        raise FormatError(
            f"{path}: {what} needs {needed} bytes, more than the {limit} allowed; "
            f"if the file is valid, raise the limit with the environment variable {LIMIT_VARIABLE}"
        )


def allowed_memory() -> int:
    """Return the bytes that one array may take: the smaller of the physical memory and `byte_limit`."""
    return min(physical_memory(), byte_limit())


def physical_memory() -> int:
    """Return the bytes of physical memory; 16 GiB where the system does not report them."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**34
