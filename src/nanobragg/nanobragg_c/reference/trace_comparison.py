"""Comparison of a trace with the values that the original program printed, to the digits printed."""

import math
from collections.abc import Mapping

import numpy as np

from ...analysis.compare.traces import Divergence, TraceComparison, differ
from ...config.crystal import Lattice, misset_angles
from ...geometry import FloatArray
from ...rendering.trace.trace import Trace
from ...scene.scene import Scene
from ..trace_lines import trace_values
from .program_output import Run

Values = tuple[float, ...]

RELATIVE, OF_BRIGHTEST = 1e-5, 1e-7  # sums agree to 1e-5 of themselves and 1e-7 of the brightest pixel
PER_TERM = 1e-6  # lattice factors: the C program computes them from whole indices and loses digits
ROUNDING = 1e-9
SIX, TEN, FIFTEEN = 6, 10, 15  # digits of %g
DIGITS = dict.fromkeys(("I_per_step", "polar", "omega_pixel", "capture_fraction", "floatimage_accumulated"), TEN)
DECIMALS = {"hkl_frac": 6, "random_misset_deg": 6, "real_space_a": 8, "real_space_b": 8, "real_space_c": 8}
SUMS = ("I_before_scaling", "I_per_step", "I_pixel_final", "floatimage_accumulated")
LATTICE = ("F_latt_a", "F_latt_b", "F_latt_c", "F_latt")
OF_TERM = ("rot_", "real_space_", "hkl_", "F_")
WITHOUT_FACTORS = ("I_before_scaling", "I_per_step", "steps")  # with compat=None, factors are applied per term


def compare_trace(trace: Trace, run: Run) -> TraceComparison:
    """Find the first value of a pixel that differs between our trace and the original program's output.

    Parameters
    ----------
    trace
        Our trace.
    run
        A run of the original that printed the same pixel (`Program.run(…, pixel=…)`).

    Notes
    -----
    The printed counts, cell and panel are compared first, then TRACE lines (15 digits, if the build prints them), then
    the block of -printout_pixel (6 to 10 digits, the pixel's last term). Sums may differ by as much as images: 1e-5
    of the value and 1e-7 of the brightest pixel.
    """
    agreed = 0
    for name, (ours, theirs) in beside_original(trace, run).items():
        if _differ(name, ours, theirs, trace, run):
            return TraceComparison(Divergence(name, ours, theirs), agreed)
        agreed += 1
    return TraceComparison(None, agreed)


def beside_original(trace: Trace, run: Run) -> dict[str, tuple[Values, Values]]:
    """Return the values that both programs have, by name in the order of computation: ours, the original's."""
    ours = scene_values(trace.scene)
    theirs = {name: _tuple(run.printed[name]) for name in ours if name in run.printed}
    of_pixel = pixel_values(trace)
    theirs |= {name: (run.trace | run.printout)[name] for name in of_pixel if name in run.trace | run.printout}
    theirs |= {name: run.trace[name] for name in theirs if name in run.trace}
    excluded = _without_meaning(trace, theirs)
    return {
        name: (value, theirs[name])
        for name, value in (ours | of_pixel).items()
        if name in theirs and name not in excluded
    }


def _without_meaning(trace: Trace, theirs: Mapping[str, Values]) -> set[str]:
    """Return the names whose printed values do not describe this pixel."""
    excluded: set[str] = set()
    if trace.scene.config.compat != "c":
        excluded.update(WITHOUT_FACTORS)
    if theirs.get("F_latt") == (0.0,):
        excluded.add("F_cell")  # the original skips the term before looking it up
    if trace.n_terms == 0:  # with all terms beyond d_min, it prints values of an earlier pixel
        excluded.update(name for name in theirs if name.startswith(OF_TERM))
    return excluded


