"""The border between Python and the kernel: structs with names and types, checked when they cross."""

from __future__ import annotations

import numpy as np
import pytest

from nanobragg._core import C_RULES, PANEL, PARAMETERS, SOURCE, CoreScene
from nanobragg.scene import kernel_input

CELLS = np.eye(3)[np.newaxis]


def test_a_field_without_a_value_is_named():
    with pytest.raises(TypeError, match="without a value: every_polar, interpolation_ends"):
        kernel_input.filled(C_RULES, 1, every_omega=1, every_capture=0)


def test_a_field_that_the_kernel_does_not_have_is_named():
    with pytest.raises(ValueError, match="every_color"):
        kernel_input.filled(
            C_RULES, 1, every_omega=1, every_polar=0, every_capture=0, interpolation_ends=0, every_color=1
        )


@pytest.mark.parametrize(
    ("panels", "sources", "parameters"),
    [
        (SOURCE, SOURCE, PARAMETERS),
        (PANEL, PANEL, PARAMETERS),
        (PANEL, SOURCE, C_RULES),
        (float, SOURCE, PARAMETERS),
    ],
)
def test_a_struct_of_another_type_does_not_cross(panels, sources, parameters):
    with pytest.raises(ValueError, match=r"Buffer dtype mismatch|dimension"):
        CoreScene(
            np.zeros(1, panels), np.zeros(1, sources), np.zeros(1, parameters), CELLS, None, None, None, None, "double"
        )


def test_tables_must_have_the_precisions_type():
    structs = np.zeros(1, PANEL), np.zeros(1, SOURCE), np.zeros(1, PARAMETERS)
    table = np.zeros((1, 3, 3, 3), np.float32)
    assert CoreScene(*structs, CELLS, None, None, table, None, "single").precision == "single"
    with pytest.raises(ValueError, match="expected 'const double'"):
        CoreScene(*structs, CELLS, None, None, table, None, "double")
