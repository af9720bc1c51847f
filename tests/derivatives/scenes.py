"""The scenes of the derivative images in golden/, as Configs.

The images are those of an independent implementation of docs/theory.md and its automatic differentiation. It samples φ
at the start of each step and draws mosaic domains as the C program does, so that the Configs ask for that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import nanobragg as nb

# beam, polarization, spindle of two laboratory frames
ALONG_Z = {"direction": (0.0, 0.0, 1.0), "polarization_axis": (1.0, 0.0, 0.0)}
ALONG_X = {"direction": (1.0, 0.0, 0.0), "polarization_axis": (0.0, 0.0, 1.0)}


def waves(
    h: int, k: int, l: int, *, gap: int = 0, default_F: float = 0.0, interpolate: bool | None = None
) -> dict[str, Any]:
    """Amplitudes of a smooth made-up function in the box |h| <= h ...; every `gap`-th reflection is not listed."""
    index = np.array([(i, j, m) for i in range(-h, h + 1) for j in range(-k, k + 1) for m in range(-l, l + 1)])
    i, j, m = index.T
    F = np.round(60 + 30 * np.sin(1.7 * i + 0.9 * j - 1.3 * m) + 20 * np.cos(0.8 * i - 2.1 * j + 0.5 * m), 3)
    keep = np.ones(len(F), bool) if not gap else (i + 2 * j + 3 * m) % gap != 0
    return {
        "indices": index[keep].tolist(),
        "amplitudes": F[keep].tolist(),
        "default_F": default_F,
        "interpolate": interpolate,
    }


def config(name: str, **replace: Any) -> nb.Config:
    """Return the Config of a scene; `replace` puts other fields in place of those of a part of it."""
    scene = {part: {**SCENES[name].get(part, {}), **replace.get(part, {})} for part in PARTS}
    beam, detector, factors, scan = scene["beam"], scene["detector"], scene["structure_factors"], scene["scan"]
    if isinstance(beam.get("sources"), dict):
        beam["sources"] = nb.Sources(**{key: np.asarray(values, float) for key, values in beam["sources"].items()})
    detector["panels"] = [nb.Panel(**panel) for panel in detector["panels"]]
    if scan:
        scan["start_deg"] -= scan["range_deg"] / scan["steps"] / 2
    return nb.Config(
        crystal=nb.Crystal(**{"mosaic_sampling": "random", **scene["crystal"]}),
        structure_factors=nb.StructureFactors(**factors),
        beam=nb.Beam(**beam),
        detector=nb.Detector(**detector),
        scan=nb.Scan(**scan),
        sampling=nb.Sampling(**scene["sampling"]),
        background=nb.Background(**scene["background"]),
    )


PARTS = ("crystal", "structure_factors", "beam", "detector", "scan", "sampling", "background")
SCENES = {
    # triclinic cell, square transform, one amplitude, polarized beam
    "square_constant": {
        "crystal": {
            "cell": (52, 61, 70, 78, 86, 97),
            "misset_deg": (12, -31, 47),
            "n_cells": (5, 7, 9),
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": {"default_F": 100.0},
        "beam": {**ALONG_Z, "wavelength_A": 1.1, "kahn_factor": 0.9, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (-3.1, 12.2, 60),
                    "fast_axis": (1, 0, 0),
                    "slow_axis": (0, 1, 0),
                    "pixel_mm": 0.4,
                    "pixels": (24, 24),
                }
            ]
        },
        "sampling": {"oversample": 1},
    },
    # nearest reflection of a table with gaps, divergence and dispersion, no polarization, resolution limit
    "sources_table": {
        "crystal": {
            "cell": (48, 57, 66, 90, 101, 90),
            "misset_deg": (5, 25, -70),
            "n_cells": (6, 5, 4),
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": waves(9, 9, 9, gap=7, default_F=12.0, interpolate=False),
        "beam": {
            **ALONG_Z,
            "wavelength_A": 0.95,
            "polarized": False,
            "fluence_ph_m2": 1e27,
            "divergence_mrad": (6, 4),
            "divergence_steps": (3, 3),
            "dispersion_percent": 2.0,
            "dispersion_steps": 3,
        },
        "detector": {
            "panels": [
                {
                    "origin_mm": (4.2, -3.3, 55),
                    "fast_axis": (1, 0, 0),
                    "slow_axis": (0, 1, 0),
                    "pixel_mm": 0.45,
                    "pixels": (24, 24),
                }
            ]
        },
        "sampling": {"oversample": 1, "d_min_A": 3.5},
    },
    # ball transform with fudge, phi steps, sub-pixels
    "round_phi_subpixels": {
        "crystal": {
            "cell": (61, 61, 40, 90, 90, 120),
            "misset_deg": (-17, 33, 8),
            "n_cells": (6, 6, 9),
            "shape": "round",
            "fudge": 1.2,
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": waves(8, 8, 8, interpolate=False),
        "beam": {**ALONG_Z, "wavelength_A": 1.0, "kahn_factor": -0.5, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (-5.0, 3.7, 50),
                    "fast_axis": (1, 0, 0),
                    "slow_axis": (0, 1, 0),
                    "pixel_mm": 0.42,
                    "pixels": (24, 24),
                }
            ]
        },
        "scan": {"start_deg": 10.0, "range_deg": 1.5, "steps": 3},
        "sampling": {"oversample": 3},
    },
    # Gaussian transform, ten mosaic domains (cap), sensor layers on a tilted panel, water
    "gauss_mosaic_sensor_water": {
        "crystal": {
            "cell": (45, 53, 71, 84, 93, 106),
            "misset_deg": (40, 10, -15),
            "n_cells": (8, 7, 5),
            "shape": "gauss",
            "fudge": 1.0,
            "mosaic_spread_deg": 0.8,
            "mosaic_domains": 10,
            "mosaic_seed": 4711,
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": {"default_F": 80.0},
        "beam": {**ALONG_Z, "wavelength_A": 1.2, "kahn_factor": 0.98, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (9.0, -4.0, 44),
                    "fast_axis": (0.8, 0.1, -0.5),
                    "slow_axis": (-0.1, 1.0, 0.04),
                    "pixel_mm": 0.4,
                    "pixels": (24, 24),
                }
            ],
            "sensor_thickness_um": 450.0,
            "attenuation_um": 700.0,
            "sensor_layers": 3,
        },
        "sampling": {"oversample": 1},
        "background": {"water_um": 0.05},
    },
    # tricubic interpolation of a small crystal
    "tricubic": {
        "crystal": {
            "cell": (40, 50, 60, 83, 97, 104),
            "misset_deg": (20, 40, 60),
            "n_cells": (2, 3, 2),
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": waves(9, 9, 9, default_F=20.0),
        "beam": {**ALONG_Z, "wavelength_A": 1.0, "kahn_factor": 0.3, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (-6.0, 1.0, 50),
                    "fast_axis": (1, 0, 0),
                    "slow_axis": (0, 1, 0),
                    "pixel_mm": 0.5,
                    "pixels": (24, 24),
                }
            ]
        },
        "sampling": {"oversample": 1},
    },
    # top hat: derivatives with respect to the indices are zero; scale, solid angle and polarization remain
    "tophat_mosaic": {
        "crystal": {
            "cell": (50, 60, 70, 90, 90, 90),
            "misset_deg": (11, 22, 33),
            "n_cells": (4, 4, 4),
            "shape": "tophat",
            "mosaic_spread_deg": 1.5,
            "mosaic_domains": 10,
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": waves(8, 8, 8, gap=5, default_F=9.0, interpolate=False),
        "beam": {**ALONG_Z, "wavelength_A": 1.0, "kahn_factor": 0.6, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (2.0, 2.0, 50),
                    "fast_axis": (1, 0, 0),
                    "slow_axis": (0, 1, 0),
                    "pixel_mm": 0.4,
                    "pixels": (24, 24),
                }
            ]
        },
        "sampling": {"oversample": 3},
    },
    # two tilted panels, weighted sources, mosaic domains of Gaussian angles, water
    "two_panels": {
        "crystal": {
            "cell": (55, 55, 80, 90, 90, 90),
            "misset_deg": (3, 57, 21),
            "n_cells": (6, 6, 4),
            "mosaic_spread_deg": 0.5,
            "mosaic_domains": 10,
            "mosaic_model": "gaussian",
            "mosaic_seed": 99,
            "spindle_axis": (1, 0, 0),
        },
        "structure_factors": {"default_F": 60.0},
        "beam": {
            **ALONG_Z,
            "wavelength_A": 1.05,
            "kahn_factor": 0.8,
            "fluence_ph_m2": 1e27,
            "sources": {
                "positions": [(0.002, 0.001, -1), (-0.003, 0.0, -1), (0.0, 0.004, -2)],
                "weights": [1, 3, 2],
                "wavelengths_A": [1.045, 1.05, 1.06],
            },
        },
        "detector": {
            "panels": [
                {
                    "origin_mm": (-9.5, 2.0, 48),
                    "fast_axis": (1, 0.03, 0.2),
                    "slow_axis": (-0.03, 1, 0.0),
                    "pixel_mm": 0.45,
                    "pixels": (18, 18),
                },
                {
                    "origin_mm": (1.0, 3.0, 52),
                    "fast_axis": (0.98, 0, -0.3),
                    "slow_axis": (0.03, 1, 0.098),
                    "pixel_mm": 0.5,
                    "pixels": (18, 18),
                },
            ],
            "sensor_thickness_um": 300.0,
            "attenuation_um": 400.0,
            "sensor_layers": 1,
        },
        "sampling": {"oversample": 1},
        "background": {"water_um": 0.05},
    },
    # curved detector
    "curved": {
        "crystal": {
            "cell": (58, 64, 49, 88, 95, 91),
            "misset_deg": (80, 5, 14),
            "n_cells": (6, 5, 7),
            "spindle_axis": (0, 0, 1),
        },
        "structure_factors": {"default_F": 90.0},
        "beam": {**ALONG_X, "wavelength_A": 1.0, "kahn_factor": 0.5, "fluence_ph_m2": 1e27},
        "detector": {
            "panels": [
                {
                    "origin_mm": (52, 14.0, 3.0),
                    "fast_axis": (0, 0, 1),
                    "slow_axis": (0, -1, 0),
                    "pixel_mm": 0.45,
                    "pixels": (24, 24),
                }
            ],
            "curved": True,
        },
        "sampling": {"oversample": 2},
    },
    # everything at once
    "all": {
        "crystal": {
            "cell": (47, 58, 69, 81, 94, 103),
            "misset_deg": (-25, 61, 130),
            "n_cells": (7, 6, 5),
            "mosaic_spread_deg": 0.6,
            "mosaic_domains": 5,
            "mosaic_seed": 31,
            "spindle_axis": (0, 1, 0.2),
        },
        "structure_factors": waves(10, 10, 10, gap=9, default_F=15.0, interpolate=False),
        "beam": {
            **ALONG_Z,
            "wavelength_A": 1.0,
            "kahn_factor": 0.7,
            "fluence_ph_m2": 1e27,
            "divergence_mrad": (3, 0),
            "divergence_steps": (2, 1),
            "dispersion_percent": 1.0,
            "dispersion_steps": 2,
        },
        "detector": {
            "panels": [
                {
                    "origin_mm": (3.0, 5.0, 50),
                    "fast_axis": (0.97, 0.05, -0.2),
                    "slow_axis": (-0.05, 1.0, 0.0075),
                    "pixel_mm": 0.4,
                    "pixels": (24, 24),
                }
            ],
            "sensor_thickness_um": 500.0,
            "attenuation_um": 300.0,
            "sensor_layers": 2,
        },
        "scan": {"start_deg": 20.0, "range_deg": 0.6, "steps": 2},
        "sampling": {"oversample": 2},
        "background": {"water_um": 0.04},
    },
}
