"""libtiff, which Pillow decodes compressed TIFF images with, without its lines about damaged files on stderr."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()  # the handler is one for the process


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Keep libtiff from printing errors, which Pillow raises as well; they are printed where its symbols are hidden."""
    from PIL import _imaging

    try:
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler  # found in the libraries of Pillow's module
    except (OSError, AttributeError):
        yield
        return
    set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    with _LOCK:
        before = set_handler(None)
        try:
            yield
        finally:
            set_handler(before)
