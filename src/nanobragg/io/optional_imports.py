"""Import of the optional libraries of the extra `files`."""

from importlib import import_module
from typing import Any

from ..errors import ConfigError


def import_optional(module: str, purpose: str) -> Any:
    """Import and return a library of the extra `files`; raise `ConfigError` if it is not installed.

    `purpose` is the file or option that needs it, for the error.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"{purpose}: needs {module} ({error}); pip install 'nanobragg[files]'") from None
