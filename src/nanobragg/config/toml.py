"""The TOML form of a Config: paths relative to the file, arrays in an .npz file of the same name."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FormatError, NanobraggError
from ..io.atomic import atomic_write
from ..io.input_file import read_text
from ..io.npy import read_npz
from .base import Model, changed_fields

SCHEMA = 1
Arrays = dict[str, npt.NDArray[Any]]


def write_toml(fields: dict[str, Any], path: Path) -> None:
    """Write the fields of a Config to `path`, and arrays to `path` with the suffix .npz."""
    import tomli_w

    arrays: Arrays = {}
    body = plain(fields, path.parent, (), arrays)
    document = {"schema": SCHEMA, **body}
    if arrays:
        companion = path.with_suffix(".npz")
        document = {"schema": SCHEMA, "arrays": companion.name, **body}
        with atomic_write(companion) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    with atomic_write(path) as file:
        file.write(tomli_w.dumps(document).encode())


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
    """Return the fields of the Config in a file; raises `FormatError` if it is not valid TOML of this schema."""
    try:
        return _fields(path, parse_toml(read_text(path, strict=True).replace("\r\n", "\n")))
    except RecursionError:
        raise FormatError(f"{path}: tables or arrays are nested too deeply; remove some levels") from None
    except NanobraggError:
        raise
    except ValueError as error:  # not TOML, not UTF-8, or a number with more digits than Python reads
        raise FormatError(f"{path}: is not valid TOML: {error}") from None


def input_files(path: Path, config: Model) -> list[Path]:
    """Return all input files of a `config` read from `path`: the TOML file, its .npz and the files that it names."""
    files = [path, *_paths_in(changed_fields(config))]
    if path.is_file():
        companion = parse_toml(read_text(path, strict=True)).get("arrays")
        files += [] if companion is None else [path.parent / companion]
    return files


def _paths_in(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _paths_in(item)


def _fields(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    schema = document.pop("schema", None)
    if schema != SCHEMA:
        raise FormatError(
            f"{path}: schema = {schema!r}: this version reads schema = {SCHEMA}; set it or convert the file"
        )
    arrays = _read_arrays(path, document.pop("arrays", None))
    fields: dict[str, Any] = _resolved(document, path, arrays)
    return fields


def _read_arrays(path: Path, companion: Any) -> Arrays:
    if companion is None:
        return {}
    if not isinstance(companion, str):
        raise FormatError(f"{path}: arrays = {companion!r}: must be the name of an .npz file")
    return read_npz(path.parent / companion)


def _resolved(value: Any, path: Path, arrays: Arrays, name: str = "") -> Any:
    if isinstance(value, dict):
        if set(value) == {"npz"}:
            if value["npz"] not in arrays:
                raise FormatError(f"{path}: {name}: {value['npz']!r} is not an array of the .npz")
            return arrays[value["npz"]]
        return {key: _resolved(item, path, arrays, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, path, arrays, name) for item in value]
    if isinstance(value, str) and (name == "path" or name.endswith("_path") or name == "mask"):
        return path.parent / value
    if value == "none":
        return None
    return value
