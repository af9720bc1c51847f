"""Temporary files that replace a target and that a killed process does not leave behind."""

import errno
import hashlib
import os
from contextlib import suppress
from typing import Any, BinaryIO

try:
    import fcntl
except ImportError:  # Windows: no locks, and files that are left behind stay
    fcntl = None  # type: ignore[assignment]

NO_ANONYMOUS_FILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


class TemporaryFile:
    """A file in the folder of a target, open for reading and writing, that replaces the target.

    Where the system supports it (Linux, most file systems), the file has no name until then and vanishes with its
    process. Elsewhere it is `.nanobragg-KEY-N.tmp`, with a key that belongs to the target's name. A file of that name
    whose writer was killed is removed by the next writer of the target; a live writer is recognized by its lock.

    Attributes
    ----------
    handle
        The open file.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._folder, name = os.path.split(target)
        self._key = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
        self._name: str | None = None  # of the file that exists on disk
        self._remove_stale()
        descriptor = self._open_anonymous()
        if descriptor is None:
            self._name, descriptor = self._first_free(self._create)
        _lock(descriptor)
        self.handle: BinaryIO = os.fdopen(descriptor, "w+b")

    def replace_target(self) -> None:
        """Write everything to the disk and put the file in the target's place."""
        descriptor = self.handle.fileno()
        os.fsync(descriptor)
        if self._name is None:
            with _open_folder(self._folder) as folder:
                self._link(descriptor, folder)
        if self._name is not None:
            if os.name == "nt":  # open files cannot be moved
                self.handle.close()
            os.replace(self._name, self._target)
            self._name = None
        with suppress(OSError), _open_folder(self._folder) as folder:  # some file systems cannot synchronize folders
            os.fsync(folder)

    def remove(self) -> None:
        """Close the file and remove it unless it has replaced the target."""
        with suppress(OSError):  # on a full disk, close fails again
            self.handle.close()
        if self._name is not None:
            with suppress(OSError):
                os.unlink(self._name)
            self._name = None

    def _open_anonymous(self) -> int | None:
        if not hasattr(os, "O_TMPFILE"):
            return None
        try:
            return os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if error.errno in NO_ANONYMOUS_FILE and os.path.isdir(self._folder):
                return None
            raise

    def _link(self, descriptor: int, folder: int) -> None:
        """Name the anonymous file: as the target if that does not exist, otherwise as a temporary file."""

        def link(path: str) -> None:
            # with a descriptor of the folder, Python calls linkat(…, AT_SYMLINK_FOLLOW)
            os.link(f"/proc/self/fd/{descriptor}", os.path.basename(path), dst_dir_fd=folder, follow_symlinks=True)

        try:
            link(self._target)
        except FileExistsError:
            self._name, _ = self._first_free(link)

    def _create(self, path: str) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)

    def _first_free(self, make: Any) -> tuple[str, Any]:
        """Return the first name that is not in use, and the result of `make` for it."""
        number = 0
        while True:
            path = self._path(number)
            try:
                return path, make(path)
            except FileExistsError:
                number += 1

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f".nanobragg-{self._key}-{number}.tmp")

    def _remove_stale(self) -> None:
        """Remove files of earlier writers of the target that are not locked: their process was killed."""
        number = 0
        while fcntl is not None and os.path.lexists(path := self._path(number)):
            with suppress(OSError), open(path, "rb") as left:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(left.fileno()), os.stat(path)):
                    os.unlink(path)
            number += 1


class _open_folder:
    """A folder, open for synchronization and for creating files in it."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *failure: object) -> None:
        os.close(self._descriptor)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
