"""The TOML form of a Config: paths relative to the file, arrays in an .npz file beside it.

The TOML file names the .npz together with its digest, and an .npz that a TOML file names is never overwritten: while a
Config is written again, readers see the old pair or the new one, also if the writer is killed.
"""

import hashlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FileError, FormatError, NanobraggError
from ..io.atomic import atomic_write, lock_folder
from ..io.input_file import as_text, read_file, read_text
from ..io.named_files import check_reference, reason
from ..io.npy import load_npz
from ..io.toml_limits import check_toml
from .base import Model, changed_fields

SCHEMA = 1
DIGITS = 16  # of the digest, in the name of an .npz
MOST_ATTEMPTS = 100  # at reading a pair of files that is being replaced
Arrays = dict[str, npt.NDArray[Any]]
FILE_NAMES = {  # entries with a path
    "path", "mask", "hkl", "dump", "shelx", "mtz", "cif", "coordinates", "gain_map", "dead_pixels", "hot_pixels",
}  # fmt: skip


def write_toml(fields: dict[str, Any], path: Path) -> None:
    """Write the fields of a Config to `path`, and arrays to an .npz file beside it."""
    import tomli_w

    arrays: Arrays = {}
    body = plain(fields, path.parent, (), arrays)
    content = io.BytesIO()
    if arrays:
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    packed = content.getvalue()
    heading: dict[str, Any] = {"schema": SCHEMA}
    with lock_folder(path.parent):
        before, companion = _companion(path), None
        if arrays:
            digest = hashlib.sha256(packed).hexdigest()
            companion = path.with_name(f"{path.stem}.npz" if before is None else f"{path.stem}-{digest[:DIGITS]}.npz")
            heading |= {"arrays": companion.name, "arrays_sha256": digest}
        with atomic_write(path) as file:
            file.write(tomli_w.dumps({**heading, **body}).encode())
            if companion is not None:
                with atomic_write(companion) as array_file:
                    array_file.write(packed)
        for other in {*_with_digest(path), *([before] if before else [])} - {companion}:
            other.unlink(missing_ok=True)


def _companion(path: Path) -> Path | None:
    """Return the .npz that was written with an existing TOML file; None if there is none."""
    try:
        named = path.parent / parse_toml(path.read_text("utf-8"))["arrays"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return named if named == path.with_suffix(".npz") or named in _with_digest(path) else None


def _with_digest(path: Path) -> list[Path]:
    """Return the files beside a TOML file that have its name and a digest, and do not belong to another one."""
    ours = re.compile(rf"{re.escape(path.stem)}-[0-9a-f]{{{DIGITS}}}\.npz")
    found = [path.parent / name for name in os.listdir(path.parent) if ours.fullmatch(name)]
    return [each for each in found if not each.with_suffix(".toml").exists()]


def plain(value: Any, folder: Path, where: tuple[str, ...], arrays: Arrays) -> Any:
    """Return `value` in types of TOML: paths relative to `folder`, arrays moved into `arrays` under dotted names."""
    if isinstance(value, dict):
        return {name: plain(item, folder, (*where, name), arrays) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        name = ".".join(where)
        arrays[name] = value
        return {"npz": name}
    if isinstance(value, Path):
        return Path(os.path.relpath(value, folder)).as_posix()
    if isinstance(value, slice):
        value = (value.start, value.stop)
    if isinstance(value, (list, tuple)):
        return [plain(item, folder, (*where, str(i)), arrays) for i, item in enumerate(value)]
    return "none" if value is None else value


def parse_toml(text: str) -> dict[str, Any]:
    """Return the document of a TOML text; raises `ValueError` if it is not valid."""
    if sys.version_info >= (3, 11):  # imported on first use: C flags do not need it
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the fields of the Config in a file; raises `FormatError` if it is not valid TOML of this schema.

    If the arrays are those of another TOML file because both are just being replaced, the TOML file is read again.
    """
    content = read_file(path)
    for _ in range(MOST_ATTEMPTS):
        try:
            return _parsed(path, content)
        except (_OtherArraysError, FileError):
            again = read_file(path)
            if again == content:
                raise
            content = again
    raise FormatError(f"{path}: changes while it is being read; stop the program that writes it")


class _OtherArraysError(FormatError):
    """The .npz does not have the digest that the TOML file names."""


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        text = as_text(content, strict=True).replace("\r\n", "\n")
        check_toml(path, text)
        return _fields(path, parse_toml(text))
    except RecursionError:
        raise FormatError(f"{path}: tables or arrays are nested too deeply; remove some levels") from None
    except NanobraggError:
        raise
    except ValueError as error:  # not TOML, not UTF-8, or a number with more digits than Python reads
        raise FormatError(f"{path}: is not valid TOML: {reason(path, error)}") from None


def input_files(path: Path, config: Model) -> list[Path]:
    """Return all input files of a `config` read from `path`: the TOML file, its .npz and the files that it names."""
    files = [path, *paths_in(changed_fields(config))]
    if path.is_file():
        companion = parse_toml(read_text(path, strict=True)).get("arrays")
        files += [] if companion is None else [path.parent / companion]
    return files


def paths_in(value: Any) -> Iterator[Path]:
    """Yield the paths in nested fields of a Config."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from paths_in(item)


def _fields(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    schema = document.pop("schema", SCHEMA)
    if schema != SCHEMA:
        raise FormatError(
            f"{path}: schema = {schema!r}: this version reads schema = {SCHEMA}; set it or convert the file"
        )
    arrays = _read_arrays(path, document.pop("arrays", None), document.pop("arrays_sha256", None))
    fields: dict[str, Any] = _resolved(document, path, arrays)
    return fields


def _read_arrays(path: Path, companion: Any, digest: Any) -> Arrays:
    if companion is None:
        return {}
    if not isinstance(companion, str):
        raise FormatError(f"{path}: arrays = {companion!r}: must be the name of an .npz file")
    file = path.parent / companion
    check_reference(file, path)
    content = read_file(file)
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise _OtherArraysError(
            f"{file}: is not the file that {path} was written with (arrays_sha256); restore it, or remove that line"
        )
    return load_npz(content, file)


def _resolved(value: Any, path: Path, arrays: Arrays, name: str = "") -> Any:
    if isinstance(value, dict):
        if set(value) == {"npz"}:
            if value["npz"] not in arrays:
                raise FormatError(f"{path}: {name}: {value['npz']!r} is not an array of the .npz")
            return arrays[value["npz"]]
        return {key: _resolved(item, path, arrays, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, path, arrays, name) for item in value]
    if isinstance(value, str) and (name in FILE_NAMES or name.endswith("_path")):
        check_reference(path.parent / value, path)
        return path.parent / value
    if value == "none":
        return None
    return value
