"""Recording of golden cases: the original program's output for a command line, stored for tests.

A folder of cases holds cases.yaml (command lines and thresholds), golden/ID.npz (images), golden/facts.json (sums,
headers, printed numbers) and inputs/ (input files of the command lines).
"""

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...analysis.compare.report import make_folder, write_text
from ...errors import ConfigError, FileError
from ...io.atomic import StrPath, atomic_write
from ..flags.flag_table import SPELLINGS
from .original_program import INPUT_FLAGS
from .program_output import Run

WINDOW = 96  # larger images are stored as a window of this size about the brightest pixel, and a grid of samples
STRIDE = 16
NAME = re.compile(r"([A-Z][\w.-]*)/([\w.-]+)")


def record_case(folder: StrPath, name: str, flags: Sequence[str], run: Run, *, title: str, corr_min: float) -> None:
    """Add a case to a folder of cases, creating the folder if needed.

    `name` is ID/RUN: acceptance test, and name of the run in it. The input files of `flags` are copied to inputs/.
    `corr_min` is the correlation that images must reach. Raises `ConfigError` if the name is not valid or already
    exists, or inputs/ has a different file of the same name.
    """
    check_case_name(name)
    root = make_folder(folder)
    golden = make_folder(root / "golden")
    test_id, run_name = name.split("/")
    facts = _read_facts(golden / "facts.json")
    if name in facts:
        raise ConfigError(f"{name}: {root} already has this case; choose another name")
    arguments = _copy_inputs(flags, root)
    packed = _read_arrays(golden / f"{test_id}.npz")
    packed |= {f"{run_name}/{key}": array for key, array in _arrays(run).items()}
    with atomic_write(golden / f"{test_id}.npz") as handle:
        np.savez_compressed(handle, **packed)
    facts[name] = _facts(run)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items())
    write_text(golden / "facts.json", "{\n" + lines + "\n}\n")
    _append(root / "cases.yaml", test_id, run_name, arguments, title, corr_min)


def check_case_name(name: str) -> None:
    """Raise `ConfigError` unless the name has the form ID/RUN."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a valid case name; give ID/RUN, such as AT-GEO/tilted, of letters, digits, '-', '_', '.'"
        )


def _read_facts(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _read_arrays(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _arrays(run: Run) -> dict[str, Any]:
    image = run.image
    if max(image.shape) <= WINDOW:
        return {"image": image}
    top = np.unravel_index(int(np.argmax(image)), image.shape)
    corner = [max(min(int(at) - WINDOW // 2, size - WINDOW), 0) for at, size in zip(top, image.shape, strict=True)]
    s, f = corner
    window = image[s : s + WINDOW, f : f + WINDOW]
    return {"window": window, "window_origin": np.array(corner), "samples": image[::STRIDE, ::STRIDE]}


def _facts(run: Run) -> dict[str, Any]:
    wide = run.image.astype(np.float64)
    return {
        "shape": list(wide.shape),
        "sum": float(wide.sum()),
        "max": float(wide.max()),
        "argmax": [int(i) for i in np.unravel_index(int(np.argmax(wide)), wide.shape)],
        "nonzero": int(np.count_nonzero(wide)),
        "smv_header": run.header_text.rstrip(),
        "printed": run.printed,
    }


def _copy_inputs(flags: Sequence[str], root: Path) -> list[str]:
    arguments = list(flags)
    names = [SPELLINGS[argument].name if argument in SPELLINGS else "" for argument in arguments]
    for at, name in enumerate(names[:-1], start=1):
        if name in (*INPUT_FLAGS, "-dump"):
            arguments[at] = _copy_input(Path(arguments[at]), make_folder(root / "inputs"), root)
    return arguments


def _copy_input(source: Path, inputs: Path, root: Path) -> str:
    target = inputs / source.name
    try:
        content = source.read_bytes()
        if not target.exists():
            shutil.copyfile(source, target)
        elif target.read_bytes() != content:
            raise ConfigError(f"{source}: a different {target} already exists; rename one of them")
    except OSError as error:
        raise FileError(f"{source}: cannot be copied to {inputs} ({error.strerror or error})") from error
    return target.relative_to(root).as_posix()


def _append(path: Path, test_id: str, run_name: str, arguments: list[str], title: str, corr_min: float) -> None:
    """Append an entry to cases.yaml, with JSON strings, which are valid YAML."""
    before = path.read_text() if path.exists() else "# Recorded by nanobragg compare --record.\ncases:\n"
    entry = (
        f"  - id: {test_id}\n"
        f"    title: {json.dumps(title)}\n"
        f"    base: {json.dumps(shlex.join(arguments))}\n"
        f"    corr_min: {corr_min!r}\n"
        "    sum_ratio: [0.98, 1.02]\n"
        f'    runs: {{{json.dumps(run_name)}: ""}}\n'
    )
    write_text(path, before.rstrip("\n") + "\n" + entry)
