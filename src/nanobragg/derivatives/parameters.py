"""The parameters of a scene that an image can be differentiated by: names, units, values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple, NoReturn

import numpy as np

from ..errors import ConfigError, warn_user
from ..scene.scene_data import SceneData
from .cells import crystal_cell
from .damage import damage_values
from .domains import domain_passes
from .groups import Groups, panel_groups
from .halos import widths
from .listed_domains import domain_weights
from .names import (
    CELL,
    COUNTS,
    COUNTS_OFF,
    MOTIONS,
    ROTATIONS,
    SPREADS,
    STRAIN_NAMES,
    domain_of,
    name_list,
    reflection_of,
    rotation_of,
    source_of,
)

SINGLE = ("source_weight0", "domain_weight0", "domain_rotation0_a")  # of those that are computed where they are named
KEPT = "the direction of a* and the plane of a*, b* stay"

# name: unit, typical change, meaning
MEANINGS: dict[str, tuple[str, float, str]] = {
    **{f"cell_{x}": ("Å", 0.1, f"{x} of the cell; {KEPT}") for x in "abc"},
    **{f"cell_{x}": ("deg", 0.1, f"{x} of the cell; {KEPT}") for x in ("alpha", "beta", "gamma")},
    **{f"rot_{x}": ("rad", 1e-3, f"crystal turned about lab {x}, inside φ and mosaic rotations") for x in "xyz"},
    **{f"n_{x}": ("cells", 1.0, f"unit cells of a block along {x}, at the same number of blocks") for x in "abc"},
    **{f"n_{x}{y}": ("cells", 1.0, f"element {x}{y} of the block's matrix N, at the same number of blocks")
       for x, y in ("ab", "bc", "ac")},
    "mosaic_spread": ("deg", 0.01, "mosaic spread; the angles of all domains are proportional to it, their axes stay"),
    **{
        f"mosaic_{x}": ("deg", 0.01, f"mosaic spread about the crystal's {axis}; the domains' rotations about it are "
                                     "proportional to it")
        for x, axis in (("a", "a"), ("b", "b*"), ("c", "axis across a and b*"))
    },
    "correlation_length": ("Å", 1.0, "correlation length of displacements (Diffuse.correlation_length_A)"),
    "displacement": ("Å", 0.01, "root mean square displacement (Diffuse.displacement_A)"),
    **{
        f"{name}_{x}": (*unit, f"{what} along the crystal's {axis}")
        for name, unit, what in (("correlation", ("Å", 1.0), "correlation length of displacements"),
                                 ("displacement", ("Å", 0.01), "root mean square displacement"))
        for x, axis in (("a", "a"), ("b", "b*"), ("c", "axis across a and b*"))
    },
    "strain": ("%", 0.01, "strain (Δd/d); that of all domains is proportional to it"),
    **{name: ("%", 0.01, f"component {name[-2:]} of the strain along the crystal's own axes; those of all domains are "
                         "proportional to it") for name in STRAIN_NAMES},
    "log_fluence": ("1", 0.1, "scale of the image: fluence times 1 + x"),
    "log_blocks": ("1", 0.1, "scale of the crystal's part of the image: number of blocks times 1 + x"),
    "log_wavelength": ("1", 1e-3, "all wavelengths times 1 + x"),
    "log_bandwidth": ("1", 0.1, "differences of the wavelengths from their mean times 1 + x"),
    "bandwidth": ("%", 0.01, "full width at half maximum of the photon energy (Beam.bandwidth_percent)"),
    "log_background": ("1", 0.1, "water and amorphous material times 1 + x"),
    "source_h": ("rad", 1e-4, "all sources turned about beam × polarization axis; the beam and that axis stay"),
    "source_v": ("rad", 1e-4, "all sources turned about the polarization axis; the beam and that axis stay"),
    "kahn": ("1", 0.1, "Kahn's polarization factor"),
    "default_F": ("electrons", 1.0, "amplitude of reflections that are not listed"),
    "damage_b": ("Å²/MGy", 0.1, "growth of the B factor per dose (Damage.b_A2_per_MGy)"),
    "damage_cell": ("%/MGy", 0.01, "growth of the cell's edges per dose (Damage.cell_percent_per_MGy)"),
    "half_dose": ("MGy", 5.0, "dose that halves the photons (Damage.half_dose_MGy)"),
    "dose": ("MGy", 1.0, "dose by the middle of the exposure (Config.dose_MGy)"),
    "phi_start": ("deg", 0.01, "start of the scan; all φ move together"),
    "distance": ("mm", 0.1, "all panels moved along the beam"),
}  # fmt: skip
MOTION_MEANINGS = {
    **{f"t{x}": ("mm", 0.1, f"moved along lab {x}") for x in "xyz"},
    **{f"r{x}": ("rad", 1e-3, f"turned about lab {x} through the origin of a panel, or the middle of a group")
       for x in "xyz"},
}  # fmt: skip


class Parameter(NamedTuple):
    """A parameter that an image can be differentiated by.

    Attributes
    ----------
    name, unit
        Short name, and the unit of its value.
    value
        Its present value; 0 for rotations, shifts and the logarithms of factors, which are changes.
    scale
        A typical change, for scaling and for numerical differences.
    meaning
        What changes.
    """

    name: str
    unit: str
    value: float
    scale: float
    meaning: str


def all_parameters(scene: SceneData, groups: Groups | None, named: Iterable[str] = ()) -> dict[str, Parameter]:
    """Return the parameters that the scene depends on, by name; of single domains, those that are `named`."""
    values = _values(scene)
    found = {name: _parameter(name, values[name]) for name in MEANINGS if name in values}
    for group in panel_groups(scene, groups):
        for motion in MOTIONS:
            unit, scale, what = MOTION_MEANINGS[motion]
            found[f"{group}_{motion}"] = Parameter(f"{group}_{motion}", unit, 0.0, scale, f"{group} {what}")
    for name in named:
        if _is_domain(scene, name):
            found[name] = _of_domain(scene, name)
    return found


def _of_domain(scene: SceneData, name: str) -> Parameter:
    """Return a parameter of one listed domain."""
    rotation = rotation_of(name)
    if rotation is None:
        what = "weight of a listed domain as it is given; shares are weights over their sum"
        return Parameter(name, "1", float(domain_weights(scene)[domain_of(name)]), 0.1, what)
    rotations = scene.config.crystal.mosaic_rotations_deg
    assert rotations is not None  # see _is_domain
    return Parameter(name, "deg", float(rotations[rotation]), 0.01, "component of the rotation of a listed domain")


def _parameter(name: str, value: float) -> Parameter:
    unit, scale, what = MEANINGS[name]
    return Parameter(name, unit, value, scale, what)


def _values(scene: SceneData) -> dict[str, float]:
    """Return the present values of all parameters of MEANINGS that the scene depends on."""
    config = scene.config
    values = dict(zip(CELL, crystal_cell(scene), strict=True))
    values |= dict.fromkeys(ROTATIONS, 0.0)
    values |= dict(zip(COUNTS, map(float, scene.n_cells), strict=True))
    if any(config.crystal.n_cells_off):
        values |= dict(zip(COUNTS_OFF, config.crystal.n_cells_off, strict=True))
    if scene.domains > 1 and isinstance(config.crystal.mosaic_spread_deg, float | int):
        values["mosaic_spread"] = config.crystal.mosaic_spread_deg
    passes, spreads, strain = domain_passes(scene), config.crystal.mosaic_spread_deg, config.crystal.strain_percent
    if isinstance(spreads, tuple):
        values |= {name: spread for name, spread in zip(SPREADS, spreads, strict=True) if name in passes}
    if isinstance(strain, tuple):
        values |= {name: percent for name, percent in zip(STRAIN_NAMES, strain, strict=True) if name in passes}
    elif "strain" in passes:
        values["strain"] = strain
    if config.crystal.diffuse is not None:
        values |= widths(config.crystal.diffuse)
    if "bandwidth" in passes:
        values["bandwidth"] = config.beam.bandwidth_percent
    values |= {"log_fluence": 0.0, "log_blocks": 0.0, "log_wavelength": 0.0}
    if np.ptp(scene.sources.wavelengths) > 0:
        values["log_bandwidth"] = 0.0
    if has_surroundings(scene):
        values["log_background"] = 0.0
    values |= {"source_h": 0.0, "source_v": 0.0}
    if config.beam.polarized:
        values["kahn"] = config.beam.kahn_factor
    if has_amplitudes(scene):
        values["default_F"] = scene.undamaged.structure_factors.default_F
    values |= damage_values(scene)
    values["phi_start"] = config.scan.start_deg
    values["distance"] = scene.distance * 1000.0
    return values


def has_surroundings(scene: SceneData) -> bool:
    """Return whether anything but the crystal scatters."""
    return scene.config.background.water_scattering > 0 or scene.amorphous is not None


def check_names(scene: SceneData, names: Iterable[str], groups: Groups | None, prefix: str = "") -> list[str]:
    """Return the names as a list; those that the scene of one lattice does not depend on are said in a warning.

    Messages put `prefix` before a name.

    Raises
    ------
    ConfigError
        A name that is not a parameter, with the nearest names.
    """
    known, wanted = all_parameters(scene, groups), name_list(names)
    without = []
    for name in wanted:
        if name in known:
            continue
        if name == "default_F":
            _check_amplitudes(scene, prefix + name)
        if name in MEANINGS:
            without.append(prefix + name)
        elif not (_is_reflection(scene, name, prefix) or _is_source(scene, name) or _is_domain(scene, name, prefix)):
            refuse_name(prefix + name, [prefix + each for each in (*known, *MEANINGS, *SINGLE)])
    still = [prefix + name for name in wanted if name in (*CELL, *ROTATIONS, "mosaic_spread", "phi_start")]
    if without:
        warn_user(
            f"{', '.join(without)}: the scene does not depend on {'it' if len(without) == 1 else 'them'}; "
            "the derivative is zero"
        )
    if still and scene.config.crystal.shape == "tophat":
        warn_user(
            f"{', '.join(still)}: a tophat has flat spots, so that their derivatives are zero though the image jumps; "
            "use shape='gauss' or 'square' to fit them"
        )
    return wanted


def refuse_name(name: str, known: list[str]) -> NoReturn:
    """Raise `ConfigError` for a name that is not a parameter, with the nearest of the known names."""
    near = difflib.get_close_matches(name, dict.fromkeys(known), n=3, cutoff=0.5)
    cure = f"did you mean {' or '.join(near)}?" if near else "nb.parameters(scene) lists them"
    raise ConfigError(f"{name!r} is not a parameter of this scene; {cure}")


def has_amplitudes(scene: SceneData) -> bool:
    """Return whether the image of a scene can be differentiated by amplitudes."""
    return scene.lookup != "phased" and not scene.halos


def _check_amplitudes(scene: SceneData, name: str) -> None:
    """Raise `ConfigError` for a parameter that is an amplitude unless the scene's image has a derivative by it."""
    if scene.halos:
        raise ConfigError(f"{name}: images with Crystal.diffuse are not differentiated by amplitudes; leave it out")
    if scene.lookup == "phased":
        raise ConfigError(
            f"{name}: there is no derivative by amplitudes with StructureFactors.interpolate = 'phased'; "
            "use False or True"
        )


