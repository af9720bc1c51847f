"""The command line: dispatch, help, version, the format of errors and warnings, exit codes."""

from __future__ import annotations

import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import time
import types
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pytest

import nanobragg
from nanobragg import _core, cli
from nanobragg.cli.commands import COMMANDS
from nanobragg.cli.progress import progress_reporter
from nanobragg.errors import ConfigError
from nanobragg.io.smv import write_smv
from nanobragg.nanobragg_c.flags.flag_table import GROUPS
from nanobragg.rendering.instruction_sets import select_instruction_set
from tests.processes import PATIENCE_S, finished, python

MINIMAL = shlex.split("-cell 100 100 100 90 90 90 -default_F 100 -lambda 1 -distance 100 -detpixels 16 -seed 1")
HOURS = (*MINIMAL, *shlex.split("-detpixels 2000 -mosaic 1 -mosaic_domains 3000 -oversample 40 -N 5 -noprogress"))


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
    """Return a function that starts `python -m nanobragg` in an empty folder; what still runs at the end is killed."""
    with ExitStack() as running:

        def start(*words: str, **options):
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
            command = [sys.executable, "-m", "nanobragg", *words]
            started = running.enter_context(subprocess.Popen(command, **{**pipes, **options}))
            running.callback(started.kill)
            return started

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
    run = process(*HOURS)
    assert run.stdout.readline().startswith("crystal")
    for line in run.stdout:
        if line.startswith("noise"):  # the last line before rendering
            break
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, err = finished(run)
    assert run.returncode == 130
    assert err == "nanobragg: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_ends_a_process_quietly(process):
    reading, writing = os.pipe()
    os.close(reading)
    run = process(*MINIMAL, "-printout", "-noprogress", "-nonoise", stdout=writing)
    os.close(writing)
    err = run.stderr.read()
    assert run.wait() == 141
    assert err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full")
@pytest.mark.parametrize("words", [(*MINIMAL, "-noprogress", "-nonoise"), ("info",)])
def test_a_log_on_a_full_disk_is_an_error_of_one_line_and_the_images_are_kept(process, tmp_path, words):
    with open("/dev/full", "w") as full:
        run = process(*words, stdout=full)
    _, err = run.communicate()
    assert run.returncode == 2
    assert err == (
        "nanobragg: error: standard output: cannot be written (No space left on device); "
        "free some space or choose another disk\n"
    )
    written = {"floatimage.bin", "image.pgm", "intimage.img"} if words[0] != "info" else set()
    assert {path.name for path in tmp_path.iterdir()} == written


def test_standard_output_can_be_an_output_file(process, tmp_path):
    few = (*MINIMAL, "-noprogress", "-nonoise", "-nopgm")
    assert process(*few).wait() == 0
    run = process(*few, "-floatfile", "/dev/stdout", text=False)
    out, _ = run.communicate()
    assert run.returncode == 0
    assert (tmp_path / "floatimage.bin").read_bytes() in out


