"""Libraries of the extra `files`, imported when a format first needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConfigError


def import_optional(module: str, purpose: str) -> Any:
    """Import a library of the extra `files`.

    Parameters
    ----------
    module : str
        Its name.
    purpose : str
        What needs it, for the error.

    Raises
    ------
    ConfigError
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(f"{purpose}: needs {module} ({error}); pip install 'nanobragg[files]'") from None
