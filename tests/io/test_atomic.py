"""A file appears whole or not at all, with the permissions that `open` would give."""

import errno
import os
import stat
import threading

import pytest

from nanobragg.errors import FileError
from nanobragg.io.atomic import atomic_write, check_writable
from nanobragg.io.temporary_file import TemporaryFile


@pytest.fixture
def umask_027():
    before = os.umask(0o027)
    yield
    os.umask(before)


def fail_halfway(target, failure):
    with atomic_write(target) as handle:
        handle.write(b"half")
        raise failure


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_target_appears_only_when_the_block_has_ended(tmp_path):
    target = tmp_path / "a.bin"
    with atomic_write(target) as handle:
        handle.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_failure_keeps_the_old_content_and_leaves_nothing_behind(tmp_path, failure):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(failure):
        fail_halfway(target, failure())
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_full_disk_while_writing_leaves_nothing_behind(tmp_path):
    target = tmp_path / "a.bin"
    with pytest.raises(FileError, match=r"a\.bin: .*free some space"):
        fail_halfway(target, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert os.listdir(tmp_path) == []


def test_new_file_has_the_permissions_of_open(tmp_path, umask_027):
    with atomic_write(tmp_path / "ours"):
        pass
    (tmp_path / "theirs").touch()
    assert mode_of(tmp_path / "ours") == mode_of(tmp_path / "theirs") == 0o640


def test_existing_file_keeps_its_permissions(tmp_path, umask_027):
    target = tmp_path / "a.bin"
    target.touch()
    target.chmod(0o604)
    with atomic_write(target) as handle:
        handle.write(b"new")
    assert mode_of(target) == 0o604


@pytest.mark.parametrize("exists", [True, False])
def test_symbolic_link_stays_and_its_target_is_written(tmp_path, exists):
    target, link = tmp_path / "target", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to("target")
    with atomic_write(link) as handle:
        handle.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_null_device_is_written_through():
    with atomic_write("/dev/null") as handle:
        handle.write(b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_named_pipe_is_written_through(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as handle:
        handle.write(b"through")
    reader.join()
    assert received == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_device_is_a_file_error_with_cure():
    with (
        pytest.raises(FileError, match=r"^/dev/full: .*free some space"),
        atomic_write("/dev/full") as handle,
    ):
        handle.write(b"x")


def test_missing_folder_names_path_and_cure(tmp_path):
    target = tmp_path / "nowhere" / "a.bin"
    with pytest.raises(FileError, match=r"nowhere/a\.bin: .*make the folder first"), atomic_write(target):
        pass


def test_folder_as_target_is_refused(tmp_path):
    with pytest.raises(FileError, match="name a file in it"), atomic_write(tmp_path):
        pass
    with pytest.raises(FileError, match="name a file in it"), atomic_write(f"{tmp_path}/new/"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_read_only_file_or_folder_is_refused(tmp_path, read_only):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    (target if read_only == "file" else tmp_path).chmod(0o555)
    try:
        with pytest.raises(FileError, match="may write to"), atomic_write(target) as handle:
            handle.write(b"new")
        assert target.read_bytes() == b"old"
    finally:
        tmp_path.chmod(0o755)


def test_our_own_errors_pass_unchanged(tmp_path):
    with pytest.raises(FileError, match=r"^inner$"), atomic_write(tmp_path / "a"):
        raise FileError("inner")


@pytest.mark.parametrize("name", ["a\0.npy", "\ud800.npy", ""])
def test_a_name_that_no_file_can_have(name):
    with pytest.raises(FileError, match="is not a valid file name"), atomic_write(name):
        pass
    with pytest.raises(FileError, match="is not a valid file name"):
        check_writable(name)


def test_file_and_folder_are_on_the_disk_before_the_old_file_is_gone(tmp_path, monkeypatch):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    done, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: done.append(stat.S_IFMT(os.fstat(fd).st_mode)) or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("replace") or replace(*paths))
    with atomic_write(target) as handle:
        handle.write(b"new")
    assert done == [stat.S_IFREG, "replace", stat.S_IFDIR]


def without_anonymous_files(monkeypatch):
    """Make the system look like one whose file system has no O_TMPFILE."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.mark.parametrize("anonymous", [True, False])
def test_the_next_writer_removes_what_a_killed_one_left_behind(tmp_path, monkeypatch, anonymous):
    if not anonymous:
        without_anonymous_files(monkeypatch)
    target = tmp_path / "a.bin"
    with atomic_write(tmp_path / "other.bin"), atomic_write(target):
        pass
    (probe := TemporaryFile(str(target))).remove()
    for number in range(2):
        (tmp_path / probe._path(number)).write_bytes(b"half")
    with atomic_write(target) as handle:
        handle.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "other.bin"]


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("anonymous", [True, False])
def test_writers_of_one_name_do_not_disturb_each_other(tmp_path, monkeypatch, anonymous, exists):
    if not anonymous:
        without_anonymous_files(monkeypatch)
    target = tmp_path / "a.bin"
    if exists:
        target.write_bytes(b"old")
    with atomic_write(target) as first:
        first.write(b"first")
        with atomic_write(target) as second:
            second.write(b"second")
        assert target.read_bytes() == b"second"
    assert target.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_existing_file_keeps_its_owner(tmp_path):
    target = tmp_path / "a.bin"
    target.touch()
    os.chown(target, 1234, 5678)
    target.chmod(0o640)
    with atomic_write(target) as handle:
        handle.write(b"new")
    assert (target.stat().st_uid, target.stat().st_gid, mode_of(target)) == (1234, 5678, 0o640)


def test_an_owner_that_the_system_refuses_is_left_out(tmp_path, monkeypatch):
    target = tmp_path / "a.bin"
    target.touch()
    target.chmod(0o4755)
    real = os.stat(target)
    strange = os.stat_result((*real[:4], 4321, *real[5:10]))
    monkeypatch.setattr("nanobragg.io.atomic._existing", lambda _: strange)

    def refused(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchown", refused)
    with atomic_write(target) as handle:
        handle.write(b"new")
    assert mode_of(target) == 0o755
