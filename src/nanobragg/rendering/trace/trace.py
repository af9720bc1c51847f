"""The trace of a pixel: every intermediate result of the kernel."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._core import TRACE_RECORD, TraceTotals
from ..._core import trace as trace_pixel
from ...bounds import whole
from ...calls import public
from ...config.config import Config
from ...constants import R_E_SQR
from ...errors import ConfigError
from ...geometry import Vector
from ...scene.scene import Scene
from ..culling import resolve_tolerance
from ..pixel_selection import Box
from ..simulate import simulate
from .explain import explain
from .records import Final, PanelFrame, Place, Ray, RecordReader, Term, TraceData

__all__ = ["Final", "PanelFrame", "Place", "Ray", "Term", "Trace", "trace"]

DEFAULT_STRONGEST = 100
Value = float | int | bool | str | tuple[float, ...] | None


@public
@dataclass(frozen=True)
class Trace(TraceData):
    """Every intermediate result of one pixel.

    Attributes
    ----------
    panel, slow, fast
        The pixel.
    frame : PanelFrame
        Origin and axes of its panel.
    places : tuple of Place
        Sub-pixels in sensor layers to which the terms belong.
    rays : tuple of (Place, Ray)
        Sources as seen from the places, including those beyond d_min.
    terms : tuple of Term
        All terms, or the strongest, in the order of computation.
    last : Term
        The term evaluated last, with the last place and ray of the pixel (even if beyond d_min).
    n_terms, n_skipped
        Number of all terms, and of rays beyond d_min.
    final : Final
        Scaling of the sum to photons; `final.pixel` is the value of the pixel from all terms.
    n_left_out, left_out_ph, bound_ph
        Terms that an image of this scene leaves out of the pixel (docs/culling.md), their photons, and the most that
        they were allowed to have.
    scene : Scene
        The traced scene.
    lattices_ph : tuple of float
        Photons of every lattice in the beam (`Config.lattices`) in the pixel; the trace is that of one of them.
    derivatives : tuple of TermDerivatives
        What each term contributes to derivatives of the pixel, from `nb.trace_derivatives`.
    """

    def __repr__(self) -> str:
        return (
            f"<Trace: panel {self.panel}, slow {self.slow}, fast {self.fast}: {self.final.pixel:.6g} photons, "
            f"{len(self.terms)} of {self.n_terms} terms; explain() tells how>"
        )

    def values(self) -> dict[str, Value]:
        """Return quantities by name, in the order of computation: `place[0,1,1].source[0].phi[0].domain[2].hkl`, …"""
        return dict(self._named())

    def to_text(self) -> str:
        """Return one `name = value` per line, vectors as numbers separated by blanks, floats with all digits."""
        return "".join(f"{name} = {_text(value)}\n" for name, value in self._named())

    def to_json(self) -> str:
        """Return names and values as a JSON object; values that are not finite become null."""
        lines = (f"{json.dumps(name)}: {json.dumps(_finite(value))}" for name, value in self._named())
        return "{\n" + ",\n".join(lines) + "\n}"

    def explain(self) -> str:
        """Return an explanation of the pixel's value in ten sentences, one per line, and one for each derivative."""
        return "\n".join(explain(self)) + "\n"

    def _named(self) -> Iterator[tuple[str, Value]]:
        yield from _fields("", self, ("panel", "slow", "fast"))
        yield from _fields("panel.", self.frame)
        yield from (("terms", self.n_terms), ("terms_kept", len(self.terms)), ("skipped_rays", self.n_skipped))
        seen: set[str] = set()
        numbers = {term.ordinal: number for number, term in enumerate(self.terms)}
        for place, ray, term in self._steps():
            prefix = f"place[{place.layer},{place.sub_slow},{place.sub_fast}]."
            for name, record in ((prefix, place), (f"{prefix}source[{ray.source}].", ray)):
                if name not in seen:
                    seen.add(name)
                    yield from _fields(name, record)
            if term is not None:
                name = f"{prefix}source[{ray.source}].phi[{term.phi_step}].domain[{term.domain}]."
                yield from _fields(name, term)
                number = numbers[term.ordinal]
                yield from ((f"{name}derivative.{each.name}", each.terms[number]) for each in self.derivatives)
        yield from _fields("final.", self.final)
        yield from ((f"final.derivative.{each.name}", each.total) for each in self.derivatives)
        if len(self.lattices_ph) > 1:
            yield "image.lattices_ph", self.lattices_ph
        if self.n_left_out:
            yield from _fields("image.", self, ("n_left_out", "left_out_ph", "bound_ph"))

    def _steps(self) -> Iterator[tuple[Place, Ray, Term | None]]:
        """Yield terms with their places and rays, and rays without terms, in the order of computation."""
        by_ray: dict[tuple[int, int], list[Term]] = {}
        for term in self.terms:
            by_ray.setdefault((id(term.place), id(term.ray)), []).append(term)
        for place, ray in self.rays:
            yield from ((place, ray, term) for term in by_ray.get((id(place), id(ray)), [None]))


