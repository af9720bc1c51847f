"""`nanobragg trace` and the flags for tracing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import nanobragg as nb
from nanobragg.cli import main
from tests.rendering.trace.experiments import FLAGS

pytestmark = [
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def test_command_prints_every_form(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    words = ["-default_F", "100", *FLAGS]
    path = tmp_path / "still.toml"
    nb.config_from_flags(words).to_toml(path)
    traced = nb.trace(nb.config_from_flags(words), slow=40, fast=21, strongest=2)
    forms: dict[str, Callable[[], str]] = {
        "--strongest=2": traced.to_text,
        "--json": traced.to_json,
        "--explain": traced.explain,
        "--c": lambda: "\n".join(nb.c_trace_lines(traced) + nb.c_printout(traced)),
    }
    for form, expected in forms.items():
        for experiment in (words, [str(path)]):
            assert main(["trace", "--pixel", "40", "21", form, "--strongest", "2", *experiment]) == 0
            assert capsys.readouterr().out.rstrip() == expected().rstrip()


def test_command_refuses_a_line_without_an_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--pixel", "1", "2"]) == 2
    assert "CONFIG.toml" in capsys.readouterr().err
    assert main(["trace", "--pixel", "1", "2", "one.toml", "two.toml"]) == 2
    assert "two.toml: unexpected after one.toml" in capsys.readouterr().err


def test_command_keeps_one_term_at_least(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--pixel", "1", "2", "--strongest", "0", *FLAGS]) == 2
    assert "--strongest 0: must be at least 1" in capsys.readouterr().err


def test_flags_for_tracing_print_the_last_term() -> None:
    scene = nb.Scene(nb.config_from_flags(["-default_F", "100", *FLAGS]))
    traced = nb.trace(scene, slow=40, fast=21, strongest=1)
    lines = nb.c_trace_lines(traced)
    assert lines[0].startswith("TRACE: pix0_vector_meters 0.1 ")
    assert nb.c_printout(traced)[0].startswith("  21   40 : stol = ")
    assert float(lines[-2].split()[-1]) == pytest.approx(traced.final.pixel, rel=1e-14)
