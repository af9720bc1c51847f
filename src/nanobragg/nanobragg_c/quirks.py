"""The C program's quirks, by their rows in docs/quirks.md: which ones affect an image, and explain a difference."""

import math
from collections.abc import Collection, Sequence

import numpy as np

from ..config.crystal import Crystal
from ..scene.scene import Scene
from ..unit_cell import reciprocal_vectors
from .flags.flag_table import SPELLINGS

__all__ = ["QUIRKS", "active_quirks", "explaining_quirks", "has_distorted_cell", "unreproduced_quirks"]

QUIRKS = {
    1: "a φ of exactly 0 does not turn the cell back",
    2: "solid angle and polarization are those of the first term, applied once",
    3: "the fraction captured is the last layer's, times the sum over all layers",
    4: "-oversample_thick, _polar, _omega multiply the running sum after every term",
    5: "source weights are ignored",
    6: "the first point outside the table ends interpolation for all later terms",
    7: "the radius of gauss and tophat spots is in Å⁻²",
    8: "-misset random draws from a cap of 90 radians",
    9: "c* is too long along z, so the cell comes out distorted",
    10: "curved-detector pixels are rotated by lab y and z of the flat pixel",
    11: "water: r_e²·fluence is applied twice, then divided by the number of terms",
    12: "sensor layers given by count cover count/(count-1) of the thickness",
    13: "sincg at an exact integer is rounding noise, and sinc3 loses digits near 0",
    15: "quantities derived from the distance ignore two-theta",
    19: "flags match as substrings: -misset_seed also sets a misset",
    20: "DISTANCE is read from the last header key that contains the word",
    22: "-curved_det as the last word is ignored",
    25: "φ is sampled at the start of each step",
    26: "mosaic domains are random draws, so that a few turn the mean lattice",
    27: "the polarization axis is used as given, even if it is not across the beam",
    28: "a thick sensor without layers is divided into two, the first at its surface",
}

# Rows that affect a quantity directly, not only through earlier ones. Names of vectors have no component suffix.
_SUM = {1, 2, 3, 4, 5, 6, 7, 11, 12, 25, 26, 27, 28}
_ORIENTATION = {1, 8, 19, 25, 26}
_AFFECTING = {
    "oversample": {15},
    "random_misset_deg": {8, 19},
    "cell": {9},
    "recip_cell": {9},
    "volume_A3": {9},
    "dials_origin_mm": {15, 20},
    "stol_m_inv": {10, 12, 15, 20, 22, 28},
    "pixel_pos_meters": {10, 12, 15, 20, 22, 28},
    "real_space_a": _ORIENTATION,
    "real_space_b": _ORIENTATION,
    "real_space_c": _ORIENTATION,
    "rot_a_angstroms": _ORIENTATION,
    "rot_b_angstroms": _ORIENTATION,
    "rot_c_angstroms": _ORIENTATION,
    "hkl_frac": _ORIENTATION | {10, 12, 27, 28},
    "F_cell": {6},
    "F_latt": {7, 13},
    "polar": {2, 4, 27},
    "omega_pixel": {2, 4, 28},
    "capture_fraction": {3, 4, 12, 28},
    "I_before_scaling": _SUM,
    "I_per_step": _SUM,
    "floatimage_accumulated": _SUM,
}


def active_quirks(scene: Scene) -> set[int]:
    """Return the rows of physics quirks that change the image of a scene with compat="c", judged by its settings.

    Rows 2 and 3 need several layers, sub-pixels or beam directions. Row 9 needs a cell whose γ differs from that of the
    orthogonal construction, or a matrix as well as a cell, and an image that depends on the cell. Row 15 needs a
    two-theta swing with automatic sub-pixels or a curved detector. Row 27 needs polarization or several directions.
    With a sensor that absorbs nothing, no row matters.
    """
    config, crystal, detector = scene.config, scene.config.crystal, scene.config.detector
    sampling = config.sampling
    has_sensor, several = scene.sensor.range > 0, scene.sensor.count > 1 or scene.oversample > 1
    listed, directions = config.beam.sources, len(np.unique(scene.sources.directions, axis=0))
    polarized = config.beam.polarized and config.beam.kahn_factor != 0
    if has_sensor and math.isinf(detector.attenuation_um or 0.0):
        return set()
    active = {
        1: (scene.phi_angles == 0).any() and (scene.phi_angles != 0).any(),
        2: several or directions > 1,
        3: has_sensor and several,
        4: sampling.oversample_omega or sampling.oversample_polar or sampling.oversample_thick,
        5: listed is not None and len(np.unique(listed.rows()[:, 3])) > 1,
        6: scene.lookup == "tricubic" and _leaves_the_table(scene),
        7: crystal.shape in ("gauss", "tophat"),
        8: crystal.misset_deg == "random",
        9: has_distorted_cell(crystal) and (max(scene.n_cells) > 1 or scene.table is not None),
        10: detector.curved,
        11: config.background.water_um > 0,
        12: has_sensor and detector.sensor_layers is not None,
        15: detector.nominal is not None
        and detector.nominal.twotheta_deg != 0
        and (sampling.oversample is None or detector.curved),
        25: scene.phi.step > 0,
        26: scene.domains > 1 and crystal.mosaic_sampling == "balanced",
        27: abs(float(scene.polarization_axis @ scene.beam_direction)) > 1e-9
        and (polarized or (listed is None and directions > 1)),
        28: has_sensor and detector.sensor_layers is None,
    }
    return {row for row, is_active in active.items() if is_active}


def unreproduced_quirks(flags: Sequence[str]) -> set[int]:
    """Return the rows that these C flags trigger and that compat="c" does not reproduce."""
    names = [SPELLINGS[word].name for word in flags if word in SPELLINGS]
    active = {
        8: "random" in flags and "-misset_seed" not in names,  # both programs seed from the clock
        19: "-misset_seed" in names,
        20: "-img" in names or "-mask" in names,
        22: bool(names) and names[-1] == flags[-1] == "-curved_det",
    }
    return {row for row, is_active in active.items() if is_active} | {13}  # 13 depends on the indices only


def explaining_quirks(quantity: str, active: Collection[int]) -> list[int]:
    """Return the active rows that affect a quantity (a name in `trace_lines.trace_values`) directly."""
    return sorted(_AFFECTING.get(quantity, set()) & set(active))


def _leaves_the_table(scene: Scene) -> bool:
    """Return whether the tricubic stencil of any sub-pixel leaves the table of structure factors."""
    if scene.table is None:
        return False
    slow, fast = ((np.arange(count * scene.oversample) + 0.5) / scene.oversample for count in scene.geometry.size)
    rays = scene.geometry.directions(slow[:, np.newaxis], fast)
    index = (rays - scene.sources.directions[0]) / scene.sources.wavelengths[0] @ scene.cells[0].T
    first, last = np.array(scene.table.first), np.array(scene.table.last)
    return bool(((index < first + 2) | (index > last - 2)).any())


def has_distorted_cell(crystal: Crystal) -> bool:
    """Return whether the C program's cell differs (row 9), even if it affects no pixel."""
    if crystal.cell is None or crystal.matrix_path is not None:
        return crystal.cell is not None
    ours, theirs = (reciprocal_vectors(crystal.cell, c_cell=c_cell)[0] for c_cell in (False, True))
    return not np.allclose(ours, theirs, rtol=1e-9, atol=0)
