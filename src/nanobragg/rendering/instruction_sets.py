"""Choice of the compiled kernel: the fastest that the processor supports, or that of an environment variable."""

import logging
import os
from functools import cache

from .._core import instruction_set, instruction_sets, use_instruction_set
from ..errors import ConfigError

VARIABLE = "NANOBRAGG_ISA"
log = logging.getLogger(__name__)


@cache
def select_instruction_set() -> str:
    """Select the kernel of the environment variable NANOBRAGG_ISA, once per process, and return its name.

    Raises `ConfigError` if it does not exist, or the processor does not support it.
    """
    wanted = os.environ.get(VARIABLE, "").strip()
    available = instruction_sets()
    if wanted and wanted not in available:
        raise ConfigError(f"{VARIABLE} = {wanted!r}: this machine has {', '.join(available)}; choose one or unset it")
    chosen = use_instruction_set(wanted) if wanted else instruction_set()
    log.debug("instruction set %s, of %s", chosen, ", ".join(available))
    return chosen
