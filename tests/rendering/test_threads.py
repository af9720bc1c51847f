"""The number of threads, with and without OpenMP, and in forked processes."""

from __future__ import annotations

import json
import os
import signal
import threading

import numpy as np
import pytest

import nanobragg as nb
from nanobragg._core import HAS_OPENMP
from nanobragg.errors import ConfigError, NanobraggWarning
from nanobragg.rendering.threads import share, thread_count
from tests.builders import config
from tests.paths import ROOT
from tests.processes import finished, python

needs_openmp_and_fork = pytest.mark.skipif(
    not (HAS_OPENMP and hasattr(signal, "SIGALRM")), reason="needs OpenMP and fork"
)


@pytest.mark.parametrize(("value", "expected"), [("3", 3), ("5,2", 5), (" 4 ", 4)])
def test_omp_num_threads_is_the_default(monkeypatch, value, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert thread_count(None) == expected
    assert thread_count(2) == 2


@pytest.mark.parametrize("value", ["", "0", "-2", "many"])
def test_the_usable_processors_are_the_default_without_omp_num_threads(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert thread_count(None) == 3


def test_a_build_without_openmp_warns_that_it_has_one_thread(monkeypatch):
    monkeypatch.setattr("nanobragg.rendering.threads.HAS_OPENMP", False)
    with pytest.warns(NanobraggWarning, match="built without OpenMP and renders on one thread"):
        nb.simulate(config(), threads=2)


@needs_openmp_and_fork
def test_a_forked_child_renders_on_one_thread_with_one_warning():
    """After the parent has rendered on several, whose OpenMP threads the child does not have."""
    process = python("""
        import json, os, signal, warnings
        import numpy as np
        import nanobragg as nb
        from nanobragg.rendering.threads import rendering_threads

        config = nb.Config(
            crystal=nb.Crystal(cell=(60,), n_cells=5),
            structure_factors=nb.StructureFactors.constant(1),
            detector=nb.Detector.flat(pixels=64),
        )
        image = nb.simulate(config, threads=2)
        pid = os.fork()
        if pid == 0:
            signal.alarm(200)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                same = [np.array_equal(nb.simulate(config, threads=2), image) for _ in range(3)]
                threads = rendering_threads(2)
            told = [(w.filename, w.category.__name__, str(w.message)) for w in caught]
            print(json.dumps({"same": same, "threads": threads, "warnings": told}), flush=True)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"status": status, "threads": rendering_threads(2)}))
        """)
    printed, complaints = finished(process)
    assert (process.returncode, complaints) == (0, "")
    child, parent = map(json.loads, printed.splitlines())
    assert child["same"] == [True, True, True]
    assert child["threads"] == 1
    ((where, category, message),) = child["warnings"]
    assert (where, category) == ("<string>", "NanobraggWarning")  # the line that called simulate
    assert "'spawn'" in message
    assert parent == {"status": 0, "threads": 2}


@needs_openmp_and_fork
def test_a_child_forked_before_any_rendering_uses_all_threads():
    child = python("""
        import os, sys
        import nanobragg
        from nanobragg.rendering.threads import rendering_threads

        pid = os.fork()
        if pid == 0:
            os._exit(rendering_threads(2))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """)
    finished(child)
    assert child.returncode == 2


@pytest.mark.parametrize("value", ["²", "٣", "1e3", "99999999999999999999", "1025", "3.5", "\t", "4;4", "0x10", "true"])
def test_omp_num_threads_may_be_any_text(monkeypatch, value):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 3}, raising=False)
    assert thread_count(None) == 2
    assert np.isfinite(nb.simulate(config())).all()


@pytest.mark.parametrize("threads", [-1, 0, 1025, 10_000, 536_870_912, 2**31, 2**64, 2.5, "2", float("nan")])
def test_numbers_of_threads_that_are_refused(threads):
    for call in (
        lambda: nb.simulate(config(), threads=threads),
        lambda: nb.add_noise(np.ones((2, 2)), threads=threads),
    ):
        with pytest.raises(ConfigError, match="threads ="):
            call()


LIMITED = """
    import resource, sys, threading, warnings
    import numpy as np
    import nanobragg as nb
    from nanobragg.errors import NanobraggError, NanobraggWarning
    from tests.builders import config

    class Refusing(threading.Thread):
        def start(self):
            if threading.active_count() > {most}:
                raise RuntimeError("can't start new thread")
            super().start()

    threading.Thread = Refusing
    warnings.simplefilter("always", NanobraggWarning)
    with warnings.catch_warnings(record=True) as caught:
        try:
            image = {call}
            print("made", image.shape, *(str(each.message) for each in caught))
        except NanobraggError as error:
            print("refused", error)
"""


@pytest.mark.parametrize(
    ("call", "most", "expected"),
    [
        ("nb.simulate(config(), threads=8)", 0, "refused rendering: can't start new thread"),
        ("nb.simulate(config(), threads=8)", 5, "made (32, 48) only 5 of 8 threads can be started; rendering on 2"),
        ("nb.add_noise(np.ones((99, 9999)), seed=1, threads=8)", 0, "made (99, 9999)"),
        ("nb.add_noise(np.ones((99, 9999)), seed=1, threads=8)", 3, "made (99, 9999)"),
        ("nb.add_noise(np.ones((9, 9)), seed=1, psf='gaussian', psf_fwhm_px=2.0, threads=8)", 0, "made (9, 9)"),
    ],
)
def test_threads_that_cannot_be_started(call, most, expected):
    """The limit of the system is imitated, because it holds for all processes of a user."""
    if not HAS_OPENMP and "only" in expected:
        pytest.skip("no OpenMP")
    with python(LIMITED.format(call=call, most=most), cwd=ROOT) as process:
        output, errors = finished(process)
    assert output.startswith(expected), errors


def test_share_hands_out_every_number_once_and_raises_the_first_failure():
    taken = []
    share(taken.extend, 1000, 4)
    assert sorted(taken) == list(range(1000))

    def fail(numbers):
        for number in numbers:
            if number == 7:
                raise ValueError("seven")

    with pytest.raises(ValueError, match="seven"):
        share(fail, 10**9, 3)


@pytest.mark.parametrize(("count", "threads"), [(5, 1), (1, 4)])
def test_share_makes_a_single_call_in_its_own_thread(count, threads):
    taken = []
    share(lambda numbers: taken.extend((number, threading.get_ident()) for number in numbers), count, threads)
    assert taken == [(number, threading.get_ident()) for number in range(count)]


@pytest.mark.parametrize("value", ["abc", "", "0", "-3", "4,x", "99999999999999999999", "1" * 5000, "²"])
def test_an_invalid_omp_num_threads_makes_no_noise(value):
    script = "import nanobragg as nb; from tests.builders import config; print(nb.simulate(config()).shape)"
    with python(script, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": value}) as process:
        output, errors = finished(process)
    assert (output, errors) == ("(32, 48)\n", "")
