#!/usr/bin/env python3
"""Print the version of this source tree for meson.build, from the git tag or an sdist's version.txt.

In a checkout of the tag v1.2.3 it is 1.2.3, and N commits later 1.2.4.devN+gHASH (PEP 440). Before the first tag it is
0.1.0.devN+gHASH with N commits in total. `--record` writes it into the sdist that meson is making.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = "version.txt"
FIRST = "0.1.0"
UNKNOWN = "0+unknown"


def version(root: Path) -> str:
    """Return the version of the tree at `root`, or "0+unknown" if it is neither an sdist nor a full checkout."""
    recorded = root / RECORD
    if recorded.is_file():
        return recorded.read_text(encoding="ascii").strip()
    described = _git(root, "describe", "--tags", "--long", "--abbrev=9", "--match", "v[0-9]*")
    if described:
        return from_description(described)
    if _git(root, "rev-parse", "--is-shallow-repository") != "false":
        return UNKNOWN
    count, commit = _git(root, "rev-list", "--count", "HEAD"), _git(root, "rev-parse", "--short=9", "HEAD")
    return f"{FIRST}.dev{count}+g{commit}" if count and commit else UNKNOWN


def from_description(described: str) -> str:
    """Return the version for an output of `git describe --long`, TAG-COMMITS-gHASH; a .dev version between tags."""
    tag, count, commit = described.rsplit("-", 2)
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        raise SystemExit(f"tag {tag} is not a valid version; name it like v1.2.3 or v1.2.3rc1")
    if count == "0":
        return tag[1:]
    following = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), tag[1:])
    return f"{following}.dev{count}+{commit}"


def _git(root: Path, *args: str) -> str:
    """Return git's output, or "" if git fails, is missing, or finds only a repository that encloses `root`."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    try:
        done = subprocess.run(["git", *args], cwd=root, env=environment, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        (Path(os.environ["MESON_DIST_ROOT"]) / RECORD).write_text(version(ROOT) + "\n", encoding="ascii")
    else:
        print(version(ROOT))
