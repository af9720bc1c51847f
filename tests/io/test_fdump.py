"""AT-IO-003: Fdump.bin has nanoBragg.c's layout, is read back exactly, and a false size allocates nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nanobragg.errors import FileError, FormatError
from nanobragg.io.fdump import read_fdump, write_fdump

finite = st.floats(allow_nan=False, allow_infinity=False)
bound = st.integers(-1000, 1000)


def test_layout_is_header_form_feed_and_doubles_with_a_zero_plane_per_axis(tmp_path):
    write_fdump(tmp_path / "Fdump.bin", -1, 0, 5, np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    planes = [[[1, 2, 0], [0, 0, 0]], [[3, 4, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]
    expected = b"-1 0 0 0 5 6\n\f" + np.array(planes, dtype=float).tobytes()
    assert (tmp_path / "Fdump.bin").read_bytes() == expected


@given(bound, bound, bound, arrays(np.float64, st.tuples(*[st.integers(1, 4)] * 3), elements=finite))
def test_what_is_written_is_read_back_exactly(tmp_path_factory, h_min, k_min, l_min, table):
    path = tmp_path_factory.getbasetemp() / "roundtrip.bin"
    write_fdump(path, h_min, k_min, l_min, table)
    *mins, again = read_fdump(path)
    assert mins == [h_min, k_min, l_min]
    assert again.tobytes() == table.tobytes()
    assert again.shape == table.shape


def test_first_amplitude_whose_bytes_look_like_blanks_is_not_skipped(tmp_path):
    table = np.frombuffer(b" \n\t\r\f  @").reshape(1, 1, 1)
    write_fdump(tmp_path / "a", 0, 0, 0, table)
    assert read_fdump(tmp_path / "a")[3] == table


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "six index limits"),
        (b"0 0 0 0 0 0\n" + bytes(64), "six index limits"),
        (b"0 0 0 0 0\n\f" + bytes(64), "six index limits"),
        (b"0 x 0 0 0 0\n\f" + bytes(64), "six index limits"),
        (b"0 99999999999 0 0 0 0\n\f" + bytes(64), "six index limits"),
        (b"0 -1 0 0 0 0\n\f" + bytes(32), "are not min max"),
        (b"5 -5 0 0 0 0\n\f" + bytes(64), "are not min max"),
        (b"0 4000000000 0 0 0 0\n\f" + bytes(64), "are not min max"),
        (b"0 0 0 0 0 0\n\f" + bytes(63), "2 x 2 x 2 needs 64 bytes of data, the file holds 63"),
        (b"0 0 0 0 0 0\n\f" + bytes(65), "2 x 2 x 2 needs 64 bytes of data, the file holds 65"),
        (b"-2147483647 2147483647 " * 3 + b"\n\f" + bytes(64), "six index limits"),
        (b"-2147483647 2147483647 " * 2 + b"0 0\n\f" + bytes(64), "the file holds 64"),
        (b"0 0 0 0 0 0\n\f" + np.array([np.nan] + [0] * 7).tobytes(), "amplitude of 0 0 0 is not finite"),
    ],
)
def test_false_headers_are_refused_with_the_cure(write, content, complaint):
    with pytest.raises(FormatError, match=rf"x\.txt: .*{complaint}") as caught:
        read_fdump(write(content))
    assert "\n" not in str(caught.value)


def test_non_finite_amplitude_is_named_by_its_indices(tmp_path, write):
    table = np.zeros((2, 3, 4))
    table[1, 2, 3] = 1.5
    write_fdump(tmp_path / "a", -7, 0, 10, table)
    broken = (tmp_path / "a").read_bytes().replace(np.float64(1.5).tobytes(), np.float64(np.inf).tobytes())
    with pytest.raises(FormatError, match="amplitude of -6 2 13 is not finite"):
        read_fdump(write(broken))


@pytest.mark.parametrize(
    ("h_min", "table"),
    [(0, np.zeros((2, 2))), (0, np.zeros((0, 1, 1))), (0, np.full((1, 1, 1), np.nan)),
     (2**31 - 1, np.zeros((2, 1, 1))), (-(2**31), np.zeros((1, 1, 1)))],
)  # fmt: skip
def test_unreadable_tables_are_not_written(tmp_path, h_min, table):
    with pytest.raises(FormatError, match="cannot be dumped"):
        write_fdump(tmp_path / "a", h_min, 0, 0, table)
    assert list(tmp_path.iterdir()) == []


def test_missing_file_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="check the path"):
        read_fdump(tmp_path / "none")
