"""X-ray diffraction images: photons in every pixel from a crystal, a beam and a detector."""

import logging as _logging

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)  # the names are in __init__.pyi

_logging.getLogger(__name__).addHandler(_logging.NullHandler())  # silent unless the application configures logging
