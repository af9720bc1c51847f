"""Everything that concerns the original nanoBragg.c alone: its flags, its output files and its quirks."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(__name__, ["reference"])
