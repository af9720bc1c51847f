"""Readers of arbitrary bytes return a valid result or raise one of our errors, quickly and in one line."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzzing.examine import BYTE_LIMIT, examine, warm_up
from fuzzing.targets import FOUND, TARGETS, seed_files
from nanobragg.io.limits import LIMIT_VARIABLE

FEW = settings(max_examples=20)
MANY = settings(max_examples=1000)

mutation = st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.binary(max_size=4))
every_reader = pytest.mark.parametrize("name", TARGETS)


@pytest.fixture(autouse=True, scope="module")
def limit():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LIMIT_VARIABLE, str(BYTE_LIMIT))
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return a function of a reader's name: its target, a file to write to, and the contents of valid files."""

    @cache
    def prepared(name):
        target = TARGETS[name]
        folder = tmp_path_factory.mktemp(name)
        contents = [path.read_bytes() for path in seed_files(name, folder)]
        path = folder / f"input{target.suffix}"
        warm_up(target, path, contents)
        return target, path, contents

    return prepared


def mutate(content, mutations):
    """Overwrite, delete and insert bytes: at each place, `cut` bytes give way to new ones."""
    for place, cut, new in mutations:
        at = place % (len(content) + 1)
        content = content[:at] + new + content[at + cut :]
    return content


def read_damaged(sound, name, seed, mutations):
    target, path, contents = sound(name)
    examine(target, path, mutate(contents[seed % len(contents)], mutations))


@every_reader
def test_valid_files_are_accepted(name, sound):
    target, path, contents = sound(name)
    assert [examine(target, path, content).message for content in contents] == [None] * len(contents)


@every_reader
@FEW
@given(content=st.binary(max_size=200))
@example(content=b"")
def test_random_bytes(name, sound, content):
    target, path, _ = sound(name)
    examine(target, path, content)


@every_reader
@FEW
@given(seed=st.integers(0, 9), mutations=st.lists(mutation, min_size=1, max_size=3))
def test_damaged_files(name, sound, seed, mutations):
    read_damaged(sound, name, seed, mutations)


@pytest.mark.slow
@every_reader
@MANY
@given(seed=st.integers(0, 9), mutations=st.lists(mutation, min_size=1, max_size=8))
def test_a_thousand_damaged_files(name, sound, seed, mutations):
    read_damaged(sound, name, seed, mutations)


@every_reader
def test_every_truncation(name, sound):
    target, path, contents = sound(name)
    for content in contents:
        for length in range(0, len(content), max(1, len(content) // 50)):
            examine(target, path, content[:length])


@pytest.mark.parametrize("found", sorted(FOUND.glob("*/*")), ids=lambda path: "/".join(path.parts[-2:]))
def test_inputs_that_once_broke_a_promise(found, tmp_path):
    target = TARGETS[found.parent.name]
    examine(target, tmp_path / f"input{target.suffix}", found.read_bytes())
