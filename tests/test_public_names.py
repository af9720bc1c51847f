"""The package's public names exist and are imported when they are first used."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nanobragg as nb

STUB = Path(nb.__file__).with_suffix(".pyi").read_text()
NAMES = re.findall(r"^from (\S+) import (\w+) as \2$", STUB, re.MULTILINE)


def test_the_stub_lists_every_public_name():
    assert len(NAMES) == STUB.count(" import ")
    assert sorted(nb.__all__) == sorted(name for _, name in NAMES) == sorted(dir(nb))


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_each_public_name_is_that_of_its_module(module, name):
    assert getattr(nb, name) is getattr(importlib.import_module(module, "nanobragg"), name)


def test_unknown_names_raise_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        nb.nothing  # noqa: B018


def test_importing_the_package_imports_no_heavy_dependency():
    script = "import sys, nanobragg; print(sorted(sys.modules.keys() & {'numpy', 'pydantic', 'gemmi', 'tqdm'}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
