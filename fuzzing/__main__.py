"""Fuzz readers with atheris, and print a row of figures for each: `python -m fuzzing hkl smv --runs 200000`."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .targets import FOUND, TARGETS, seed_files

HEADINGS = ("reader", "inputs", "accepted", "edges", "findings", "worst s", "peak MiB")
FIGURES = ("inputs", "accepted", "seconds", "peak_bytes")
A_PROCESS = 25_000  # inputs; CPython loses some kB whenever tracemalloc is turned on and off around h5py


def main() -> int:
    """Fuzz the readers that are asked for; 1 if one of them breaks a promise."""
    parser = argparse.ArgumentParser(prog="ci/fuzz", description="Coverage-guided fuzzing of the readers.")
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--runs", type=int, default=200_000, help="inputs for each reader (%(default)s)")
    asked = parser.parse_args()
    if unknown := set(asked.readers) - set(TARGETS):
        parser.error(f"{', '.join(sorted(unknown))}: choose of {', '.join(TARGETS)}")
    print(f"| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}", flush=True)
    return max([_row(name, asked.runs) for name in asked.readers or TARGETS])


def _row(name: str, runs: int) -> int:
    """Fuzz one reader, in one process after the other, and print its row; 1 if it broke a promise."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "corpus").mkdir()
        seed_files(name, folder / "corpus")
        for path in (FOUND / name).glob("*"):
            shutil.copy(path, folder / "corpus")
        seen, log, code = dict.fromkeys(FIGURES, 0), "", 0
        for begun in range(0, runs, A_PROCESS):
            count = str(min(A_PROCESS, runs - begun))
            command = [sys.executable, "-m", "fuzzing.guided", name, count, temporary]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            log, code = done.stdout.decode(errors="replace"), done.returncode
            _add(seen, folder / "figures.json")
            if code:
                break
        found = [path for kind in ("crash", "timeout", "oom") for path in folder.glob(f"{kind}-*")]
        print(_cells(name, seen, log, len(found)), flush=True)
        for path in found:
            print(f"kept in {shutil.copy(path, f'{name}-{path.name}')}", file=sys.stderr)
        if code:
            print(log[-4000:], file=sys.stderr)
        return 1 if code else 0


def _add(seen: dict[str, float], figures: Path) -> None:
    """Add what one process has counted and measured."""
    if figures.exists():
        part = json.loads(figures.read_text())
        figures.unlink()
        for key in FIGURES:
            seen[key] = seen[key] + part[key] if key in ("inputs", "accepted") else max(seen[key], part[key])


def _cells(name: str, seen: dict[str, float], log: str, found: int) -> str:
    """A row of the table."""
    edges = (re.findall(r"cov: (\d+)", log) or ["0"])[-1]
    times = f"{seen['seconds']:.3f} | {seen['peak_bytes'] / 2**20:.2f}"
    return f"| {name} | {seen['inputs']} | {seen['accepted']} | {edges} | {found} | {times} |"


if __name__ == "__main__":
    sys.exit(main())
