"""Python scripts that tests run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def python(script: str, **options) -> subprocess.Popen:
    """Start a script, and return the process, whose output is piped."""
    words = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
