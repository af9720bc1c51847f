"""The parameters of an experiment of any number of lattices: names, values, and Configs in which they are changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..scene.scene import Scene
from .evaluate import as_scene
from .groups import Groups
from .lattices import (
    ALL_CRYSTALS,
    PREFIX,
    TWIN,
    CrystalLattices,
    crystals_of,
    is_amplitude_name,
    is_of_crystal,
    share_amplitudes,
    split_name,
)
from .moved import moved_config
from .names import name_list, source_of
from .parameters import SINGLE, Parameter, all_parameters, check_list, check_names, has_amplitudes, refuse_name


@public
def parameters(experiment: object, *, groups: Groups | None = None) -> list[Parameter]:
    """Return what an image can be differentiated by, except for single reflections, sources and domains.

    With several crystals, the parameters of each begin with its number, as in ``crystal0_rot_x``. Amplitudes of listed
    reflections are differentiated as ``F(h,k,l)``, weights of sources as ``source_weight0`` … and weights and rotations
    of listed domains as ``domain_weight0`` … and ``domain_rotation0_a`` …

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    groups
        Groups of panels that move together: their names, with the numbers of their panels.

    Returns
    -------
    list of Parameter

    Raises
    ------
    ConfigError
        An invalid Config, or one with `compat="c"`, whose images are not smooth.
    """
    return list(experiment_parameters(as_scene(experiment), groups).values())


def experiment_parameters(scene: Scene, groups: Groups | None, named: Iterable[str] = ()) -> dict[str, Parameter]:
    """Return the parameters that an experiment depends on, by name; of single domains, those that are `named`."""
    crystals, own = crystals_of(scene), dict[str, Parameter]()
    split = [split_name(name, len(crystals)) for name in named]
    every = [
        all_parameters(
            crystal.lattices[0], groups, [plain for of, plain in split if of == number or len(crystals) == 1]
        )
        for number, crystal in enumerate(crystals)
    ]
    if not scene.others:
        return every[0]
    for number, (crystal, known) in enumerate(zip(crystals, every, strict=True)):
        prefix, where = crystal.prefix, f"crystal {number}: " if crystal.prefix else ""
        mine = [parameter for name, parameter in known.items() if is_of_crystal(scene, name)]
        if len(crystals) > 1:
            mine.append(Parameter("fraction", "1", crystal.fraction, 0.1, "factor of its photons (Config.fractions)"))
        mine += [
            Parameter(f"twin{i}_share", "1", share, 0.1, f"share of the twin {law}, at the expense of the rest")
            for i, (law, share) in enumerate(crystal.twins)
        ]
        own |= {prefix + p.name: p._replace(name=prefix + p.name, meaning=where + p.meaning) for p in mine}
    common = {
        name: parameter for name, parameter in every[0].items()
        if not is_of_crystal(scene, name) and (name != "default_F" or all(name in known for known in every))
    }  # fmt: skip
    return own | common


def every_name(scene: Scene, groups: Groups | None) -> list[str]:
    """Return the names of all parameters, and "F" for all amplitudes of a list."""
    names, crystals = list(experiment_parameters(scene, groups)), crystals_of(scene)
    listed = [_has_list(crystal.lattices[0]) for crystal in crystals]
    if len(crystals) > 1 and not share_amplitudes(scene):
        return names + [f"crystal{number}_F" for number, has_list in enumerate(listed) if has_list]
    return [*names, "F"] if all(listed) else names


def _has_list(scene: Scene) -> bool:
    """Return whether a lattice has a list of amplitudes that its image can be differentiated by."""
    return scene.undamaged.structure_factors.listing is not None and has_amplitudes(scene)


def check_experiment_names(
    scene: Scene, names: Iterable[str], groups: Groups | None, *, lists: bool = False
) -> list[str]:
    """Return the names as a list, as `check_names` does for one lattice; with `lists`, also "F" is a name.

    Raises
    ------
    ConfigError
        As `check_names`; also a name that has to say which crystal it is of, or one that must not.
    """
    wanted, crystals = name_list(names), crystals_of(scene)
    common, own = list[str](), [list[str]() for _ in crystals]
    for name in wanted:
        of, plain = split_name(name, len(crystals))
        if plain == "F" and not lists:
            raise ConfigError(
                f"{name}: stands for all amplitudes of a list in gradients (nb.vjp); name single ones, as in F(1,2,3)"
            )
        _check_crystal(scene, name, len(crystals), groups)
        if plain == "F":
            for number, crystal in enumerate(crystals):
                if of in (None, number):
                    check_list(crystal.lattices[0], name)
        elif not scene.others:
            common.append(name)
        elif plain == "fraction" or TWIN.fullmatch(plain):
            known = experiment_parameters(scene, groups)
            if name not in known:
                refuse_name(name, list(known))
        elif of is not None or (len(crystals) == 1 and is_of_crystal(scene, plain)):
            own[of or 0].append(plain)
        else:
            common.append(plain)
    for number, (crystal, mine) in enumerate(zip(crystals, own, strict=True)):
        check_names(crystal.lattices[0], mine, groups, crystal.prefix)
        if number > 0:
            check_names(crystal.lattices[0], filter(is_amplitude_name, common), groups, f"crystal {number}: ")
    check_names(scene.lattices[0], common, groups)
    return wanted


def _check_crystal(scene: Scene, name: str, crystals: int, groups: Groups | None) -> None:
    """Raise `ConfigError` if a name should have the number of a crystal, or should not, or if there is no such one."""
    of, plain = split_name(name, crystals)
    if crystals == 1:
        return
    if of is None and is_of_crystal(scene, plain):
        raise ConfigError(f"{name}: there are {crystals} crystals; give crystal0_{name} … crystal{crystals - 1}_{name}")
    if of is not None and of >= crystals:
        raise ConfigError(f"{name}: there are {crystals} crystals, 0 to {crystals - 1}")
    if of is None or is_of_crystal(scene, plain):
        return
    known = experiment_parameters(scene, groups)
    common = plain in known or is_amplitude_name(plain) or source_of(plain) is not None
    if not common or PREFIX.fullmatch(plain):
        refuse_name(name, [*known, *(f"crystal{of}_{each}" for each in SINGLE)])
    also = f", or crystal{of}_fraction" if plain == ALL_CRYSTALS else ""
    raise ConfigError(f"{name}: {plain} is of all crystals together; give {plain}{also}")


def moved_experiment(scene: Scene, changes: Mapping[str, float], groups: Groups | None = None) -> Config:
    """Return the Config of a scene with parameters changed by the given amounts; as `moved_config` for one lattice."""
    if not scene.others:
        return moved_config(scene, changes, groups)
    crystals, config = crystals_of(scene), scene.experiment
    configs, moved, fractions = list[Config](), [], []
    for number, crystal in enumerate(crystals):
        own = {plain: change for name, change in changes.items()
               for of, plain in [split_name(name, len(crystals))] if of in (None, number)}  # fmt: skip
        configs.append(moved_config(crystal.lattices[0], own, groups))
        fractions.append(crystal.fraction + own.get("fraction", 0.0))
        moved.append(_whole(crystal, configs[-1].crystal, own))
    parts: dict[str, Any] = {"crystal": moved[0]}
    if len({lattice.oversample for lattice in scene.lattices}) > 1:  # each chooses its own
        parts["sampling"] = config.sampling
    if config.crystals is not None:
        parts |= {"crystals": tuple(moved), "fractions": tuple(fractions)}
        if not share_amplitudes(scene):
            parts["factors_of_crystals"] = tuple(each.structure_factors for each in configs)
        elif len({lattice.lookup for lattice in scene.lattices}) > 1:
            interpolate = config.structure_factors.interpolate
            parts["structure_factors"] = configs[0].structure_factors.replace(interpolate=interpolate)
    return configs[0].replace(parts)


def _whole(crystal: CrystalLattices, rest: Any, changes: Mapping[str, float]) -> Any:
    """Return a crystal with its twins, and without its fraction, from what is not twinned after a change."""
    twins = tuple((law, share + changes.get(f"twin{i}_share", 0.0)) for i, (law, share) in enumerate(crystal.twins))
    share = crystal.rest * crystal.fraction
    if rest.fraction == 1.0 and rest.blocks is not None:
        return rest.replace(twins=twins, blocks=rest.blocks / share)
    return rest.replace(twins=twins, fraction=rest.fraction / share)
