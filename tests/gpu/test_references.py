"""Device code on every reference scene of images, and against the golden derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from tests.derivatives.scenes import SCENES, config
from tests.derivatives.test_golden import GOLDEN, LIMITS, names_of, relative_error
from tests.gpu.test_render import DOUBLE, allowed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("in_tests_folder"),
    pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning"),
]


def test_images_of_reference_scenes_are_the_cpus(case, device):
    """In double precision, and those of float32 images within their bounds (docs/performance.md)."""
    config = nb.config_from_flags(list(case.argv))
    if config.crystal.cell is not None and config.crystal.matrix_path is not None:
        pytest.skip("only the original program takes both a cell and a matrix")
    scene = nb.Scene(nb.config_from_flags(list(case.argv), exact=True))
    exact = nb.simulate(scene, dtype="float64", tolerance=0)
    image = nb.simulate(scene, dtype="float64", device=device, tolerance=0)
    np.testing.assert_allclose(image, exact, rtol=0, atol=DOUBLE * exact.max())
    if scene.core("float32").precision == "single":
        single = nb.simulate(scene, device=device, tolerance=0)
        assert (np.abs(single - exact) <= allowed(scene, exact)).all()


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("scene", SCENES)
def test_derivatives_are_the_golden_ones(scene, dtype, device):
    golden, names = np.load(GOLDEN / f"{scene}.npz"), names_of(scene)
    found = nb.derivatives(config(scene), names, dtype=dtype, device=device)
    worst = {name: relative_error(image, golden[name]) for name, image in zip(names, found, strict=True)}
    assert max(worst.values()) <= LIMITS[dtype], worst
