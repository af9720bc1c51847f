"""The typed records of a trace, converted from those of the kernel (include/nanobragg/trace_record.h)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from ..._functions import SHAPES
from ...constants import RADIAN_IN_DEGREES
from ...geometry import Vector, as_vector, cross_products
from ...scene.scene import Scene

Origin = Literal["nearest", "interpolated", "default"]


@dataclass(frozen=True)
class PanelFrame:
    """Frame of a panel: corner of pixel (0, 0), axes, pixel edge, distance along normal and (nominal) along beam."""

    pix0_m: Vector
    fast_axis: Vector
    slow_axis: Vector
    normal_axis: Vector
    pixel_m: float
    close_distance_m: float
    distance_m: float


@dataclass(frozen=True)
class Place:
    """A sub-pixel in a sensor layer, with the quantities that do not depend on the source.

    `position_m` = P, `R_m` = |P|, `direction` = d̂ = P/R, `obliquity` = close distance/R, `rho` = d̂·ô, the cosine
    of the angle to the panel's normal, `capture` the fraction that passes the beamstop and is absorbed. Under
    compat="c" `omega_sr` and `capture` are the values in force in the C program, mostly those of an earlier sub-pixel.
    """

    layer: int
    sub_slow: int
    sub_fast: int
    slow_m: float
    fast_m: float
    position_m: Vector
    R_m: float
    direction: Vector
    obliquity: float
    omega_sr: float
    rho: float
    capture: float


@dataclass(frozen=True)
class Ray:
    """A source as seen from a place.

    `incident` = î, `q_per_m` = (d̂ - î)/λ the scattering vector, `d_A` = 1/|q|, `cos_2theta` = î·d̂, `along_e` and
    `along_b` = d̂·E and d̂·B of the incident wave, whose squares add up to sin²2θ; `polar` is the polarization factor
    in force. `skipped`: beyond d_min.
    """

    source: int
    incident: Vector
    wavelength_m: float
    source_weight: float
    q_per_m: Vector
    q_length_per_m: float
    d_A: float
    skipped: bool
    cos_2theta: float
    along_e: float
    along_b: float
    polar: float


@dataclass(frozen=True)
class Term:
    """The term of one orientation of the crystal and one ray.

    `delta` = hkl - nearest; `lattice_factors` = sin(πNh)/sin(πh) of each axis (None for radial shapes, which have
    `radius_sqr`, the squared radius including the fudge factor); `F_latt` with its sign, and its square as used.
    `part` is "spot", or "halo" for diffuse scattering, whose F_latt is that of the halo around `nearest`.
    `weight` multiplies F_cell²·F_latt² in the sum, `contribution` is the product, `running_sum` the sum including it.
    """

    ordinal: int
    place: Place
    ray: Ray
    phi_step: int
    phi_deg: float
    domain: int
    a_A: Vector
    b_A: Vector
    c_A: Vector
    a_star_per_A: Vector
    b_star_per_A: Vector
    c_star_per_A: Vector
    hkl: Vector
    part: Literal["spot", "halo"]
    nearest: tuple[int, int, int]
    delta: Vector
    lattice_factors: Vector | None
    radius_sqr: float | None
    F_latt: float
    F_latt_sqr: float
    F_cell: float
    F_cell_from: Origin
    weight: float
    contribution: float
    running_sum: float


@dataclass(frozen=True)
class Final:
    """Scaling of the sum to photons: pixel = r_e²·fluence·blocks·sum/steps·capture·polar·omega.

    Under compat=None the last three are part of every term's weight, and 1 here. The sum is that of one block of the
    crystal; `water` is its part from the background, divided by the number of blocks.
    """

    water: float
    sum: float
    steps: int
    r_e_sqr_m2: float
    fluence_ph_m2: float
    blocks: float
    capture: float
    polar: float
    omega_sr: float
    pixel: float


@dataclass(frozen=True)
class TermDerivatives:
    """The derivative of a pixel by a parameter, photons per unit: `total` is that of all terms and of what surrounds
    the crystal, `terms` are the shares of the terms that the trace keeps."""

    name: str
    unit: str
    total: float
    terms: tuple[float, ...]


@dataclass(frozen=True)
class TraceData:
    """All records of one pixel; `Trace` describes them."""

    panel: int
    slow: int
    fast: int
    frame: PanelFrame
    places: tuple[Place, ...]
    rays: tuple[tuple[Place, Ray], ...]
    terms: tuple[Term, ...]
    last: Term
    n_terms: int
    n_skipped: int
    final: Final
    scene: Scene
    n_left_out: int = 0
    left_out_ph: float = 0.0
    bound_ph: float = 0.0
    lattices_ph: tuple[float, ...] = ()
    derivatives: tuple[TermDerivatives, ...] = ()


class RecordReader:
    """Converts records of the kernel; equal places and rays are shared objects."""

    def __init__(self, scene: Scene, slow: int, fast: int) -> None:
        self._scene = scene
        self._pixel = (slow, fast)
        self._listed: dict[tuple[int, int, int], bool] = {}
        self._places: dict[tuple[int, int, int], Place] = {}
        self._rays: dict[tuple[int, int, int, int], Ray] = {}

    def term(self, record: npt.NDArray[Any]) -> Term:
        """Return the term of a record."""
        scene, cell = self._scene, record["cell"] * 1e10
        shape, (phi_step, domain) = scene.config.crystal.shape, divmod(int(record["orientation"]), scene.domains)
        halo = record["part"] > 0
        factors = _lattice_factors(record, scene.n_cells) if SHAPES[shape].separable and not halo else None
        a, b, c = (as_vector(axis) for axis in cell)
        a_star, b_star, c_star = (as_vector(axis) for axis in cross_products(cell) / scene.lattice.volume)
        return Term(
            ordinal=int(record["ordinal"]), place=self.place(record), ray=self.ray(record),
            phi_step=phi_step, phi_deg=float(scene.phi_angles[phi_step]) * RADIAN_IN_DEGREES,
            domain=domain,
            a_A=a, b_A=b, c_A=c, a_star_per_A=a_star, b_star_per_A=b_star, c_star_per_A=c_star,
            hkl=as_vector(record["h"]), part="halo" if halo else "spot", nearest=_index(record["nearest"]),
            delta=as_vector(record["h"] - record["nearest"]),
            lattice_factors=factors, radius_sqr=None if factors else float(record["radius_sqr"]),
            F_latt=_signed_lattice(record, factors, "halo" if halo else shape), F_latt_sqr=float(record["lattice_sqr"]),
            F_cell=float(record["amplitude"]), F_cell_from=self._origin(record), weight=float(record["weight"]),
            contribution=float(record["rank"]), running_sum=float(record["running"]),
        )  # fmt: skip

    def place(self, record: npt.NDArray[Any]) -> Place:
        """Return the sub-pixel and layer of a record."""
        sub_fast, sub_slow = (self._sub_pixel(at, axis) for axis, at in enumerate(record["at"]))
        key = (int(record["layer"]), sub_slow, sub_fast)
        if key not in self._places:
            self._places[key] = Place(
                *key, float(record["at"][1]), float(record["at"][0]), as_vector(record["position"]), float(record["r"]),
                as_vector(record["d"]), float(record["obliquity"]), float(record["omega"]), float(record["rho"]),
                float(record["capture"]),
            )  # fmt: skip
        return self._places[key]

    def ray(self, record: npt.NDArray[Any]) -> Ray:
        """Return the ray from the source of a record."""
        place, source = self.place(record), int(record["source"])
        key = (place.layer, place.sub_slow, place.sub_fast, source)
        if key not in self._rays:
            directions, wavelengths, weights = self._scene.sources
            length = math.sqrt(float((record["q"] ** 2).sum()))
            self._rays[key] = Ray(
                source, as_vector(directions[source]), float(wavelengths[source]), float(weights[source]),
                as_vector(record["q"]), length, 1e10 / length if length > 0 else math.inf, not record["live"],
                float(record["cos_2theta"]), float(record["along_e"]), float(record["along_b"]), float(record["polar"]),
            )  # fmt: skip
        return self._rays[key]

    def _sub_pixel(self, at: float, axis: int) -> int:
        """Return the sub-pixel at the distance `at` along the fast (0) or slow (1) axis."""
        step = self._scene.config.detector.panels[0].pixel_mm / 1000.0 / self._scene.oversample
        return round(at / step - 0.5) - self._pixel[1 - axis] * self._scene.oversample

    def _origin(self, record: npt.NDArray[Any]) -> Origin:
        factors, index = self._scene.spot_factors, _index(record["nearest"])
        if record["interpolated"]:
            return "interpolated"
        if record["amplitude"] != factors.default_F:
            return "nearest"
        if index not in self._listed:
            listing = factors.listing
            self._listed[index] = listing is not None and bool((listing[0] == index).all(axis=1).any())
        return "nearest" if self._listed[index] else "default"


def _index(values: npt.NDArray[Any]) -> tuple[int, int, int]:
    h, k, l = (int(value) for value in values.tolist())
    return h, k, l


def _lattice_factors(record: npt.NDArray[Any], n_cells: tuple[float, float, float]) -> Vector:
    """Return F_latt per axis from its square, with the sign of sin(πNh)/sin(πh), or sin(πNδ)/sin(πδ) for a real N."""
    factors = []
    for h, h0, numerator, denominator, n in zip(
        *(record[name].tolist() for name in ("h", "nearest", "numerator", "denominator")), n_cells, strict=True
    ):
        turns = math.floor(n * abs(h - h0)) + (int(h0) * (n - 1) if isinstance(n, int) else 0)
        size = math.sqrt(numerator / denominator) if denominator > 0 else 0.0  # 0: the term was not evaluated
        factors.append(-size if turns % 2 else size)
    return factors[0], factors[1], factors[2]


def _signed_lattice(record: npt.NDArray[Any], factors: Vector | None, shape: str) -> float:
    """Return F_latt with its sign, from its square."""
    if factors is not None:
        return factors[0] * factors[1] * factors[2]
    size = math.sqrt(record["lattice_sqr"])
    x = math.pi * math.sqrt(record["radius_sqr"])
    return -size if shape == "round" and math.sin(x) < x * math.cos(x) else size
