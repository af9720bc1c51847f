"""Every example of the documentation runs, top to bottom, in an empty folder (docs/_ext/examples.py)."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


examples = _load(ROOT / "docs" / "_ext" / "examples.py")
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if not {"_build", "_generated", "gallery"} & set(path.parts) and examples.blocks(path)
]
SLOW = {"dials", "refinement", "tutorial", "install"}  # more than two seconds


@pytest.mark.filterwarnings("ignore:this nanobragg was built without OpenMP")
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if page.stem in SLOW else []) for page in PAGES],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for package in examples.imports(page):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    for program in examples.programs(page) - {"nanobragg"}:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("NANOBRAGG_EXAMPLES", str(ROOT / "examples"))
    examples.run_page(page, tmp_path)


def test_a_failing_example_names_the_line_of_its_page(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n```python\nx = 1\n```\n\ntext\n\n```python\nx / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        examples.run_page(page, tmp_path)
    assert caught.traceback[-1].lineno + 1 == 10


def test_a_failing_command_is_reported_and_no_run_blocks_are_skipped(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```console\n$ pip install nothing\n$ nanobragg -nonsense\n```\n")
    with pytest.raises(RuntimeError, match="-nonsense: unknown flag"):
        examples.run_page(page, tmp_path)
    page.write_text("```console no-run\n$ nanobragg -nonsense\n```\n\n```python no-run\nraise SystemError\n```\n")
    examples.run_page(page, tmp_path)


def test_pages_that_the_source_cites_exist():
    """`docs/PAGE.md, Heading` and `docs/quirks.md, row N` in source and tests name a heading of that page."""
    sources = [
        path
        for folder in ("src", "include", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".h", ".cpp", ".py", ".pyx", ".pxd", ".pyi"} and path != Path(__file__)
    ]
    for path in sources:
        text = re.sub(r"\n[\s*#]*", " ", path.read_text(encoding="utf-8"))
        assert "spec section" not in text, path
        for page, cited in re.findall(r"(?<!/)docs/([\w/]+\.md)(?:, ((?:row )?[A-Z\d][^.;:)]*))?", text):
            lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
            headings = [line.lstrip("# ").replace("Row", "row") for line in lines if line.startswith("#")]
            assert not cited or any(cited.startswith(each.partition(":")[0]) for each in headings), (path, page, cited)


def test_every_row_of_the_quirks_has_a_section_and_a_picture():
    page = (ROOT / "docs" / "quirks.md").read_text(encoding="utf-8")
    for row in range(1, 25):
        assert page.count(f"\n(row-{row})=\n### Row {row}: ") == 1
        assert page.count(f"](_generated/quirks/row_{row:02}.png)") == 1
