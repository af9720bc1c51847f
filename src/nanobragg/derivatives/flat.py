"""An image as a function of named numbers, with products of its derivatives: what other frameworks wrap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.config import Config
from ..errors import ConfigError, without_warnings
from ..geometry import FloatArray
from ..rendering.pixel_selection import PixelList
from ..rendering.simulate import simulate
from ..scene.scene import Scene
from .evaluate import as_scene
from .experiment import check_experiment_names, experiment_parameters, moved_experiment
from .groups import Groups
from .images import jvp, vjp
from .mosaic import left_jacobian

ROTATION = re.compile(r"((^|_)rot_|_r)[xyz]$")


class ImageFunction:
    """The image of an experiment as a function of some of its parameters.

    Values are those of `nb.parameters`; rotations, shifts and logarithms of factors are changes from the experiment.
    Rotations about x, y, z together are one rotation vector.

    Parameters
    ----------
    experiment
        The experiment that the parameters change.
    names
        Names of parameters.
    pixels, threads, groups
        As in `derivatives`.
    """

    def __init__(
        self,
        experiment: Config | Scene,
        names: Sequence[str],
        *,
        pixels: PixelList | None = None,
        threads: int | None = None,
        groups: Groups | None = None,
    ) -> None:
        self.base = as_scene(experiment)
        self.names = check_experiment_names(self.base, names, groups)
        known = experiment_parameters(self.base, groups, self.names)
        for name in self.names:
            if name not in known:
                raise ConfigError(f"{name}: is not a number that an image function can vary; see nb.parameters")
        self.start = np.array([known[name].value for name in self.names])
        self._options: dict[str, Any] = {"pixels": pixels, "threads": threads, "groups": groups}
        self._groups = groups
        axes = [name[:-1] + axis for name in self.names if ROTATION.search(name) for axis in "xyz"]
        self._inner = list(dict.fromkeys([*self.names, *axes]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return self.base.shape

    def scene(self, values: npt.ArrayLike) -> Scene:
        """Return the scene with the given values."""
        array = np.asarray(values, np.float64)
        if array.shape != self.start.shape or not np.isfinite(array).all():
            raise ConfigError(f"values {array.tolist()}: must be {len(self.names)} finite numbers, for {self.names}")
        changes = dict(zip(self.names, (array - self.start).tolist(), strict=True))
        with without_warnings():
            return Scene(moved_experiment(self.base, changes, self._groups))

    def image(self, values: npt.ArrayLike) -> FloatArray:
        """Return the image, float64."""
        pixels, threads = self._options["pixels"], self._options["threads"]
        return np.asarray(simulate(self.scene(values), dtype="float64", pixels=pixels, threads=threads))

    def jvp(self, values: npt.ArrayLike, tangent: npt.ArrayLike) -> FloatArray:
        """Return the derivative of the image along a change of the values."""
        changes = self._frame(values) @ np.asarray(tangent, np.float64)
        return np.asarray(
            jvp(self.scene(values), dict(zip(self._inner, changes.tolist(), strict=True)), **self._options)
        )

    def vjp(self, values: npt.ArrayLike, cotangent: npt.ArrayLike) -> FloatArray:
        """Return the sums over the pixels of the cotangent times the derivatives by the values."""
        found = vjp(self.scene(values), cotangent, names=self._inner, **self._options)
        return np.asarray(np.array([found[name] for name in self._inner]) @ self._frame(values))

    def _frame(self, values: npt.ArrayLike) -> FloatArray:
        """Return how changes of the values (columns) change the parameters at the present scene.

        They are the same, except for rotations: the change of exp(v) is the rotation J(v)·dv on its left.
        """
        frame = np.eye(len(self._inner), len(self.names))
        given = dict(zip(self.names, np.asarray(values, np.float64).tolist(), strict=True))
        for prefix in {name[:-1] for name in self.names if ROTATION.search(name)}:
            axes = [prefix + axis for axis in "xyz"]
            vector = np.array([[given.get(name, 0.0) for name in axes]])
            jacobian = left_jacobian(vector, np.eye(3)).T
            rows = [self._inner.index(name) for name in axes]
            for column, name in enumerate(axes):
                if name in given:
                    frame[rows, self.names.index(name)] = jacobian[:, column]
        return frame
