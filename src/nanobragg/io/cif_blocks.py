"""CIF documents, and the choice among their data blocks."""

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ConfigError, FormatError, warn_user
from .atomic import StrPath
from .file_symmetry import HALL, HERMANN_MAUGUIN, NUMBERS, TRIPLETS
from .hkl_kinds import describe_other_list
from .input_file import read_text
from .named_files import reason

MOST_NAMED = 6


def read_cif_document(path: StrPath) -> Any:
    """Return a CIF file as a gemmi Document; raise `FormatError` if it is not a valid CIF or has no data block."""
    import gemmi

    text = read_text(path)
    try:
        document = gemmi.cif.read_string(text)
    except (RuntimeError, ValueError, UnicodeError) as error:
        kind = describe_other_list(text)
        if kind and not text.lstrip().lower().startswith("data_"):
            raise FormatError(f"{path} is not a valid CIF: it {kind}") from None
        raise FormatError(f"{path} is not a valid CIF ({reason(path, error)}); correct it") from None
    if len(document) == 0:
        raise FormatError(f"{path} is a CIF without a data block; fetch it again")
    return document


def choose_block(
    path: StrPath, document: Any, tags: Sequence[str] | Callable[[Any], bool], wanted: str | None, what: str
) -> tuple[Any, str]:
    """Return the block called `wanted`, or the first one that holds one of the tags, and a note if there are several.

    Warns if there are several and none is wanted. None in place of a block: no block holds the tags. Raises
    `ConfigError` if there is no block of that name with them.
    """
    holds = tags if callable(tags) else lambda block: any(block.find_values(tag) for tag in tags)
    found = [block for block in document if holds(block)]
    names = ", ".join(repr(block.name) for block in found[:MOST_NAMED])
    names += f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    if wanted is not None:
        chosen = next((block for block in found if block.name == wanted.removeprefix("data_")), None)
        if chosen is None:
            raise ConfigError(f"StructureFactors.block = {wanted!r}: {path} has {what} in {names or 'no block'}")
        return chosen, f"block {chosen.name}" if len(found) > 1 else ""
    if len(found) > 1:
        warn_user(
            f"{path} has {what} in {len(found)} blocks ({names}); block {found[0].name!r} is used; choose one with "
            "StructureFactors.block"
        )
    return (found[0], f"block {found[0].name}" if len(found) > 1 else "") if found else (None, "")


def values_elsewhere(path: StrPath, document: Any, block: Any, tags: Sequence[str] | None, what: str) -> Any:
    """Return the block itself if it holds one of the tags, or else the only other block that does.

    `tags` None stands for symmetry. Warns if it is another block.
    """
    wanted = (*TRIPLETS, *HALL, *HERMANN_MAUGUIN, *NUMBERS) if tags is None else tags
    if any(block.find_values(tag) for tag in wanted):
        return block
    others = [other for other in document if any(other.find_values(tag) for tag in wanted)]
    if len(others) != 1:
        return block
    warn_user(
        f"{path}: block {block.name!r} has no {what}; that of block {others[0].name!r} is used; correct the file if "
        "that is wrong"
    )
    return others[0]
