"""Atomic writes: a file appears whole or not at all.

The bytes go to a temporary file in the target's folder, which replaces the target once everything is written. Targets
other than regular files (/dev/null, a pipe) are written directly.
"""

import errno
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ..errors import FileError

StrPath = str | os.PathLike[str]

log = logging.getLogger(__name__)
STREAM_PREFIXES = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")
CURES = {
    errno.ENOENT: "make the folder first",
    errno.ENOTDIR: "one of its folders is a file: choose another folder",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.EACCES: "choose a file and folder that you may write to",
    errno.EPERM: "choose a file and folder that you may write to",
    errno.EROFS: "choose a folder on a disk that is not read-only",
    errno.ENOSPC: "free some space or choose another disk",
    errno.EDQUOT: "your quota is used up: free some space or choose another disk",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EFBIG: "it is larger than the disk or your limit (ulimit -f) allows: choose another disk or several files",
    errno.EPIPE: "the reader closed the pipe: run it again",
}


@contextmanager
def atomic_write(path: StrPath) -> Iterator[BinaryIO]:
    """Open `path` for binary writing; the target changes only if the block ends without an error.

    An `OSError` becomes a `FileError`. The file yielded is a temporary one in the same folder, open for reading too, as
    HDF5 requires. It is removed on any failure, including an interrupt. Symbolic links are followed. A new file gets
    the permissions that `open` would give; an existing file keeps its own.
    """
    try:
        with _open_stream(path) if _is_stream(path) else _replace(path) as handle:
            yield handle
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path}: {write_error(error)}") from error
    log.info("wrote %s", path)


def write_error(error: OSError) -> str:
    """Return the reason why a file cannot be written, and the cure."""
    cure = CURES.get(error.errno or 0, "check the path")
    return f"cannot be written ({error.strerror or error}); {cure}"


def _is_stream(path: StrPath) -> bool:
    """Return whether to write directly: to a device, a pipe, or standard output even if redirected to a file."""
    if os.path.abspath(path).startswith(STREAM_PREFIXES):
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


@contextmanager
def _open_stream(path: StrPath) -> Iterator[BinaryIO]:
    with open(path, "wb") as handle:
        yield handle


@contextmanager
def _replace(path: StrPath) -> Iterator[BinaryIO]:
    target = os.path.realpath(path)
    if not os.path.basename(os.fspath(path)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    mode = _existing_mode(target)
    temporary = os.path.join(os.path.dirname(target), f".nanobragg-{secrets.token_hex(8)}.tmp")
    handle = open(temporary, "x+b")  # noqa: SIM115 (closed below, before it is moved or removed)
    try:
        yield handle
        handle.close()
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):  # on a full disk, close fails again
            handle.close()
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _existing_mode(target: str) -> int | None:
    """Return the permissions of an existing target, or None; raise `PermissionError` if it is read-only."""
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        return None
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return mode


def check_writable(path: StrPath) -> None:
    """Raise `FileError` if `path` cannot be written; call it before rendering."""
    problem = _write_errno(os.path.realpath(path))
    if problem:
        raise FileError(f"{path}: cannot be written ({os.strerror(problem)}); {CURES[problem]}")


def _write_errno(target: str) -> int:
    """Return the errno that writing `target` would raise, or 0."""
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        return errno.EISDIR
    if not os.path.exists(folder):
        return errno.ENOENT
    if not os.path.isdir(folder):
        return errno.ENOTDIR
    if os.path.exists(target) and not os.access(target, os.W_OK):
        return errno.EACCES
    # devices and pipes are written directly; a file is replaced by a new one in its folder
    replaced = os.path.isfile(target) or not os.path.exists(target)
    return errno.EACCES if replaced and not os.access(folder, os.W_OK | os.X_OK) else 0
