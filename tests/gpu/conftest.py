"""Tests of device code: on the CPU through the stand-in for CuPy, and, with `-m gpu`, on a GPU."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

from nanobragg.rendering.cuda import devices
from nanobragg.rendering.cuda.choice import usable_gpus
from tests.gpu import stand_in


@pytest.fixture(scope="session")
def compiled_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for compiled device code that lasts as long as the tests."""
    return tmp_path_factory.mktemp("device-code")


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a device that runs device code."""
    if request.param == "gpu":
        if not usable_gpus():
            pytest.skip("no GPU")
        return "cuda"
    use_stand_in(request, monkeypatch)
    return "cuda"


def use_stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, **machine: Any) -> None:
    """Have CuPy's stand-in imported in place of it; `machine`: see `stand_in.module`."""
    if not stand_in.compiler():
        pytest.skip("no C++ compiler")
    cache = getattr(request.config, "cache", None)  # pytest may run without one
    folder = cache.mkdir("device-code") if cache else request.getfixturevalue("compiled_here")
    monkeypatch.setattr(stand_in, "LIBRARIES", folder)
    monkeypatch.setitem(sys.modules, "cupy", stand_in.module(**machine))
    monkeypatch.setattr(devices, "_module", inspect.unwrap(devices._module))  # keeps nothing of another CuPy
