"""Run the examples of a page, top to bottom, in one namespace and an empty folder.

Fenced blocks marked `python` are executed. In blocks marked `sh` or `console`, commands that start with `nanobragg` or
`dials.` are executed. A fence with `no-run` after the language is skipped.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

RUN = ("nanobragg", "dials.")
FENCE = re.compile(r"^```(python|sh|console)[ \t]*(no-run)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: language, text, and the number of the page's line before its first line."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that are executed."""
    source = page.read_text(encoding="utf-8")
    found = [match for match in FENCE.finditer(source) if not match[2]]
    return [Block(match[1], match[3], source.count("\n", 0, match.start(3))) for match in found]


def imports(page: Path) -> set[str]:
    """Return the top-level names of the packages that a page's Python examples import."""
    names: set[str] = set()
    for block in blocks(page):
        if block.language == "python":
            for node in ast.walk(ast.parse(block.text)):
                if isinstance(node, ast.Import):
                    names |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module.split(".")[0])
    return names


def programs(page: Path) -> set[str]:
    """Return the programs that a page's commands start."""
    shells = (block for block in blocks(page) if block.language != "python")
    return {command.split()[0] for block in shells for command in commands(block.text)}


def run_page(page: Path, folder: Path) -> None:
    """Run a page's examples in `folder`; the traceback of an error has the page's line numbers."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with _inside(folder):
        for block in blocks(page):
            if block.language == "python":
                exec(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
            else:
                for command in commands(block.text):
                    _shell(command)


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a shell block that are executed, without prompts; a backslash continues a line."""
    for line in text.replace("\\\n", " ").splitlines():
        command = line.removeprefix("$ ").strip()
        if command.startswith(RUN):
            yield command


def _shell(command: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(command, shell=True, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
