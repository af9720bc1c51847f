"""Chemical elements from type symbols, site labels and atom names."""

import re
from typing import NamedTuple

UNKNOWN = "X"  # gemmi's symbol of an atom without a known element
WATER = {"WAT", "WATER", "OW", "HOH", "OH", "OH2", "H2O", "AQ", "W"}  # of labels; oxygen scatters
VACANCIES = {"VAC", "VACANCY", "BOX", "SQ"}
UNCERTAIN = {"UNK", "UNX", "UNL", "X", "DUM"}
ORGANIC = frozenset({"C", "H", "N", "O", "S", "P", "D", "F", "I", "B", "K"})
USUAL_PAIRS = frozenset(
    {"CL", "BR", "NA", "NI", "CU", "CR", "SI", "SE", "BE", "PD", "PT", "FE", "IR", "PB", "SB", "SN"}
)


class Found(NamedTuple):
    """An element, X if unknown or "" for a vacancy; its charge; whether it was guessed from a doubtful label."""

    element: str
    charge: int = 0
    doubtful: bool = False


def is_element(symbol: str) -> bool:
    """Return whether a symbol, in any capitals, is that of an element with scattering factors."""
    import gemmi

    element = gemmi.Element(symbol)
    known = element.name.upper() == symbol.upper() and element.atomic_number > 0
    return bool(known and element.it92 is not None)


def from_type_symbol(symbol: str) -> Found:
    """Return the element and charge of a type symbol such as "Fe3+", "O2-", "O-2", "FE" or "Cval"."""
    letters, rest = _split(symbol)
    if len(letters) <= 2 and is_element(letters):
        return Found(letters.capitalize(), _charge(rest))
    special = _special(letters)
    if special is not None:
        return special
    if len(letters) > 2 and is_element(letters[:2]) and letters[1].islower():
        return Found(letters[:2].capitalize(), _charge(rest), doubtful=True)
    if letters and is_element(letters[:1]):
        return Found(letters[:1].upper(), _charge(rest), doubtful=True)
    return Found(UNKNOWN, 0, doubtful=True)


def from_label(label: str, formula: frozenset[str] = frozenset()) -> Found:
    """Return the element of a site label such as "Ca1", "CL1", "OW2" or "HN".

    A second letter in lower case belongs to the element if the two make one. One in upper case does so if the formula
    (upper-case symbols) contains the pair, or, without a formula, if the first letter is no element or the pair is
    usual; such a label is doubtful.
    """
    letters, _ = _split(label)
    special = _special(letters)
    if special is not None and not (formula and letters[:2].upper() in formula and len(letters) == 2):
        return special
    pair, single = letters[:2], letters[:1]
    has_pair, has_single = len(pair) == 2 and is_element(pair), bool(single) and is_element(single)
    if not {pair.upper(), single.upper()} & formula:
        formula = frozenset()  # it does not list every element
    if has_pair and pair[1].islower() and (not formula or pair.upper() in formula):
        return Found(pair.capitalize(), doubtful=len(letters) > 2 and has_single)
    if formula:
        has_pair, has_single = has_pair and pair.upper() in formula, has_single and single.upper() in formula
        takes_pair = has_pair and (not has_single or pair.upper() not in ("CA", "CD", "CE", "CO", "HO", "NB", "ND"))
    else:
        takes_pair = has_pair and (not has_single or pair.upper() in USUAL_PAIRS or single.upper() not in ORGANIC)
    if takes_pair:
        return Found(pair.capitalize(), doubtful=has_single)
    if has_single:
        return Found(single.upper(), doubtful=len(letters) > 1 and not formula)
    return Found(UNKNOWN, 0, doubtful=True)


def from_atom_name(name: str, residue: str, *, left_aligned: bool) -> Found:
    """Return the element of an atom name of four columns in a macromolecule without element columns.

    In amino acids and nucleotides it is the first letter. Elsewhere an atom named as its residue is an ion, and a name
    that starts in the first column has a two-letter element, unless the file aligns all names to the left.
    """
    import gemmi

    plain = re.sub(r"[^A-Za-z]", "", name).upper()
    info = gemmi.find_tabulated_residue(residue.strip())
    if info.is_amino_acid() or info.is_nucleic_acid():
        if residue.strip() in ("MSE", "SEC") and plain.startswith("SE"):
            return Found("Se")
        return Found(plain[:1] if plain and is_element(plain[:1]) else UNKNOWN)
    if info.is_water() and plain[:1] in ("O", "H", "D"):
        return Found(plain[:1])
    ion = re.sub(r"[^A-Za-z]", "", residue).upper()
    if len(plain) == 2 and plain == ion[:2] and is_element(plain):
        return Found(plain.capitalize())
    starts = name[:1].isalpha()
    if starts and is_element(plain[:2]) and len(plain) >= 2:
        if not left_aligned and len(name.strip()) < 4:
            return Found(plain[:2].capitalize())
        takes_pair = not is_element(plain[:1]) or plain[:2] in USUAL_PAIRS
        return Found(plain[:2].capitalize() if takes_pair else plain[:1], doubtful=True)
    if plain and is_element(plain[:1]) and plain not in UNCERTAIN:
        return Found(plain[:1])
    return Found(UNKNOWN, 0, doubtful=True)


def _split(label: str) -> tuple[str, str]:
    """Return the letters that a label starts with, and the rest."""
    found = re.match(r"[A-Za-z]*", label.strip())
    letters = found.group() if found else ""
    return letters, label.strip()[len(letters) :]


def _charge(text: str) -> int:
    """Return the charge written as 2+, +2, + or -; 0 if there is none."""
    found = re.fullmatch(r"(\d?)([+-])(\d?)", text)
    if found is None or (found.group(1) and found.group(3)):
        return 0
    size = int(found.group(1) or found.group(3) or 1)
    return size if found.group(2) == "+" else -size


def _special(letters: str) -> Found | None:
    """Return what a label means that is no element: water, a vacancy, an unknown atom."""
    upper = letters.upper()
    if upper in VACANCIES:
        return Found("")
    if upper in WATER and upper != "W" and not (len(letters) == 2 and is_element(letters)):
        return Found("O", 0, doubtful=True)
    if upper in UNCERTAIN and not is_element(letters):
        return Found(UNKNOWN, 0, doubtful=True)
    return None
