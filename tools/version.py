#!/usr/bin/env python3
"""The version of this source tree, for meson.build: from the git tag, or from the file that an sdist carries.

In a checkout of the tag v1.2.3 it is 1.2.3, and N commits later 1.2.4.devN+gHASH (PEP 440). Before the first tag it is
0.1.0.devN+gHASH, N counting all commits. `--record` writes it into the sdist that meson is making.
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
    """Of the tree at `root`; "0+unknown" if it is neither from an sdist nor a checkout with its history."""
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
    """From what `git describe --long` prints: TAG-COMMITS-gHASH; between tags, the version on the way to the next."""
    tag, count, commit = described.rsplit("-", 2)
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        raise SystemExit(f"tag {tag}: is no version; name it like v1.2.3 or v1.2.3rc1")
    if count == "0":
        return tag[1:]
    following = re.sub(r"\d+$", lambda last: str(int(last[0]) + 1), tag[1:])
    return f"{following}.dev{count}+{commit}"


def _git(root: Path, *words: str) -> str:
    """What git says; nothing if it fails, is not there, or would speak of a repository around `root`."""
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    try:
        done = subprocess.run(["git", *words], cwd=root, env=environment, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    if sys.argv[1:] == ["--record"]:
        (Path(os.environ["MESON_DIST_ROOT"]) / RECORD).write_text(version(ROOT) + "\n", encoding="ascii")
    else:
        print(version(ROOT))
