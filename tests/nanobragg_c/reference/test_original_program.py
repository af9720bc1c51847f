"""The original program linked at run time: nanobragg.reference with a stand-in of our own (stand_in.c)."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import reference
from nanobragg.errors import ConfigError, FileError, FormatError, ProgramError
from tests import builders
from tests.processes import wait_until

COMPILER = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)
SOURCE = Path(__file__).with_name("stand_in.c")
Build = Callable[..., Path]

pytestmark = pytest.mark.skipif(
    COMPILER is None or os.name != "posix", reason="needs a C compiler that takes POSIX options"
)
needs_extension = pytest.mark.skipif(
    importlib.util.find_spec("nanobragg._reference") is None, reason="built without a C++ compiler or pybind11"
)
FORMS = [pytest.param("library", marks=needs_extension), "program"]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that compiles the stand-in as a library or a program, once for each way to fail."""
    folder, built = tmp_path_factory.mktemp("stand_in"), {}

    def compile_once(form: str, way: str = "WORKS", source: Path = SOURCE) -> Path:
        path = folder / f"{form}-{way}-{source.stem}"
        if path not in built:
            options = ["-shared", "-fPIC"] if form == "library" else []
            subprocess.run([COMPILER, "-w", *options, f"-D{way}", source, "-o", path, "-lm"], check=True)
            built[path] = True
        return path

    return compile_once


@pytest.fixture
def library(build: Build) -> reference.Library:
    return reference.load(build("library"))


def original(build: Build, form: str, way: str = "WORKS") -> reference.Library | reference.Program:
    return (reference.load if form == "library" else reference.program)(build(form, way))


@needs_extension
class TestFunctions:
    def test_scalar_functions_broadcast(self, library):
        assert library.functions == reference.FUNCTIONS
        np.testing.assert_array_equal(library.sincg([[1.0], [2.0]], [3.0, 4.0, 5.0]), [[31, 41, 51], [32, 42, 52]])
        np.testing.assert_array_equal(library.sinc3(np.arange(4.0).reshape(2, 2)), [[0, 2], [4, 6]])
        assert library.sinc3(1.5) == 3.0
        logs = library.gammln([3.0, 5.0])
        assert logs.dtype == np.float32
        np.testing.assert_array_equal(logs, [1.5, 2.5])

    def test_vector_functions_take_and_return_three_components(self, library):
        vectors = np.arange(12.0).reshape(2, 2, 3)
        np.testing.assert_array_equal(library.rotate(vectors, [1.0, 2.0, 3.0]), vectors + np.array([1, 2, 3]))
        turned = library.rotate_axis([1.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.5, 1.0])
        np.testing.assert_array_equal(turned, [[1, 0.5, 1], [1, 1, 2]])
        unit, length = library.unitize(vectors)
        np.testing.assert_array_equal(unit, vectors / 2)
        np.testing.assert_array_equal(length, np.full((2, 2), 7.0))
        umats = np.arange(18.0).reshape(2, 3, 3)
        np.testing.assert_array_equal(library.umat2misset(umats), [[0, 4, 8], [9, 13, 17]])

    def test_arguments_are_not_changed(self, library):
        incident = np.array([1.0, 0.0, 0.0])
        factors = library.polarization_factor([0.25, 0.5], incident, [0.0, 2.0, 0.0], [0.0, 0.0, 3.0])
        np.testing.assert_array_equal(factors, [321.75, 322.0])
        np.testing.assert_array_equal(incident, [1, 0, 0])

    def test_interpolation_takes_nodes_and_values(self, library):
        values = np.zeros((2, 4))
        values[:, 1] = [1, 2]
        np.testing.assert_array_equal(library.polint([5.0, 0, 0, 0], values, 0.5), [65, 75])
        cube = np.zeros((4, 4, 4))
        cube[1, 2, 3] = 1000
        nodes = np.arange(12.0).reshape(3, 4)
        assert library.polin3(nodes, cube, [1.0, 2.0, 3.0]) == 0 + 5 + 10 + 1000 + 14

    def test_every_call_starts_a_new_random_sequence(self, library):
        for _ in range(2):
            deviates = library.ran1(3, seed=5)
            assert deviates.dtype == np.float32
            np.testing.assert_array_equal(deviates, [-4, -3, -2])
        np.testing.assert_array_equal(library.poidev([[10.0], [20.0]], seed=5), [[6], [17]])
        umats = library.mosaic_rotation_umat(0.5, 2, seed=5)
        np.testing.assert_array_equal(umats, [np.arange(9.0).reshape(3, 3) - 2, np.arange(9.0).reshape(3, 3) - 1.5])

    def test_no_spare_gaussian_deviate_is_left_for_the_next_sequence(self, library):
        assert library.poidev([2e6], seed=1) == library.poidev([2e6], seed=1)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda lib: lib.rotate([1.0, 2.0], [0.0, 0.0, 0.0]), "vector: shape"),
            (lambda lib: lib.rotate(np.zeros((2, 3)), np.zeros((3, 3))), "do not broadcast"),
            (lambda lib: lib.poidev([np.nan], seed=1), "means"),
            (lambda lib: lib.ran1(-1, seed=1), "n = -1"),
            (lambda lib: lib.ran1(1, seed=2**31), "seed = 2147483648"),
        ],
    )
    def test_impossible_arguments_are_refused(self, library, call, message):
        with pytest.raises(ConfigError, match=message):
            call(library)

    def test_missing_function_is_named(self, build):
        library = original(build, "library", "LACKS")
        assert "umat2misset" not in library.functions
        with pytest.raises(FormatError, match="has no function umat2misset"):
            library.umat2misset(np.eye(3))
        table = reference.function_table(library)
        assert [row.note for row in table.rows if row.function == "umat2misset"] == ["not in this library"]

    def test_table_shows_how_far_functions_are_apart(self, library):
        table = reference.function_table(library)
        assert {row.function for row in table.rows} == set(reference.FUNCTIONS)
        assert all(row.samples > 0 and row.largest > 0.1 for row in table.rows)
        lines = str(table).splitlines()
        assert len(lines) == 1 + len(table.rows)
        assert lines[0].split() == ["function", "samples", "largest", "relative", "note"]


