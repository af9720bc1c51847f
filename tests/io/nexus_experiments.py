"""Experiments and images of the tests that write NXmx files."""

import numpy as np

import nanobragg as nb
from tests import builders

PIXELS = (6, 9)
DETECTOR = "entry/instrument/detector"


def made(convention="mosflm", detector=None, **fields):
    return builders.config(
        detector=detector or nb.Detector.flat(distance_mm=80, pixels=PIXELS, pixel_mm=0.2, convention=convention),
        **fields,
    )


TURNING = made(scan=nb.Scan(start_deg=5, range_deg=0.5), beam=nb.Beam(kahn_factor=0.9, exposure_s=0.1))


def counts(number, shape=PIXELS, dtype=np.uint16, seed=1):
    return np.random.default_rng(seed).integers(0, 60000, (number, *shape)).astype(dtype)


def three_panels():
    return nb.Detector(
        panels=[
            nb.Panel(origin_mm=(-0.3, y, 50), fast_axis=(1, 0, 0), slow_axis=(0, -1, tilt), pixel_mm=0.1, pixels=(4, 7))
            for y, tilt in ((2, 0.1), (0.1, 0.0), (-2, 0.3))
        ],
        convention="adxv",
    )
