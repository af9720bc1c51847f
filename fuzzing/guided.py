"""One reader under the coverage-guided fuzzer; the process ends after the last input or at a broken promise."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris


def _guiding() -> Any:
    """What is imported inside is instrumented for the fuzzer."""
    return atheris.instrument_imports(include=["nanobragg", "tomllib"], enable_loader_override=False)


with _guiding():
    from nanobragg.io.limits import LIMIT_VARIABLE

    from .examine import BYTE_LIMIT, examine, warm_up
    from .targets import TARGETS

ADDRESS_SPACE = 2**30  # beyond what the interpreter and its libraries have taken before the first input


def fuzz(name: str, inputs: int, folder: Path) -> None:
    """Read that many inputs, and write into `folder` what they cost.

    Sound files and what was found before are in folder/corpus; an input that breaks a promise is left in folder.
    """
    target, worst = TARGETS[name], {"inputs": 0, "accepted": 0, "seconds": 0.0, "peak_bytes": 0}
    scratch = Path(tempfile.mkdtemp(dir=folder)) / f"input{target.suffix}"
    figures, sound = folder / "figures.json", list((folder / "corpus").iterdir())
    with _guiding():  # readers import late
        warm_up(target, scratch, [path.read_bytes() for path in sound])

    def read(content: bytes) -> None:
        seen = examine(target, scratch, content)
        worst["inputs"] += 1
        worst["accepted"] += seen.complaint is None
        worst["seconds"] = max(worst["seconds"], seen.seconds)
        worst["peak_bytes"] = max(worst["peak_bytes"], seen.peak_bytes)
        if worst["inputs"] % 1000 == 0 or worst["inputs"] >= inputs:
            figures.write_text(json.dumps(worst))

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESS_SPACE,) * 2)
    os.environ[LIMIT_VARIABLE] = str(BYTE_LIMIT)
    longest = max(512, 2 * max(path.stat().st_size for path in sound))
    options = [f"-runs={inputs}", f"-max_len={longest}", "-timeout=20", f"-artifact_prefix={folder}/"]
    if target.words:
        (folder / "words").write_text("".join(f'"{word}"\n' for word in target.words))
        options.append(f"-dict={folder / 'words'}")
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], read)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
