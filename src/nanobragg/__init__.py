"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

import logging as _logging
import os as _os

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)  # the names are in __init__.pyi

_logging.getLogger(__name__).addHandler(_logging.NullHandler())  # silent unless the application configures logging


def _forget_invalid_thread_count() -> None:
    """Remove an OMP_NUM_THREADS that is not a list of positive integers, about which GCC's OpenMP prints a warning.

    It does so when it is loaded, so this comes first. The number of threads is then that of the processors.
    """
    counts = [count.strip() for count in _os.environ.get("OMP_NUM_THREADS", "1").split(",")]
    if not all(count.isascii() and count.isdigit() and len(count) < 10 and int(count) > 0 for count in counts):
        del _os.environ["OMP_NUM_THREADS"]


_forget_invalid_thread_count()
