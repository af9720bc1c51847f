"""Limits on TOML text, checked before it is parsed: parsers need quadratic time and memory for long dotted keys."""

import re

from ..errors import FormatError
from .atomic import StrPath

LARGEST_TEXT = 2**18  # characters, some 800 panels; arrays are in an .npz
DEEPEST = 16  # levels of arrays and tables, and parts of a dotted key

# an unterminated string ends with its line or the text, lest the search starts again at each of its quotation marks
STRING = r'"""(?:[^\\]|\\.)*?(?:"""|\Z)|\'\'\'.*?(?:\'\'\'|\Z)|"(?:[^"\\\n]|\\.)*"?|\'[^\'\n]*\'?'
STRINGS_AND_COMMENTS = re.compile(rf"({STRING})|#[^\n]*", re.DOTALL)
LONG_KEY = re.compile(rf"(?<![\w-])[\w-]+(?:[ \t]*\.[ \t]*[\w-]+){{{DEEPEST}}}")
BRACKETS = re.compile(r"[\[\]{}]")


def check_toml(path: StrPath, text: str) -> None:
    """Raise `FormatError` if a TOML text is larger than `LARGEST_TEXT` or nested deeper than `DEEPEST`."""
    if len(text) > LARGEST_TEXT:
        raise FormatError(
            f"{path}: {len(text)} characters are more than the {LARGEST_TEXT} of a TOML file; put arrays into an .npz"
        )
    bare = STRINGS_AND_COMMENTS.sub(lambda found: "text" if found[1] else "", text)
    depth = deepest = 0
    for bracket in BRACKETS.findall(bare):
        depth = max(depth + (1 if bracket in "[{" else -1), 0)
        deepest = max(deepest, depth)
    if deepest > DEEPEST or LONG_KEY.search(bare):
        raise FormatError(f"{path}: tables or arrays are nested too deeply; use at most {DEEPEST} levels")
