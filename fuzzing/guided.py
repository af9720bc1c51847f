"""Coverage-guided fuzzing of one reader; the process ends after the last input or at a contract violation."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris


def _instrumented() -> Any:
    """Return a context in which imported modules are instrumented for the fuzzer."""
    return atheris.instrument_imports(include=["nanobragg", "tomllib"], enable_loader_override=False)


with _instrumented():
    from nanobragg.io.limits import LIMIT_VARIABLE

    from .examine import BYTE_LIMIT, examine, warm_up
    from .targets import TARGETS

ADDRESS_SPACE = 2**30  # in addition to the interpreter and its libraries before the first input


def fuzz(name: str, inputs: int, folder: Path) -> None:
    """Fuzz a reader with a number of inputs and write their cost to folder/figures.json.

    folder/corpus holds valid files and earlier findings. Inputs that violate the contract are kept in the folder.
    """
    target, totals = TARGETS[name], {"inputs": 0, "accepted": 0, "seconds": 0.0, "peak_bytes": 0}
    scratch = Path(tempfile.mkdtemp(dir=folder)) / f"input{target.suffix}"
    figures, corpus = folder / "figures.json", list((folder / "corpus").iterdir())
    with _instrumented():  # readers import libraries on first use
        warm_up(target, scratch, [path.read_bytes() for path in corpus])

    def read(content: bytes) -> None:
        cost = examine(target, scratch, content)
        totals["inputs"] += 1
        totals["accepted"] += cost.message is None
        totals["seconds"] = max(totals["seconds"], cost.seconds)
        totals["peak_bytes"] = max(totals["peak_bytes"], cost.peak_bytes)
        if totals["inputs"] % 1000 == 0 or totals["inputs"] >= inputs:
            figures.write_text(json.dumps(totals))

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESS_SPACE,) * 2)
    os.environ[LIMIT_VARIABLE] = str(BYTE_LIMIT)
    longest = max(512, 2 * max(path.stat().st_size for path in corpus))
    options = [f"-runs={inputs}", f"-max_len={longest}", "-timeout=20", f"-artifact_prefix={folder}/"]
    if target.keywords:
        (folder / "keywords").write_text("".join(f'"{word}"\n' for word in target.keywords))
        options.append(f"-dict={folder / 'keywords'}")
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], read)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
