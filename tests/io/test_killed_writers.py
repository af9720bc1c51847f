"""A writer that is killed at a random moment leaves the old file or the new one, and nothing else in the folder."""

from __future__ import annotations

import signal

import pytest

from tests.processes import finished, python

SCRIPT = """
    import os, pathlib, random, signal, sys, time, warnings
    import numpy as np
    import nanobragg as nb
    from nanobragg.io.fdump import read_fdump, write_fdump
    from nanobragg.io.hkl import read_hkl, write_hkl

    kind, number, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    shape = (90, 110)
    images = [np.arange(9900, dtype=np.uint16).reshape(shape) % 250 + value for value in (0, 5)]
    images = [image.astype(np.uint8) for image in images] if kind in ("pgm", "png") else images
    factors = [nb.StructureFactors(indices=[[1, 0, 0], [2, 0, 0]], amplitudes=[v, v]) for v in (1.0, 2.0)]
    crystal = nb.Crystal(cell=(60, 70, 80), n_cells=5)
    configs = [nb.Config(crystal=crystal, structure_factors=factor, beam=nb.Beam(wavelength_A=i + 1.0),
                         detector=nb.Detector.flat(distance_mm=100, pixels=shape, pixel_mm=1))
               for i, factor in enumerate(factors)]
    truths = [nb.ground_truth(config) for config in configs]
    path = pathlib.Path("a." + {"hkl": "hkl", "dump": "bin", "toml": "toml", "truth": "npz"}.get(kind, kind))

    def write(i):
        if kind == "hkl":
            write_hkl(path, *factors[i].listing)
        elif kind == "dump":
            write_fdump(path, 0, 0, 0, images[i][None].astype(float))
        elif kind == "toml":
            configs[i].to_toml(path)
        elif kind == "truth":
            truths[i].save(path)
        else:
            nb.write_image(path, images[i], config=configs[i] if kind == "nxs" else None)

    def read():
        if kind == "hkl":
            return int(read_hkl(path)[1][0]) - 1
        if kind == "dump":
            return [np.array_equal(read_fdump(path)[3][0], image) for image in images].index(True)
        if kind == "toml":
            config = nb.Config.from_toml(path)
            assert config.beam.wavelength_A == config.structure_factors.amplitudes[0]
            return int(config.beam.wavelength_A) - 1
        if kind == "truth":
            found = nb.GroundTruth.load(path)
            return [found.config_sha256 == truth.config_sha256 for truth in truths].index(True)
        found, _ = nb.read_image(path, shape=shape)
        return [np.array_equal(found, image) for image in images].index(True)

    warnings.simplefilter("error")
    for i in (1, 0):
        write(i)
        assert read() == i
    began = time.perf_counter()
    write(0)
    each = time.perf_counter() - began
    draw, seen = random.Random(kind), set()
    for _ in range(times):
        child = os.fork()
        if not child:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            while True:
                write(1)
                write(0)
        time.sleep(draw.uniform(0, 4 * each))
        os.kill(child, number)
        os.waitpid(child, 0)
        seen.add(read())
        # A new file has a name of its own for the microseconds before it replaces the old one.
        left = sorted(name for name in os.listdir() if not name.startswith(".nanobragg-"))
        named = [path.name]
        if kind == "toml":  # an .npz that no TOML file names yet stays until the next writer
            named += [line.split('"')[1] for line in path.read_text().splitlines() if line.startswith("arrays =")]
            left = [name for name in left if name in named or not name.endswith(".npz")]
        assert left == sorted(named), left
    write(0)
    assert len(os.listdir()) == 1 + (kind == "toml"), os.listdir()
    print("seen", sorted(seen))
"""
WRITERS = ("img", "bin", "npy", "png", "pgm", "cbf", "tif", "nxs", "hkl", "dump", "toml", "truth")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def kill_writers(kind, number, times, folder):
    with python(SCRIPT, arguments=[kind, str(int(number)), str(times)], cwd=folder) as process:
        output, errors = finished(process, timeout_s=1200)
    assert output.startswith("seen"), errors
    return output


@pytest.mark.parametrize("kind", ["npy", "toml"])
def test_killed_writers(kind, tmp_path):
    kill_writers(kind, signal.SIGKILL, 20, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("kind", WRITERS)
def test_two_hundred_killed_writers(kind, number, tmp_path):
    kill_writers(kind, number, 200, tmp_path)
