"""Files that another file names: the rules for what a TOML or HDF5 file may refer to.

Such a name is not the user's. Only regular files are opened. A link in an HDF5 file must stay in the folder of that
file; a TOML file may name files elsewhere, but error messages do not quote their content. The environment variable
NANOBRAGG_ALLOW_OUTSIDE changes this: 1 removes both limits, 0 confines TOML files to their folder too.
"""

import errno
import os
import stat

from ..errors import ConfigError, FileError
from .atomic import StrPath, check_name

OUTSIDE_VARIABLE = "NANOBRAGG_ALLOW_OUTSIDE"
_not_quoted: set[str] = set()  # real paths of files that a TOML file outside their folder names


def outside_allowed() -> bool | None:
    """Return the value of NANOBRAGG_ALLOW_OUTSIDE; None if it is not set."""
    text = os.environ.get(OUTSIDE_VARIABLE, "")
    if text not in ("", "0", "1"):
        raise ConfigError(f"{OUTSIDE_VARIABLE}={text[:40]!r} is not valid; give 0 or 1, or unset it")
    return None if text == "" else text == "1"


def check_link(path: StrPath, owner: StrPath) -> None:
    """Raise `FileError` unless an HDF5 file, `owner`, may link to an existing file: a regular one in its folder."""
    _check_regular(path, owner)
    if outside_allowed() is not True and not _in_folder_of(path, owner):
        raise _outside(path, owner)


def check_reference(path: StrPath, owner: StrPath) -> None:
    """Raise `FileError` if a TOML file, `owner`, may not name a file: it is not a regular one; a missing one may."""
    if os.path.lexists(path):
        _check_regular(path, owner)
    if outside_allowed() is True or _in_folder_of(path, owner):
        return
    if outside_allowed() is False:
        raise _outside(path, owner)
    _not_quoted.add(os.path.realpath(path))


def quote(path: StrPath, text: object) -> str:
    """Return a part of a file's content for an error message, or a description if it must not be quoted."""
    if _not_quoted and os.path.realpath(path) in _not_quoted and outside_allowed() is not True:
        return "its content"
    return repr(text)


def reason(path: StrPath, error: BaseException) -> str:
    """Return the text of a library's error in one line for a message; it may quote the content of the file."""
    text = " ".join(str(error).split())[:100] or type(error).__name__
    return text if quote(path, text) == repr(text) else "its content is not valid"


def _check_regular(path: StrPath, owner: StrPath) -> None:
    check_name(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise FileError(
            f"{path}, named in {owner}: cannot be read ({error.strerror or error}); check the path"
        ) from error
    if stat.S_ISDIR(mode):
        reason = os.strerror(errno.EISDIR)
        raise FileError(f"{path}, named in {owner}: cannot be read ({reason}); it is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise FileError(f"{path}, named in {owner}: is a device or a pipe; name a regular file")


def _in_folder_of(path: StrPath, owner: StrPath) -> bool:
    """Return whether a file is in the folder of another or below it, links resolved; the owner may be a link itself."""
    real = os.path.realpath(path)
    folders = {os.path.realpath(os.path.dirname(os.path.abspath(owner))), os.path.dirname(os.path.realpath(owner))}
    return any(os.path.commonpath([real, folder]) == folder for folder in folders)


def _outside(path: StrPath, owner: StrPath) -> FileError:
    return FileError(
        f"{path}, named in {owner}: is outside the folder of that file; move it there, or set {OUTSIDE_VARIABLE}=1 if "
        "you trust the file"
    )
