"""The arrays of a scene are copied into the memory of a GPU once, and kept there as long as the scene."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.rendering import culling, gpu_image
from nanobragg.rendering.cuda.scene_arrays import DeviceArrays
from tests.gpu import scenes
from tests.gpu.conftest import use_stand_in

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave terms out of small images too."""
    monkeypatch.setattr(culling, "FEWEST_TERMS", 0)
    monkeypatch.setattr(culling, "TERMS_PER_REFLECTION", 0)
    monkeypatch.setattr(gpu_image, "FEWEST_TERMS", 0)


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[DeviceArrays]]:
    """Return references to what is copied into a GPU's memory during a test."""
    found: list[weakref.ref[DeviceArrays]] = []
    copy = DeviceArrays.__init__

    def noted(self: DeviceArrays, *arguments: Any) -> None:
        found.append(weakref.ref(self))
        copy(self, *arguments)

    monkeypatch.setattr(DeviceArrays, "__init__", noted)
    return found


@pytest.fixture
def _no_collection() -> Iterator[None]:
    """Have objects released when nothing refers to them any more, and not later."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def fresh(kind: str) -> nb.Scene:
    return nb.Scene(scenes.scene(kind).config)


def render(scene: nb.Scene, device: str) -> None:
    """Render and differentiate with all terms, and with terms left out."""
    data = np.ones(scene.shape)
    for tolerance in (0.0, 1e-6):
        nb.simulate(scene, device=device, tolerance=tolerance)
        nb.loss_and_gradient(scene, data, names=["rot_x", "n_a"], device=device, tolerance=tolerance)


@pytest.mark.parametrize("kind", ["square", pytest.param("halos", marks=pytest.mark.slow)])
def test_a_scene_is_copied_once(kind, device, uploads):
    scene = fresh(kind)
    render(scene, device)
    count = len(uploads)
    assert count >= 3  # the scene, its plan, how it moves
    render(scene, device)
    assert len(uploads) == count


def test_a_changed_scene_is_another(device, uploads):
    scene = fresh("square")
    nb.simulate(scene, device=device, tolerance=1e-6)
    count, tilt = len(uploads), 0.1
    turned = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    other = scene.changed(cells=np.ascontiguousarray(scene.cells @ turned.T))
    exact = nb.simulate(other, dtype="float64", tolerance=0)
    image = nb.simulate(other, device=device, tolerance=1e-6)
    assert len(uploads) == 2 * count
    np.testing.assert_allclose(image, exact, rtol=4e-6, atol=2e-6 * exact.max())


@pytest.mark.usefixtures("_no_collection")
@pytest.mark.parametrize("kind", ["square", "panels"])
def test_memory_is_released_with_the_scene(kind, device, uploads):
    scene = fresh(kind)
    render(scene, device)
    assert len(scene.lattices) == 1
    assert any(kept() is not None for kept in uploads)
    del scene
    assert not any(kept() is not None for kept in uploads)


def test_every_gpu_has_its_own_copy(request, monkeypatch, uploads):
    use_stand_in(request, monkeypatch, count=2)
    scene = fresh("square")
    first = nb.simulate(scene, device="cuda:0", tolerance=1e-6)
    count = len(uploads)
    assert np.array_equal(nb.simulate(scene, device="cuda:1", tolerance=1e-6), first)
    assert len(uploads) == 2 * count
