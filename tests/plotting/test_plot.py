"""Plots: what is drawn and where, without a window or global state."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import nanobragg as nb
from nanobragg import cli
from nanobragg.errors import ConfigError, FileError, ShapeError
from nanobragg.io.png import grey_limits
from nanobragg.plotting.figures import save_figure
from nanobragg.plotting.grey_scale import block_size, shrink
from nanobragg.plotting.panel_layout import panel_layout
from nanobragg.plotting.reciprocal import parse_plane
from nanobragg.plotting.rings import choose_rings, ring_arcs
from tests import builders

config = partial(
    builders.config,
    crystal=builders.TRICLINIC,
    beam=nb.Beam(fluence_ph_m2=1e26),
    detector=nb.Detector.flat(distance_mm=60, pixels=(180, 200), pixel_mm=0.2),
)


def four_panels() -> nb.Detector:
    corners = [(60, 20 * j + 1, 22 * i - 20) for i in (0, 1) for j in (0, 1)]
    return nb.Detector(
        panels=[
            nb.Panel(origin_mm=c, fast_axis=(0, 0.1, 1), slow_axis=(0, -1, 0.1), pixel_mm=0.2, pixels=(90, 100))
            for c in corners
        ]
    )


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return nb.simulate(config())


def circles(figure) -> np.ndarray:
    """Return the centres of the circles in the first axes of a figure."""
    picture = max(figure.axes, key=lambda ax: len(ax.collections))
    return np.concatenate([c.get_offsets() for c in picture.collections if len(c.get_offsets()) > 1])


def test_spots_are_circled_where_they_are_predicted(image):
    spots = nb.predict_spots(config())
    drawn = circles(nb.plot(image, config()))
    np.testing.assert_allclose(drawn, np.stack([spots.fast_px, spots.slow_px], axis=1)[: len(drawn)])
    assert len(drawn) == min(len(spots), 500)
    chosen = circles(nb.plot(image, config(), spots=spots[:3]))
    assert len(chosen) == 3


def test_a_picture_shows_rings_beam_and_close_ups(image):
    figure = nb.plot(image, config(), zoom=3, title="still")
    picture, *small = sorted(figure.axes, key=lambda ax: -len(ax.lines))
    texts = [text.get_text() for text in picture.texts]
    assert {f"{d:g} Å" for d in choose_rings(nb.Scene(config()))} <= set(texts)
    assert {"1", "2", "3"} <= set(texts)
    assert picture.get_title() == "still"
    beam = next(line for line in picture.lines if line.get_marker() == "+")
    geometry = config().detector.nominal
    assert beam.get_xdata()[0] == pytest.approx(geometry.beam_fast_mm / 0.2)
    assert beam.get_ydata()[0] == pytest.approx(geometry.beam_slow_mm / 0.2)
    assert len(small) == 3
    resolutions = [float(ax.get_title().split()[-2]) for ax in small]
    assert len(set(resolutions)) == 3


@pytest.mark.parametrize("detector", [config().detector, four_panels()], ids=["one", "four"])
def test_rings_are_at_their_resolution(detector):
    """Every point of a ring sees the resolution of the pixel under it, to half a pixel."""
    scene = nb.Scene(config(detector=detector))
    d = nb.resolution(scene).d_A.reshape(-1, *detector.panels[0].pixels)
    layout = panel_layout(scene)
    rings = choose_rings(scene)
    assert 3 <= len(rings) <= 5
    seen = 0
    for arc in ring_arcs(scene, layout, rings):
        points = arc.points[~np.isnan(arc.points[:, 0])]
        place = layout.maps[arc.panel]
        fast, slow = np.linalg.solve(place[:, :2], (points - place[:, 2]).T)
        fast, slow = (np.minimum(x.astype(int), n - 1) for x, n in ((fast, d.shape[2]), (slow, d.shape[1])))
        one_pixel = np.hypot(*np.gradient(d[arc.panel]))[slow, fast]
        assert (np.abs(d[arc.panel, slow, fast] - arc.d_A) < 1.1 * one_pixel).all()
        seen += len(points)
    assert seen > 1000


def test_several_panels_lie_where_the_beam_sees_them():
    """x and y are the lab's directions of fast and slow, and the beam is at 0, 0."""
    cfg = config(detector=four_panels())
    layout = panel_layout(nb.Scene(cfg))
    for i, panel in enumerate(cfg.detector.panels):
        corner = layout.at(i, np.zeros(1), np.zeros(1))[0]
        np.testing.assert_allclose(corner, [panel.origin_mm[2], -panel.origin_mm[1]], atol=1e-12)
    image = nb.simulate(cfg)
    figure = nb.plot(image, cfg, zoom=5)
    picture = max(figure.axes, key=lambda ax: len(ax.images))
    assert len(picture.images) == 4
    spots = nb.predict_spots(cfg)
    place = [layout.at(int(s.panel[0]), s.fast_px, s.slow_px)[0] for s in (spots[i : i + 1] for i in range(len(spots)))]
    drawn = circles(figure)
    assert np.abs(drawn[:, None] - np.array(place)).sum(axis=2).min(axis=1).max() < 1e-9


