"""Derivatives of device code are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.rendering.cuda import primitives
from tests.derivatives.scenes import SCENES, config
from tests.gpu import scenes

pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

DOUBLE, SINGLE = 1e-11, 5e-6  # of the largest value of each image


def assert_all_close(scene: nb.Scene, device: str, dtype: str, tolerance: float) -> None:
    """Check the derivatives by all parameters."""
    names = [parameter.name for parameter in nb.parameters(scene)]
    every, brightest = nb.derivatives(scene, names, dtype=dtype, device=device), nb.simulate(scene).max()
    for name, ours, theirs in zip(names, every, nb.derivatives(scene, names), strict=True):
        # log_blocks is the difference of the photons and of those of the background
        largest = max(np.abs(theirs).max(), brightest if name == "log_blocks" else 0.0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * largest, err_msg=name)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", DOUBLE), pytest.param("float32", SINGLE, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", SCENES)
def test_derivatives_of_every_parameter_are_the_cpus(name, dtype, tolerance, device):
    assert_all_close(nb.Scene(config(name)), device, dtype, tolerance)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "many orientations",
        "gauss_star",
        "gauss, tricubic",
        "resolution limit",
        "ice",
        "mask",
        "strained",
        "smeared, constant",
        "halos",
        "halos, tricubic",
    ],
)
def test_so_are_those_of_other_scenes(kind, device):
    """Among them more orientations than are summed in single precision at once."""
    assert_all_close(scenes.scene(kind), device, "float64", DOUBLE)
    assert_all_close(scenes.scene(kind), device, "float32", SINGLE)


@pytest.mark.parametrize("kind", ["smeared", "halos"])
def test_derivatives_of_smeared_spots_and_halos_are_the_cpus(kind, device):
    """Among them those by the widths, which the CPU computes."""
    scene = scenes.scene(kind)
    widths = ("mosaic_a", "strain", "bandwidth", "correlation_a")
    names = [each.name for each in nb.parameters(scene) if each.name in ("rot_x", "cell_b", "n_a", "distance", *widths)]
    assert len(names) >= 4
    every = nb.derivatives(scene, names, device=device, dtype="float64")
    for name, ours, theirs in zip(names, every, nb.derivatives(scene, names), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=DOUBLE * np.abs(theirs).max(), err_msg=name)


def test_products_and_losses_are_the_cpus(device, monkeypatch):
    """In several blocks of pixels, and with derivatives that the CPU computes."""
    monkeypatch.setattr(primitives, "BLOCK_PIXELS", 500)
    scene = scenes.scene("panels")
    data = np.random.default_rng(1).poisson(nb.simulate(scene) / 1e3 + 2.0).astype(float)
    names = ["rot_x", "n_a", "F(1,2,3)", "source_weight0"]
    tangent = dict.fromkeys(names, 0.1)
    pairs = [
        (nb.jvp(scene, tangent, device=device), nb.jvp(scene, tangent)),
        *((nb.vjp(scene, data, device=device)[name], nb.vjp(scene, data)[name]) for name in ["rot_x", "F"]),
    ]
    for noise in ("poisson", 3.0, nb.Likelihood("normal", 2.0, robust=2.5)):
        ours, theirs = (nb.loss_and_gradient(scene, data, noise, names=names, device=d) for d in (device, "cpu"))
        pairs += [(ours.loss, theirs.loss), *((ours.gradient[name], theirs.gradient[name]) for name in names)]
    ours, theirs = (nb.normal_equations(scene, data, 4.0, names, device=d) for d in (device, "cpu"))
    pairs += [(ours.matrix, theirs.matrix), (ours.gradient, theirs.gradient), (ours.chi_squared, theirs.chi_squared)]
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_derivatives_are_the_same_each_time(device):
    scene = scenes.scene("many orientations")
    names = [parameter.name for parameter in nb.parameters(scene)]
    assert np.array_equal(nb.derivatives(scene, names, device=device), nb.derivatives(scene, names, device=device))


def test_those_by_the_dose_and_by_weights_of_domains_are_the_cpus(device):
    """Part of them are images of changed scenes, which the device renders as well."""
    base = scenes.scene("panels").config
    damage = nb.Damage(b_A2_per_MGy=1.2, cell_percent_per_MGy=0.1, half_dose_MGy=20)
    listed = {"mosaic_rotations_deg": [[0.2, 0.0, 0.1], [0.0, 0.3, 0.0]], "mosaic_weights": [1.0, 3.0]}
    changes = {"mosaic_spread_deg": None, "mosaic_domains": None, **listed}
    scene = nb.Scene(base.replace(crystal=base.crystal.replace(changes), damage=damage, dose_MGy=6))
    names = ["damage_b", "damage_cell", "half_dose", "dose", "cell_b", "domain_weight1"]
    for name, ours, theirs in zip(
        names, nb.derivatives(scene, names, device=device), nb.derivatives(scene, names), strict=True
    ):
        assert np.abs(theirs).max() > 0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max(), err_msg=name)


def test_those_of_several_lattices_are_the_cpus(device):
    first = scenes.scene("panels").config
    other = first.crystal.replace(cell=(50, 60, 70, 90, 95, 90), misset_deg=(70, -20, 5)).twinned("-h,-k,l", 0.3)
    scene = nb.Scene(first.replace(crystals=(first.crystal, other), fractions=(1.0, 0.5), crystal=first.crystal))
    names = ["crystal0_rot_x", "crystal1_cell_a", "crystal1_twin0_share", "crystal0_fraction", "kahn", "F(1,2,3)"]
    data = np.random.default_rng(1).poisson(nb.simulate(scene) / 1e3 + 2.0).astype(float)
    ours, theirs = (
        [
            *nb.derivatives(scene, names, device=d),
            np.array(list(nb.loss_and_gradient(scene, data, 2.0, names=names, device=d).gradient.values())),
            nb.normal_equations(scene, data, 4.0, names, device=d).matrix,
        ]
        for d in (device, "cpu")
    )
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
