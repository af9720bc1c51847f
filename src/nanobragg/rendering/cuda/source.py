"""The source text of device code: a header of include/nanobragg/device/ with all that it includes."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

INCLUDE = re.compile(r'^\s*#include "(.+)"$', re.MULTILINE)
OPTIONS = ("-std=c++17", "-default-device")  # of NVRTC
THREADS = 128  # of a block


class Kind(NamedTuple):
    """What device code is compiled for.

    Attributes
    ----------
    header
        Name of a header in include/nanobragg/device/.
    defines
        Names and values of macros: which of the core's templates are instantiated.
    fused
        Whether multiplications and additions may be fused, which changes the last bits.
    """

    header: str
    defines: tuple[tuple[str, str | int], ...]
    fused: bool = True

    @property
    def options(self) -> tuple[str, ...]:
        """The options of NVRTC."""
        return OPTIONS if self.fused else (*OPTIONS, "-fmad=false")

    @property
    def source(self) -> str:
        """The whole text, which includes no file."""
        lines = [f"#define {name} {value}\n" for name, value in (("NB_DEVICE", 1), *self.defines)]
        return "".join(lines) + _with_includes(self.header)


def headers() -> Path:
    """Return the folder of the core's headers: of the installed package, or of the source tree."""
    installed = Path(str(files("nanobragg"))) / "include" / "nanobragg"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "include" / "nanobragg"


@cache
def _with_includes(header: str) -> str:
    return _expand(headers() / "device" / header, set())


def _expand(path: Path, seen: set[Path]) -> str:
    """Return a header with what it includes in place of the lines that include it, each header once."""
    path = path.resolve()
    if path in seen:
        return ""
    seen.add(path)
    return INCLUDE.sub(lambda line: _expand(path.parent / line[1], seen), path.read_text(encoding="utf-8"))