@needs_extension
class TestLoading:
    def test_default_comes_from_the_environment(self, build, monkeypatch):
        monkeypatch.setenv("NB_C_LIB", str(build("library")))
        assert reference.load().path == build("library")
        monkeypatch.delenv("NB_C_LIB")
        with pytest.raises(ConfigError, match="NB_C_LIB"):
            reference.load()

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileError, match="the file does not exist"):
            reference.load(tmp_path / "libnanoBragg.so")

    def test_a_file_that_is_not_a_library(self, tmp_path):
        path = tmp_path / "libnanoBragg.so"
        path.write_text("int main() {}")
        with pytest.raises(FormatError, match="cannot be opened as a shared library of this machine"):
            reference.load(path)

    def test_an_executable_is_refused_with_a_hint_to_program(self, build):
        with pytest.raises(FormatError, match=r"reference\.program"):
            reference.load(build("program"))

    @pytest.mark.skipif(sys.platform != "linux", reason="changes an ELF file")
    def test_library_of_another_machine(self, build, tmp_path):
        content = bytearray(build("library").read_bytes())
        content[18:20] = (0x1234).to_bytes(2, sys.byteorder)  # e_machine
        path = tmp_path / "other.so"
        path.write_bytes(content)
        with pytest.raises(FormatError, match="of this machine"):
            reference.load(path)

    def test_library_without_nanobraggs_functions(self, build, tmp_path):
        source = tmp_path / "other.c"
        source.write_text("int answer(void) { return 42; }")
        with pytest.raises(FormatError, match="is not a valid nanoBragg library"):
            reference.load(build("library", source=source))

    def test_library_without_main_cannot_run(self, build, tmp_path):
        source = tmp_path / "partial.c"
        source.write_text("double sinc3(double x) { return x; }")
        library = reference.load(build("library", source=source))
        assert library.sinc3(2.0) == 2.0
        with pytest.raises(FormatError, match="has no function main"):
            library.run("-default_F 1")


