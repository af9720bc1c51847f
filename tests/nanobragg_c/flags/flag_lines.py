"""Lines of the C program's flags, parsed for tests."""

from __future__ import annotations

import warnings

from nanobragg.errors import NanobraggWarning
from nanobragg.nanobragg_c.flags.config_from_flags import ParsedFlags, parse_flags

BASE = "-default_F 100 -cell 100 90 80 -detpixels 128 "


def parse(extra: str = "", **options) -> ParsedFlags:
    return parse_flags(BASE + extra, **options)


def quietly(extra: str, **options) -> ParsedFlags:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NanobraggWarning)
        return parse(extra, **options)
