"""Comparison of derivatives with numerical differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..calls import public
from ..config.config import Config
from ..config.domains import crystal_axes
from ..errors import without_warnings
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from .domains import own_vectors, strain_slopes
from .evaluate import as_scene
from .experiment import check_experiment_names, experiment_parameters, moved_experiment
from .groups import Groups
from .images import derivatives
from .lattices import parts_of
from .mosaic import domain_vectors, rotations_from_vectors
from .names import SPREADS, STRAIN_NAMES, rotation_of

STEP = 1e-4  # of a parameter's typical change


class Check(NamedTuple):
    """The derivative by one parameter beside a numerical difference.

    Attributes
    ----------
    name
        The parameter.
    largest
        Largest magnitude of the derivative, photons per unit.
    error
        Largest difference between the two in a smooth pixel, relative to `largest`.
    jumps
        Number of pixels where the image jumps within the step, which differences see and derivatives do not.
    """

    name: str
    largest: float
    error: float
    jumps: int


@public
def check_derivatives(
    experiment: Config | Scene,
    names: Iterable[str],
    *,
    pixels: PixelList | None = None,
    threads: int | None = None,
    groups: Groups | None = None,
) -> list[Check]:
    """Compare derivatives with central differences of the image, in double precision.

    The differences are extrapolated from steps of 1e-4 and 5e-5 of each parameter's typical change. Pixels where the
    differences of three steps do not converge as those of a smooth function are counted as jumps.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    names
        Names of parameters.
    pixels, threads, groups
        As in `derivatives`.

    Returns
    -------
    list of Check
        One for each name.

    Raises
    ------
    ConfigError
        As `derivatives`.
    """
    scene = as_scene(experiment)
    wanted = check_experiment_names(scene, names, groups)
    known, checks = experiment_parameters(scene, groups, wanted), []
    analytic = derivatives(scene, wanted, pixels=pixels, threads=threads, groups=groups)

    def image(name: str, change: float) -> FloatArray:
        return simulate(
            displaced(scene, name, change, groups), pixels=pixels, dtype="float64", threads=threads, tolerance=0
        )

    for name, exact in zip(wanted, analytic, strict=True):
        step = STEP * (known[name].scale if name in known else 1.0)
        coarse, fine, finest = ((image(name, h) - image(name, -h)) / (2 * h) for h in (step, step / 2, step / 4))
        checks.append(_compare(name, exact, coarse, fine, finest))
    return checks


def _compare(name: str, exact: FloatArray, coarse: FloatArray, fine: FloatArray, finest: FloatArray) -> Check:
    """Compare with the extrapolated difference, where the steps' differences agree to a millionth of the largest."""
    largest = float(np.abs(exact).max(initial=0.0))
    scale = largest or 1.0
    smooth = np.abs(fine - finest) <= 0.5 * np.abs(coarse - fine) + 1e-6 * scale
    smooth &= np.abs(coarse - finest) <= 1e-3 * scale
    error = np.abs(exact - (4 * finest - fine) / 3)[smooth].max(initial=0.0)
    return Check(name, largest, float(error / scale), int(np.count_nonzero(~smooth)))


def displaced(scene: Scene, name: str, change: float, groups: Groups | None) -> Scene:
    """Return a scene with one parameter changed, at the same rotation axes of the mosaic domains."""
    parts = parts_of(scene, [name])
    own = [part.names[0] if part.names else "" for part in parts]
    if any(_changes_domains(*each) for each in zip(scene.lattices, own, strict=True)):
        lattices = [
            _domains_changed(lattice, each, change) if each else lattice
            for lattice, each in zip(scene.lattices, own, strict=True)
        ]  # fmt: skip
    else:
        with without_warnings():
            moved = Scene(moved_experiment(scene, {name: change}, groups))
        lattices = [_axes_kept(*each) for each in zip(scene.lattices, moved.lattices, own, strict=True)]
    first, *others = lattices
    return first.changed(others=tuple(others), experiment=scene.experiment) if others else first


def _axes_kept(before: Scene, after: Scene, name: str) -> Scene:
    """Return a lattice after a change of a parameter, with domains whose axes stay in the lab."""
    domains = before.domain_list
    if rotation_of(name) is not None:  # which the strains do not follow
        domains = domains._replace(rotations=after.domain_list.rotations)
    if domains.turning or domains.strains is not None:
        return after.changed(cells=after.orientations_of(domains))
    return after


def _changes_domains(scene: Scene, name: str) -> bool:
    """Return whether a parameter of a lattice changes its list of domains."""
    of_list = name in (*SPREADS, "strain", *STRAIN_NAMES) and scene.smear is None
    return name == "mosaic_spread" or of_list


def _domains_changed(scene: Scene, name: str, change: float) -> Scene:
    """Return a lattice with a spread or a strain of its domains changed."""
    if name == "mosaic_spread":
        spread = scene.config.crystal.mosaic_spread_deg
        assert isinstance(spread, float | int)  # see parameters.py
        before = scene.mosaic_rotations
        after = rotations_from_vectors(domain_vectors(scene) * (1.0 + change / spread))
        turn = after @ before.transpose(0, 2, 1)
        cells = scene.cells.reshape(-1, scene.domains, 3, 3) @ turn.transpose(0, 2, 1)
        return scene.changed(cells=np.ascontiguousarray(cells.reshape(-1, 3, 3)))
    if name in SPREADS:
        return _spread_changed(scene, SPREADS.index(name), change)
    strains = scene.domain_list.strains
    assert strains is not None  # see domains.py
    domains = scene.domain_list._replace(strains=strains + change * strain_slopes(scene)[name])
    return scene.changed(cells=scene.orientations_of(domains))


def _spread_changed(scene: Scene, axis: int, change: float) -> Scene:
    """Return a scene with one of three mosaic spreads changed."""
    spreads, axes, vectors = scene.config.crystal.mosaic_spread_deg, crystal_axes(scene.lattice), own_vectors(scene)
    assert isinstance(spreads, tuple)  # see domains.py
    vectors[:, axis] *= 1.0 + change / spreads[axis]
    rotations = axes.T @ rotations_from_vectors(vectors) @ axes
    return scene.changed(cells=scene.orientations_of(scene.domain_list._replace(rotations=rotations)))
