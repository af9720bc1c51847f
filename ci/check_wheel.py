"""Check wheels before they are published: python ci/check_wheel.py FILE.whl…

A wheel must be under 8 MB, hold only the package, with a kernel for every instruction set and its OpenMP library, and
name no path of the build machine.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

MOST_BYTES = 8_000_000
SUFFIXES = {".py", ".pyi", ".so", ".pyd", ".h"}
EXTENSIONS = ("_core", "_functions", "_noise", "_reference")
OTHERS = ("py.typed", "include/nanobragg/device/image.h")
KERNELS = {"x86_64": ("baseline", "v2", "v3", "v4"), "amd64": ("baseline", "v2", "v3", "v4")}
OPENMP = re.compile(r"libg?omp")
BUILD_PATH = re.compile(rb"/(?:home|root|tmp|work|build|project|private|var|Users)/[\w./+-]+")


def problems(wheel: Path) -> list[str]:
    """Return the problems of a wheel."""
    with ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    binaries = {name: data for name, data in content.items() if PurePosixPath(name).suffix in {".so", ".pyd"}}
    found = [f"unexpected: {name}" for name in content if not _expected(name)]
    found += [f"missing: {name}" for name in EXTENSIONS if not any(f"nanobragg/{name}." in path for path in binaries)]
    found += [f"missing: nanobragg/{name}" for name in OTHERS if f"nanobragg/{name}" not in content]
    if wheel.stat().st_size >= MOST_BYTES:
        found.append(f"{wheel.stat().st_size} bytes; at most {MOST_BYTES}")
    core = b"".join(data for name, data in binaries.items() if "/_core." in name)
    kernels = next((names for cpu, names in KERNELS.items() if wheel.stem.endswith(cpu)), ("baseline",))
    found += [f"no kernel for {name}" for name in kernels if f"{len(name)}{name}6kernelE".encode() not in core]
    if not any(OPENMP.search(name) for name in content):
        found.append("missing: OpenMP library")
    for name, data in binaries.items():
        found += [f"{name} names {path.decode()}" for path in set(BUILD_PATH.findall(data))]
    return found


def _expected(name: str) -> bool:
    """Return whether a file belongs to the package, its metadata, or a bundled library."""
    folder, _, rest = name.partition("/")
    if folder == "nanobragg":
        return PurePosixPath(rest).suffix in SUFFIXES or rest == "py.typed" or rest.startswith(".dylibs/")
    return re.fullmatch(r"nanobragg(-.*\.dist-info|\.libs)", folder) is not None


def main() -> int:
    """Print every problem; return 1 if there are any."""
    failed = False
    for wheel in map(Path, sys.argv[1:]):
        found = problems(wheel)
        failed = failed or bool(found)
        print(f"{wheel.name}, {wheel.stat().st_size / 1e6:.2f} MB: {'; '.join(found) or 'OK'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
