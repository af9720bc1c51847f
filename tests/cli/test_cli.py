"""The command line: dispatch, help, version, the format of errors and warnings, exit codes."""

from __future__ import annotations

import os
import platform
import shlex
import signal
import subprocess
import sys
import time
import types
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import nanobragg
from nanobragg import _core, cli
from nanobragg.cli.commands import COMMANDS
from nanobragg.cli.progress import progress_reporter
from nanobragg.errors import ConfigError
from nanobragg.nanobragg_c.flags.flag_table import GROUPS
from nanobragg.rendering.instruction_sets import select_instruction_set

MINIMAL = shlex.split("-cell 100 100 100 90 90 90 -default_F 100 -lambda 1 -distance 100 -detpixels 16 -seed 1")


@pytest.fixture
def nb(tmp_path, monkeypatch, capsys):
    """Return a function that runs a command line in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str):
        code = cli.main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def process(tmp_path):
    """Return a function that starts `python -m nanobragg` in an empty folder."""
    with ExitStack() as running:

        def start(*words: str, **options):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
            command = [sys.executable, "-m", "nanobragg", *words]
            return running.enter_context(subprocess.Popen(command, **{**pipes, **options}))

        yield start


@pytest.mark.parametrize("word", ["--help", "-help", "-h"])
def test_at_cli_001_help_lists_every_flag_by_group_and_every_command(nb, word):
    """AT-CLI-001: help."""
    code, out, err = nb(word)
    assert (code, err) == (0, "")
    assert out.startswith("usage: nanobragg ")
    for title, flags in GROUPS.items():
        assert f"\n{title}:\n" in out
        for flag in flags:
            assert f"\n  {flag.name}" in out
    for command in COMMANDS:
        assert f"\n  {command} " in out


def test_help_on_one_flag_states_unit_default_and_spellings(nb):
    code, out, _ = nb("help", "-lambda")
    assert code == 0
    assert "wavelength" in out
    assert "Å" in out
    assert "-wavelength" in out
    assert nb("help", "lambda")[1] == out


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "help"])
def test_help_on_a_command_describes_that_command(nb, command):
    code, out, _ = nb("help", command)
    assert code == 0
    assert out.startswith(f"usage: nanobragg {command}")
    assert nb(command, "--help") == (0, out, "")


def test_help_on_an_unknown_word_names_the_nearest_flag(nb):
    code, out, err = nb("help", "lamda")
    assert (code, out) == (2, "")
    assert "-lambda" in err


def test_version_is_printed(nb):
    assert nb("--version") == (0, f"nanobragg {nanobragg.__version__}\n", "")


def test_info_describes_the_build_and_the_machine(nb, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("NB_C_BIN", "/some/where")
    code, out, _ = nb("info")
    assert code == 0
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert facts["nanobragg"] == nanobragg.__version__
    assert all(name in facts["instructions"] for name in _core.instruction_sets())
    assert facts["instructions"].startswith(_core.instruction_set())
    assert facts["OpenMP"].startswith("yes" if _core.HAS_OPENMP else "no")
    assert facts["threads"] == ("3" if _core.HAS_OPENMP else "1")
    assert facts["Python"].startswith(platform.python_version())
    assert facts["NumPy"] == np.__version__
    assert facts["NB_C_BIN"] == "/some/where"


def test_at_cli_009_without_arguments_the_error_shows_the_usage(nb):
    """AT-CLI-009: errors with usage."""
    code, out, err = nb()
    assert (code, out) == (2, "")
    assert err.startswith("nanobragg: error: nothing to do; usage: nanobragg -cell ")
    assert err.count("\n") == 1


def test_at_cli_009_missing_essentials_are_named_with_the_flags_that_give_them(nb, tmp_path):
    """AT-CLI-009: errors with usage."""
    code, _, err = nb("-default_F", "100")
    assert (code, err.count("\n")) == (2, 1)
    assert "-cell" in err
    assert "-mat" in err
    code, _, err = nb("-cell", "10")
    assert (code, err.count("\n")) == (2, 1)
    assert "-hkl" in err
    assert "-default_F" in err
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_command_suggests_the_nearest(nb):
    assert nb("simulat") == (2, "", "nanobragg: error: simulat: is not a command; did you mean simulate?\n")


def test_an_unknown_command_lists_all_commands(nb):
    _, _, err = nb("qwertz")
    assert all(command in err for command in COMMANDS)


@pytest.mark.parametrize("command", ["simulate", "convert", "info", "demo"])
def test_a_commands_unknown_option_is_one_line_and_exit_code_2(nb, command):
    code, out, err = nb(command, "--no-such-option")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("nanobragg: error: ")
    assert f"nanobragg {command} --help" in err


def test_warnings_have_one_format_and_repeat(nb):
    line = (*MINIMAL, "-N", "50", "-oversample", "1", "-noprogress")
    _, _, err = nb(*line)
    assert err.startswith("nanobragg: warning: oversample = 1: ")
    assert err.count("\n") == 1
    assert nb(*line)[2] == err


def test_warnings_of_other_packages_are_left_alone(nb, monkeypatch):
    monkeypatch.setattr(cli, "_run", lambda words: warnings.warn("not ours", UserWarning, stacklevel=1) or 0)
    with pytest.raises(UserWarning, match="not ours"):
        nb("info")


def test_the_callers_warning_settings_are_restored(nb):
    before = warnings.showwarning, list(warnings.filters)
    nb("--version")
    assert (warnings.showwarning, list(warnings.filters)) == before


def test_an_error_of_several_lines_becomes_one(nb, monkeypatch):
    def fail(words):
        raise ConfigError("one\ntwo")

    monkeypatch.setattr(cli, "_run", fail)
    assert nb("info") == (2, "", "nanobragg: error: one; two\n")


def test_too_little_memory_is_an_error_of_one_line(nb, monkeypatch):
    def fail(words):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(cli, "_run", fail)
    code, _, err = nb("info")
    assert code == 2
    assert err.startswith("nanobragg: error: Unable to allocate 9 TiB; ")


def test_a_bug_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "_run", lambda words: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["info"])


def test_characters_that_a_terminal_cannot_show_become_question_marks(process):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    out, err = process("help", "lambda", env=environment).communicate()
    assert "wavelength" in out
    assert "?" in out
    assert err == ""


def test_noprogress_prints_no_progress(nb):
    assert "%" not in nb(*MINIMAL, "-noprogress")[2]
    assert "100% done\n" in nb(*MINIMAL)[2]


def test_progress_is_plain_lines_of_percent_when_stderr_is_not_a_terminal(capsys):
    report = progress_reporter(wanted=True)
    for done in (0, 4, 5, 6, 31, 99, 100):
        report(done, 100)
    assert capsys.readouterr().err == "5% done\n31% done\n99% done\n100% done\n"


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", types.SimpleNamespace(isatty=lambda: True))
    assert progress_reporter(wanted=True) is True


def test_the_environment_chooses_the_instruction_set(monkeypatch):
    before = _core.instruction_set()
    monkeypatch.setenv("NANOBRAGG_ISA", "baseline")
    select_instruction_set.cache_clear()
    try:
        assert select_instruction_set() == _core.instruction_set() == "baseline"
    finally:
        _core.use_instruction_set(before)
        select_instruction_set.cache_clear()


def test_an_unknown_instruction_set_names_the_available_ones(nb, monkeypatch, tmp_path):
    monkeypatch.setenv("NANOBRAGG_ISA", "v9")
    select_instruction_set.cache_clear()
    code, _, err = nb(*MINIMAL, "-noprogress")
    select_instruction_set.cache_clear()
    assert code == 2
    assert "NANOBRAGG_ISA = 'v9'" in err
    assert ", ".join(_core.instruction_sets()) in err
    assert list(tmp_path.iterdir()) == []


def test_demo_writes_into_the_given_folder(nb, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(
        "nanobragg.cli.demo.run_demo", lambda folder, report, progress: seen.append((folder, report, progress))
    )
    assert nb("demo", "--out", str(tmp_path), "--quiet") == (0, "", "")
    assert seen == [(tmp_path, print, False)]
    code, _, err = nb("demo", "--out", str(tmp_path / "nowhere"))
    assert code == 2
    assert "make the folder first" in err
    assert len(seen) == 1


def test_a_process_ends_with_the_exit_code_and_errors_on_stderr(process):
    run = process("-cel", "10")
    out, err = run.communicate()
    assert (run.returncode, out) == (2, "")
    assert err == "nanobragg: error: -cel: unknown flag; did you mean -cell or -scale or -pixel?\n"


def test_ctrl_c_ends_a_process_with_130_one_line_and_no_file(process, tmp_path):
    hours = shlex.split("-detpixels 2000 -mosaic 1 -mosaic_domains 3000 -oversample 4 -N 5 -noprogress")
    run = process(*MINIMAL, *hours)
    assert run.stdout.readline().startswith("crystal")
    for line in run.stdout:
        if line.startswith("noise"):  # the last line before rendering
            break
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert err == "nanobragg: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_ends_a_process_quietly(process):
    run = process(*MINIMAL, "-printout", "-noprogress", "-nonoise")
    run.stdout.close()
    err = run.stderr.read()
    assert run.wait() == 141
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full")
@pytest.mark.parametrize("words", [(*MINIMAL, "-noprogress", "-nonoise"), ("info",)])
def test_a_log_on_a_full_disk_is_an_error_of_one_line(process, tmp_path, words):
    with open("/dev/full", "w") as full:
        run = process(*words, stdout=full)
    _, err = run.communicate()
    assert run.returncode == 2
    assert err == (
        "nanobragg: error: standard output: cannot be written (No space left on device); "
        "free some space or choose another disk\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_standard_output_can_be_an_output_file(process, tmp_path):
    few = (*MINIMAL, "-noprogress", "-nonoise", "-nopgm")
    assert process(*few).wait() == 0
    run = process(*few, "-floatfile", "/dev/stdout", text=False)
    out, _ = run.communicate()
    assert run.returncode == 0
    assert (tmp_path / "floatimage.bin").read_bytes() in out