def test_pixels_are_drawn_at_their_place_and_dark_is_bright():
    picture = np.zeros((100, 100), np.float32)
    picture[20:30, 70:80] = 5
    figure = nb.plot(picture)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ax = figure.axes[0]
    drawn = np.asarray(canvas.buffer_rgba())[..., 0]

    def shade(fast: float, slow: float) -> int:
        x, y = ax.transData.transform((fast, slow))
        return int(drawn[drawn.shape[0] - 1 - int(y), int(x)])

    assert shade(75, 25) == 0
    assert shade(25, 75) == shade(75, 35) == shade(65, 25) == 255


def test_gaps_between_modules_are_seen():
    mask = np.ones((180, 200), bool)
    mask[100:110] = False
    cfg = config(detector=nb.Detector.flat(distance_mm=60, pixels=(180, 200), pixel_mm=0.2, mask=mask))
    figure = nb.plot(np.zeros(mask.shape, np.uint16), cfg, spots=False, rings=())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ax, drawn = figure.axes[0], np.asarray(canvas.buffer_rgba())
    colours = []
    for slow in (95, 105, 115):
        x, y = ax.transData.transform((20, slow))
        colours.append(drawn[drawn.shape[0] - 1 - int(y), int(x), :3].tolist())
    assert colours == [[255] * 3, [245, 222, 179], [255] * 3]  # wheat


def test_the_label_of_a_ring_is_whole():
    """On a tall picture the ring's upper right place is cut off by the right edge."""
    detector = nb.Detector.named("PILATUS3 300K", distance_mm=60)
    figure = nb.plot(np.zeros(detector.shape), config(detector=detector), spots=False, rings=(2, 1.3))
    FigureCanvasAgg(figure).draw()
    ax = figure.axes[0]
    frame, labels = ax.get_window_extent(), [text.get_window_extent() for text in ax.texts]
    assert len(labels) == 2
    for box in labels:
        assert frame.x0 < box.x0
        assert box.x1 < frame.x1
        assert frame.y0 < box.y0
        assert box.y1 < frame.y1


def test_shrinking_keeps_the_brightest_pixel_and_limits_are_robust():
    image = np.arange(35.0).reshape(5, 7)
    image[0, 0], image[4, 6] = 1000, np.nan
    assert block_size((5, 7), 4) == 2
    assert block_size((5, 7), 7) == 1
    small = shrink(image, 2)
    assert small.shape == (3, 4)
    assert small[0, 0] == 1000
    assert small[1, 1] == 24
    assert np.isnan(small[2, 3])
    noise = np.tile(np.arange(100.0), 100)
    noise[:5], noise[5] = 1e9, np.inf
    white, black = grey_limits(noise, (40, 99.8))
    assert 38 < white < 41
    assert black == 99
    assert grey_limits(np.full(9, np.nan), (40, 99)) == (0, 1)
    assert grey_limits(np.array([0.0] * 999 + [7.0]), (40, 99)) == (0, 7)
    assert grey_limits(np.zeros(5), (40, 99)) == (0, 1)


def test_an_image_alone_has_no_rings_and_no_spots(image):
    figure = nb.plot(image)
    assert len(figure.axes) == 1
    assert not figure.axes[0].lines
    assert len(nb.plot(np.zeros((3, 20, 30))).axes[0].images) == 1


def test_a_curved_detector_has_rings_where_its_pixels_see_them():
    cfg = config(detector=config().detector.replace(curved=True))
    figure = nb.plot(np.zeros((180, 200)), cfg, rings=[2.5])
    ring = np.concatenate(figure.axes[0].collections[0].get_paths()[0].to_polygons(closed_only=False))
    d = nb.resolution(cfg).d_A
    seen = d[np.minimum(ring[:, 1], 179).astype(int), np.minimum(ring[:, 0], 199).astype(int)]
    assert len(ring) > 50
    np.testing.assert_allclose(seen, 2.5, rtol=0.02)


