"""What a text file that is not a list of `h k l F` is, by its first lines, with the way to read it."""

import re

NUMBER = r"-?\d+\.?\d*"
SHELX_COLUMNS = (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 20), slice(20, 28))


def is_shelx_line(line: str) -> bool:
    """Return whether a line has the fixed columns h k l (3I4), F² and σ (2F8) of SHELX, with decimal points."""
    h, k, l, square, sigma = (line[columns].strip() for columns in SHELX_COLUMNS)
    integers = all(re.fullmatch(r"-?\d{1,3}", index) for index in (h, k, l))
    numbers = all(re.fullmatch(r"-?\d*\.\d*|-?\d+", value) and value != "." for value in (square, sigma))
    batch = line[28:].split()
    return integers and numbers and "." in square + sigma and all(re.fullmatch(NUMBER, word) for word in batch)


def describe_other_list(text: str) -> str | None:
    """Return what a text file is and how to read it; None if it is not recognised."""
    lines = [line for line in text.splitlines() if line.strip()]
    first = lines[0].strip() if lines else ""
    return next((told for known, told in KINDS if known(first, lines)), None)


def _is_scalepack(first: str, lines: list[str]) -> bool:
    is_merged = first == "1" and len(lines) > 2 and re.fullmatch(r"\s*-\d+\s*", lines[1]) is not None
    return is_merged or re.fullmatch(r"\d+\s+[A-Za-z]\S*", first) is not None


def _is_crystfel(first: str, lines: list[str]) -> bool:
    return first.startswith("CrystFEL reflection list") or re.match(r"h +k +l +I +phase +sigma", first) is not None


def _is_mcstas(first: str, lines: list[str]) -> bool:
    header = "\n".join(line for line in lines[:200] if line.startswith("#")).lower()
    return "mcstas" in header or "mcxtrace" in header or re.search(r"# *column_(j|f2|h)\b", header) is not None


def _is_shelx_model(first: str, lines: list[str]) -> bool:
    return first[:4].upper() in ("TITL", "CELL")


KINDS = (
    (lambda first, lines: first.startswith("!FORMAT=XDS_ASCII"),
     "is an XDS_ASCII file; convert it to MTZ (XDSCONV, or POINTLESS and AIMLESS) and use StructureFactors.from_mtz"),
    (_is_scalepack, "is a scalepack file; convert it to MTZ (SCALEPACK2MTZ) and use StructureFactors.from_mtz"),
    (_is_crystfel, "is a CrystFEL reflection list; convert it to MTZ (get_hkl) and use StructureFactors.from_mtz"),
    (_is_mcstas, "is a McStas or McXtrace list, with columns as its # lines say; write its h k l and F as text"),
    (lambda first, lines: first.startswith("data_"),
     "is a CIF; use StructureFactors.from_cif for reflections or from_coordinates for atoms"),
    (_is_shelx_model, "is a SHELX .res or .ins file, which is not read; convert it to CIF"),
    (lambda first, lines: bool(lines) and is_shelx_line(lines[0]),
     "looks like a SHELX HKLF 4 list (F² and σ, unmerged); use StructureFactors.from_shelx, which needs space_group"),
)  # fmt: skip
