from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = Sequence[float] | Doubles

class Shape(NamedTuple):
    number: int
    separable: bool
    single_precision: bool
    follows_cell: bool
    reach: float
    integral: float

SHAPES: Mapping[str, Shape]
HALO: int

def block_of(n: Numbers) -> tuple[float, Doubles]: ...
def shape_metric(shape: str, n: Numbers, fudge: float, reciprocal: Doubles) -> Doubles: ...
def shape_value(shape: str, n: Numbers, metric: Doubles, offset: Doubles) -> Doubles: ...
def shape_slopes(shape: str, n: Numbers, metric: Doubles, offset: Doubles) -> tuple[Doubles, Doubles]: ...
def shape_envelope(shape: str, n: Numbers, metric: Doubles, offset: Doubles) -> Doubles: ...
def shape_section(shape: str, radius: Doubles) -> Doubles: ...
def smear_reach(smear: NDArray[np.void], longest: float) -> tuple[float, float] | None: ...
def grating_sqr(index: Doubles, n: Doubles) -> Doubles: ...
def sphere_sqr(radius: Doubles) -> Doubles: ...
def polarization(
    kahn: Doubles, incident: Doubles, diffracted: Doubles, axis: Doubles, wave: Integers | None = None
) -> Doubles: ...
def rotate_about(vector: Doubles, axis: Doubles, angle: Doubles) -> Doubles: ...
def cubic(values: Doubles, t: Doubles) -> Doubles: ...
def tricubic(values: ArrayLike, at: Doubles) -> Doubles: ...
def near_sphere(
    star: Doubles, centre: Doubles, margin: float, low: NDArray[np.int32], high: NDArray[np.int32]
) -> NDArray[np.int32]: ...
def plane_sections(
    shape: str, n: Doubles, peak: float, inverse: Doubles, slope: Doubles, distance: Doubles
) -> tuple[Doubles, Doubles, Doubles]: ...
def spot_terms(
    shape: str,
    n: Doubles,
    peak: float,
    inverse: Doubles,
    spots: Doubles | None,
    hkl: Doubles,
    first: Integers,
    last: Integers,
    stars: Doubles,
    domains: int,
    waves: Doubles,
    radii: Doubles,
    reach: float,
) -> tuple[Integers, Doubles, Doubles, Doubles]: ...