def check_list(scene: SceneData, name: str) -> None:
    """Raise `ConfigError` unless a scene has a list of amplitudes to differentiate by, all of which `name` means."""
    if scene.undamaged.structure_factors.listing is None:
        raise ConfigError(f"{name}: the structure factors are one constant; use default_F")
    _check_amplitudes(scene, name)


def _is_reflection(scene: SceneData, name: str, prefix: str) -> bool:
    index = reflection_of(name)
    if index is None:
        return False
    _check_amplitudes(scene, prefix + name)
    listing = scene.undamaged.structure_factors.listing
    if listing is None:
        raise ConfigError(f"{prefix}{name}: the structure factors are one constant; use default_F")
    if not (listing[0] == index).all(axis=1).any():
        raise ConfigError(f"{prefix}{name}: the reflection is not listed; use default_F, or list it")
    return True


def _is_source(scene: SceneData, name: str) -> bool:
    number = source_of(name)
    if number is None:
        return False
    count = len(scene.sources.weights)
    if number >= count:
        raise ConfigError(f"{name}: there are {count} sources, 0 to {count - 1}")
    return True


def _is_domain(scene: SceneData, name: str, prefix: str = "") -> bool:
    rotation = rotation_of(name)
    number = domain_of(name) if rotation is None else rotation[0]
    if number is None:
        return False
    count = len(domain_weights(scene))
    if count == 0:
        raise ConfigError(f"{prefix}{name}: the domains are not listed; give Crystal.mosaic_rotations_deg")
    if number >= count:
        raise ConfigError(f"{prefix}{name}: there are {count} listed domains, 0 to {count - 1}")
    return True
