"""Files that other files name: only regular ones, and in the folder unless NANOBRAGG_ALLOW_OUTSIDE allows others."""

from __future__ import annotations

import os
import subprocess

import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError, FileError, FormatError, NanobraggError
from nanobragg.io.input_file import read_file
from nanobragg.io.named_files import OUTSIDE_VARIABLE, check_link, check_reference
from tests.builders import config
from tests.processes import finished, python

SECRET = "root:x:0:0:secret\n"
NAMING = {  # how a TOML file names a file, and how the file is read
    "hkl": ("[structure_factors]\npath = {name!r}\n", nb.Scene),
    "coordinates": ('[structure_factors]\npath = {name!r}\nfile_format = "coordinates"\n', nb.Scene),
    "cif": ('[structure_factors]\npath = {name!r}\nfile_format = "cif"\n', nb.Scene),
    "mtz": ('[structure_factors]\npath = {name!r}\nfile_format = "mtz"\n', nb.Scene),
    "dump": ('[structure_factors]\npath = {name!r}\nfile_format = "dump"\n', nb.Scene),
    "sources": ("[beam.sources]\npath = {name!r}\n", nb.Scene),
    "spectrum": ("[beam.spectrum]\npath = {name!r}\n", nb.Scene),
    "matrix": ("[crystal]\nmatrix_path = {name!r}\n", nb.Scene),
    "table": ("[background]\nthickness_um = 1.0\ntable_path = {name!r}\n", nb.Scene),
}


@pytest.fixture
def folders(tmp_path):
    """Return a folder with a TOML file's neighbours, and a folder elsewhere."""
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
    return tmp_path / "here", tmp_path / "elsewhere"


def toml(folder, naming, name):
    """Write a TOML file that names a file, and return its path."""
    text = NAMING[naming][0].format(name=str(name))
    (plain := folder / "plain.toml").write_text("")
    config(detector=nb.Detector.flat(distance_mm=100, pixels=4)).to_toml(plain)
    table = text.split("\n")[0]
    whole = plain.read_text()
    if table in whole:  # one table has all entries of its name
        whole = whole.replace(table, text.rstrip("\n"), 1)
        if naming == "matrix":
            whole = "\n".join(line for line in whole.splitlines())
    else:
        whole += text
    (path := folder / "a.toml").write_text(whole)
    return path


def special_file(folder, kind):
    """Return the path of a FIFO, a device, a folder, or a link to one of them."""
    path = folder / kind
    if "fifo" in kind:
        os.mkfifo(folder / "fifo" if "link" in kind else path)
    if kind == "folder":
        path.mkdir()
    if kind in ("link to a device", "link to a fifo"):
        path.symlink_to("/dev/zero" if "device" in kind else "fifo")
    return "/dev/zero" if kind == "device" else path


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "link to a device", "link to a fifo"])
@pytest.mark.parametrize("naming", NAMING)
def test_a_toml_file_names_regular_files_only(folders, naming, kind):
    here, _ = folders
    with pytest.raises(FileError, match=r"a device or a pipe|it is a folder"):
        nb.Config.from_toml(toml(here, naming, special_file(here, kind)))


@pytest.mark.parametrize("naming", NAMING)
def test_messages_do_not_quote_a_file_outside_the_folder(folders, naming):
    here, elsewhere = folders
    (elsewhere / "passwd").write_text(SECRET)
    with pytest.raises(NanobraggError) as caught:
        NAMING[naming][1](nb.Config.from_toml(toml(here, naming, elsewhere / "passwd")))
    assert str(elsewhere / "passwd") in str(caught.value)
    assert not {"root", "secret", "0:0"} & set(str(caught.value).replace(":", " : ").split())
    assert "secret" not in str(caught.value)


def test_messages_quote_files_of_the_folder_and_those_of_the_user(folders, monkeypatch):
    here, elsewhere = folders
    (here / "bad.hkl").write_text("1 2 x\n")
    (elsewhere / "own.hkl").write_text("1 2 y\n")
    with pytest.raises(FormatError, match="'1 2 x'"):
        nb.Scene(nb.Config.from_toml(toml(here, "hkl", "bad.hkl")))
    with pytest.raises(FormatError, match="'1 2 y'"):
        nb.StructureFactors.from_hkl(elsewhere / "own.hkl")
    monkeypatch.setenv(OUTSIDE_VARIABLE, "1")
    with pytest.raises(FormatError, match="'1 2 y'"):
        nb.Scene(nb.Config.from_toml(toml(here, "hkl", elsewhere / "own.hkl")))


