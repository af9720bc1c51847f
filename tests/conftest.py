"""Shared by all tests: the slow marker, and the C program's reference cases."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

TESTS = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@dataclass(frozen=True)
class ReferenceCase:
    """One command line of cases.yaml and what the C program made of it."""

    name: str
    argv: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def golden(self) -> dict[str, np.ndarray]:
        """Arrays that were kept: "image", or "window" with "window_origin" and "samples"; "int", "noise", "pgm"."""
        family, run = self.name.split("/")
        with np.load(TESTS / "golden" / f"{family}.npz") as stored:
            return {key.split("/", 1)[1]: stored[key] for key in stored.files if key.split("/", 1)[0] == run}


def load_cases() -> list[ReferenceCase]:
    facts = json.loads((TESTS / "golden" / "facts.json").read_text())
    return [
        ReferenceCase(
            f"{case['id']}/{run}", tuple(shlex.split(f"{case['base']} {extra}")), facts[f"{case['id']}/{run}"]
        )
        for case in yaml.safe_load((TESTS / "cases.yaml").read_text())["cases"]
        for run, extra in case["runs"].items()
    ]


CASES = load_cases()


@pytest.fixture
def in_tests_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference command lines name their files as inputs/…"""
    monkeypatch.chdir(TESTS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES])