def scene_values(scene: Scene) -> dict[str, Values]:
    """Return the resolved input that the original prints before rendering, as far as it affects the image."""
    config, geometry = scene.config, scene.geometry
    fast, slow, normal = (_tuple(axes[0].tolist()) for axes in (geometry.fast, geometry.slow, geometry.normal))
    x, y, z = config.detector.panels[0].origin_mm
    cell, reciprocal = printed_cells(scene.lattice)
    values: dict[str, Values] = {
        "oversample": (scene.oversample,),
        "sources": (len(scene.sources.weights),),
        "mosaic_domains": (scene.domains,),
        "phisteps": (scene.phi.count,),
        "fluence": (scene.fluence,),
    }
    if config.crystal.misset_deg == "random":
        angles = misset_angles(config.crystal, c_cap=config.compat == "c")
        values["random_misset_deg"] = tuple(math.degrees(angle) for angle in angles)
    return values | {
        "cell": cell,
        "recip_cell": reciprocal,
        "volume_A3": (scene.lattice.volume,),
        "fast_axis": fast,
        "slow_axis": slow,
        "normal_axis": normal,
        "dials_origin_mm": (z, y, -x),
    }


def printed_cells(lattice: Lattice) -> tuple[Values, Values]:
    """Return the direct and reciprocal cell (lengths, angles in degrees) as the original prints them.

    Each angle follows from its cosine and from a sine computed from lengths and volume, which differs if a·a* ≠ 1.
    """

    def one(basis: FloatArray, dual: FloatArray, volume: float) -> Values:
        lengths, others = np.linalg.norm(basis, axis=1), np.linalg.norm(dual, axis=1)
        angles = []
        for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            sine = min(others[i] * volume / lengths[j] / lengths[k], 1.0)
            angles.append(math.degrees(math.atan2(sine, basis[j] @ basis[k] / lengths[j] / lengths[k])))
        return (*lengths.tolist(), *angles)

    direct, reciprocal, volume = lattice
    return one(direct, reciprocal, volume), one(reciprocal, direct, 1.0 / volume)


def pixel_values(trace: Trace) -> dict[str, Values]:
    """Return `trace_values` and the further values of -printout_pixel, in the order of computation."""
    values: dict[str, Values] = {}
    for name, value in trace_values(trace).items():
        values[name] = value
        if name == "scattering_vec_A_inv":
            values["stol_m_inv"] = (0.5 * trace.last.ray.q_length_per_m,)
        elif name == "rot_c_angstroms":
            last = trace.last
            values |= {"real_space_a": last.a_A, "real_space_b": last.b_A, "real_space_c": last.c_A}
        elif name == "I_before_scaling":
            values["I_per_step"] = (trace.final.sum / trace.final.steps,)
    return values


def _differ(name: str, ours: Values, theirs: Values, trace: Trace, run: Run) -> bool:
    if len(ours) != len(theirs):
        return True
    rounding, scale = ROUNDING, 1.0 if name.startswith("hkl") else 0.0
    if name in SUMS:
        brightest = float(run.image.max(initial=0.0))
        pixel = max(trace.final.pixel, *run.printout.get("floatimage_accumulated", (0.0,)))
        rounding = RELATIVE + (OF_BRIGHTEST * brightest / pixel if 0 < pixel < math.inf else 0.0)
    elif name in LATTICE:
        rounding, scale = PER_TERM, 1e-3 * math.prod(trace.scene.n_cells)
    printed = name not in run.trace
    margins = tuple(_half_a_digit(name, value, printed) for value in theirs)
    moved = tuple(_towards(x, y, half) for x, y, half in zip(ours, theirs, margins, strict=True))
    return differ(moved, theirs, rounding=rounding, scale=scale)


def _half_a_digit(name: str, value: float, printed: bool) -> float:
    """Return how far a number may be from its printed value: half a unit of the last digit, and a little more."""
    if not math.isfinite(value):
        return 0.0
    if printed and name in DECIMALS:
        return 0.501 * 10.0 ** -DECIMALS[name]
    digits = DIGITS.get(name, SIX) if printed else FIFTEEN
    return 0.501 * 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.0


def _towards(x: float, target: float, most: float) -> float:
    """Return x moved towards the target by at most `most`."""
    if not (math.isfinite(x) and math.isfinite(target)):
        return x
    return target if abs(x - target) <= most else x + math.copysign(most, target - x)


def _tuple(value: float | list[float]) -> Values:
    return tuple(value) if isinstance(value, list) else (value,)
