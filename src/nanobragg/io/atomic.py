"""Atomic writes: a file appears whole or not at all.

The bytes go to a temporary file in the target's folder, which replaces the target once everything is written and on
disk. Targets other than regular files (/dev/null, a pipe) are written directly.
"""

import errno
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from ..errors import ConfigError, FileError
from .temporary_file import TemporaryFile

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
    HDF5 requires. It is removed on any failure, including an interrupt. File and folder are synchronized with the disk,
    so that after a power failure the target has either its old or its new content. Symbolic links are followed. A new
    file gets the permissions that `open` would give; an existing one keeps its permissions, and its owner where the
    system allows that.
    """
    check_name(path)
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
    existing = _existing(target)
    temporary = TemporaryFile(target)
    try:
        yield temporary.handle
        temporary.handle.flush()
        if existing is not None:
            _keep_owner_and_mode(temporary.handle.fileno(), existing)
        temporary.replace_target()
    finally:
        temporary.remove()


def _existing(target: str) -> os.stat_result | None:
    """Return the status of an existing target, or None; raise `PermissionError` if it is read-only."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return status


def _keep_owner_and_mode(descriptor: int, existing: os.stat_result) -> None:
    """Give an open file the owner, group and permissions of another, as far as the system allows."""
    mine, mode = os.fstat(descriptor), stat.S_IMODE(existing.st_mode)
    if (mine.st_uid, mine.st_gid) != (existing.st_uid, existing.st_gid):
        try:
            os.fchown(descriptor, existing.st_uid, existing.st_gid)
        except OSError:
            mode &= 0o1777  # never set-user-ID for somebody else
            with suppress(OSError):
                os.fchown(descriptor, -1, existing.st_gid)
    if hasattr(os, "fchmod"):  # on Windows since Python 3.13
        os.fchmod(descriptor, mode)


@contextmanager
def lock_folder(folder: StrPath) -> Iterator[None]:
    """Keep other writers that use this function out of a folder; without effect where folders cannot be locked."""
    descriptor = None
    with suppress(ImportError, OSError):
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def check_name(path: StrPath) -> None:
    """Raise `FileError` if no file can have the name: it holds a NUL or an unpaired surrogate."""
    try:
        if "\0" not in os.fspath(path) and os.fsencode(path):
            return
        reason = "embedded null byte" if os.fspath(path) else "empty"
    except UnicodeEncodeError as error:
        reason = str(error)
    raise FileError(f"{os.fspath(path)!r} is not a valid file name ({reason}); correct it")


def check_distinct(outputs: Iterable[StrPath], inputs: Iterable[StrPath]) -> None:
    """Raise `ConfigError` if an output would overwrite an input file or another output; call it before rendering.

    Devices and pipes may be named several times.
    """
    kept = {_identity(path) for path in inputs}
    written: set[object] = set()
    for path in outputs:
        check_name(path)
        if _is_stream(path):
            continue
        identity = _identity(path)
        if identity in kept:
            raise ConfigError(f"{path}: is an input file; choose another name for the output")
        if identity in written:
            raise ConfigError(f"{path}: is the name of two outputs; choose another one")
        written.add(identity)


def _identity(path: StrPath) -> object:
    """Return what two names of the same file have in common, also if it has several hard links."""
    try:
        status = os.stat(path)
        return status.st_dev, status.st_ino
    except (OSError, ValueError):  # a new file
        return os.path.realpath(path) if "\0" not in os.fspath(path) else path


def check_writable(path: StrPath) -> None:
    """Raise `FileError` if `path` cannot be written; call it before rendering."""
    check_name(path)
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
