"""The digest that identifies an experiment in files, and the canonical text that it is computed from."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError
from .base import changed_fields
from .config import Config
from .toml import SCHEMA, Arrays, plain


def config_digest(config: Config) -> str:
    """Return the SHA-256 of the `canonical_text` of an experiment, in hexadecimal.

    It covers every field of `Config.resolved` that differs from its default, arrays by content and files by absolute
    path. It does not depend on noise, file formats, output options or the number of threads.
    """
    return text_digest(canonical_text(config))


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_text(config: Config) -> str:
    """Return the resolved Config as TOML with absolute paths and SHA-256 of arrays, identical for equal experiments."""
    return table_text(changed_fields(config.resolved().replace(noise=None)))


def table_text(fields: dict[str, Any]) -> str:
    """Return nested fields as TOML with absolute paths and SHA-256 of arrays."""
    import tomli_w

    arrays: Arrays = {}
    body = plain(fields, Path("/"), (), arrays)
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for name, array in arrays.items()
    }
    try:
        return tomli_w.dumps({"schema": SCHEMA, "arrays": digests, **body})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Config: cannot be written as TOML ({error})") from None
