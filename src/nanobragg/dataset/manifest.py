"""The manifest of a data set's folder: what it was made from and with, and the checksums of its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..config.toml import paths_in
from ..errors import ConfigError, FileError, FormatError
from ..version import __version__
from .block import file_digest, write_json
from .description import Description
from .devices import Devices
from .layout import Layout
from .plan_file import plan_digest, plan_fields

FORMAT = 1
LIBRARIES = ("numpy", "h5py", "hdf5plugin", "pyarrow")  # that the bytes of the files depend on
SETTINGS = ("plan_sha256", "shots", "images_per_file", "compression", "spots", "device")


def describe(
    plan: Description, layout: Layout, compression: str | None, spots: bool, instruction_set: str, devices: Devices
) -> dict[str, Any]:
    """Return the part of the manifest that is known before the first shot is made."""
    return {
        "format": FORMAT,
        "plan_sha256": plan_digest(plan),
        "shots": plan.n,
        "seed": plan.seed,
        "images_per_file": layout.per_file,
        "compression": compression,
        "spots": spots,
        "device": devices.kind,
        "versions": versions() | devices.versions,
        "instruction_set": instruction_set,
        "inputs": {str(path): file_digest(path) for path in paths_in(plan_fields(plan)) if path.is_file()},
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that the bytes of the files depend on."""
    found = {"nanobragg": __version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder; None if there is none."""
    content = read_json(path)
    if content is not None and content.get("format") != FORMAT:
        raise FormatError(f"{path}: format = {content.get('format')!r}: this version reads {FORMAT}")
    return content


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file; None if the file does not exist."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise FormatError(f"{path}: is not valid JSON ({error}); remove it, and it will be made again") from None
    if not isinstance(content, dict):
        raise FormatError(f"{path}: is not a JSON object; remove it, and it will be made again")
    return content


def check_same(path: Path, there: dict[str, Any], wanted: dict[str, Any], *, force: bool) -> None:
    """Raise `ConfigError` unless a run may go on in a folder with a manifest.

    `force` accepts other versions, with which the remaining shots may have other bits.
    """
    there = {"device": "cpu", **there}  # which those of an earlier version do not state
    if there["device"] != wanted["device"]:
        raise ConfigError(
            f"{path.parent}: holds a data set of device = {there['device']!r}, not {wanted['device']!r}; go on with "
            f"device = {there['device']!r} (--device {there['device']})"
        )
    for name in SETTINGS:
        if there.get(name) != wanted[name]:
            what = "another plan" if name == "plan_sha256" else f"{name} = {there.get(name)!r}, not {wanted[name]!r}"
            raise ConfigError(f"{path.parent}: holds a data set of {what}; choose another folder")
    if changed := _changed(there.get("inputs", {}), wanted["inputs"]):
        raise ConfigError(f"{path.parent}: {changed[0]} has changed since the data set was begun; restore it")
    other = _changed(there.get("versions", {}), wanted["versions"])
    if other and not force:
        before, now = there.get("versions", {}), wanted["versions"]
        listed = ", ".join(f"{name} {before.get(name, 'none')} (now {now.get(name, 'none')})" for name in other)
        raise ConfigError(
            f"{path.parent}: was begun with {listed}; the remaining shots may differ in the last bits from what these "
            "versions make; install them, or go on with force=True (--force)"
        )


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in {**before, **now} if before.get(name) != now.get(name)]


def complete_records(layout: Layout, blocks: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the records of the data files that are complete: all files exist with their sizes."""
    found = {}
    for block in blocks:
        record = read_json(layout.record(block))
        if record is not None and all(_has_size(layout.folder / n, e["bytes"]) for n, e in record["files"].items()):
            found[block] = record
    return found


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def versions_of_workers(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what the records say of the GPUs that made the shots, for the manifest; nothing for processors."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.get("versions", {}).items():
            found.setdefault(name, set()).add(value)
    return {"made_with": {name: sorted(values) for name, values in found.items()}} if found else {}


def write_manifest(path: Path, description: dict[str, Any], files: dict[str, Any] | None) -> None:
    """Write the manifest; `files` are None until the data set is complete."""
    write_json(path, {**description, "complete": files is not None, "files": files or {}})
