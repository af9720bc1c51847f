"""Sphinx extension that generates docs/_generated and docs/api from the source before pages are read."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ["MPLBACKEND"] = "agg"

import matplotlib.pyplot as plt
import nbclient
import nbconvert
import nbformat

import nanobragg as nb
from nanobragg.calls import Written
from nanobragg.config.base import Model
from nanobragg.config.toml import parse_toml

from . import examples, flag_fields, quirk_pictures

DOCS = Path(__file__).parent.parent
GENERATED = DOCS / "_generated"
MODELS = "Models of an experiment"
PICTURE = re.compile(r"\]\((?:\.\./)*_generated/pages/([\w/]+)/[\w.-]+\)")


def setup(app: Any) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    # Before Sphinx lists the pages, which autosummary searches for the pages it has to write
    app.connect("config-inited", lambda app, config: make_all())
    app.connect("source-read", _without_missing)
    app.connect("autodoc-process-signature", _plain_signature)
    app.connect("autodoc-process-docstring", _plain_bars)
    app.connect("autodoc-skip-member", _without_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def make_all() -> None:
    """Write the tables, the pictures of quirks and examples, and the index of the API reference."""
    GENERATED.mkdir(exist_ok=True)
    _write(GENERATED / "flags.md", flag_fields.table())
    _write(GENERATED / "extras.md", extras_table())
    _notebook(DOCS.parent / "examples" / "first_hour.ipynb", GENERATED / "notebook")
    quirk_pictures.draw_all(GENERATED / "quirks")
    for page in sorted({name for path in DOCS.rglob("*.md") for name in PICTURE.findall(path.read_text("utf-8"))}):
        _pictures_of(page)
    (DOCS / "api").mkdir(exist_ok=True)
    _write(DOCS / "api" / "index.md", api_index())


def _notebook(path: Path, folder: Path) -> None:
    """Run a notebook and write it as HTML; `html_extra_path` copies the folder."""
    notebook = nbformat.read(path, 4)
    inline = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute(env=inline)
    page, _ = nbconvert.HTMLExporter(mathjax_url="", require_js_url="").from_notebook_node(notebook)
    folder.mkdir(exist_ok=True)
    _write(folder / path.with_suffix(".html").name, page)


def _without_missing(app: Any, page: str, source: list[str]) -> None:
    """Remove the pictures of pages whose programs are not installed."""
    source[0] = "\n".join(line for line in source[0].split("\n") if not _is_missing(line))


def _is_missing(line: str) -> bool:
    pictures = PICTURE.search(line)
    return pictures is not None and not (GENERATED / "pages" / pictures[1]).exists()


def _pictures_of(page: str) -> None:
    """Run a page's examples and copy the pictures that they write."""
    target = GENERATED / "pages" / page
    if any(shutil.which(program) is None for program in examples.programs(DOCS / f"{page}.md") - {"nanobragg"}):
        return
    os.environ["NANOBRAGG_EXAMPLES"] = str(DOCS.parent / "examples")
    with tempfile.TemporaryDirectory() as folder:
        examples.run_page(DOCS / f"{page}.md", Path(folder))
        plt.close("all")
        target.mkdir(parents=True, exist_ok=True)
        for picture in Path(folder).glob("*.png"):
            shutil.copy(picture, target)


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_text("utf-8") != text:  # so that Sphinx skips unchanged files
        path.write_text(text, "utf-8")


def api_index() -> str:
    """Return Markdown that lists `nanobragg.__all__` by kind."""
    kinds: dict[str, list[str]] = {MODELS: [], "Other classes": [], "Functions": [], "Modules": []}
    for name in nb.__all__:
        thing = getattr(nb, name)
        if inspect.ismodule(thing):
            kinds["Modules"].append(name)
        elif inspect.isclass(thing):
            kinds[MODELS if issubclass(thing, Model) else "Other classes"].append(name)
        elif callable(thing):
            kinds["Functions"].append(name)
    parts = [
        "# API reference\n\nThe public names of `nanobragg`, imported as `nb` in the examples. Field names include the "
        "unit; images have the shape (slow, fast).\n"
    ]
    for title, names in kinds.items():
        listed = "\n".join(f"   {'' if title == 'Modules' else '~'}nanobragg.{name}" for name in sorted(names))
        parts.append(f"## {title}\n\n```{{eval-rst}}\n.. autosummary::\n   :toctree: .\n\n{listed}\n```\n")
    return "\n".join(parts)


def _plain_bars(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape |q| in docstrings, a length and not a substitution."""
    lines[:] = [line if "``" in line else line.replace("|", "\\|") for line in lines]


def _without_aliases(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Skip the fields of named tuples, which are documented with the class."""
    return True if type(thing).__name__ == "_tuplegetter" else None


def _plain_signature(app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returned: str) -> Any:
    """Reduce the signatures of models to names and defaults (`Beam()`); keep the types of others."""
    if not (what == "class" and issubclass(thing, Model)):
        signature = re.sub(r"<class 'numpy\.(\w+)'>", r"np.\1", signature or "").replace("<factory>", "...")
        return signature or None, returned
    given = inspect.signature(thing)
    plain = [
        item.replace(
            annotation=inspect.Parameter.empty,
            default=Written(f"{type(item.default).__name__}()") if isinstance(item.default, Model) else item.default,
        )
        for item in given.parameters.values()
    ]
    return str(inspect.Signature(plain)), returned


def extras_table() -> str:
    """Return a Markdown table of the extras of pyproject.toml and their packages."""
    project = parse_toml((DOCS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    rows = [
        f"| `{name}` | {', '.join(f'`{package}`' for package in packages)} |"
        for name, packages in project["optional-dependencies"].items()
    ]
    return "\n".join(["| extra | packages |", "|---|---|", *rows, ""])
