"""The result of a refinement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..calls import public
from ..config.config import Config
from ..constants import EV_ANGSTROM
from ..derivatives.joint import Evaluation
from ..derivatives.lattices import crystals_of
from ..derivatives.mosaic import rotation_vectors
from ..derivatives.moved import orientation
from ..derivatives.names import ROTATIONS
from ..geometry import FloatArray
from ..io.atomic import StrPath
from ..rendering.simulate import simulate
from ..rendering.threads import rendering_threads
from ..scene.scene import Scene
from .degrees import OFFSET
from .fit import start_values

if TYPE_CHECKING:
    from ..derivatives.likelihood import Likelihood
    from ..derivatives.response import Response
    from .fit import Fit, Image, State, Sums

SHELLS = 10
STRONG_CORRELATION = 0.95


class Shell(NamedTuple):
    """χ² of the pixels between two resolutions (Å)."""

    d_max_A: float
    d_min_A: float
    pixels: int
    chi_squared: float


@public
@dataclass(frozen=True)
class Refinement:
    """A refined experiment.

    Attributes
    ----------
    names
        What was refined.
    units, values, errors, start : dict
        Unit, refined value, standard error (from the Fisher matrix) and value at the start, by name. Values of
        rotations and shifts are changes since the start.
    correlation : ndarray, shape (names, names)
        Correlations of the values.
    chi_squared, pixels
        Sum over the pixels of the squared residual over its variance, and number of pixels.
    loss, start_loss
        Negative logarithm of the likelihood, less that of a model equal to the data, at the end and at the start of
        the iteration.
    shells : list of Shell
        χ² by resolution.
    iterations, converged
        Number of iterations, and whether the last step was far below the standard errors.
    config : Config
        The refined experiment.
    image : Image
        The data, with the scene at the start and the pixels that were compared.
    noise : Likelihood
        Scatter of the data.
    space_group
        Symbol or number that constrained the cell; None: none.
    begun : Config
        The experiment at the start.
    response : Response
        Response of the detector; None: it records photons.
    planes : ndarray of the image's shape
        Planes of background that were refined in boxes of pixels; None: none were.
    """

    names: tuple[str, ...]
    units: Mapping[str, str]
    values: Mapping[str, float]
    errors: Mapping[str, float]
    start: Mapping[str, float]
    correlation: FloatArray
    chi_squared: float
    pixels: int
    loss: float
    start_loss: float
    shells: list[Shell]
    iterations: int
    converged: bool
    config: Config
    image: Image
    noise: Likelihood
    space_group: str | None
    begun: Config
    response: Response | None = None
    planes: FloatArray | None = None

    def strong_correlations(self, limit: float = STRONG_CORRELATION) -> list[tuple[str, str, float]]:
        """Return the pairs of values that are correlated by more than `limit`, strongest first.

        Parameters
        ----------
        limit
            Smallest magnitude of a correlation.
        """
        rows, columns = np.triu_indices(len(self.names), 1)
        order = np.argsort(-np.abs(self.correlation[rows, columns]))
        pairs = [
            (self.names[rows[i]], self.names[columns[i]], float(self.correlation[rows[i], columns[i]])) for i in order
        ]
        return [pair for pair in pairs if abs(pair[2]) > limit]

    def summary(self) -> str:
        """Return the values with their standard errors, χ² and strong correlations as text."""
        lines = [f"{'':16s} {'start':>14s} {'refined':>14s} {'± error':>11s}"]
        lines += [
            f"{name:16s} {self.start[name]:14.6g} {value:14.6g} {self.errors[name]:11.2g} {self.units[name]}"
            for name, value in self.values.items()
        ]
        state = "converged" if self.converged else "not converged"
        lines.append(
            f"{state} after {self.iterations} iterations; loss {self.start_loss:.6g} → {self.loss:.6g}; "
            f"chi²/pixels = {self.chi_squared / max(self.pixels, 1):.4f} ({self.pixels} pixels)"
        )
        lines += [f"correlation of {one} and {other}: {value:+.3f}" for one, other, value in self.strong_correlations()]
        return "\n".join(lines)

    def to_toml(self, path: StrPath) -> None:
        """Write the refined Config as a TOML file.

        Parameters
        ----------
        path
            The file; arrays go to an .npz file of the same name.
        """
        self.config.to_toml(path)

    def to_expt(self, path: StrPath) -> None:
        """Write the refined beam, detector, goniometer, scan and crystal as a DIALS experiment list.

        Parameters
        ----------
        path
            The .expt file.
        """
        from ..export.expt import write_expt

        write_expt(path, self.config, space_group=self.space_group)

    def plot(self) -> Any:
        """Return a figure with the data, the model and the residual in standard deviations, before and after.

        Needs matplotlib (extra `plot`).
        """
        from .plot import plot_refinement

        return plot_refinement(self.image.data, self._signal(self.begun, 0.0), self.model(), self.noise)

    def model(self) -> FloatArray:
        """Return the expected photons of the refined experiment, of the image's shape."""
        return self._signal(self.config, self.values.get(OFFSET, 0.0))

    def _signal(self, config: Config, offset: float) -> FloatArray:
        image = simulate(config, dtype="float64")
        if self.response is not None:
            image = self.response.apply(image, rendering_threads(None))
        return np.asarray(image + offset + (0.0 if self.planes is None else self.planes))


