"""Errors are documented, can be caught as Python's own, and set the command line's exit status."""

from __future__ import annotations

import inspect

import pytest

from nanobragg import cli, errors

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value)]
ERRORS = [cls for cls in CLASSES if issubclass(cls, Exception) and not issubclass(cls, Warning)]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_class_is_documented_and_listed(cls):
    assert cls.__doc__
    assert f"`{cls.__name__}`" in errors.__doc__


@pytest.mark.parametrize("cls", ERRORS)
def test_every_error_ends_the_command_line_with_its_exit_status(cls, monkeypatch, capsys):
    def fail(words):
        raise cls("field = 1: is wrong; take 2")

    assert issubclass(cls, errors.NanobraggError)
    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["info"]) == cls.exit_code == 2
    assert capsys.readouterr().err == "nanobragg: error: field = 1: is wrong; take 2\n"


@pytest.mark.parametrize(
    ("cls", "builtin"), [("ConfigError", ValueError), ("FileError", OSError), ("FormatError", ValueError)]
)
def test_errors_can_be_caught_as_pythons_own(cls, builtin):
    assert issubclass(getattr(errors, cls), builtin)


def test_help_and_documentation_name_the_same_statuses(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for status in (0, errors.NanobraggError.exit_code, cli.INTERRUPTED, cli.BROKEN_PIPE):
        assert f"\n{status:<8}" in errors.__doc__
        assert str(status) in text[text.index("Exit status:") :]
