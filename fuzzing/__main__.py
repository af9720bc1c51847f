"""Fuzz readers with atheris and print a table row for each: `python -m fuzzing hkl smv --runs 200000`."""

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
INPUTS_PER_PROCESS = 25_000  # CPython leaks some kB whenever tracemalloc is turned on and off around h5py


def main() -> int:
    """Fuzz the readers given on the command line; return 1 if one violates its contract."""
    parser = argparse.ArgumentParser(prog="ci/fuzz", description="Coverage-guided fuzzing of the readers.")
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"any of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--runs", type=int, default=200_000, help="inputs for each reader (%(default)s)")
    options = parser.parse_args()
    if unknown := set(options.readers) - set(TARGETS):
        parser.error(f"{', '.join(sorted(unknown))}: not a reader; choose from {', '.join(TARGETS)}")
    print(f"| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}", flush=True)
    return max([_fuzz(name, options.runs) for name in options.readers or TARGETS])


def _fuzz(name: str, runs: int) -> int:
    """Fuzz one reader in a sequence of processes and print its row; return 1 if it violated its contract."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "corpus").mkdir()
        seed_files(name, folder / "corpus")
        for path in (FOUND / name).glob("*"):
            shutil.copy(path, folder / "corpus")
        totals, log, code = dict.fromkeys(FIGURES, 0), "", 0
        for begun in range(0, runs, INPUTS_PER_PROCESS):
            count = str(min(INPUTS_PER_PROCESS, runs - begun))
            command = [sys.executable, "-m", "fuzzing.guided", name, count, temporary]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            log, code = done.stdout.decode(errors="replace"), done.returncode
            _add(totals, folder / "figures.json")
            if code:
                break
        found = [path for kind in ("crash", "timeout", "oom") for path in folder.glob(f"{kind}-*")]
        print(_table_row(name, totals, log, len(found)), flush=True)
        for path in found:
            print(f"kept in {shutil.copy(path, f'{name}-{path.name}')}", file=sys.stderr)
        if code:
            print(log[-4000:], file=sys.stderr)
        return 1 if code else 0


def _add(totals: dict[str, float], figures: Path) -> None:
    """Add the counts of one process to the totals, and take the maxima of time and memory."""
    if figures.exists():
        part = json.loads(figures.read_text())
        figures.unlink()
        for key in FIGURES:
            totals[key] = totals[key] + part[key] if key in ("inputs", "accepted") else max(totals[key], part[key])


def _table_row(name: str, totals: dict[str, float], log: str, found: int) -> str:
    """Return a row of the table."""
    edges = (re.findall(r"cov: (\d+)", log) or ["0"])[-1]
    costs = f"{totals['seconds']:.3f} | {totals['peak_bytes'] / 2**20:.2f}"
    return f"| {name} | {totals['inputs']} | {totals['accepted']} | {edges} | {found} | {costs} |"


if __name__ == "__main__":
    sys.exit(main())
