"""Small text files: orientation matrices, source lists, curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanobragg.errors import FileError, FormatError
from nanobragg.io.mosflm_matrix import read_matrix
from nanobragg.io.text_columns import read_sources, read_two_columns

MATRIX = b" 0.00802 -0.01203  0.00901\n 0.01495  0.01404  0.00502\n-0.01799  0.00698  0.01298\n"


def test_matrix_rows_are_x_y_z_and_columns_the_reciprocal_axes(write):
    matrix = read_matrix(write(MATRIX))
    assert matrix[:, 0].tolist() == [0.00802, 0.01495, -0.01799]
    assert matrix[0].tolist() == [0.00802, -0.01203, 0.00901]


def test_matrix_file_of_mosflm_with_more_after_the_nine_numbers(write):
    more = b"       0.000       0.000       0.000\n   78.6570 78.6570 36.9780 90 90 90\nSYMM P43212\n"
    assert np.array_equal(read_matrix(write(MATRIX + more)), read_matrix(write(MATRIX)))


def test_matrix_columns_without_a_blank_between_them(write):
    glued = b" -0.00802000-10.01203000 -0.00901000\n1 2 3 4 5 6"
    assert read_matrix(write(glued))[0].tolist() == [-0.00802, -10.01203, -0.00901]


def test_matrix_on_one_line_with_exponents(write):
    assert read_matrix(write(b"1e-2 2E-2 .03 4. 5 6 +7 -8 9")).tolist() == [
        [0.01, 0.02, 0.03],
        [4, 5, 6],
        [7, -8, 9],
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "line 1: found the end of the file in place of number 1 of 9"),
        (b"1 2 3\n4 5 6\n7 8\n", "line 4: found the end of the file in place of number 9 of 9"),
        (b"1 2 3\n\n4 x5 6\n7 8 9\n", "line 3: found 'x5' in place of number 5 of 9"),
        (b"1 2 3\n4 nan 6\n7 8 9\n", "line 2: found 'nan' in place of number 5 of 9"),
        (b"1 2 3\n4 1e999 6\n7 8 9\n", "line 2: found '1e999' in place of number 5 of 9"),
        (b"1,2,3\n", "line 1: found ',2,3' in place of number 2 of 9"),
    ],
)
def test_incomplete_matrix_names_the_line(write, content, complaint):
    with pytest.raises(FormatError, match=rf"x\.txt, {complaint}"):
        read_matrix(write(content))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=9, max_size=9))
def test_matrix_reads_back_exactly(tmp_path_factory, numbers):
    path = tmp_path_factory.getbasetemp() / "A.mat"
    path.write_text(" ".join(map(repr, numbers)))
    assert read_matrix(path).ravel().tolist() == numbers


def test_sources_with_every_field(write):
    sources = read_sources(write(b"-10 0 0 1.0 1.0e-10\n-10 0.002 0.001 2.0 1.002e-10\n"))
    assert sources.tolist() == [[-10, 0, 0, 1, 1e-10], [-10, 0.002, 0.001, 2, 1.002e-10]]


def test_missing_fields_are_nan(write):
    sources = read_sources(write(b"-10 0 0\n-10 0 1 nan 2e-10\n-10\n"))
    assert np.isnan(sources[0]).tolist() == [False, False, False, True, True]
    assert np.isnan(sources[1]).tolist() == [False, False, False, True, False]
    assert np.isnan(sources[2]).tolist() == [False, True, True, True, True]


def test_every_delimiter_of_the_c_program(write):
    sources = read_sources(write(b"  -10,0;0:1!2e-10\r\n\r\n,;:!\n\t-10\t,\t0  0\t1 : 2e-10"))
    assert sources.tolist() == [[-10, 0, 0, 1, 2e-10]] * 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"-10 0 0\n\n-10 a 0\n", ", line 3: y 'a' is not a finite number"),
        (b"# sources\n", ", line 1: x '#' is not a finite number"),
        (b"-10 0 0 inf\n", ", line 1: weight 'inf' is not a finite number"),
        (b"-10 0 0 1 1e999\n", ", line 1: wavelength_m '1e999' is not a finite number"),
        (b"-10 0 0 1 1_0\n", ", line 1: wavelength_m '1_0' is not a finite number"),
        (b"-10 0 0-1\n", ", line 1: z '0-1' is not a finite number"),
        (b"-10 0 0 1 1e-10 7\n", ", line 1: 6 fields; expected at most 5"),
        (b" \n\n", ": holds no numbers; expected lines of x y z weight wavelength_m"),
        (b"", ": holds no numbers"),
    ],
)
def test_bad_source_names_line_and_field(write, content, complaint):
    with pytest.raises(FormatError, match=rf"x\.txt{complaint}"):
        read_sources(write(content))


def test_two_columns(write):
    curve = read_two_columns(write(b"0 1.5\n0.1, 1.2\n0.2\n"))
    assert np.array_equal(curve, [[0, 1.5], [0.1, 1.2], [0.2, np.nan]], equal_nan=True)
    with pytest.raises(FormatError, match="3 fields; expected at most 2"):
        read_two_columns(write(b"0 1 2\n"))


@pytest.mark.parametrize("reader", [read_matrix, read_sources])
def test_missing_file_is_a_file_error(tmp_path, reader):
    with pytest.raises(FileError, match="check the path"):
        reader(tmp_path / "none")