def test_the_environment_confines_toml_files_to_their_folder(folders, monkeypatch):
    here, elsewhere = folders
    for folder in folders:
        (folder / "a.hkl").write_text("0 0 1 5\n")
    monkeypatch.setenv(OUTSIDE_VARIABLE, "0")
    nb.Config.from_toml(toml(here, "hkl", "a.hkl"))
    for name in (elsewhere / "a.hkl", "../elsewhere/a.hkl"):
        with pytest.raises(FileError, match=f"outside the folder.*{OUTSIDE_VARIABLE}=1"):
            nb.Config.from_toml(toml(here, "hkl", name))


@pytest.mark.parametrize("allowed", [None, "1"])
def test_links_stay_in_the_folder_unless_allowed(folders, monkeypatch, allowed):
    here, elsewhere = folders
    (here / "below").mkdir()
    for path in (here / "below" / "data.h5", elsewhere / "data.h5"):
        path.touch()
    (here / "link.h5").symlink_to(elsewhere / "data.h5")
    check_link(here / "below" / "data.h5", here / "master.h5")
    if allowed:
        monkeypatch.setenv(OUTSIDE_VARIABLE, allowed)
    for path in (elsewhere / "data.h5", here / "link.h5", here / ".." / "elsewhere" / "data.h5"):
        if allowed:
            check_link(path, here / "master.h5")
        else:
            with pytest.raises(FileError, match="outside the folder"):
                check_link(path, here / "master.h5")


def test_links_may_go_to_the_neighbours_of_a_linked_master(folders):
    """A processing folder has links to a master file; its data files are beside the file itself."""
    here, elsewhere = folders
    for name in ("master.h5", "data.h5"):
        (elsewhere / name).touch()
    (here / "master.h5").symlink_to(elsewhere / "master.h5")
    check_link(elsewhere / "data.h5", here / "master.h5")


def test_missing_files_may_be_named_and_are_errors_when_they_are_read(tmp_path):
    check_reference(tmp_path / "later.hkl", tmp_path / "a.toml")
    with pytest.raises(FileError, match="check the path"):
        check_link(tmp_path / "later.h5", tmp_path / "a.h5")


@pytest.mark.parametrize("text", ["yes", "2", "true"])
def test_a_value_of_the_environment_that_is_not_0_or_1(monkeypatch, tmp_path, text):
    monkeypatch.setenv(OUTSIDE_VARIABLE, text)
    with pytest.raises(ConfigError, match=OUTSIDE_VARIABLE):
        check_reference(tmp_path / "a.hkl", tmp_path / "a.toml")


def test_a_pipe_without_a_writer_does_not_wait(tmp_path):
    os.mkfifo(path := tmp_path / "pipe")
    with pytest.raises(FileError, match="is a pipe"):
        read_file(path)


@pytest.mark.parametrize("path", ["/proc/kmsg", "/dev/tty", "/dev/ptmx", "/dev/random"])
def test_files_of_the_kernel_that_make_readers_wait(path, monkeypatch):
    """Whether they deliver something or not, the answer comes at once."""
    monkeypatch.setenv("NANOBRAGG_MAX_BYTES", "10000")
    script = f"""
        import nanobragg as nb
        try:
            nb.StructureFactors.from_hkl({path!r})
        except nb.errors.NanobraggError as error:
            print("refused", error)
    """
    with python(script, stdin=subprocess.DEVNULL) as process:
        assert finished(process)[0].startswith("refused")


def test_standard_input_is_read_where_the_user_names_it():
    script = "from nanobragg.io.input_file import read_file\nprint(read_file('/dev/stdin'))"
    with python(script, stdin=subprocess.PIPE) as process:
        assert finished(process, "1 2 3")[0] == "b'1 2 3'\n"
