"""Check that an sdist holds what a build and the tests need, and nothing else: python ci/check_sdist.py FILE.tar.gz."""

from __future__ import annotations

import sys
import tarfile

FILES = {
    "CHANGELOG.md", "CITATION.cff", "LICENSE", "PKG-INFO", "README.md", "meson.build", "meson.options",
    "pyproject.toml", "version.txt",
}  # fmt: skip
FOLDERS = {"benchmarks", "docs", "examples", "fuzzing", "include", "src", "tests", "tools"}
REQUIRED = {"tools/version.py", "src/nanobragg/kernel.cpp", "include/nanobragg/shapes/shapes.h", "tests/conftest.py"}
BUILT = (".so", ".o", ".pyc", ".pyd", ".dll", ".egg-info")


def problems(names: set[str]) -> list[str]:
    """Return the problems of an sdist's paths, relative to its folder."""
    unexpected = {
        name for name in names if not (name in FILES or name.split("/")[0] in FOLDERS) or name.endswith(BUILT)
    }
    missing = (FILES | REQUIRED) - names
    return [f"unexpected: {name}" for name in sorted(unexpected)] + [f"missing: {name}" for name in sorted(missing)]


def main() -> int:
    """Print every problem; return 1 if there are any."""
    with tarfile.open(sys.argv[1]) as sdist:
        names = {member.name.partition("/")[2] for member in sdist if member.isfile()}
    found = problems(names)
    print("\n".join(found) or f"{sys.argv[1]}: {len(names)} files, as expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
