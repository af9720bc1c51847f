"""Figures show themselves: as the value of a notebook's cell, and by show()."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

import nanobragg as nb
from nanobragg.errors import ConfigError
from nanobragg.plotting import shown_figure
from nanobragg.plotting.image import _above_background
from tests.builders import config
from tests.paths import ROOT

NOTEBOOK = ROOT / "examples" / "first_hour.ipynb"


def run_notebook() -> Any:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(NOTEBOOK, 4)
    nbclient.NotebookClient(notebook, timeout=600, startup_timeout=600, kernel_name="python3").execute()
    return notebook


@pytest.mark.filterwarnings("default")
def test_a_notebook_shows_config_plots_and_a_sweep():
    """A fresh kernel, without pyplot: tables and pictures are shown where their cells end with them."""
    cells = [cell for cell in run_notebook().cells if cell.cell_type == "code"]
    setting, image, spots, sweep, curve, radial = ([out.get("data", {}) for out in cell.outputs] for cell in cells)
    assert "<b>Config</b>" in setting[-1]["text/html"]
    for pictures in (image, curve, radial):
        picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1]["image/png"])))
        assert min(picture.size) > 400
    assert "spots, the brightest" in spots[-1]["text/html"]
    brightest = eval(sweep[-1]["text/plain"])
    assert len(brightest) == 5
    assert brightest == sorted(brightest, reverse=True)


def test_a_figure_has_a_picture_without_pyplot():
    figure = nb.plot(np.eye(30))
    assert isinstance(figure, matplotlib.figure.Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_show_without_a_display_says_what_to_do(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    with pytest.raises(ConfigError, match="there is no display; write the figure with savefig"):
        nb.plot(np.eye(30)).show()


def test_show_opens_a_window_of_pyplots_backend(monkeypatch):
    calls: list[Any] = []

    class Manager:
        def show(self) -> None:
            calls.append("shown")

        @classmethod
        def start_main_loop(cls) -> None:
            calls.append("running")

    class Canvas:
        @staticmethod
        def new_manager(figure: Any, number: int) -> Manager:
            calls.append(figure)
            return Manager()

    monkeypatch.setattr(shown_figure, "_interactive_canvas", lambda: Canvas)
    figure = nb.plot(np.eye(30))
    figure.show()
    assert calls == [figure, "shown", "running"]


def test_spots_stay_visible_over_noisy_water():
    """Background of 100 photons: its noise stays light, a spot of 300 more is black."""
    made = config(detector=nb.Detector.flat(pixels=200))
    image = nb.add_noise(np.full((200, 200), 100.0), seed=1, adc_offset=0).astype(float)
    image[50, 60] += 300
    (drawn,) = nb.plot(image, made, spots=False).axes[0].images
    grey = np.ma.getdata(drawn.norm(image))
    assert np.median(grey) < 0.15
    assert np.quantile(grey, 0.99) < 0.4
    assert grey[50, 60] >= 1
    assert _above_background(np.full(5, np.nan)) == 0


def test_titles_and_colour_bars_tell_what_is_drawn():
    figure = nb.plot(np.eye(32, 48), config())
    (axes,) = figure.axes
    assert axes.get_title() == "1 Å, 100 mm; brightest pixel 1"
    assert [bar.get_ylabel() for bar in axes.child_axes] == ["photons or detector units per pixel"]
    assert nb.plot(np.eye(5), title="").axes[0].get_title() == ""


def test_an_image_of_a_series_is_plotted(tmp_path, capsys):
    from nanobragg.cli import main

    series = [np.full((32, 48), float(i), np.float32) + np.eye(32, 48, dtype=np.float32) for i in range(3)]
    nb.write_nexus(tmp_path / "a.nxs", series, config())
    for number in (1, 3):
        out = tmp_path / f"{number}.png"
        assert main(["plot", str(tmp_path / "a.nxs"), "--image", str(number), "-o", str(out)]) == 0
        assert out.stat().st_size > 1000
    assert main(["plot", str(tmp_path / "a.nxs"), "--image", "4", "-o", str(tmp_path / "4.png")]) == 2
    assert main(["plot", str(tmp_path / "a.nxs"), "--image", "0", "-o", str(tmp_path / "4.png")]) == 2
    assert "--image 0: must be at least 1" in capsys.readouterr().err
