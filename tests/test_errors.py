"""Errors are documented, can be caught as Python's own, and set the command line's exit status."""

from __future__ import annotations

import inspect
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli, errors
from nanobragg.errors import (
    ConfigError,
    FileError,
    FormatError,
    NanobraggError,
    NanobraggWarning,
    warn_user,
    without_library_warnings,
    without_warnings,
)
from tests.builders import config

CLASSES = [cls for cls in vars(errors).values() if inspect.isclass(cls) and cls.__module__ == errors.__name__]
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


def message(call) -> str:
    with pytest.raises(NanobraggError) as caught:
        call()
    return str(caught.value)


LONG, BREAK = "x" * 100_000, "a\nb\x1b[2J"
CALLS = {
    "key": lambda: nb.Config(**{BREAK: 1}),
    "key of a part": lambda: nb.Crystal(**{BREAK: 1}),
    "long key": lambda: nb.Beam(**{LONG: 1}),
    "value": lambda: nb.Scan(start_deg=BREAK),
    "path": lambda: nb.read_image(f"{BREAK}.npy"),
    "format": lambda: nb.read_image("a.npy", format=BREAK),
    "flag": lambda: nb.config_from_flags([f"-{BREAK}"]),
    "long flag": lambda: nb.config_from_flags([f"-{LONG}", "1"]),
    "value of a flag": lambda: nb.config_from_flags(["-N", LONG]),
    "space group": lambda: nb.StructureFactors.from_asu([[1, 0, 0]], [1], LONG),
    "detector": lambda: nb.Detector.named(BREAK),
    "seed": lambda: nb.add_noise([[1.0]], seed=LONG),
    "roi": lambda: nb.simulate(config(), roi=LONG),
    "output": lambda: nb.write_image(f"{BREAK}/{LONG}.npy", np.ones((2, 2))),
}


@pytest.mark.parametrize("name", CALLS)
def test_messages_are_short_printable_lines_whatever_they_quote(name):
    text = message(CALLS[name])
    assert text
    assert all(line.isprintable() and len(line) < 1300 for line in text.split("\n"))
    assert "b" not in [line[:1] for line in text.split("\n")]  # what was after the line break


def test_sixty_thousand_unknown_fields_are_five_lines_and_a_count():
    fields = {f"unknown{i}": i for i in range(60_000)}
    for lines in (message(lambda: nb.Config(**fields)), message(lambda: config(crystal=fields))):
        assert len(lines.split("\n")) == 6
        assert re.search(r"and (59995|59998) more invalid fields$", lines)


def test_a_message_is_never_empty():
    assert str(FormatError()) == str(FormatError("")) == "FormatError"
    assert str(FileError("a.txt: gone")) == "a.txt: gone"
    assert str(ConfigError("one", "two")) == "one\ntwo"


def test_warnings_are_printable_lines_too():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(f"{BREAK} {LONG}", NanobraggWarning, stacklevel=1)
    text = str(caught[0].message)
    assert text.isprintable()
    assert len(text) < 2000


STRANGE = ["x", None, [], {}, True, float("nan"), float("inf"), 10**400, -1e300]
ARGUMENTS = {
    "moved": lambda v: nb.Detector.flat().moved(distance_mm=v or "x"),
    "rotated": lambda v: nb.Detector.flat().moved(rotation_deg=(v, 0, 0)),
    "shifted": lambda v: nb.Detector.flat().moved(shift_mm=v),
    "perturbed": lambda v: nb.Detector.flat().perturbed(1, shift_um=v),
    "named": lambda v: nb.Detector.named("EIGER2 1M", energy_eV=v or "x"),
    "wilson": lambda v: nb.StructureFactors.wilson((50, 60, 70), "P 1", b_factor=20, d_min_A=v, seed=1),
    "wilson's seed": lambda v: nb.StructureFactors.wilson((50, 60, 70), "P 1", b_factor=20, d_min_A=20, seed=v),
    "series": lambda v: config().series(v),
    "sweep": lambda v: nb.sweep(config(), v or [0]),
    "replace": lambda v: config().replace(v or [0]),
    "trace": lambda v: nb.trace(config(), slow=v, fast=0),
    "spots": lambda v: nb.predict_spots(config(), threshold=v),
    "boxes": lambda v: nb.shoeboxes(config(), v),
    "radial": lambda v: nb.radial_average(np.ones((32, 48)), config(), bins=v),
    "tolerance": lambda v: nb.simulate(config(), tolerance=v or "x"),
    "photons": lambda v: nb.simulate(config(), tolerance_ph=v or "x"),
    "gain": lambda v: nb.add_noise([[1.0]], gain_adu_per_photon=v or "x"),
    "offset": lambda v: nb.add_noise([[1.0]], adc_offset=v or "x"),
    "saturation": lambda v: nb.add_noise([[1.0]], saturation_adu=v or "x", dtype="uint16"),
    "image": lambda v: nb.add_noise([[v]]),
    "C image": lambda v: nb.c_noise([[v or "x"]], 1),
    "scale": lambda v: nb.to_integers([[1.0]], scale=v or "x"),
    "air": lambda v: nb.Background.air(v),
    "ring": lambda v: nb.Background.ice(1, ring_width_A=v),
}


@pytest.mark.parametrize("value", STRANGE, ids=repr)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_that_are_no_valid_numbers_are_refused(name, value):
    if value is True and name in ("image", "C image", "radial", "perturbed"):
        pytest.skip("numpy takes True for 1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = message(lambda: ARGUMENTS[name](value))
    assert text
    assert text.isprintable()
    assert len(text) < 2000


def test_warnings_are_left_out_in_one_thread_and_issued_in_another():
    entered, warned = Barrier(2, timeout=60), Barrier(2, timeout=60)

    def silent() -> None:
        with without_warnings():
            entered.wait()
            warn_user("not heard")
            warned.wait()

    with ThreadPoolExecutor(1) as pool, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ends = pool.submit(silent)
        entered.wait()
        warn_user("heard")
        warned.wait()
        ends.result()
    assert [str(warning.message) for warning in caught] == ["heard"]


def test_threads_that_ignore_warnings_of_libraries_restore_the_filters():
    before, together = list(warnings.filters), Barrier(4, timeout=60)

    def ignore() -> None:
        together.wait()
        for _ in range(200):
            with without_library_warnings():
                warnings.warn("of a library", stacklevel=1)

    with ThreadPoolExecutor(4) as pool:
        for ended in [pool.submit(ignore) for _ in range(4)]:
            ended.result()
    assert list(warnings.filters) == before
