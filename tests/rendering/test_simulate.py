"""simulate: outputs, threads, interrupts, memory, processes."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.processes import finished, python

CONFIG = nb.Config(
    crystal=nb.Crystal(cell=(60, 70, 80), n_cells=5, misset_deg=(1, 2, 3)),
    structure_factors=nb.StructureFactors.constant(100),
    detector=nb.Detector.flat(distance_mm=100, pixels=(40, 70), pixel_mm=0.5),
    sampling=nb.Sampling(oversample=6),
)
SHAPE = (40, 70)


# --- Images ----------------------------------------------------------------------------------------------------


def test_an_image_is_float32_or_float64():
    single, double = nb.simulate(CONFIG), nb.simulate(CONFIG, dtype="float64")
    assert (single.dtype, single.shape) == (np.float32, SHAPE)
    assert (double.dtype, double.shape) == (np.float64, SHAPE)
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-7 * double.max())
    assert not np.array_equal(single, double)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_is_rendered_into_and_returned(dtype):
    out = np.full(SHAPE, 7, dtype)
    assert nb.simulate(CONFIG, out=out) is out
    assert np.array_equal(out, nb.simulate(CONFIG, dtype=np.dtype(dtype).name))
    part = np.full(SHAPE, 7, dtype)
    nb.simulate(CONFIG, out=part, roi=np.s_[0:40, 3:6])
    assert np.array_equal(part[:, 3:6], out[:, 3:6])
    assert (part[:, 6:] == 7).all()


def test_a_scene_renders_the_same_image_every_time():
    scene = nb.Scene(CONFIG)
    first = nb.simulate(scene)
    assert np.array_equal(first, nb.simulate(scene))
    assert np.array_equal(first, nb.simulate(CONFIG))


READ_ONLY = np.zeros(SHAPE)
READ_ONLY.setflags(write=False)
# name: (options of simulate, message)
REFUSED = {
    "add without out": ({"add": True}, "add = True: needs out"),
    "integers": ({"out": np.zeros(SHAPE, int)}, "dtype int64: must be C-contiguous float32 or float64"),
    "another shape": ({"out": np.zeros((70, 40))}, r"shape \(70, 40\) .* of shape \(40, 70\)"),
    "columns": ({"out": np.zeros((70, 40)).T}, "must be C-contiguous"),
    "read-only": ({"out": READ_ONLY}, "out: is read-only"),
    "no array": ({"out": [[0.0] * 70] * 40}, "out, a list: must be a C-contiguous float32 or float64 array"),
    "another dtype": ({"dtype": "float16"}, "dtype = 'float16': must be 'float32' or 'float64'"),
    "no threads": ({"threads": 0}, "threads = 0: must be at least 1"),
    "ROI outside": (
        {"roi": (slice(0, 40), slice(0, 71))},
        r"roi = np.s_\[0:40, 0:71\]: is empty or not within the image",
    ),
    "ROI of two numbers": ({"roi": (0, 70)}, r"roi = \(0, 70\): is not a valid region"),
    "ROI of text": ({"roi": "abcd"}, "roi = .*is not a valid region"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_options_are_refused(name):
    options, message = REFUSED[name]
    with pytest.raises(ConfigError, match=message):
        nb.simulate(CONFIG, **options)


def test_an_image_beyond_memory_is_refused():
    detector = nb.Detector.flat(pixels=1_000_000, pixel_mm=0.001)
    with pytest.raises(ConfigError, match=r"1000000 x 1000000 pixels needs 3725.3 GiB, more than fits"):
        nb.simulate(CONFIG.replace(detector=detector, sampling=nb.Sampling(oversample=1)))


# --- Progress --------------------------------------------------------------------------------------------------


def heavy(pixels: int = 64, domains: int = 2000, **fields) -> nb.Config:
    return CONFIG.replace(
        crystal=CONFIG.crystal.replace(mosaic_spread_deg=1, mosaic_domains=domains),
        detector=nb.Detector.flat(distance_mm=100, pixels=pixels, pixel_mm=0.1),
        sampling=nb.Sampling(oversample=2),
        **fields,
    )


def test_progress_counts_pixels_up_to_all_of_them():
    seen = []
    nb.simulate(
        heavy(pixels=256, domains=500), progress=lambda done, total: seen.append((done, total)), roi=np.s_[8:256, 0:256]
    )
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert seen[-1] == (256 * 248, 256 * 248)
    assert {total for _, total in seen} == {256 * 248}


def test_the_progress_bar_goes_to_stderr(capfd):
    nb.simulate(CONFIG, progress=True)
    nb.simulate(CONFIG)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "/2.80k [" in captured.err


@pytest.mark.parametrize("columns", [0, 80])
def test_the_progress_bar_is_shown_on_terminals_with_and_without_a_known_width(monkeypatch, columns):
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        nb.simulate(CONFIG, progress=True)
        shown = os.read(ours, 4096).decode()
    os.close(ours)
    assert "  0%|" in shown
    assert "px/s]" in shown


def test_a_progress_function_that_fails_stops_the_rendering():
    calls = []

    def fail(done: int, total: int) -> None:
        calls.append((done, total))
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        nb.simulate(heavy(pixels=4096, domains=20_000), progress=fail)
    ((done, total),) = calls
    assert done < total == 4096**2


# --- Other processes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compat", [None, "c"])
def test_configs_and_scenes_can_be_pickled(compat):
    """The copy is equal and renders the same bits, as multiprocessing needs."""
    mask = np.ones(SHAPE, bool)
    mask[3:9] = False
    config = CONFIG.replace(
        structure_factors=nb.StructureFactors(indices=[[0, 0, 0], [1, 2, 3]], amplitudes=[9, 8], default_F=3),
        detector=CONFIG.detector.replace(mask=mask),
        compat=compat,
    )
    assert pickle.loads(pickle.dumps(config)) == config
    scene = pickle.loads(pickle.dumps(nb.Scene(config)))
    assert scene.config == config
    assert np.array_equal(nb.simulate(scene), nb.simulate(config))


HEAVY = {  # many minutes of rendering
    "orientations": "mosaic(200_000)",
    "sub-pixels": "mosaic(20_000).replace(sampling=nb.Sampling(oversample=1000))",
    "sources": "mosaic(300).replace(beam=nb.Beam(divergence_mrad=(1, 1), divergence_steps=(60, 60)))",
    "C's order of terms": "mosaic(200_000).replace(sampling=nb.Sampling(oversample_omega=True), compat='c')",
    "C's first row": "mosaic(20_000).replace(scan=nb.Scan(range_deg=1, steps=100), compat='c')",
}


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a child process")
@pytest.mark.parametrize("name", HEAVY)
def test_ctrl_c_stops_the_rendering(name):
    """Whichever loop takes the time; nothing is printed but the script's own lines."""
    child = python(f"""
        import importlib, warnings
        import nanobragg as nb

        warnings.simplefilter("ignore")

        module = importlib.import_module("nanobragg.rendering.simulate")
        render = module.render

        def told(*arguments):
            print("rendering", flush=True)
            return render(*arguments)

        module.render = told

        def mosaic(domains):
            return nb.Config(
                crystal=nb.Crystal(cell=(60,), n_cells=5, mosaic_spread_deg=1, mosaic_domains=domains),
                structure_factors=nb.StructureFactors.constant(1),
                detector=nb.Detector.flat(pixels=2048),
            )

        scene = nb.Scene({HEAVY[name]})
        try:
            nb.simulate(scene)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        """)
    with child:
        assert child.stdout.readline() == "rendering\n"
        time.sleep(0.3)  # for the call to reach its loop
        child.send_signal(signal.SIGINT)
        printed, complaints = finished(child)
    assert (child.returncode, printed, complaints) == (0, "stopped\n", "")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_grows_by_the_output_the_table_and_little_else():
    """4096² pixels and a table of 27 MB: at most 50 MB on top of both."""
    child = python("""
        import re, warnings
        import nanobragg as nb

        def kilobytes(key):
            with open("/proc/self/status") as file:
                return int(re.search(key + r":\\s+(\\d+) kB", file.read())[1])

        warnings.simplefilter("ignore")
        config = nb.Config(
            crystal=nb.Crystal(cell=(300,), n_cells=5),
            structure_factors=nb.StructureFactors(indices=[[-74] * 3, [74] * 3], amplitudes=[1, 2], default_F=1),
            detector=nb.Detector.flat(pixels=4096, distance_mm=200),
            sampling=nb.Sampling(oversample=1),
        )
        before = kilobytes("VmRSS")
        image = nb.simulate(config, threads=2)
        print((kilobytes("VmHWM") - before) * 1024 / 1e6, image.nbytes / 1e6)
        """)
    printed, complaints = finished(child)
    assert complaints == ""
    growth, output = map(float, printed.split())
    assert output == pytest.approx(67.1, abs=0.1)
    assert output * 0.9 < growth < output + 151**3 * 8 / 1e6 + 50


def test_errors_of_the_kernel_reach_the_caller_and_the_next_image_is_rendered(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("nanobragg.rendering.simulate.render", lambda *arguments: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            nb.simulate(CONFIG)
    assert nb.simulate(CONFIG).max() > 0


def test_several_callers_render_at_the_same_time_and_threads_are_kept():
    """Hardly more threads than callers: a call may come just before the thread of the last one is free again."""

    def count():
        return sum(thread.name.startswith("nanobragg") for thread in threading.enumerate())

    before, there = nb.simulate(CONFIG), count()
    with ThreadPoolExecutor(4) as callers:
        images = list(callers.map(nb.simulate, [CONFIG] * 40))
    assert all(np.array_equal(image, before) for image in images)
    assert 1 <= there <= count() < there + 20
