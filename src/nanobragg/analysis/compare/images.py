"""Comparison of two images, pixel by pixel and peak by peak."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError, ShapeError
from ...io.check_image import cast_to_doubles
from .peaks import PeakMatch, match_peaks

DEFAULT_PEAKS = 50


@dataclass(frozen=True)
class ImageComparison:
    """Comparison of images a and b; b is the reference.

    Attributes
    ----------
    shape
        Shape of both images.
    pixels
        Number of compared pixels: those that are finite in both images.
    one_sided
        Number of pixels that are finite in one image only.
    correlation
        Pearson correlation; 1 for equal images, NaN if an image is constant or there are `one_sided` pixels.
    mse, rmse
        Mean of (a - b)², and its square root.
    max_abs, max_at
        Largest |a - b|, and its pixel; NaN and None without compared pixels.
    sum_a, sum_b, sum_ratio
        Sums of a and b, and their ratio; 1 if both are 0.
    max_a, max_b
        Largest values.
    peaks
        Matched local maxima; None if not requested.
    """

    shape: tuple[int, ...]
    pixels: int
    one_sided: int
    correlation: float
    mse: float
    rmse: float
    max_abs: float
    max_at: tuple[int, ...] | None
    sum_a: float
    sum_b: float
    sum_ratio: float
    max_a: float
    max_b: float
    peaks: PeakMatch | None

    def metrics(self) -> dict[str, float | int | list[int] | None]:
        """Return names and numbers for JSON; values that are not finite become None."""
        numbers: dict[str, float | int] = {
            "correlation": self.correlation, "mse": self.mse, "rmse": self.rmse, "max_abs": self.max_abs,
            "sum_a": self.sum_a, "sum_b": self.sum_b, "sum_ratio": self.sum_ratio, "max_a": self.max_a,
            "max_b": self.max_b, "pixels": self.pixels, "one_sided": self.one_sided,
        }  # fmt: skip
        found: dict[str, float | int | list[int] | None] = {
            name: number if math.isfinite(number) else None for name, number in numbers.items()
        }
        found["max_at"] = None if self.max_at is None else list(self.max_at)
        return found | ({} if self.peaks is None else self.peaks.metrics())


def compare_images(a: npt.ArrayLike, b: npt.ArrayLike, *, peaks: int = DEFAULT_PEAKS) -> ImageComparison:
    """Compare two images.

    Parameters
    ----------
    a, b : array, shape (slow, fast) or (panels, slow, fast)
        Photons; b is the reference. Pixels that are not finite in both are ignored.
    peaks
        Number of local maxima of each image to match, the brightest ones; 0: none.

    Raises
    ------
    ShapeError
        The shapes differ.
    ConfigError
        Arrays that are not images of real numbers, or peaks without scipy.
    """
    ours, theirs = _image("a", a), _image("b", b)
    if ours.shape != theirs.shape:
        raise ShapeError(f"a has shape {ours.shape}, b {theirs.shape}: give images of the same shape")
    if peaks < 0:
        raise ConfigError(f"peaks = {peaks}: must be 0 or more")
    finite = np.isfinite(ours), np.isfinite(theirs)
    both, one_sided = finite[0] & finite[1], int(np.count_nonzero(finite[0] != finite[1]))
    difference = np.where(both, np.abs(np.where(both, ours, 0) - np.where(both, theirs, 0)), -1.0)
    x, y = ours[both], theirs[both]
    with np.errstate(over="ignore"):
        mse = float(((x - y) ** 2).mean()) if x.size else math.nan
    place = np.unravel_index(int(np.argmax(difference)), difference.shape) if x.size else None
    sums = float(x.sum()), float(y.sum())
    return ImageComparison(
        shape=ours.shape, pixels=int(x.size), one_sided=one_sided,
        correlation=math.nan if one_sided else _correlation(x, y), mse=mse, rmse=math.sqrt(mse),
        max_abs=float(difference.max()) if x.size else math.nan,
        max_at=None if place is None else tuple(int(i) for i in place),
        sum_a=sums[0], sum_b=sums[1], sum_ratio=_ratio(*sums),
        max_a=float(x.max()) if x.size else math.nan, max_b=float(y.max()) if y.size else math.nan,
        peaks=match_peaks(ours, theirs, peaks) if peaks else None,
    )  # fmt: skip


def _image(name: str, image: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array: npt.NDArray[Any] = np.asarray(image)
    if array.dtype.kind not in "buif" or array.ndim not in (2, 3) or array.size == 0:
        raise ConfigError(
            f"{name}, {array.dtype} of shape {array.shape}: must be an image of real numbers, (slow, fast) or "
            "(panels, slow, fast)"
        )
    return cast_to_doubles(array)


def _correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    if x.size and np.array_equal(x, y):
        return 1.0
    if x.size < 2:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    norm = math.sqrt(float(x @ x)) * math.sqrt(float(y @ y))
    return float(x @ y) / norm if norm > 0 else math.nan


def _ratio(a: float, b: float) -> float:
    if b == 0:
        return 1.0 if a == 0 else math.copysign(math.inf, a)
    return a / b