CLOSINGS = {">&-": 0, "2>&-": 0, ">&- 2>&- <&-": 0, "2> /dev/full": 0, "> /dev/full": 2, ">&3": 141}  # exit status


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
@pytest.mark.parametrize("closing", CLOSINGS)
def test_streams_that_fail_never_lose_the_image(closing, tmp_path):
    """Whatever becomes of the log, the files are those of a usual run; 3 is a pipe whose reader has ended."""
    command = f"{sys.executable} -m nanobragg {' '.join(MINIMAL)} -nonoise"
    for name, ending in (("usual", "> log 2> errors"), ("failing", closing)):
        (tmp_path / name).mkdir()
        shell = ["bash", "-c", f"exec 3> >(true); wait $!; {command} {ending}"]
        done = subprocess.run(shell, cwd=tmp_path / name, stderr=subprocess.PIPE, text=True)
        assert done.returncode == (0 if name == "usual" else CLOSINGS[closing])
        assert "Traceback" not in done.stderr
    for file in ("floatimage.bin", "intimage.img", "image.pgm"):
        assert (tmp_path / "failing" / file).read_bytes() == (tmp_path / "usual" / file).read_bytes()


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("info",), MINIMAL])
def test_the_c_locale_shows_question_marks(process, words):
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = process(*words, env={**os.environ, **locale})
    out, err = finished(run)
    assert run.returncode == 0, err
    assert "Å" not in out


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_the_process_leaves_no_file(process, tmp_path, name):
    number = getattr(signal, name)
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as under nohup")
    run = process(*HOURS, "-floatfile", "a.bin")
    for line in run.stdout:
        if line.startswith("noise"):
            break
    time.sleep(0.2)
    run.send_signal(number)
    _, err = finished(run)
    assert run.returncode == 128 + number
    assert err.endswith(f"nanobragg: terminated by {name}\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_modules_are_imported(process):
    """There is one line and no traceback, at whatever moment it comes once Python has started."""
    telling = {"env": {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}}  # each module on stderr, when it is imported

    def imported(run):
        return (line.rpartition("|")[2].strip() for line in run.stderr if line.startswith("import time:"))

    names = list(imported(process(*MINIMAL, "-nonoise", **telling)))
    first = names.index("nanobragg.errors")
    for share in (0.0, 0.3, 0.6, 0.9):
        run = process(*HOURS, **telling)
        moment = names[first + int(share * (len(names) - first))]
        assert any(name == moment for name in imported(run))
        err = interrupted(run)
        err = "".join(line for line in err.splitlines(keepends=True) if not line.startswith("import time:"))
        assert err == "nanobragg: interrupted\n"
        assert run.returncode in (130, -signal.SIGINT)  # Python ends by the signal if it met code in exec


def interrupted(run):
    """Send Ctrl-C until a process ends, and return its errors: Python ignores exceptions in calls of its own."""
    ignored = r"Exception ignored [^\n]*\n(Traceback[^\n]*\n( [^\n]*\n)*)?KeyboardInterrupt:? *\n"
    for _ in range(int(PATIENCE_S / 30)):
        run.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return re.sub(ignored, "", run.communicate(timeout=30)[1])
    raise AssertionError("Ctrl-C does not end the process")


def test_an_interrupt_that_a_module_turns_into_an_import_error_is_one(monkeypatch, capsys):
    """As extension modules do that are interrupted while they import others."""
    import nanobragg.__main__ as entry

    def run() -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("could not import module") from None
        return 0

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(cli, "main", run)
    try:
        assert entry.main() == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "nanobragg: interrupted\n"


def test_the_command_line_ends_without_a_search_for_garbage():
    script = """
        import gc, sys
        from nanobragg.__main__ import main

        class Garbage:
            def __init__(self):
                self.itself = self

            def __del__(self):
                print("found")

        gc.disable()
        Garbage()
        sys.argv[1:] = ["--version"]
        sys.exit(main())
    """
    process = python(script)
    out, err = finished(process)
    assert (process.returncode, err) == (0, "")
    assert nanobragg.__version__ in out
    assert "found" not in out


@pytest.mark.parametrize(
    "words",
    [
        ("-floatfile", "same", "-intfile", "same"),
        ("-floatfile", "same", "-noisefile", "./same"),
        ("-intfile", "image.pgm"),
        ("-hkl", "s.hkl", "-floatfile", "s.hkl"),
        ("-hkl", "s.hkl", "-intfile", "link.hkl"),
        ("-hkl", "s.hkl", "-intfile", "hard.hkl"),
        ("-hkl", "s.hkl", "-pgmfile", "Fdump.bin"),
        ("-mat", "a.mat", "-pgmfile", "a.mat"),
        ("-sourcefile", "a.mat", "-noisefile", "a.mat"),
        ("-stol", "s.hkl", "-noisefile", "s.hkl"),
        ("-img", "a.img", "-floatfile", "a.img"),
        ("-mask", "a.img", "-intfile", "a.img"),
    ],
)
def test_flags_that_would_overwrite_an_input_or_another_output_are_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.hkl").write_text("0 0 1 5\n1 0 0 3\n")
    (tmp_path / "a.mat").write_text("0.01 0 0\n0 0.01 0\n0 0 0.01\n")
    write_smv(tmp_path / "a.img", np.ones((8, 8), np.uint16))
    (tmp_path / "link.hkl").symlink_to("s.hkl")
    os.link("s.hkl", "hard.hkl")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert cli.main([*MINIMAL, *words]) == 2
    assert "two outputs" in (told := capsys.readouterr().err) or "is an input file" in told
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_devices_may_be_named_several_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [word for flag in ("-floatfile", "-intfile", "-pgmfile", "-noisefile") for word in (flag, "/dev/null")]
    assert cli.main([*MINIMAL, *names]) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), ("", "is empty")])
def test_a_background_file_that_is_missing_or_empty_is_an_error(content, told, tmp_path, monkeypatch, capsys):
    """The C program ignores its values, and ends without it."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "a.stol").write_text(content)
    assert cli.main([*MINIMAL, "-stol", "a.stol"]) == 2
    assert told in capsys.readouterr().err
