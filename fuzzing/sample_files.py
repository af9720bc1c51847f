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

BARE_PDB = """\
REMARK 290       1555   X,Y,Z
REMARK 290       2555   -X,Y+1/2,-Z
CRYST1   20.000   21.000   22.000  90.00  95.00  90.00 Q 7
ATOM      1 N    GLY A   1       1.000   2.000   3.000
ATOM      2 CA   GLY A   1       2.200   2.700   3.300  1.00 10.00
HETATM    3 CA    CA A   2       0.000   5.000   0.000  1.00 10.00
HETATM    4 UNK  UNX A   3       4.000   5.000   6.000  1.00 20.00           X
"""

BARE_MMCIF = """\
data_x
_cell.length_a 20
_cell.length_b 21
_cell.length_c 22
_cell.angle_alpha 90
_cell.angle_beta 100
_cell.angle_gamma 90
loop_
_symmetry_equiv.pos_as_xyz
x,y,z
-x,y+1/2,-z
loop_
_atom_site.id
_atom_site.label_atom_id
_atom_site.label_comp_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.U_iso_or_equiv
1 CA ALA 1.0 2.0 3.0 0.1
2 O ALA 2.0 3.0 4.0 ?
loop_
_atom_site_anisotrop.id
_atom_site_anisotrop.B[1][1]
_atom_site_anisotrop.B[2][2]
_atom_site_anisotrop.B[3][3]
_atom_site_anisotrop.B[1][2]
_atom_site_anisotrop.B[1][3]
_atom_site_anisotrop.B[2][3]
2 10 11 12 1 2 3
"""

MINERAL = """\
data_g
_cell_length_a 5.1
_cell_length_b 5.1
_cell_length_c 5.9
_cell_angle_gamma 120
_space_group_name_H-M_alt 'P 32 2 1'
_chemical_formula_sum 'Si O2 Fe'
loop_
_space_group_symop_operation_xyz
x,y,z
y,x,2/3-z
-y,x-y,0.6667+z
-x,-x+y,1/3-z
-x+y,-x,1/3+z
x-y,-y,-z
data_s
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
_atom_site_occupancy
_atom_site_calc_flag
_atom_site_site_symmetry_multiplicity
Si1 0.45 0 0 0.8 1 d 3
OW 0.40 0.25 0.13 ? ? d 6
FE1 0.1 0.2 0.3 1 0.1 d 6
Cg 0.5 0.5 0.5 1 1 dum ?
loop_
_atom_site_aniso_label
_atom_site_aniso_beta_11
_atom_site_aniso_beta_22
_atom_site_aniso_beta_33
_atom_site_aniso_beta_12
_atom_site_aniso_beta_13
_atom_site_aniso_beta_23
OW 0.02 0.03 0.01 0.01 0.002 0.004
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
