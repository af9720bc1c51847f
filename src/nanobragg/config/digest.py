"""A Config as canonical text, and the digest by which files name the experiment they belong to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ..errors import ConfigError
from .base import changed_fields
from .config import Config
from .toml import SCHEMA, Arrays, plain


def config_digest(config: Config) -> str:
    """Return the SHA-256 of an experiment, in hexadecimal: that of its `canonical_text`.

    It covers the completed Config (`Config.resolved`): every field that differs from its default, arrays by content and
    files by absolute path; neither the format of a file, nor options of the output, nor the number of threads.
    """
    return text_digest(canonical_text(config))


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_text(config: Config) -> str:
    """Return the completed Config as TOML, the same for equal experiments: absolute paths, arrays by their SHA-256."""
    import tomli_w

    arrays: Arrays = {}
    body = plain(changed_fields(config.resolved()), Path("/"), (), arrays)
    digests = {
        name: hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for name, array in arrays.items()
    }
    try:
        return tomli_w.dumps({"schema": SCHEMA, "arrays": digests, **body})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Config: cannot be written as TOML ({error})") from None