def make_results(
    fit: Fit,
    before: list[Sums],
    state: State,
    sums: list[Sums],
    iterations: int,
    converged: bool,
    given: list[Scene],
    space_group: str | None,
) -> list[Refinement]:
    """Return the result of every image of a fit."""
    covariances = fit.covariance(state, sums)
    units = {degree.name: degree.unit for degree in fit.degrees}
    names = tuple(units)
    results = []
    for number, (image, scene, covariance) in enumerate(zip(fit.images, state.scenes, covariances, strict=True)):
        values = dict(zip(names, np.concatenate([state.own[number], state.shared]).tolist(), strict=True))
        starts = dict(zip(names, start_values(given[number], fit.degrees, fit.groups).tolist(), strict=True))
        deviation = np.sqrt(np.diag(covariance))
        values |= rotation_between(given[number], scene, names)
        signal, planes = fit.signal(image, scene, values.get(OFFSET, 0.0))
        results.append(Refinement(
            names=names, units=units, values=values, start=starts,
            errors=dict(zip(names, deviation.tolist(), strict=True)),
            correlation=covariance / np.outer(deviation, deviation),
            chi_squared=sums[number].chi_squared, pixels=sums[number].pixels, loss=sums[number].loss,
            start_loss=before[number].loss, iterations=iterations, converged=converged, config=scene.experiment,
            shells=resolution_shells(fit, image, scene, signal if planes is None else signal + planes), image=image,
            noise=fit.noise, space_group=space_group, begun=given[number].experiment, response=fit.response,
            planes=planes,
        ))  # fmt: skip
    return results


def rotation_between(before: Scene, after: Scene, names: tuple[str, ...]) -> dict[str, float]:
    """Return the rotation vector (radians) of each crystal from one orientation to another, if it is refined."""
    found = dict[str, float]()
    for one, other in zip(crystals_of(before), crystals_of(after), strict=True):
        own = [one.prefix + name for name in ROTATIONS]
        if any(name in names for name in own):
            turn = orientation(other.lattices[0]) @ orientation(one.lattices[0]).T
            vector = rotation_vectors(turn[np.newaxis])[0].tolist()
            found |= {name: value for name, value in zip(own, vector, strict=True) if name in names}
    return found


def resolution_shells(fit: Fit, image: Image, scene: Scene, signal: FloatArray) -> list[Shell]:
    """Return χ² in shells of equal numbers of pixels."""
    evaluation = Evaluation(scene, np.float64, image.pixels, None)
    places = evaluation.places
    model, data = signal.ravel()[places], image.data.ravel()[places]
    panel, rest = np.divmod(places, int(np.prod(scene.geometry.size)))
    slow, fast = np.divmod(rest, scene.geometry.size[1])
    d = scene.geometry.resolution(EV_ANGSTROM / scene.mean_energy_eV, slow + 0.5, fast + 0.5, panel)
    chi_squared = (data - model) ** 2 / fit.noise.variance(model)
    order = np.argsort(-d, kind="stable")
    return [
        Shell(float(d[part[0]]), float(d[part[-1]]), len(part), float(chi_squared[part].sum()))
        for part in np.array_split(order, min(SHELLS, len(order)))
    ]
