"""The Scene: a resolved Config with its checks and its form for the kernel."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from .._core import CoreScene
from .._culling import CullingPlan
from ..calls import public
from ..config.config import Config
from ..config.display import html_table
from ..config.region import Region
from ..errors import ConfigError, warn_user
from .checks import check_scene
from .culling_plan import build_plan
from .kernel_input import build_core, float32_precision
from .scene_data import SceneData
from .unit_slips import unit_slips

if TYPE_CHECKING:
    from ..rendering.cost import Cost
    from ..rendering.pixel_selection import PixelList

log = logging.getLogger(__name__)


@public
class Scene(SceneData):
    """A Config resolved into arrays and numbers, which can be rendered repeatedly.

    Parameters
    ----------
    config : Config
    corrected : collection of int
        Rows of docs/quirks.md that are corrected in spite of `compat="c"`, to measure their effects; not rows 2 and 3.

    Attributes
    ----------
    config : Config
        The resolved Config (`Config.resolved`), after its dose (`Config.damaged`).
    undamaged : Config
        The resolved Config before its dose.
    lattice : Lattice
        Cell vectors at φ = 0 (Å).
    n_cells : tuple of int or float
        Unit cells of a block along a, b, c.
    blocks : float
        Number of blocks in the beam.
    illuminated_volume : float
        Volume of the crystal in the beam, cubic metres.
    sources : SourceList
        Direction of travel, wavelength (m) and weight of each source.
    phi : Sweep
        Rotation steps, radians.
    phi_angles : ndarray, shape (φ steps,)
        φ of each step (radians): its middle, with `compat="c"` its start.
    domains : int
        Number of mosaic domains.
    mosaic_rotations : ndarray, shape (domains, 3, 3)
        Rotation of each domain, applied after φ.
    sensor : Sweep
        Sensor layers, metres.
    oversample, recommended_oversample : int
        Sub-pixels along each side of a pixel: the number in use, and that for the block's largest dimension. Smeared
        spots need as many: what smears them grows with the scattering vector, so that spots near the beam are as
        narrow as those of a block, and orientations do not widen a spot along it.
    fluence : float
        Photons per square metre.
    distance : float
        Sample to detector along the beam, metres.
    geometry : PanelGeometry
        Positions, directions and angles of pixels.
    cells : ndarray, shape (φ steps · domains, 3, 3)
        Vectors a, b, c (rows, metres) of every orientation.
    others : tuple of Scene
        Further lattices in the beam (`Config.lattices`); everything else is that of the first one.

    Raises
    ------
    ConfigError, FileError, FormatError
        The Config, or a file that it names, is invalid.

    Warns
    -----
    NanobraggWarning
        The Config is valid but probably a mistake.
    """

    def __init__(self, config: Config, corrected: Collection[int] = ()) -> None:
        if not isinstance(config, Config):
            raise ConfigError(f"{type(config).__name__}: give a Config or a Scene")
        told = config.__dict__.setdefault("_told", set())  # of the Config, so that it warns once
        self._warn(unit_slips(config), told)
        first, *others = config.lattices()
        super().__init__(first, corrected)
        self.others = tuple(Scene(other, corrected) for other in others)
        self.experiment = config if others else self.undamaged
        self._cores: dict[str, CoreScene] = {}
        self._plans: dict[str, CullingPlan | None] = {}
        self._changes: dict[str, Any] = {}
        log.debug(
            "scene of %s pixels: %d sources, %d phi steps, %d mosaic domains, %d sub-pixels, %d sensor layers",
            " x ".join(map(str, self.shape)), len(self.sources.weights), self.phi.count, self.domains,
            self.oversample**2, self.sensor.count,
        )  # fmt: skip
        self._warn(check_scene(self), told)

    @staticmethod
    def _warn(messages: list[str], told: set[str]) -> None:
        """Issue the warnings that this Config has not given yet."""
        for message in messages:
            if message not in told:
                told.add(message)
                warn_user(message)

    def __repr__(self) -> str:
        return f"Scene({self.experiment!r})"

    def _repr_html_(self) -> str:
        """Return the summary as a table."""
        from ..analysis.summary import LABEL_WIDTH, summarize_scene

        lines = summarize_scene(self)
        return html_table("Scene", {line[:LABEL_WIDTH].strip(): line[LABEL_WIDTH:] for line in lines})

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.experiment, self._corrected, self._changes)

    def changed(self, **attributes: Any) -> Scene:
        """Return a copy with other values of resolved attributes, such as `sources` or `cells`.

        Its Config remains the original one.
        """
        other = Scene.__new__(Scene)  # copy.copy would resolve the Config again, and lose earlier changes
        changes = {**self._changes, **attributes}
        other.__dict__.update({**self.__dict__, **attributes, "_cores": {}, "_plans": {}, "_changes": changes})
        other.__dict__.pop("_lattices", None)
        return other

    @property
    def lattices(self) -> tuple[Scene, ...]:
        """A scene for each lattice in the beam."""
        return self._lattices if self.others else (self,)

    @cached_property
    def _lattices(self) -> tuple[Scene, ...]:
        return (self.changed(others=(), experiment=self.undamaged), *self.others)

    def one_lattice(self, what: str) -> Scene:
        """Return this scene; raises `ConfigError`, which says `what` cannot be done, if it has several lattices."""
        if self.others:
            raise ConfigError(
                f"Config with {1 + len(self.others)} lattices: {what} takes one; give one of Config.lattices()"
            )
        return self

    def cost(
        self,
        *,
        roi: Region | None = None,
        pixels: PixelList | None = None,
        threads: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        tolerance: float | None = None,
        tolerance_ph: float | None = None,
    ) -> Cost:
        """Return what an image of this scene costs: terms, time on this machine, memory.

        The speed of the kernel is measured on a few pixels, which takes some milliseconds; where terms are left out,
        a few parts of the image are rendered.

        Parameters
        ----------
        roi, pixels, threads, dtype, tolerance, tolerance_ph
            As in `simulate`.

        Returns
        -------
        Cost
            `terms`, `terms_evaluated`, `seconds`, `threads`, `memory_bytes` and `cures`; `str` makes it a sentence.

        Raises
        ------
        ConfigError
            An invalid ROI, selection of pixels, number of threads or data type.
        """
        from ..rendering.cost import estimate_cost

        return estimate_cost(
            self, roi=roi, pixels=pixels, threads=threads, dtype=dtype, tolerance=tolerance, tolerance_ph=tolerance_ph
        )

    def core(self, dtype: npt.DTypeLike) -> CoreScene:
        """Return the scene in the kernel's form for an image of float32 or float64; it is cached.

        For float32 it is computed in single precision, or from single-precision amplitudes, where docs/performance.md
        allows it.
        """
        precision = float32_precision(self) if np.dtype(dtype) == np.float32 else "double"
        if precision not in self._cores:
            self._cores[precision] = build_core(self, precision)
        return self._cores[precision]

    def culling_plan(self, dtype: npt.DTypeLike) -> CullingPlan | None:
        """Return what the kernel needs to leave terms out, or None where every term is zero; it is cached."""
        core = self.core(dtype)
        if core.precision not in self._plans:
            held = None if core.tables is None else self.spot_factors.held(core.tables)
            self._plans[core.precision] = build_plan(core, held)
        return self._plans[core.precision]


def _restored(experiment: Config, corrected: Collection[int], changes: dict[str, Any]) -> Scene:
    """Return a pickled scene."""
    scene = Scene(experiment, corrected)
    return scene.changed(**changes) if changes else scene
