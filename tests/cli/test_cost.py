"""`nanobragg cost`, and what the other commands say of an expensive image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg import cli
from nanobragg.rendering import cost as cost_module
from nanobragg.rendering.speed import Speed
from tests import builders

FLAGS = "-cell 60 70 80 90 90 90 -default_F 100 -N 5 -detpixels 32 -pixel 0.5 -mosaic 0.3 -mosaic_domains 7"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command in a folder with still.toml, with a speed of 1 s a term."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: Speed(0.0, 1.0))
    monkeypatch.setattr(cost_module, "NOTABLE_TERMS", 0)
    builders.config(detector=nb.Detector.flat(pixels=(30, 40), pixel_mm=0.5)).to_toml("still.toml")

    def call(*words: str, code: int = 0) -> str:
        assert cli.main(words) == code
        out, err = capsys.readouterr()
        return err if code else out

    return call


def lines(text: str) -> dict[str, str]:
    return dict(line.split(maxsplit=1) for line in text.splitlines())


def test_the_cost_of_a_toml_file(run: Callable[..., str]) -> None:
    terms = nb.Scene(nb.Config.from_toml("still.toml")).terms
    found = lines(run("cost", "still.toml", "--threads", "1"))
    assert float(found["terms"]) == pytest.approx(1200 * terms, rel=1e-3)
    assert found["evaluated"] == found["terms"]
    assert found["time"] == f"about {1200 * terms / 3600:.0f} hours on 1 thread"
    assert found["memory"].endswith(" MiB")
    assert found["cheaper"].startswith("fewer of the ")


def test_the_cost_of_flags(run: Callable[..., str]) -> None:
    terms = nb.Scene(nb.config_from_flags(FLAGS)).terms
    assert float(lines(run("cost", *FLAGS.split()))["terms"]) == pytest.approx(32 * 32 * terms, rel=1e-3)


def test_the_cost_of_some_pixels(run: Callable[..., str]) -> None:
    config = nb.Config.from_toml("still.toml")
    scene = nb.Scene(config)
    mask = np.zeros((30, 40), np.uint8)
    mask[3, :7] = 1
    nb.write_image("mask.npy", mask)
    boxes = np.zeros((30, 40), bool)
    for box in nb.shoeboxes(scene, 1):
        box.cut(boxes)[...] = True
    for options, pixels in (
        (("--roi", "5:7", ":10"), 20),
        (("--pixels", "mask.npy"), 7),
        (("--shoeboxes", "1"), boxes.sum()),
    ):
        found = lines(run("cost", "still.toml", *options))
        assert float(found["terms"]) == pytest.approx(pixels * scene.terms, rel=1e-3)


def test_cheap_images_need_no_cure(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: Speed(0.0, 1e-9))
    assert "cheaper" not in run("cost", "still.toml")
    assert "cost" not in lines(run("simulate", "still.toml", "-o", "a.npy"))


def test_commands_that_render_say_an_expensive_image(run: Callable[..., str]) -> None:
    for words in (("simulate", "still.toml", "-o", "a.npy"), (*FLAGS.split(), "-nonoise", "-noprogress")):
        told = [line for line in run(*words).splitlines() if line.startswith("cost ")]
        assert len(told) == 2
        assert " terms, about " in told[0]
        assert "to shorten it: " in told[1]
    assert "cost " not in run("simulate", "still.toml", "-o", "a.npy", "--quiet")


def test_an_experiment_is_required(run: Callable[..., str]) -> None:
    assert "nothing to estimate: give a CONFIG.toml or C flags" in run("cost", code=2)
    assert "two.toml: unexpected after one.toml" in run("cost", "one.toml", "two.toml", code=2)


def test_the_cost_of_a_series_is_that_of_all_images(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    config = nb.Config.from_toml("still.toml").replace(scan=nb.Scan(range_deg=1, steps=1))
    config.to_toml("series.toml")
    terms = 1200 * nb.Scene(config).terms
    monkeypatch.setattr(cost_module, "kernel_speed", lambda scene, dtype: Speed(0.0, 7.0 / terms))
    words = ("simulate", "series.toml", "-o", "a_##.npy", "--threads", "1", "--images")
    assert "cost " not in run(*words, "1")
    assert "about 7 s on 1 thread" in run(*words, "2")
    told = [line for line in run(*words, "20").splitlines() if line.startswith("cost ")]
    assert told[0].endswith(" an image, 2.3 minutes for 20")
    assert "to shorten it" in told[1]
