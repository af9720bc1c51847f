"""Options and fixtures of all tests."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.paths import TESTS
from tests.reference_cases import CASES

# The same examples in every run; `pytest --hypothesis-profile=search` draws new ones
on_any_machine = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("search", parent=settings.default, **on_any_machine)
settings.register_profile("repeatable", parent=settings.get_profile("search"), derandomize=True)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


@pytest.fixture
def in_tests_folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference command lines name their files as inputs/…"""
    case = request.getfixturevalue("case") if "case" in request.fixturenames else None
    monkeypatch.chdir(TESTS if case is None else case.folder)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.name for case in CASES])