def test_without_the_extension_load_says_what_to_do(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "nanobragg._reference", None)
    monkeypatch.delattr(nb, "_reference", raising=False)
    with pytest.raises(ConfigError, match=r"C\+\+ compiler and pybind11, or use reference.program"):
        reference.load(build("library"))


class TestProgram:
    def test_default_comes_from_the_environment(self, build, monkeypatch):
        monkeypatch.setenv("NB_C_BIN", str(build("program")))
        assert reference.program().path == build("program")
        monkeypatch.delenv("NB_C_BIN")
        with pytest.raises(ConfigError, match="NB_C_BIN"):
            reference.program()

    def test_missing_or_not_executable(self, tmp_path):
        path = tmp_path / "nanoBragg"
        with pytest.raises(FileError, match="the file does not exist"):
            reference.program(path)
        path.write_text("text")
        path.chmod(0o644)
        with pytest.raises(FileError, match="is not executable"):
            reference.program(path)

    def test_not_a_program(self, tmp_path):
        path = tmp_path / "nanoBragg"
        path.write_bytes(b"\0\1\2\3" * 100)
        path.chmod(0o755)
        with pytest.raises(FileError, match="cannot be started"):
            reference.program(path).run("-default_F 1")


@pytest.fixture
def empty_folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with one for temporary files in it."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(run: reference.Run) -> list[str]:
    return [line.split(" ", 1)[1] for line in run.stdout.splitlines() if line.startswith("argument ")]


@pytest.mark.parametrize("form", FORMS)
class TestRuns:
    def test_run_gives_images_header_and_geometry(self, build, form, empty_folder):
        run = original(build, form).run("-default_F 1 -cell 1 2 3", threads=3)
        assert run.image.dtype == np.float32
        np.testing.assert_array_equal(run.image, [[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]])
        np.testing.assert_array_equal(run.int_image, np.arange(1000, 1006).reshape(2, 3))
        np.testing.assert_array_equal(run.noise_image, run.int_image)
        np.testing.assert_array_equal(run.pgm_image, np.frombuffer(b"abcdef", np.uint8).reshape(2, 3))
        assert run.header["DISTANCE"] == "100"
        assert run.header_text.startswith("{\nHEADER_BYTES=512;")
        assert run.header_text.endswith("}")
        assert run.printed == {"cell": [1, 2, 3, 90, 90, 90], "distance_m": 0.1, "fast_axis": [0, 0, 1]}
        assert run.trace == run.printout == {}
        assert "threads 3\n" in run.stdout
        assert arguments(run) == list(run.flags)
        assert list(run.flags) == ["-default_F", "1", "-cell", "1", "2", "3", "-noprogress", "-seed", "1"]
        assert 0 < run.seconds < 60

    def test_run_leaves_no_file_behind(self, build, form, empty_folder):
        original(build, form).run("-default_F 1 -floatfile mine.bin")
        assert [path.name for path in empty_folder.rglob("*")] == ["temporary"]

    def test_pixel_is_traced_and_printed(self, build, form):
        run = original(build, form).run(["-default_F", "1"], pixel=(7, 12))
        assert arguments(run)[-6:] == ["-trace_pixel", "7", "12", "-printout_pixel", "12", "7"]
        assert run.trace == {"hkl_frac": (1, -2.5, 0.3)}
        assert run.printout == {
            "stol_m_inv": (5,), "pixel_pos_meters": (0.1, 0.2, -0.3), "hkl_frac": (1.5, 2.5, -3.5),
            "hkl_rounded": (1, 2, -3), "F_cell": (7,), "F_latt": (-8,), "I_before_scaling": (9,), "I_per_step": (10,),
            "polar": (0.5,), "omega_pixel": (1e-6,), "capture_fraction": (1,), "floatimage_accumulated": (11.5,),
            "real_space_a": (1, 4, 7), "real_space_b": (2, 5, 8), "real_space_c": (3, 6, 9),
        }  # fmt: skip

    def test_a_crash_is_reported_as_an_error(self, build, form):
        last = "its last lines: .*Unit Cell" if form == "library" else ""  # a program's own buffer dies with it
        with pytest.raises(ProgramError, match=rf"was killed by SIG(SEGV|BUS); {last}"):
            original(build, form, "CRASHES").run("-default_F 1")

    def test_exit_status_and_message_are_reported(self, build, form):
        told = r"exit status 3; its last lines: ERROR: no such thing \| one \| two \| three$"
        with pytest.raises(ProgramError, match=told):
            original(build, form, "EXITS").run("-default_F 1")

    def test_hanging_program_is_killed(self, build, form):
        with pytest.raises(ProgramError, match=r"stopped after timeout_s = 0\.7"):
            original(build, form, "HANGS").run("-default_F 1", timeout_s=0.7)

    def test_a_program_that_leaves_no_image_is_refused(self, build, form):
        with pytest.raises(ProgramError, match=r"is not a valid nanoBragg program: it left no intimage\.img"):
            original(build, form, "SILENT").run("-default_F 1")

    def test_config_becomes_flags(self, build, form):
        run = original(build, form).run(simple_config())
        assert run.flags[run.flags.index("-cell") + 1 :][:6] == ("60.0", "70.0", "80.0", "90.0", "90.0", "90.0")
        assert run.image.shape == (2, 3)

    def test_a_detector_that_is_not_where_the_config_places_it_is_noticed(self, build, form):
        with pytest.raises(ProgramError, match="placed the detector with fast_axis"):
            original(build, form).run(simple_config(rotation_deg=(10, 0, 0)))


