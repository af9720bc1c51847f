"""Shared by the tests of file formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write bytes into a file, and return its path."""

    def write(content: bytes) -> Path:
        path = tmp_path / "x.txt"
        path.write_bytes(content)
        return path

    return write
