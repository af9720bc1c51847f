"""Products, normalisation and rotations of vectors, in the order of operations of the C program."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .errors import ConfigError

Vector = tuple[float, float, float]
FloatArray = npt.NDArray[np.float64]
ANGLES_AT_ONCE = 65536
Roi = tuple[int, int, int, int]  # first and last fast, first and last slow pixel, inclusive


def dot(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return the scalar product of two 3-vectors, summed in order (a BLAS may round differently)."""
    a, b = np.asarray(one).tolist(), np.asarray(other).tolist()
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def dots(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the scalar products of 3-vectors, shapes (..., 3) that broadcast, summed in order."""
    return np.asarray(one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2])


def determinant(matrix: npt.ArrayLike) -> float:
    """Return the determinant of a 3 x 3 matrix; without a division, no entries make a library warn."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix, np.float64).tolist()
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def as_vector(values: FloatArray) -> Vector:
    """Return the three numbers of an array as a tuple."""
    x, y, z = values.tolist()
    return x, y, z


def cross_products(basis: FloatArray) -> FloatArray:
    """Return b × c, c × a and a × b of the basis vectors a, b, c (rows)."""
    a, b, c = basis
    return np.array([np.cross(b, c), np.cross(c, a), np.cross(a, b)])


def unit(vector: npt.ArrayLike, name: str = "vector") -> FloatArray:
    """Return `vector` scaled to length 1; raises `ConfigError`, with its `name`, if its length is zero or overflows."""
    array = np.asarray(vector, dtype=np.float64)
    length = math.sqrt(dot(array, array))
    if not 0 < length < math.inf:
        size = "zero" if length == 0 else str(length)
        raise ConfigError(f"{name} = {tuple(array.tolist())}: a direction cannot have length {size}")
    return array / length


def longest_scattering_vector(
    corners: FloatArray, directions: FloatArray, wavelengths: FloatArray, *, bent: bool = False
) -> float:
    """Return the length of the longest scattering vector of a detector, in the inverse unit of the wavelengths.

    Parameters
    ----------
    corners : ndarray, shape (..., 3)
        Unit vectors to the corners of its panels.
    directions, wavelengths : ndarray, shapes (sources, 3) and (sources,)
        Unit vectors along the incident rays, and their wavelengths.
    bent
        Whether panels are not flat: no vector is longer than 2/λ.
    """
    rays, longest = corners.reshape(-1, 3), 0.0
    for direction, wavelength in zip(directions, wavelengths, strict=True):
        # Below 90 degrees the largest scattering angle of a rectangle is at a corner.
        forward = not bent and (rays @ direction).min() > 0
        chord = np.linalg.norm(rays - direction, axis=1).max() if forward else 2.0
        longest = max(longest, float(chord / wavelength))
    return longest


def rotate(vector: npt.ArrayLike, angles_rad: Vector) -> FloatArray:
    """Rotate a vector about lab x, then y, then z.

    Parameters
    ----------
    vector : array_like, shape (3,)
    angles_rad
        Angles about x, y and z, radians.
    """
    x, y, z = (float(component) for component in np.asarray(vector))
    about_x, about_y, about_z = angles_rad
    if about_x != 0:
        c, s = math.cos(about_x), math.sin(about_x)
        y, z = y * c + z * -s, y * s + z * c
    if about_y != 0:
        c, s = math.cos(about_y), math.sin(about_y)
        x, z = x * c + z * s, x * -s + z * c
    if about_z != 0:
        c, s = math.cos(about_z), math.sin(about_z)
        x, y = x * c + y * -s, x * s + y * c
    return np.array([x, y, z])


def rotate_about(vector: npt.ArrayLike, axis: npt.ArrayLike, angle_rad: float) -> FloatArray:
    """Rotate vectors about an axis with Rodrigues' formula.

    Parameters
    ----------
    vector : array_like, shape (..., 3)
    axis : array_like, shape (3,)
        Used as given: the C program does not normalise its two-theta axis.
    angle_rad
        Right-handed angle, radians.
    """
    return _turned(vector, axis, math.cos(angle_rad), math.sin(angle_rad))


def rotate_by_each(vector: npt.ArrayLike, axis: npt.ArrayLike, angles_rad: Sequence[float]) -> FloatArray:
    """Rotate vectors (..., 3) about an axis by each of n angles, to the same bits as `rotate_about`; shape (n, ..., 3).

    NumPy's own cosines may differ in the last bit.
    """
    turned = np.empty((len(angles_rad), *np.shape(vector)))
    shape = (-1, *[1] * (np.ndim(vector) - 1))
    for start in range(0, len(angles_rad), ANGLES_AT_ONCE):  # lest millions take gigabytes
        block = slice(start, start + ANGLES_AT_ONCE)
        cosine, sine = (
            np.array([function(x) for x in angles_rad[block]]).reshape(shape) for function in (math.cos, math.sin)
        )
        turned[block] = _turned(vector, axis, cosine, sine)
    return turned


def _turned(
    vector: npt.ArrayLike, axis: npt.ArrayLike, cosine: float | FloatArray, sine: float | FloatArray
) -> FloatArray:
    v = np.asarray(vector, dtype=np.float64)
    u = np.asarray(axis, dtype=np.float64)
    along = (v[..., 0] * u[0] + v[..., 1] * u[1] + v[..., 2] * u[2]) * (1.0 - cosine)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    across = np.stack([u[1] * z - u[2] * y, u[2] * x - u[0] * z, u[0] * y - u[1] * x], axis=-1)
    cosine, sine = np.asarray(cosine)[..., np.newaxis], np.asarray(sine)[..., np.newaxis]
    turned: FloatArray = u * along[..., np.newaxis] + v * cosine + across * sine
    return turned
