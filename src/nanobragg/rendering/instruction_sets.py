"""Which compiled kernel renders: the fastest that the processor runs, or the one that an environment variable names."""

from __future__ import annotations

import logging
import os
from functools import cache

from .._core import instruction_set, instruction_sets, use_instruction_set
from ..errors import ConfigError

VARIABLE = "NANOBRAGG_ISA"
log = logging.getLogger(__name__)


@cache
def select_instruction_set() -> str:
    """Obey the environment variable NANOBRAGG_ISA, once in a process; returns the name of the kernel in use.

    Raises
    ------
    ConfigError
        There is no such kernel, or this processor does not run it.
    """
    wanted = os.environ.get(VARIABLE, "").strip()
    available = instruction_sets()
    if wanted and wanted not in available:
        raise ConfigError(f"{VARIABLE} = {wanted!r}: this machine has {', '.join(available)}; choose one or unset it")
    chosen = use_instruction_set(wanted) if wanted else instruction_set()
    log.debug("instruction set %s, of %s", chosen, ", ".join(available))
    return chosen