@public
def trace(
    experiment: Config | Scene,
    *,
    slow: int,
    fast: int,
    panel: int = 0,
    strongest: int | None = DEFAULT_STRONGEST,
    lattice: int = 0,
) -> Trace:
    """Trace one pixel: record every intermediate result of the kernel that renders it.

    Parameters
    ----------
    experiment
        A `Config`, or a `Scene` made from it.
    slow, fast, panel
        The pixel.
    strongest
        Number of strongest terms to keep; None: all (at least half a kilobyte each).

    lattice
        Number of the lattice, as in `Config.lattices`.

    Returns
    -------
    Trace
        The trace of one lattice; `lattices_ph` has the photons of all. `final.pixel` equals the pixel of a float64
        image of the lattice in which every term is evaluated (tolerance=0).

    Raises
    ------
    ConfigError
        The pixel is not rendered: off the detector, outside the ROI, or masked.

    Notes
    -----
    With `compat="c"` some pixels depend on earlier ones (φ = 0 in the very first term; interpolation until it ends),
    which are then rendered as well.
    """
    scene = experiment if isinstance(experiment, Scene) else Scene(experiment)
    if scene.others:
        return _trace_lattice(scene, lattice, slow=slow, fast=fast, panel=panel, strongest=strongest)
    if lattice != 0:
        raise ConfigError(f"lattice = {lattice}: there is one, number 0")
    panel, slow, fast = (
        whole(name, value, -(10**6), 10**6) for name, value in (("panel", panel), ("slow", slow), ("fast", fast))
    )
    _check_pixel(scene, panel, slow, fast)
    strongest = None if strongest is None else whole("strongest", strongest, 1, 2**63)
    everything = scene.terms * scene.sensor.count
    records = np.empty(1 + min(everything, strongest or everything), TRACE_RECORD)
    totals = trace_pixel(scene.core(np.float64), scene.limits, panel, slow, fast, records)
    reader = RecordReader(scene, slow, fast)
    rows = np.sort(records[: totals.n_kept], order="ordinal")
    rays = dict.fromkeys((reader.place(row), reader.ray(row)) for row in rows)
    return Trace(
        panel, slow, fast, _frame(scene, panel),
        places=tuple(dict.fromkeys(place for place, _ in rays)), rays=tuple(rays),
        terms=tuple(reader.term(row) for row in rows if row["live"]), last=reader.term(records[-1]),
        n_terms=totals.n_terms, n_skipped=totals.n_skipped, final=_final(scene, totals), scene=scene,
        **_left_out(scene, panel, slow, fast, totals.photons), lattices_ph=(totals.photons,),
    )  # fmt: skip