def simple_config(**detector: object) -> nb.Config:
    """Return a Config whose fast axis is 0 0 1, which the stand-in prints, unless it is rotated."""
    return builders.config(
        detector=nb.Detector.flat(distance_mm=100, pixels=8, **detector),
        sampling=nb.Sampling(oversample=1),
    )


def test_children_of_a_hanging_program_die_with_it(empty_folder):
    script = empty_folder / "nanoBragg"
    script.write_text('#!/bin/sh\nsleep 2000 &\necho $! > "$2"\nwait\n')
    script.chmod(0o755)
    pid = empty_folder / "pid"
    for timeout_s in (0.7, 7, 70):  # until the script has come so far
        with pytest.raises(ProgramError, match="stopped"):
            reference.program(script).run(["-fudge", str(pid)], timeout_s=timeout_s)
        if pid.exists() and pid.read_text():
            break
    child = int(pid.read_text())
    assert wait_until(lambda: not _is_running(child), timeout_s=60)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # a killed orphan may wait to be buried
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


class TestFlagFiles:
    def test_inputs_become_absolute_and_outputs_get_default_names(self, build, empty_folder):
        (empty_folder / "a.hkl").write_text("1 2 3 4\n")
        flags = "-hkl a.hkl -floatimage x.bin -intfile y.img -nonoise -dumpfile z.bin -seed 5"
        assert list(reference.program(build("program")).run(flags).flags) == [
            "-hkl", str(empty_folder / "a.hkl"), "-floatimage", "floatimage.bin", "-intfile", "intimage.img",
            "-nonoise", "-dumpfile", "Fdump.bin", "-seed", "5", "-noprogress",
        ]  # fmt: skip

    def test_dump_in_the_current_folder_is_read_without_hkl(self, build, empty_folder):
        (empty_folder / "Fdump.bin").write_bytes(b"")
        program = reference.program(build("program"))
        assert program.run("-default_F 1").flags[2:4] == ("-dump", str(empty_folder / "Fdump.bin"))
        assert "-dump" not in program.run(simple_config()).flags

    @pytest.mark.parametrize("name", ["-hkl", "-matrix", "-img", "-maskfile", "-sourcefile"])
    def test_missing_input_is_an_error(self, build, name):
        with pytest.raises(FileError, match="nowhere: the file does not exist"):
            reference.program(build("program")).run(["-default_F", "1", name, "nowhere"])

    def test_unclosed_quotation(self, build):
        with pytest.raises(ConfigError, match="close the quotation"):
            reference.program(build("program")).run("-hkl 'a")

    @pytest.mark.parametrize("limits", [{"timeout_s": 0}, {"timeout_s": np.inf}, {"threads": 0}])
    def test_impossible_limits(self, build, limits):
        with pytest.raises(ConfigError, match=f"{next(iter(limits))} = "):
            reference.program(build("program")).run("-default_F 1", **limits)
