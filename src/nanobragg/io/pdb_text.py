"""PDB files: columns that are missing, older than the format, or shifted are repaired before gemmi reads them."""

import re
from typing import Any

import numpy as np

from ..errors import FormatError
from .atomic import StrPath
from .doubts import Doubts
from .elements import from_atom_name
from .file_symmetry import FileSymmetry, listed_operators
from .named_files import quote

ATOM_RECORDS = ("ATOM  ", "HETATM")
COORDINATES, OCCUPANCY, B, ELEMENT = slice(30, 54), slice(54, 60), slice(60, 66), slice(76, 78)
ENTRY_CODE = re.compile(r"[0-9A-Z]{4}[ 0-9]{3}[0-9]")  # columns 73 to 80 before 1996: code and number of the line
OPERATOR = re.compile(r"REMARK 290 +\d+ +([-+XYZ0-9/ ]+,[-+XYZ0-9/ ]+,[-+XYZ0-9/ ]+)$")
NUMBER = re.compile(r" *[-+]?(\d+\.?\d*|\.\d+|nan|inf)([eE][-+]?\d+)? *")
LONGEST = 80


def pdb_structure(path: StrPath, content: str, doubts: Doubts) -> tuple[Any, FileSymmetry]:
    """Return the gemmi Structure and the symmetry of a PDB file.

    The symmetry is that of CRYST1; the operators of REMARK 290 are used if its symbol is missing or unknown.
    """
    import gemmi

    lines = _without_entry_codes([line[:LONGEST] for line in content.splitlines()])
    repaired = _Repaired(path, lines)
    doubts.add(repaired.without_occupancy, "atoms have no occupancy; 1 is used")
    doubts.add(repaired.without_b, "atoms have no displacement parameter; B = 0 is used")
    doubts.guessed(repaired.guessed)
    structure = gemmi.read_pdb_string("\n".join(repaired.lines))
    triplets = [found.group(1) for line in lines if (found := OPERATOR.match(line))]
    known = gemmi.find_spacegroup_by_name(structure.spacegroup_hm) is not None
    operators = None if known else listed_operators(path, triplets)
    return structure, FileSymmetry(structure.spacegroup_hm, operators)


def _without_entry_codes(lines: list[str]) -> list[str]:
    """Return lines without the entry code and line number that columns 73 to 80 held before 1996."""
    atoms = [line for line in lines if line.startswith(ATOM_RECORDS)]
    coded = [line for line in atoms if ENTRY_CODE.fullmatch(line[72:80])]
    if not atoms or len(coded) < len(atoms) or len({line[72:76] for line in coded}) > 1:
        return lines
    return [line[:72] for line in lines]


class _Repaired:
    """Lines with complete ATOM records; counts and names of what was missing."""

    def __init__(self, path: StrPath, lines: list[str]) -> None:
        self.without_occupancy = self.without_b = 0
        self.guessed: list[tuple[str, str]] = []
        self._left_aligned = _is_left_aligned(lines)
        anisotropic = {line[6:27] for line in lines if line.startswith("ANISOU")}
        self.lines = [
            self._repair(path, number, line, line[6:27] in anisotropic) if line.startswith(ATOM_RECORDS) else line
            for number, line in enumerate(lines, start=1)
        ]

    def _repair(self, path: StrPath, number: int, line: str, has_tensor: bool) -> str:
        for columns in (*(slice(at, at + 8) for at in (30, 38, 46)), OCCUPANCY, B):
            text = line[columns]
            if (text.strip() or columns.start < OCCUPANCY.start) and not NUMBER.fullmatch(text):
                where = f"columns {columns.start + 1} to {columns.stop}"
                raise FormatError(f"{path}, line {number}: {quote(path, text)} in {where} is not a number; correct it")
        if not line[OCCUPANCY].strip():
            self.without_occupancy += 1
            line = f"{line[:54]:<54}  1.00{line[60:]}"
        if not line[B].strip():
            self.without_b += not has_tensor
            line = f"{line[:60]:<60}  0.00{line[66:]}"
        if not line[ELEMENT].strip():
            found = from_atom_name(line[12:16], line[17:20], left_aligned=self._left_aligned)
            if found.doubtful:
                self.guessed.append((f"{line[12:16].strip()} {line[17:20].strip()}", found.element))
            line = f"{line[:76]:<76}{found.element.upper():>2}{line[78:]}"
        return line


def _is_left_aligned(lines: list[str]) -> bool:
    """Return whether names of one-letter elements start in the first of their four columns."""
    backbone = [
        line[12:16] for line in lines if line.startswith("ATOM  ") and line[12:16].strip() in ("N", "C", "O", "P")
    ]
    return bool(backbone) and bool(np.mean([name[0] != " " for name in backbone]) > 0.5)
