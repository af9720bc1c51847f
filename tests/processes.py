"""Python scripts that tests run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Sequence


def python(script: str, arguments: Sequence[str] = (), **options) -> subprocess.Popen:
    """Start a script with arguments, and return the process, whose output is piped."""
    words = [sys.executable, "-c", textwrap.dedent(script), *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