def _trace_lattice(scene: Scene, lattice: int, **options: Any) -> Trace:
    """Trace one of several lattices."""
    if not 0 <= lattice < len(scene.lattices):
        raise ConfigError(f"lattice = {lattice}: there are {len(scene.lattices)}, 0 to {len(scene.lattices) - 1}")
    photons = tuple(trace(each, **{**options, "strongest": 1}).final.pixel for each in scene.lattices)
    return dataclasses.replace(trace(scene.lattices[lattice], **options), lattices_ph=photons)


def _left_out(scene: Scene, panel: int, slow: int, fast: int, photons: float) -> dict[str, Any]:
    """Return what an image leaves out of a pixel that has so many photons from all of its terms."""
    if resolve_tolerance(scene, None, None).exact:
        return {}
    box = Box(panel, slice(slow, slow + 1), slice(fast, fast + 1))
    image, report = simulate(scene, pixels=[box], dtype="float64", threads=1, report=True)
    missing = max(photons - float(box.cut(image)[0, 0]), 0.0) if report.bound_ph else 0.0
    return {
        "n_left_out": report.terms - report.terms_evaluated, "left_out_ph": missing, "bound_ph": report.bound_ph,
    }  # fmt: skip


def _check_pixel(scene: Scene, panel: int, slow: int, fast: int) -> None:
    panels, pixels, roi = len(scene.config.detector.panels), scene.config.detector.panels[0].pixels, scene.roi
    where = f"pixel (slow, fast) = ({slow}, {fast})"
    if not 0 <= panel < panels:
        raise ConfigError(f"panel = {panel}: the detector has panels 0 to {panels - 1}")
    if not (0 <= slow < pixels[0] and 0 <= fast < pixels[1]):
        raise ConfigError(f"{where}: a panel has {pixels[0]} by {pixels[1]} pixels, counted from 0")
    if not (roi[0].start <= slow < roi[0].stop and roi[1].start <= fast < roi[1].stop):
        shown = f"np.s_[{roi[0].start}:{roi[0].stop}, {roi[1].start}:{roi[1].stop}]"
        raise ConfigError(f"{where}: lies outside roi = {shown}, where nothing is rendered")
    if not scene.rendered.reshape(panels, *pixels)[panel, slow, fast]:
        raise ConfigError(f"{where}: is masked and not rendered")


def _frame(scene: Scene, panel: int) -> PanelFrame:
    geometry = scene.geometry
    frame = geometry.origin, geometry.fast, geometry.slow, geometry.normal
    pix0, fast, slow, normal = (_triple(vectors[panel]) for vectors in frame)
    return PanelFrame(
        pix0, fast, slow, normal, float(geometry.pixel[panel]), float(geometry.close_distance[panel]), scene.distance
    )


def _triple(values: Any) -> Vector:
    x, y, z = np.asarray(values, float).tolist()
    return x, y, z


def _final(scene: Scene, totals: TraceTotals) -> Final:
    return Final(
        water=totals.water, sum=totals.total,
        steps=scene.terms if scene.config.compat == "c" else scene.oversample**2,
        r_e_sqr_m2=R_E_SQR, fluence_ph_m2=scene.fluence, blocks=scene.blocks,
        capture=totals.capture, polar=totals.polar, omega_sr=totals.omega, pixel=totals.photons,
    )  # fmt: skip


def _fields(prefix: str, record: Any, names: tuple[str, ...] | None = None) -> Iterator[tuple[str, Value]]:
    """Yield the fields of a record under a prefix, without nested records."""
    for name in names or tuple(field.name for field in dataclasses.fields(record)):
        value = getattr(record, name)
        if not dataclasses.is_dataclass(value):
            yield prefix + name, value


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return " ".join(repr(number) for number in value)
    return repr(value) if isinstance(value, float) else str(value)


def _finite(value: Value) -> Value | list[Value]:
    if isinstance(value, tuple):
        return [_finite(number) for number in value]  # type: ignore[misc]
    return None if isinstance(value, float) and not math.isfinite(value) else value
