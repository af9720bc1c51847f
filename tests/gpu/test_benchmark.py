"""The benchmark of GPUs runs, and states what it measured."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks import gpu
from tests.gpu.conftest import use_stand_in


@pytest.mark.slow
def test_every_part_is_written(request, monkeypatch, tmp_path, capsys):
    use_stand_in(request, monkeypatch)
    out = tmp_path / "gpu.json"
    monkeypatch.setattr(
        sys, "argv", ["gpu", "--pixels", "8", "--repeats", "1", "--out", str(out), "--failed", "a", "b"]
    )
    assert gpu.main() == 0
    result = json.loads(out.read_text())
    assert list(result) == ["device", "nanobragg", "failed_tests", *gpu.PARTS]
    assert result["failed_tests"] == ["a", "b"]
    assert all(row["difference"] < 1e-6 for row in result["images"])
    assert all(row["same_bits"] for row in result["noise"])
    assert np.all([row["ms"] > 0 for name in ("images", "terms_left_out", "noise") for row in result[name]])
