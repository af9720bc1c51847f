"""Experiment lists that this package writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nanobragg as nb
from tests import builders


@pytest.mark.parametrize(
    ("noise", "gain", "pedestal", "largest"),
    [
        (None, 1.0, 0.0, 2.0**31),
        (nb.Noise(gain_adu_per_photon=2.5, adc_offset=40, saturation_adu=5000), 2.5, 40.0, 5000.0),
    ],
    ids=["photons", "recorded"],
)
def test_panels_have_the_gain_and_the_pedestal_of_the_images(
    tmp_path: Path, noise: nb.Noise | None, gain: float, pedestal: float, largest: float
) -> None:
    nb.write_expt(tmp_path / "a.expt", builders.config(noise=noise))
    (panel,) = json.loads((tmp_path / "a.expt").read_text())["detector"][0]["panels"]
    assert (panel["gain"], panel["pedestal"], panel["trusted_range"][1]) == (gain, pedestal, largest)