def test_given_axes_are_drawn_into(image):
    figure = Figure()
    ax = figure.add_subplot(1, 2, 1)
    assert nb.plot(image, config(), ax=ax) is figure
    assert nb.plot_radial(image, config(), ax=figure.add_subplot(1, 2, 2)) is figure
    assert nb.plot_slice(config(), ax=figure.add_subplot(2, 2, 3)) is figure
    assert len(ax.images) == 1


def test_the_percentiles_drawn_white_and_black_can_be_chosen(image):
    drawn = nb.plot(image, percentiles=(0, 100)).axes[0].images[0]
    assert drawn.get_clim() == (image.min(), image.max())


def test_bad_requests_are_refused(image):
    with pytest.raises(ShapeError, match=r"image of shape \(5, 5\)"):
        nb.plot(np.zeros((5, 5)), config())
    with pytest.raises(ConfigError, match=r"image of shape \(5,\)"):
        nb.plot(np.zeros(5))
    with pytest.raises(ConfigError, match=r"zoom = 3: close-ups need predicted spots"):
        nb.plot(image, config(), spots=False, zoom=3)
    with pytest.raises(ConfigError, match=r"zoom = \[10000\]"):
        nb.plot(image, config(), zoom=[10000])
    with pytest.raises(ConfigError, match=r"0.4 Å is out of reach of 1 Å X-rays"):
        nb.plot(image, config(), rings=[0.4])


def test_the_radial_picture_shows_the_average(image):
    figure = nb.plot_radial(image, config(), bins=50, log=True, title="rings")
    average = nb.radial_average(image, config(), bins=50)
    line = figure.axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), average.value)
    np.testing.assert_array_equal(line.get_xdata(), average.two_theta_deg)
    assert figure.axes[0].get_yscale() == "log"
    dark = nb.plot_radial(0 * image, config(), statistic="median", log=True)
    assert dark.axes[0].get_yscale() == "linear"


def test_a_direct_beam_leaves_the_radial_picture_readable(image):
    beam_on = np.full(image.shape, 50.0)
    beam_on[90, 100] = 1e6
    assert nb.plot_radial(beam_on, config()).axes[0].get_ylim() == pytest.approx((0, 100))
    assert nb.plot_radial(np.full(image.shape, 50.0), config()).axes[0].get_ylim()[1] == pytest.approx(52.5, abs=0.5)


# --- slices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plane", "hkl"),
    [
        ("hk0", (2, 3, 0)), ("h0l", (2, 0, 3)), ("0kl", (0, 2, 3)), ("hk-2", (2, 3, -2)), ("hhl", (2, 2, 3)),
        ("h-hl", (2, -2, 3)), ("hk12", (2, 3, 12)),
    ],
)  # fmt: skip
def test_a_plane_is_named_by_its_indices(plane, hkl):
    named = parse_plane(plane)
    assert tuple(np.array([2, 3]) @ named.steps + named.start) == hkl


@pytest.mark.parametrize("plane", ["hkl", "h00", "hk", "xyz", "hk0 ", "", "1.5kl", "hkll"])
def test_invalid_planes_are_refused(plane):
    with pytest.raises(ConfigError, match="plane = "):
        parse_plane(plane)


@pytest.mark.parametrize("values", ["intensity", "amplitude"])
def test_a_slice_shows_the_planes_reflections_at_their_place(values):
    """Distances from the middle are 1/d, areas are in proportion to I or F."""
    indices = [[1, 0, 2], [0, 3, 2], [-2, 1, 2], [1, 1, 1], [4, 4, 2]]
    factors = nb.StructureFactors(indices=indices, amplitudes=[1, 2, 3, 50, 0])
    cfg = config(structure_factors=factors)
    figure = nb.plot_slice(cfg, "hk2", values=values)
    discs = figure.axes[0].collections[0]
    star = nb.Scene(cfg).lattice.reciprocal
    normal = np.cross(star[0], star[1]) / np.linalg.norm(np.cross(star[0], star[1]))
    q = np.array([[-2, 1, 2], [0, 3, 2], [1, 0, 2]]) @ star - np.array([0, 0, 2]) @ star
    np.testing.assert_allclose(np.linalg.norm(discs.get_offsets(), axis=1), np.linalg.norm(q, axis=1), rtol=1e-9)
    np.testing.assert_allclose(q @ normal, 0, atol=1e-12)
    areas = np.array(discs.get_widths()) ** 2
    power = 2 if values == "intensity" else 1
    assert areas[1] / areas[2] == pytest.approx(2**power)


