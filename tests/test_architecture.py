"""Nobody reaches backwards (docs/architecture.md), and only the command line prints."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import nanobragg

PACKAGE = Path(nanobragg.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
COMPILED = {"_core", "_functions", "_noise", "_reference"}


def imported(module: str) -> set[str]:
    """Modules of the package that a module's relative imports name, wherever in it they stand."""
    path = MODULES[module]
    folder = list(path.relative_to(PACKAGE).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - node.level + 1] + (node.module.split(".") if node.module else [])
            whole, parts = ".".join(base), {".".join([*base, alias.name]) for alias in node.names}
            modules = parts & (MODULES.keys() | COMPILED)
            found |= modules or {whole}
    return found


def test_imports_are_seen():
    assert {"errors", "io.atomic"} <= imported("io.reading")
    assert {"_core", "config"} <= imported("scene")
    assert {"io", "image_files.c_outputs"} <= imported("image_files.write")


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.split(".")[0] not in ("cli", "__main__")))
def test_nothing_imports_the_command_line(module):
    assert not {name for name in imported(module) if name.split(".")[0] == "cli"}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.split(".")[0] == "io"))
def test_files_know_no_core_and_no_scene(module):
    assert not {name for name in imported(module) if name.split(".")[0] in COMPILED | {"scene", "simulate", "flags"}}


def test_the_scene_knows_no_flags():
    assert not {name for name in imported("scene") if name.startswith(("flags", "cli", "simulate"))}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.split(".")[0] != "cli"))
def test_the_library_does_not_print(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "print"]
