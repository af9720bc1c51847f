"""Random inputs for readers and nouns of a Config, without guidance: `python -m fuzzing.campaign cbf Crystal`.

Each target runs in a process of its own, which leaves its last input behind if it dies; it gets a row of a table.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nanobragg.io.limits import LIMIT_VARIABLE

from .examine import BYTE_LIMIT, examine, warm_up
from .targets import TARGETS, seed_files

MOST_MUTATIONS = 6
INSERTED = (b"-", b"9" * 12, b"e300", b"\0", b"nan ", b"0", b"1e-320")
EDITS = (1, 1, 1, 2, 2, 3, 10)  # for targets whose inputs select edits


def main() -> int:
    """Run the targets given on the command line; return 1 if one violates its contract."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.campaign", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--inputs", type=int, default=1000, help="for each target (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (%(default)s)")
    parser.add_argument("--folder", type=Path, help="run one target here (used by the program itself)")
    options = parser.parse_args()
    if options.folder is not None:
        _attack(options.targets[0], options.inputs, options.seed, options.folder)
        return 0
    print("| target | inputs | accepted | worst s | peak MiB | finding |\n|" + " --- |" * 6, flush=True)
    return max([_run(name, options.inputs, options.seed) for name in options.targets or TARGETS])


def _run(name: str, inputs: int, seed: int) -> int:
    """Run one target in a process and print its row; return 1 after a violation."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "last").touch()
        words = [sys.executable, "-m", "fuzzing.campaign", name, "--inputs", str(inputs), "--seed", str(seed)]
        words += ["--folder", temporary]
        done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        figures = json.loads((folder / "figures.json").read_text()) if (folder / "figures.json").exists() else {}
        last = done.stderr.strip().splitlines()[-1:] if done.returncode else []
        finding = f"exit status {done.returncode}: {' '.join(last)[:200]}" if done.returncode else "none"
        row = [name, *(figures.get(key, "?") for key in ("inputs", "accepted", "seconds", "peak_MiB")), finding]
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
        if done.returncode:
            kept = shutil.copy(folder / "last", f"{name}-{seed}-finding")
            print(f"kept in {kept}\n{done.stderr[-3000:]}", file=sys.stderr, flush=True)
        return 1 if done.returncode else 0


def _attack(name: str, inputs: int, seed: int, folder: Path) -> None:
    """Examine random inputs for a target, and write the figures and the last input to a folder."""
    os.environ[LIMIT_VARIABLE] = str(BYTE_LIMIT)
    target, draw = TARGETS[name], random.Random(f"{name} {seed}")
    (folder / "work").mkdir()
    os.mkfifo(folder / "work" / "fifo")
    os.chdir(folder / "work")
    scratch = folder / "work" / f"input{target.suffix}"
    seeds = [path.read_bytes() for path in seed_files(name, folder / "work")]
    warm_up(target, scratch, seeds)
    figures = {"inputs": 0, "accepted": 0, "seconds": 0.0, "peak_MiB": 0.0}
    for number in range(inputs):
        content = _edits(draw) if target.edits else _damaged(draw, draw.choice(seeds))
        (folder / "last").write_bytes(content)
        cost = examine(target, scratch, content)
        figures["inputs"] += 1
        figures["accepted"] += cost.message is None
        figures["seconds"] = round(max(figures["seconds"], cost.seconds), 3)
        figures["peak_MiB"] = round(max(figures["peak_MiB"], cost.peak_bytes / 2**20), 1)
        if number % 500 == 0 or number == inputs - 1:
            (folder / "figures.json").write_text(json.dumps(figures))


def _edits(draw: random.Random) -> bytes:
    return draw.randbytes(3 * draw.choice(EDITS))


def _damaged(draw: random.Random, content: bytes) -> bytes:
    """Return a valid file with a few bytes changed, deleted, inserted or doubled."""
    for _ in range(draw.randint(1, MOST_MUTATIONS)):
        at, length = draw.randrange(len(content) + 1), draw.choice((0, 1, 1, 2, 4, 16))
        new = draw.choice((b"", draw.randbytes(draw.randint(1, 4)), *INSERTED))
        if draw.random() < 0.1:
            new = content[at : at + draw.randint(1, 60)] * 2
        content = content[:at] + new + content[at + length :]
    return content


if __name__ == "__main__":
    sys.exit(main())