def test_the_resolution_limit_of_a_slice():
    offsets = nb.plot_slice(config(), "hk0", d_min_A=5.0).axes[0].collections[0].get_offsets()
    assert len(offsets) > 100
    assert np.linalg.norm(offsets, axis=1).max() <= 0.2


def test_slices_that_show_nothing_are_refused():
    with pytest.raises(ConfigError, match="holds no reflection"):
        nb.plot_slice(config(structure_factors=nb.StructureFactors(indices=[[1, 1, 1]], amplitudes=[5])), "hk0")
    with pytest.raises(ConfigError, match="d_min_A = 0"):
        nb.plot_slice(config(), d_min_A=0)
    with pytest.raises(ConfigError, match="values = 'phase'"):
        nb.plot_slice(config(), values="phase")


# --- files, command line ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_sets_the_file_format(tmp_path, image, suffix, start):
    save_figure(tmp_path / f"a{suffix}", nb.plot(image))
    assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_other_suffixes_and_folders_are_refused(tmp_path, image):
    with pytest.raises(ConfigError, match=r"a.bmp: '.bmp' is not a valid plot suffix; use one of .png .pdf .svg"):
        save_figure(tmp_path / "a.bmp", nb.plot(image))
    with pytest.raises(FileError, match="cannot be written"):
        save_figure(tmp_path / "no" / "a.png", nb.plot(image))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, image):
    """Return a function that runs `nanobragg plot` beside still.toml and still.npy: (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)
    config().to_toml(tmp_path / "still.toml")
    nb.write_image("still.npy", image)
    nb.write_image("still.bin", image)

    def call(*words: str) -> tuple[int, str]:
        code = cli.main(["plot", *words])
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["still.npy"],
        ["still.npy", "--config", "still.toml", "--zoom", "2", "--title", "a title"],
        ["still.bin", "--config", "still.toml", "--no-spots", "--no-rings"],
        ["still.npy", "--config", "still.toml", "--rings", "3", "2.5"],
        ["still.npy", "--config", "still.toml", "--radial", "median"],
        ["still.npy", "--config", "still.toml", "--radial", "mean", "--log"],
        ["--config", "still.toml", "--slice", "h0l"],
    ],
)
def test_the_command_writes_a_plot(run, words):
    assert run(*words, "-o", "out.png") == (0, "")
    with Image.open("out.png") as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "give either an IMAGE or --slice PLANE"),
        (["still.npy", "--config", "still.toml", "--slice", "hk0"], "give either an IMAGE or --slice PLANE"),
        (["still.npy", "--log"], "--log: is for --radial"),
        (["--slice", "hk0"], "--slice: needs the geometry; give --config"),
        (["still.npy", "--radial", "mean"], "--radial: needs the geometry; give --config"),
        (["still.npy", "--rings", "3"], "--rings: needs the geometry; give --config"),
        (["still.npy", "--config", "still.toml", "--radial", "mean", "--zoom", "2"], "--zoom: is for pictures"),
        (["still.npy", "-o", "out.gif"], "out.gif: '.gif' is not a valid plot suffix"),
        (["none.npy"], "none.npy: cannot be read"),
        (["still.npy", "--zoom", "2"], "close-ups need predicted spots"),
    ],
)  # fmt: skip
def test_errors_of_the_command_are_one_line(run, tmp_path, words, complaint):
    code, err = run(*words, *([] if "-o" in words else ["-o", "out.png"]))
    assert code == 2
    assert complaint in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_no_window_and_no_global_state():
    """Neither importing nanobragg nor plotting imports pyplot; importing nanobragg imports no matplotlib at all."""
    code = (
        "import sys, numpy, nanobragg as nb\n"
        "assert 'matplotlib' not in sys.modules\n"
        "nb.plot(numpy.zeros((5, 5))).savefig(sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, "/dev/null"], check=True)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "nanobragg.plotting.shown_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"pip install 'nanobragg\[plot\]'"):
        nb.plot(np.zeros((5, 5)))
