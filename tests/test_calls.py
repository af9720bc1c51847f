"""Wrong calls of what is public: every one gets a `ConfigError` that names the argument and the cure."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.calls import public
from nanobragg.errors import ConfigError, NanobraggWarning
from tests import builders


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nb.simulate(builders.config(), 3), "simulate(…, 3): only experiment can be given without a name"),
        (lambda: nb.simulate(), "simulate: experiment must be given; write simulate(experiment)"),
        (lambda: nb.simulate(None, experiment=None), "simulate: experiment is given twice, by its place and by its"),
        (lambda: nb.simulate(builders.config(), tolerence=1), "simulate: tolerence is not an argument; did you mean"),
        (lambda: nb.uniform(1), "uniform: high must be given; write uniform(low, high)"),
        (lambda: nb.Scene(builders.config()).cost(tol=1), "Scene.cost: tol is not an argument; did you mean tol"),
        (lambda: nb.Scene(), "Scene: config must be given; write Scene(config)"),
        (lambda: nb.Likelihood(sgma=1), "Likelihood: sgma is not an argument; did you mean sigma?"),
        (lambda: nb.Background.water(thickness_mm=3), "Background.water: thickness_mm is not an argument; did"),
        (
            lambda: nb.StructureFactors.wilson(70, d_min=2),
            "StructureFactors.wilson: d_min is not an argument; did you mean d_min_A?",
        ),
        (
            lambda: nb.StructureFactors.wilson(70, seed=1, d_min_A=2),
            "StructureFactors.wilson: space_group and b_factor must be given; write "
            "StructureFactors.wilson(cell, space_group, b_factor=…, d_min_A=…, seed=…)",
        ),
        (lambda: nb.StructureFactors.constant(1, 70), "StructureFactors.constant(…, 70): only amplitude can be given"),
        (lambda: nb.Crystal.realistic(size=3), "Crystal.realistic: size is not an argument; did you mean size_mm?"),
        (lambda: builders.DETECTOR.moved(distance=3), "Detector.moved: distance is not an argument; did you mean dis"),
        (lambda: nb.read_mtz(), "StructureFactors.from_mtz: path must be given; write StructureFactors.from_mtz(path)"),
        (lambda: nb.Noise(gian=3), "Noise.gian: is not a field of Noise; did you mean gain_adu_per_photon?"),
        (lambda: nb.Detector.named("EIGER2"), "did you mean 'EIGER2 500K', 'EIGER2 1M', 'EIGER2 4M'"),
        (lambda: nb.Detector.named("PILATUS 7M"), "did you mean 'PILATUS 6M'"),
        (lambda: nb.Detector.named("x"), "Detector.named: 'x' is not a detector that is known here; the names are"),
        (lambda: setattr(builders.DETECTOR, "distance", 3), "Detector.distance: is not a field of Detector"),
        (lambda: nb.Config(), 'Config.detector: is required; give nanobragg.Detector.named("EIGER2 4M", …)'),
        (lambda: nb.Beamstop(diameter_mm=2), "Beamstop.distance_mm: is required; give a number"),
        (lambda: nb.Detector.flat(pixels=(1, 2, 3)), "must be 2 numbers, or one for all, got 3"),
    ],
)
def test_a_wrong_call_is_explained(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert message in str(caught.value)


def test_a_type_error_of_the_function_itself_is_not_hidden() -> None:
    @public
    def halve(number: Any) -> Any:
        return number / 2

    with pytest.raises(TypeError, match="unsupported operand"):
        halve("a")


def _functions() -> list[tuple[str, Any]]:
    """Return what is public by name, with the methods of classes."""
    found = []
    for name in nb.__all__:
        thing = getattr(nb, name)
        if inspect.isclass(thing):
            methods = [(f"{name}.{m}", getattr(thing, m)) for m in vars(thing) if not m.startswith(("_", "model_"))]
            found += [(m, value) for m, value in methods if inspect.isfunction(value) or inspect.ismethod(value)]
            found += [] if name == "RefineOptions" else [(name, thing)]  # a TypedDict has no signature
        elif callable(thing):
            found.append((name, thing))
    return found


@pytest.mark.parametrize(("name", "thing"), _functions(), ids=[name for name, _ in _functions()])
def test_signatures_print_as_they_are_written(name: str, thing: Any) -> None:
    text = str(inspect.signature(thing))
    for sign in ("<function", "func=", "_typing", "ForwardRef", "Undefined", ": '", "nanobragg."):
        assert sign not in text


def test_a_warning_points_at_the_users_line() -> None:
    config = builders.config(crystal=builders.CRYSTAL.replace(shape="tophat"))
    with pytest.warns(NanobraggWarning, match="tophat") as caught:
        nb.derivatives(config, ["rot_x"])
    assert caught[0].filename == __file__


def test_public_functions_are_pickled() -> None:
    scale = pickle.loads(pickle.dumps(nb.add_noise))
    np.testing.assert_array_equal(scale(np.full((2, 2), 9.0), seed=1), nb.add_noise(np.full((2, 2), 9.0), seed=1))
    assert pickle.loads(pickle.dumps(nb.Detector.flat))(pixels=4).shape == (4, 4)
