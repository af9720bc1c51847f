"""Run the main of the original program's library: python -I _child.py EXTENSION LIBRARY FLAG …

This is a process of its own because main may call exit, crash or hang. It does not import the package, so that it
starts fast, and -I keeps the working folder off the import path.
"""

import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader


def main() -> int:
    extension, library, *flags = sys.argv[1:]
    loader = ExtensionFileLoader("_reference", extension)
    spec = spec_from_loader("_reference", loader)
    assert spec is not None  # there is a loader
    module = module_from_spec(spec)
    loader.exec_module(module)
    status: int = module.Library(library).run_main(["nanoBragg", *flags])
    return status


if __name__ == "__main__":
    sys.exit(main())
