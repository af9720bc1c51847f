"""How much fits into this machine."""

from __future__ import annotations

import os


def installed_memory() -> int:
    """Bytes of physical memory; 16 GiB where the system does not tell."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**34
