"""tools/version.py: the version comes from git tags or an sdist's record, or is unknown."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest
from packaging.version import Version

from tests.paths import ROOT

SCRIPT = ROOT / "tools" / "version.py"
spec = importlib.util.spec_from_file_location("version_script", SCRIPT)
version_script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(version_script)

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git")


@pytest.fixture
def checkout(tmp_path):
    """Return an empty repository, and a function that runs git in it."""

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"]
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    return tmp_path, git


@needs_git
def test_versions_rise_with_tags_and_commits(checkout):
    root, git = checkout
    seen = []
    for tag in (None, "v0.2.0rc1", None, "v0.2.0", None, None, "v0.3.0"):
        git("commit", "--allow-empty", "-qm", "work")
        if tag is not None:
            git("tag", tag)
        seen.append(version_script.version(root))
    commits = [git("rev-parse", "--short=9", f"HEAD~{back}") for back in (6, 4, 2, 1)]
    assert seen == [
        f"0.1.0.dev1+g{commits[0]}", "0.2.0rc1", f"0.2.0rc2.dev1+g{commits[1]}", "0.2.0",
        f"0.2.1.dev1+g{commits[2]}", f"0.2.1.dev2+g{commits[3]}", "0.3.0",
    ]  # fmt: skip
    assert sorted(seen, key=Version) == seen
    assert all(str(Version(text)) == text for text in seen)


@needs_git
def test_an_enclosing_repository_is_ignored(checkout):
    root, git = checkout
    git("commit", "--allow-empty", "-qm", "someone else's")
    inner = root / "unpacked"
    inner.mkdir()
    assert version_script.version(inner) == version_script.UNKNOWN


@needs_git
def test_a_shallow_clone_has_an_unknown_version(checkout):
    root, git = checkout
    for _ in range(2):
        git("commit", "--allow-empty", "-qm", "work")
    git("clone", "-q", "--depth", "1", f"file://{root}", "shallow")
    assert version_script.version(root / "shallow") == version_script.UNKNOWN


@needs_git
def test_a_tag_that_is_not_a_version_is_reported(checkout):
    root, git = checkout
    git("commit", "--allow-empty", "-qm", "work")
    git("tag", "v1-final")
    with pytest.raises(SystemExit, match=r"tag v1-final is not a valid version; name it like v1\.2\.3"):
        version_script.version(root)


def test_the_record_of_an_sdist_comes_first(tmp_path):
    (tmp_path / "version.txt").write_text("1.2.3\n")
    assert version_script.version(tmp_path) == "1.2.3"


def test_recording_writes_what_is_printed(tmp_path):
    environment = {**os.environ, "MESON_DIST_ROOT": str(tmp_path)}
    subprocess.run([sys.executable, SCRIPT, "--record"], env=environment, check=True)
    printed = subprocess.run([sys.executable, SCRIPT], check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "version.txt").read_text() == printed
