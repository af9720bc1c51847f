"""Texts of variable length in the attributes of HDF5 objects, wherever the format lets a file keep them."""

from __future__ import annotations

import random
import re
import resource
import struct
from contextlib import suppress

import h5py
import numpy as np
import pytest

from nanobragg.errors import FormatError
from nanobragg.io.hdf5 import open_hdf5, read_values
from nanobragg.io.hdf5_chunks import check_texts
from nanobragg.io.hdf5_headers import check_attribute_texts
from nanobragg.io.limits import LIMIT_VARIABLE

TEXT = "a text of this length"


def few(item):
    item.attrs["words"] = TEXT


def numbers_and_texts(item):
    item.attrs["numbers"] = np.arange(200)
    few(item)
    item.attrs["list"] = np.array(["one", "two"], h5py.string_dtype())


def many(item):
    """More than eight attributes go to a heap where the format is new, others to a second block of the header."""
    for i in range(30):
        item.attrs[f"a{i}"] = f"number {i}"
    few(item)


def a_thousand(item):
    for i in range(1000):
        item.attrs[f"a{i}"] = f"number {i}"
    few(item)


PLACES = {
    "root": lambda root: root,
    "group": lambda root: root.create_group("g"),
    "ordered": lambda root: root.create_group("o", track_order=True),
    "dataset": lambda root: root.create_dataset("d", data=[1, 2, 3]),
    "virtual": lambda root: root.create_virtual_dataset("v", _layout(root)),
}


def _layout(root):
    root["source"] = np.arange(3)
    layout = h5py.VirtualLayout((3,), int)
    layout[:] = h5py.VirtualSource(root["source"])
    return layout


@pytest.fixture(params=["earliest", "latest"])
def version(request):
    return request.param


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


@pytest.fixture(params=[few, numbers_and_texts, many, a_thousand])
def fill(request):
    return request.param


@pytest.fixture(params=[0, 512])
def userblock(request):
    return request.param


@pytest.fixture
def written(tmp_path, version, place, fill, userblock):
    """Return a file with attributes, and the name of the object that has them."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=version, userblock_size=userblock) as root:
        item = PLACES[place](root)
        fill(item)
        name = item.name
    return path, name


def test_texts_are_read(written):
    path, name = written
    with open_hdf5(path) as root:
        item = root if name == "/" else root[name]
        assert item.attrs["words"] == TEXT
        assert item.attrs.get("list", ["one", "two"])[1] == "two"


def test_a_text_that_claims_more_than_its_file_is_refused(written):
    """The file changes while it is open, so that checksums of the new format need no correction."""
    path, name = written
    with h5py.File(path) as root:
        item = root[name]
        check_attribute_texts(item)
        claim(path, 2**32 - 1)
        with pytest.raises(FormatError, match="claims a text of 4294967295 bytes in a file of"):
            check_attribute_texts(item)


@pytest.mark.parametrize("kept", ["compact", "contiguous", "chunked"])
def test_the_text_of_a_dataset_is_checked_wherever_it_is(tmp_path, version, userblock, kept):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=version, userblock_size=userblock) as root:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        if kept == "chunked":
            properties.set_chunk((1,))
        else:
            properties.set_layout(h5py.h5d.COMPACT if kept == "compact" else h5py.h5d.CONTIGUOUS)
        kind = h5py.h5t.py_create(h5py.string_dtype(), logical=True)
        h5py.h5d.create(root.id, b"t", kind, h5py.h5s.create_simple((1,)), properties)
        root["t"][0] = TEXT
    with open_hdf5(path) as root:
        assert read_values(root["t"]).tolist() == [TEXT.encode()]
    with h5py.File(path) as root:
        item = root["t"]
        claim(path, 2**32 - 1)
        with pytest.raises(FormatError, match="t: claims a text of 4294967295 bytes"):
            check_texts(item)


def test_a_claim_is_refused_before_memory_is_allocated(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as root:
        few(root)
    claim(path, 2**32 - 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_hdf5(path) as root, pytest.raises(FormatError, match="claims a text"):
        root.attrs["words"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**15  # KiB


def test_a_text_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as root:
        root.attrs["words"] = "x" * 100_000
    with open_hdf5(tmp_path / "a.h5") as root:
        monkeypatch.setenv(LIMIT_VARIABLE, "50000")
        with pytest.raises(FormatError, match="NANOBRAGG_MAX_BYTES"):
            root.attrs["words"]


@pytest.mark.parametrize("version", ["earliest", "latest"])
@pytest.mark.parametrize("fill", [few, numbers_and_texts, many])
def test_damaged_headers_end_in_an_error_or_are_read(tmp_path, version, fill):
    draw = random.Random(1)
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as root:
        fill(root)
    intact = (tmp_path / "a.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as root:
        for _ in range(100):
            content = bytearray(intact)
            for _ in range(20):
                content[draw.randrange(len(content))] = draw.randrange(256)
            (tmp_path / "a.h5").write_bytes(content)
            with suppress(FormatError, RuntimeError):  # RuntimeError: h5py's
                check_attribute_texts(root)


def claim(path, length):
    """Let the text claim another length than it has."""
    content = path.read_bytes()
    base = content.index(b"\x89HDF")
    lengths = [match.start() for match in re.finditer(struct.pack("<I", len(TEXT)), content)]
    (place,) = (at for at in lengths if content.startswith(b"GCOL", base + address_at(content, at + 4)))
    path.write_bytes(content[:place] + struct.pack("<I", length) + content[place + 4 :])


def address_at(content, place):
    return int.from_bytes(content[place : place + 8], "little")
