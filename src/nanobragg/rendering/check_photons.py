"""The check of a rendered image: photons that are not finite, or negative, or black for want of reflections."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, warn_user
from ..geometry import Roi
from ..scene.checks import facing_away
from ..scene.scene import Scene
from ..structure_factors.phased import STEPS


class PhotonRange(NamedTuple):
    """Smallest and largest photons of the pixels in a region; NaN if one of them is."""

    lowest: float
    highest: float

    @property
    def is_finite(self) -> bool:
        """Whether every pixel is finite."""
        return bool(np.isfinite(self.lowest) and np.isfinite(self.highest))


def check_panels(scene: Scene) -> None:
    """Raise `ConfigError` if a flat panel faces away from the sample: photons would be negative; not for "c"."""
    if scene.panels_facing_away and scene.config.compat != "c" and not scene.config.detector.curved:
        raise ConfigError(f"Detector.panels: {facing_away(scene)}")


def photon_range(image: npt.NDArray[Any], roi: Roi) -> PhotonRange:
    """Return the range of the pixels (panels, slow, fast) of an image within a region."""
    part = _part(image, roi)
    return PhotonRange(float(part.min()), float(part.max()))


def check_photons(scene: Scene, image: npt.NDArray[Any], roi: Roi, before: PhotonRange) -> None:
    """Raise `ConfigError` if rendering gave photons that are not finite or negative; with `compat="c"` only warn.

    Warn if the transform between reflections ends before the first ray.
    `before` is the range of the image rendered into; what it had already is not an error. Negative photons are valid
    where a background table has negative amplitudes.
    """
    after = photon_range(image, roi)
    if scene.lookup == "phased" and after.lowest == after.highest == 0 and not _must_be_black(scene):
        warn_user(_dark(scene))
    image = image.get() if hasattr(image, "get") else image  # CuPy's
    table = scene.amorphous
    may_be_negative = before.lowest < 0 or (table is not None and bool((table.values < 0).any()))
    if not after.is_finite and before.is_finite:
        problem = _describe(image, roi, ~np.isfinite(_part(image, roi)))
        if image.dtype == np.float32:
            largest = float(np.finfo(np.float32).max)
            cure = f"if the photons exceed {largest:.2g}, the largest float32, use dtype='float64' or reduce them"
        else:
            cure = "reduce the fluence, the amplitudes or the crystal, and check the geometry"
    elif after.lowest < 0 and not may_be_negative:
        problem = _describe(image, roi, _part(image, roi) < 0)
        cure = "check the panels: the normal of each must point away from the sample"
    else:
        return
    if scene.config.compat != "c":
        raise ConfigError(f"image: {problem}; {cure}")
    warn_user(f"image: {problem}, as in the C program; {cure}")


def _must_be_black(scene: Scene) -> bool:
    """Return whether an image is black whatever reflections are listed: no beam, no contents, or d_min or beamstop."""
    stop = scene.config.detector.beamstop
    hidden = scene.coverage is None or (stop is not None and stop.transmission == 0)
    return scene.fluence == 0 or hidden or not scene.spot_factors.contents.values.any()


def _dark(scene: Scene) -> str:
    """Return why an image of the transform between reflections is black."""
    assert scene.table is not None
    ranges = ", ".join(f"{name} {low} to {high}" for name, low, high in zip("hkl", *scene.table, strict=True))
    return (
        f"image: every pixel is 0: interpolate = 'phased' ends {1 / STEPS:g} of an index beyond the listed reflections "
        f"({ranges}), and no ray comes that close to them; list more reflections, or give interpolate = False"
    )


def _part(image: npt.NDArray[Any], roi: Roi) -> npt.NDArray[Any]:
    x0, x1, y0, y1 = roi
    return image[:, y0 : y1 + 1, x0 : x1 + 1]


def _describe(image: npt.NDArray[Any], roi: Roi, bad: npt.NDArray[np.bool_]) -> str:
    """Return the first of the bad pixels in a region, and their number."""
    panel, slow, fast = (int(i) for i in np.argwhere(bad)[0])
    slow, fast = slow + roi[2], fast + roi[0]
    place = f"panel {panel}, slow {slow}, fast {fast}" if len(image) > 1 else f"slow {slow}, fast {fast}"
    more = f", and {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
    return f"pixel ({place}) has {image[panel, slow, fast]:g} photons{more}"
