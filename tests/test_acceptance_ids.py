"""docs/acceptance.md, the tests and the parity matrix list the same acceptance tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import yaml

from tests.paths import GOLDEN, ROOT, TESTS

ACCEPTANCE = ROOT / "docs" / "acceptance.md"
NAMES = re.compile(r"AT-[A-Z]+(?:-\d{3}(?: … \d{3})?)?")
UNUSED = "Not used"
MEASURED = {"AT-PERF"}  # by benchmarks/, not by tests


def criteria(document: str) -> list[tuple[str, str]]:
    """Return the ids and criteria in the order of the page."""
    return re.findall(r"^\| (AT-[A-Z]+(?:-\d{3})?) \| ([^|]+) \|$", document, re.MULTILINE)


def matrix(document: str) -> list[str]:
    """Return the lines of the table of cases."""
    return re.findall(r"^\| AT-[^|]+(?:\|[^|]+){5}\|$", document, re.MULTILINE)


def matrix_of(cases: dict[str, Any]) -> list[str]:
    """Return the lines that the table must have, from cases.yaml."""
    lines = []
    for case in cases["cases"]:
        stated = {"max_abs": "–", **cases.get("defaults", {}), **case}
        low, high = stated.get("sum_ratio", ("–", "–"))
        values = case["title"], len(case["runs"]), stated.get("corr_min", "–"), f"{low} – {high}", stated["max_abs"]
        lines.append(f"| {case['id']} | {' | '.join(map(str, values))} |")
    return lines


def mentioned(source: str) -> Iterator[str]:
    """Ids in docstrings of a module of tests, its classes and its test functions; ranges are written out."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("test_"):
            continue
        for name in NAMES.findall(ast.get_docstring(node) or ""):
            first, _, last = name.partition(" … ")
            family, _, number = first.rpartition("-")
            yield from [f"{family}-{i:03}" for i in range(int(number), int(last) + 1)] if last else [first]


def problems(document: str, cases: dict[str, Any], mentions: Iterable[str]) -> list[str]:
    """Return every disagreement of the page, the matrix and the tests."""
    rows = criteria(document)
    ids = [name for name, _ in rows]
    tested = {*mentions, *(case["id"] for case in cases["cases"])}
    families = {name.rpartition("-")[0] for name in ids if name[-1].isdigit()}
    found = [f"{name}: stands twice" for name in {name for name in ids if ids.count(name) > 1}]
    for name, criterion in rows:
        if criterion.startswith(UNUSED):
            found += [f"{name}: a test"] if name in tested else []
        elif name not in tested and name not in MEASURED:
            found.append(f"{name}: no test")
    found += [f"{name}: is not on the page" for name in sorted(tested - set(ids) - families)]
    for case in cases["cases"]:
        missing = [key for key in ("corr_min", "sum_ratio") if key not in {**cases.get("defaults", {}), **case}]
        found += [f"{case['id']}: has no {key}" for key in missing]
    return found + [f"matrix: {line}" for line in sorted(set(matrix(document)) ^ set(matrix_of(cases)))]


@pytest.fixture(scope="module")
def document() -> str:
    return ACCEPTANCE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def cases() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TESTS / "parity" / "cases.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def mentions() -> set[str]:
    return {name for path in TESTS.rglob("test_*.py") for name in mentioned(path.read_text(encoding="utf-8"))}


def test_page_cases_and_tests_agree(document, cases, mentions):
    assert not problems(document, cases, mentions)


def test_page_lists_every_id(document):
    expected = [f"AT-PARALLEL-{i:03}" for i in range(1, 30)]
    expected += ["AT-STR", *(f"AT-STR-{i:03}" for i in (2, 3, 4)), *(f"AT-GEO-{i:03}" for i in range(1, 7)), "AT-STEP"]
    expected += [f"AT-{name}" for name in ("SAM", "ABS", "POL", "SRC", "MOS", "BKG", "FLU", "STA")]
    expected += [*(f"AT-IO-{i:03}" for i in range(1, 5)), "AT-NOISE", "AT-PRE", "AT-ROI"]
    expected += [*(f"AT-CLI-{i:03}" for i in range(1, 10)), "AT-PERF", "AT-TOOLS-001"]
    assert [name for name, _ in criteria(document)] == expected
    unused = [name for name, criterion in criteria(document) if criterion.startswith(UNUSED)]
    assert unused == ["AT-PARALLEL-019", "AT-PARALLEL-028"]


def test_every_run_has_golden_data_and_all_golden_data_a_run(cases):
    import json

    facts = json.loads((GOLDEN / "facts.json").read_text())
    assert set(facts) == {f"{case['id']}/{run}" for case in cases["cases"] for run in case["runs"]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda page, cases, mentions: (page, cases, mentions - {"AT-PARALLEL-013"}), "AT-PARALLEL-013: no test"),
        (lambda page, cases, mentions: (page, cases, mentions | {"AT-PARALLEL-019"}), "AT-PARALLEL-019: a test"),
        (lambda page, cases, mentions: (page, cases, mentions | {"AT-GEO-007"}), "AT-GEO-007: is not on the page"),
        (
            lambda page, cases, mentions: (page + "\n| AT-STEP | again |", cases, mentions),
            "AT-STEP: stands twice",
        ),
        (
            lambda page, cases, mentions: (page, {**cases, "defaults": {"corr_min": 0.9999}}, mentions),
            "AT-STEP: has no sum_ratio",
        ),
        (
            lambda page, cases, mentions: (page.replace("| step rules | 17 |", "| step rules | 16 |"), cases, mentions),
            "matrix: | AT-STEP | step rules | 17 | 0.9999 | 0.98 – 1.02 | – |",
        ),
    ],
)
def test_disagreements_are_seen(change, expected, document, cases, mentions):
    assert expected in problems(*change(document, cases, mentions))
