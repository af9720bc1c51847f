"""How much memory may be taken."""

from __future__ import annotations

import os

from .reading import byte_limit


def allowed_memory() -> int:
    """Bytes that one array may take: the machine's memory (16 GiB where the system does not tell), or `byte_limit`."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**34
    return min(physical, byte_limit())
