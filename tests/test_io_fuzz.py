"""Whatever bytes a file holds, a reader returns what it promises or raises one of our errors, in one line."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nanobragg.errors import FormatError
from nanobragg.io.cbf import read_cbf, write_cbf
from nanobragg.io.fdump import read_fdump, write_fdump
from nanobragg.io.floatimage import read_float_image, write_float_image
from nanobragg.io.hkl import read_hkl, write_hkl
from nanobragg.io.matrix import read_matrix
from nanobragg.io.npy import read_npy, write_npy
from nanobragg.io.pgm import read_pgm, write_pgm
from nanobragg.io.png import read_png, write_png
from nanobragg.io.smv import read_smv, write_smv
from nanobragg.io.sources import read_sources
from nanobragg.io.tiff import read_tiff, write_tiff

IMAGE = np.arange(12).reshape(3, 4)
MATRIX = b"1 0 0\n0 1 0\n0 0 1\n"
SOURCES = b"-10 0 0 1 1e-10\n-10 0 1\n"

READERS = {
    "smv": (lambda path: read_smv(path)[0], lambda path: write_smv(path, IMAGE.astype(np.uint16), {"A": 1})),
    "pgm": (lambda path: read_pgm(path)[0], lambda path: write_pgm(path, IMAGE.astype(np.uint8))),
    "png": (read_png, lambda path: write_png(path, IMAGE.astype(np.uint16))),
    "cbf": (lambda path: read_cbf(path)[0], lambda path: write_cbf(path, IMAGE.astype(np.int32), {"A": "1"})),
    "tiff": (lambda path: read_tiff(path)[0], lambda path: write_tiff(path, IMAGE.astype(np.uint16))),
    "npy": (read_npy, lambda path: write_npy(path, IMAGE.astype(float))),
    "bin": (lambda path: read_float_image(path, (3, 4)), lambda path: write_float_image(path, IMAGE)),
    "hkl": (lambda path: read_hkl(path)[0], lambda path: write_hkl(path, IMAGE.reshape(4, 3), IMAGE[0])),
    "fdump": (lambda path: read_fdump(path)[3], lambda path: write_fdump(path, -1, 0, 1, IMAGE[None])),
    "matrix": (read_matrix, lambda path: path.write_bytes(MATRIX)),
    "sources": (read_sources, lambda path: path.write_bytes(SOURCES)),
}  # fmt: skip

mutation = st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.binary(max_size=4))


def mutate(content, mutations):
    """Overwrite, delete and insert bytes: at each place, `cut` bytes give way to new ones."""
    for place, cut, new in mutations:
        at = place % (len(content) + 1)
        content = content[:at] + new + content[at + cut :]
    return content


def check(reader, path, content):
    path.write_bytes(content)
    try:
        values = reader(path)
    except FormatError as error:
        message = str(error)
        assert str(path) in message
        assert "\n" not in message
    else:
        assert values.ndim == 2 + (reader is READERS["fdump"][0])
        assert values.size > 0


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(content=st.binary(max_size=200))
@example(content=b"")
@example(content=b"{")
@example(content=b"\x93NUMPY\x01\x00\x05\x00((((\n")
@example(content=b"\x89PNG\r\n\x1a\n")
def test_random_bytes(name, content, tmp_path_factory):
    check(READERS[name][0], tmp_path_factory.getbasetemp() / f"random.{name}", content)


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(mutations=st.lists(mutation, min_size=1, max_size=3))
def test_mutated_files(name, mutations, tmp_path_factory):
    reader, writer = READERS[name]
    path = tmp_path_factory.getbasetemp() / f"mutated.{name}"
    writer(path)
    check(reader, path, mutate(path.read_bytes(), mutations))


@pytest.mark.parametrize("name", READERS)
def test_every_truncation(name, tmp_path):
    reader, writer = READERS[name]
    writer(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for length in range(0, len(content), max(1, len(content) // 200)):
        check(reader, tmp_path / "cut", content[:length])
