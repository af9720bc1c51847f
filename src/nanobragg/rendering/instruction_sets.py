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


def pin_instruction_set(name: str) -> None:
    """Select a kernel for this process, because another process uses it for the same images.

    Raises `ConfigError` if the processor does not support it.
    """
    available = instruction_sets()
    if name not in available:
        raise ConfigError(
            f"instruction set {name}: this machine has {', '.join(available)}, and its images would differ in the last "
            f"bits; start with {VARIABLE}={available[-1]} on all machines"
        )
    select_instruction_set()  # which acts once, before ours
    use_instruction_set(name)
