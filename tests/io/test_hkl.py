"""AT-IO-004: amplitude tables as text are read back exactly, and errors name the line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanobragg.errors import FileError, FormatError
from nanobragg.io.hkl import read_hkl, write_hkl

index = st.integers(-(2**31) + 1, 2**31 - 1)
reflection = st.tuples(index, index, index, st.floats(allow_nan=False, allow_infinity=False))


def test_tokens_signs_exponents_and_blank_lines(write):
    path = write(b"\n 0 0 0 100.0\r\n\t-1  +2\t3 2.5e1   \n\n\n4 5 6 .5")
    indices, amplitudes = read_hkl(path)
    assert indices.tolist() == [[0, 0, 0], [-1, 2, 3], [4, 5, 6]]
    assert amplitudes.tolist() == [100.0, 25.0, 0.5]
    assert indices.dtype == np.int32


def test_duplicates_keep_the_files_order(write):
    assert read_hkl(write(b"1 1 1 5\n0 0 0 1\n1 1 1 7\n"))[1].tolist() == [5.0, 1.0, 7.0]


@given(st.lists(reflection, min_size=1, max_size=20))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, reflections):
    path = tmp_path_factory.getbasetemp() / "roundtrip.hkl"
    table = np.array(reflections)
    write_hkl(path, table[:, :3], table[:, 3])
    indices, amplitudes = read_hkl(path)
    assert np.array_equal(indices, table[:, :3])
    assert np.array_equal(amplitudes, table[:, 3])


def test_written_numbers_are_the_shortest(tmp_path):
    write_hkl(tmp_path / "a.hkl", np.array([[1, -2, 3]], dtype=np.int32), np.array([253.31]))
    assert (tmp_path / "a.hkl").read_text() == "1 -2 3 253.31\n"


@pytest.mark.parametrize(
    "line",
    [b"1 2 3", b"1 2 3 4 5", b"1 2 3 4 # comment", b"h k l F", b"1 2 3 nan", b"1 2 3 inf", b"1 2 3 1e999",
     b"1.5 2 3 4", b"nan 2 3 4", b"3000000000 2 3 4", b"1 2 3 1_0", b"1,2,3,4", b"1 2 3 \xb5", b"1 2 3 0x10",
     b"# comment", b"1 2 3 4\x00", b"1 2 -3-4"],
)  # fmt: skip
def test_bad_line_is_named_by_file_number_and_text(write, line):
    with pytest.raises(FormatError) as caught:
        read_hkl(write(b"0 0 0 1\n\n1 0 0 1\n" + line + b"\n2 0 0 1\n"))
    message = str(caught.value)
    assert "x.txt, line 4: " in message
    assert repr(line.decode("latin-1")) in message
    assert "expected three integers" in message


def test_file_of_five_columns_throughout_is_refused_at_its_first_line(write):
    with pytest.raises(FormatError, match="line 1: '1 2 3 4 5'"):
        read_hkl(write(b"1 2 3 4 5\n" * 3))


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n"])
def test_empty_file_is_refused(write, content):
    with pytest.raises(FormatError, match=r"x\.txt lists no reflections; expected lines of h k l F"):
        read_hkl(write(content))


def test_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match=r"none\.hkl: .*check the path"):
        read_hkl(tmp_path / "none.hkl")


@pytest.mark.parametrize(
    ("indices", "amplitudes"),
    [([[1, 2, 3]], [np.nan]), ([[1.5, 2, 3]], [1.0]), ([[1, 2]], [1.0]), ([[1, 2, 3]], [1.0, 2.0]),
     (np.zeros((0, 3)), []), ([[2**31, 0, 0]], [1.0])],
)  # fmt: skip
def test_unreadable_tables_are_not_written(tmp_path, indices, amplitudes):
    with pytest.raises(FormatError, match="are not a valid h k l F list"):
        write_hkl(tmp_path / "a.hkl", indices, amplitudes)
    assert list(tmp_path.iterdir()) == []
