"""Small PDB, CIF and MTZ files to start fuzzing from."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np

PDB = """\
CRYST1   20.000   21.000   22.000  90.00  90.00  90.00 P 21 21 21    4
MTRIX1   1  1.000000  0.000000  0.000000        0.00000    1
MTRIX2   1  0.000000  1.000000  0.000000        0.00000    1
MTRIX3   1  0.000000  0.000000  1.000000        0.00000    1
MTRIX1   2 -1.000000  0.000000  0.000000        5.00000
MTRIX2   2  0.000000 -1.000000  0.000000        5.00000
MTRIX3   2  0.000000  0.000000  1.000000        5.00000
ATOM      1  CA  ALA A   1       1.000   2.000   3.000  1.00 10.00           C
ANISOU    1  CA  ALA A   1     1000   1200   1400     10     20    -30       C
HETATM    2 FE   HEM A   2       4.000   5.000   6.000  0.50 20.00          FE2+
END
"""

COORDINATES = """\
data_x
_cell.length_a 20
_cell.length_b 21
_cell.length_c 22
_cell.angle_alpha 90
_cell.angle_beta 100
_cell.angle_gamma 90
_symmetry.space_group_name_H-M 'P 1 21 1'
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.label_alt_id
_atom_site.auth_seq_id
_atom_site.auth_asym_id
_atom_site.pdbx_PDB_model_num
ATOM 1 C CA ALA A 1 1.0 2.0 3.0 1.0 10 . 1 A 1
ATOM 2 O O ALA A 1 2.0 3.0 4.0 0.5 20 . 1 A 1
"""

HEAD = """\
data_r
_cell{dot}length_a 30
_cell{dot}length_b 40
_cell{dot}length_c 50
_cell{dot}angle_alpha 90
_cell{dot}angle_beta 90
_cell{dot}angle_gamma 90
_symmetry{dot}space_group_name_H-M 'P 21 21 21'
"""

MERGED = (
    HEAD.format(dot=".")
    + """\
loop_
_refln.index_h
_refln.index_k
_refln.index_l
_refln.status
_refln.pdbx_F_plus
_refln.pdbx_F_minus
_refln.F_meas_au
1 2 3 o 10 12 11
4 4 4 o ? 3 3
"""
)

SQUARES = (
    HEAD.format(dot="_")
    + """\
loop_
_refln_index_h
_refln_index_k
_refln_index_l
_refln_F_squared_meas
1 2 3 4.0(2)
1 2 4 ?
"""
)

SHELX_ROWS = (
    "   1   2   3    4.00    0.10   1",
    "   1  -2  -4    9.00    0.10   1",
    "   0   0   0    0.00    0.00   0",
)
SHELX = HEAD.format(dot="_") + "\n".join(["_shelx_hkl_file", ";", *SHELX_ROWS, ";", ""])


def write_mtz(path: Path) -> None:
    """Write an MTZ file of amplitudes, intensities of Bijvoet mates, and phases."""
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 21 21 21")
    mtz.add_dataset("made")
    mtz.set_cell_for_all(gemmi.UnitCell(30, 40, 50, 90, 90, 90))
    for label, kind in (("FP", "F"), ("I(+)", "K"), ("I(-)", "K"), ("PHI", "P")):
        mtz.add_column(label, kind)
    mtz.set_data(np.array([[1, 2, 3, 10, 99, 101, 45], [0, 0, 4, 7, 49, np.nan, 90]], dtype=np.float32))
    mtz.write_to_file(str(path))
