"""Derivatives of general Gaussian blocks, and of domains with shares, strains, and axes of their own."""

from __future__ import annotations

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.errors import ConfigError
from tests.builders import TRICLINIC, config

NAMES = ["cell_a", "cell_gamma", "rot_x", "rot_z", "n_a", "n_b", "n_c", "log_wavelength", "phi_start", "panel0_tx"]
OWN = {"mosaic_spread_deg": (0.3, 0.1, 0.5), "mosaic_model": "gaussian", "mosaic_domains": 5}
LISTED = {"mosaic_rotations_deg": [[0.5, 0.0, -0.1], [0.0, 0.3, 0.4]], "mosaic_weights": [0.9, 0.1]}


@pytest.mark.parametrize(
    ("crystal", "factors", "names"),
    [
        ({"n_cells_off": (3, -4, 5)}, {}, ["n_ab", "n_bc", "n_ac"]),
        ({"n_cells": (3, 4, 3), "n_cells_off": (0, 1, 0)}, {"interpolate": True}, ["n_ab", "n_bc", "n_ac"]),
        ({"shape": "square", "n_cells": 4, **OWN}, {}, ["mosaic_a", "mosaic_b", "mosaic_c"]),
        ({"shape": "gauss_star", "n_cells": 6, **LISTED}, {}, []),
        ({"n_cells": 5, "strain_percent": 0.4, "mosaic_domains": 6}, {"interpolate": True}, ["strain"]),
        (
            {"shape": "round", "n_cells": 4, **LISTED, "strain_percent": (0.1, 0.2, 0, 0.1, 0, 0)},
            {},
            ["strain_11", "strain_22", "strain_23"],
        ),
        (
            {"shape": "gauss_star", "n_cells": 6, **OWN, "strain_percent": 0.2},
            {},
            ["mosaic_a", "mosaic_b", "mosaic_c", "strain"],
        ),
    ],
)
def test_they_agree_with_differences(crystal, factors, names):
    hkl = np.indices((15, 15, 15)).reshape(3, -1).T - 7
    amplitudes = 100 + 50 * np.sin(hkl @ [1.0, 2.0, 3.0])
    scene = nb.Scene(
        config(
            crystal=TRICLINIC.replace(**{"n_cells": (12, 15, 10), **crystal}),
            structure_factors=nb.StructureFactors(indices=hkl, amplitudes=amplitudes, **factors),
            scan=nb.Scan(range_deg=2, steps=2),
        )
    )
    own = [
        each.name for each in nb.parameters(scene) if each.name.startswith(("mosaic", "strain", "n_ab", "n_bc", "n_ac"))
    ]
    assert own == names
    h, k, l = nb.predict_spots(scene).hkl[0].tolist()
    for check in nb.check_derivatives(scene, [*NAMES, *own, f"F({h},{k},{l})"]):
        assert check.error < 2e-6, check


@pytest.mark.parametrize("crystal", [{"shape": "square", "n_cells": (2, 3, 2)}, {"shape": "gauss_star", "n_cells": 2}])
def test_those_of_a_transform_with_phases_agree_with_differences(crystal):
    """The transform is smooth but for kinks of its second derivatives."""
    hkl = np.indices((15, 15, 15)).reshape(3, -1).T - 7
    values = (100 + 50 * np.sin(hkl @ [1.0, 2.0, 3.0])) * np.exp(1j * (hkl @ [0.3, 0.5, -0.7] + np.sin(hkl[:, 0])))
    factors = nb.StructureFactors(indices=hkl, amplitudes=values, interpolate="phased")
    scene = nb.Scene(config(crystal=TRICLINIC.replace(**crystal), structure_factors=factors))
    for check in nb.check_derivatives(scene, NAMES):
        assert check.error < 2e-5, check
    for single, double in zip(
        *(nb.derivatives(scene, NAMES, dtype=dtype) for dtype in ("float32", "float64")), strict=True
    ):
        np.testing.assert_allclose(single, double, atol=1e-4 * np.abs(double).max())
    refused = "default_F: there is no derivative by amplitudes with .*'phased'"
    with pytest.raises(ConfigError, match=refused):
        nb.derivatives(scene, ["default_F"])
    with pytest.raises(ConfigError, match=refused):
        nb.vjp(scene, np.ones(scene.shape), names=["default_F"])


def test_those_of_a_fraction_of_a_damaged_crystal_agree_with_differences():
    damage = nb.Damage(b_A2_per_MGy=1, cell_percent_per_MGy=0.05, half_dose_MGy=20)
    crystal = TRICLINIC.replace(n_cells=8, fraction=0.84)
    scene = nb.Scene(config(crystal=crystal, damage=damage, dose_MGy=5))
    for check in nb.check_derivatives(scene, NAMES):
        assert check.error < 2e-6, check
