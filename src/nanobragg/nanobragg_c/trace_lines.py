"""Traces in the C program's formats: TRACE lines, and the output of -printout_pixel.

Both show the last term evaluated, and the factors that the C program has at the end of the pixel.
"""

from __future__ import annotations

import math

import numpy as np

from ..calls import public
from ..rendering.trace.trace import Trace


def trace_values(trace: Trace) -> dict[str, tuple[float, ...]]:
    """Return the values of a trace under the names of the C program's debugging traces.

    Two names are misleading: scattering_vec_A_inv is in 1/m, and omega_pixel_sr is the same cached value as
    omega_pixel.
    """
    frame, term, final = trace.frame, trace.last, trace.final
    place, ray, sampling = term.place, term.ray, trace.scene.config.sampling
    factors = term.lattice_factors or (math.nan,) * 3
    values: dict[str, float | tuple[float, ...]] = {
        "pix0_vector_meters": frame.pix0_m,
        "fdet_vec": frame.fast_axis,
        "sdet_vec": frame.slow_axis,
        "pixel_pos_meters": place.position_m,
        "R_distance_meters": place.R_m,
        "omega_pixel_sr": place.omega_sr,
        "close_distance_meters": frame.close_distance_m,
        "obliquity_factor": place.obliquity,
        "diffracted_vec": place.direction,
        "incident_vec": ray.incident,
        "lambda_meters": ray.wavelength_m,
        "lambda_angstroms": ray.wavelength_m * 1e10,
        "scattering_vec_A_inv": ray.q_per_m,
        "rot_a_angstroms": term.a_A,
        "rot_b_angstroms": term.b_A,
        "rot_c_angstroms": term.c_A,
        "rot_a_star_A_inv": term.a_star_per_A,
        "rot_b_star_A_inv": term.b_star_per_A,
        "rot_c_star_A_inv": term.c_star_per_A,
        "hkl_frac": term.hkl,
        "hkl_rounded": term.nearest,
        "F_latt_a": factors[0],
        "F_latt_b": factors[1],
        "F_latt_c": factors[2],
        "F_latt": term.F_latt,
        "F_cell": term.F_cell,
        "I_before_scaling": final.sum,
        "r_e_meters": math.sqrt(final.r_e_sqr_m2),
        "r_e_sqr": final.r_e_sqr_m2,
        "fluence_photons_per_m2": final.fluence_ph_m2,
        "steps": final.steps,
        "oversample_thick": sampling.oversample_thick,
        "oversample_polar": sampling.oversample_polar,
        "oversample_omega": sampling.oversample_omega,
        "capture_fraction": place.capture,
        "polar": ray.polar,
        "omega_pixel": place.omega_sr,
        "cos_2theta": ray.cos_2theta,
        "I_pixel_final": final.pixel,
        "floatimage_accumulated": float(np.float32(final.pixel)),
    }
    return {name: tuple(map(float, v)) if isinstance(v, tuple) else (float(v),) for name, v in values.items()}


@public
def c_trace_lines(trace: Trace) -> list[str]:
    """Return lines `TRACE: name numbers`, with the names of the C program's debugging traces.

    Parameters
    ----------
    trace
        The trace; the lines show its last term.

    Returns
    -------
    list of str
        One quantity per line, in the order of computation.
    """
    return [
        f"TRACE: {name} {' '.join(f'{number:.15g}' for number in numbers)}"
        for name, numbers in trace_values(trace).items()
    ]


@public
def c_printout(trace: Trace) -> list[str]:
    """Return the lines that the C program's -printout_pixel prints for a pixel.

    Parameters
    ----------
    trace
        Trace of the pixel; the lines show its last term.

    Returns
    -------
    list of str
        The program's output, line by line.
    """
    term, final = trace.last, trace.final
    x, y, z = term.place.position_m
    wavelength_A = trace.scene.wavelength * 1e10
    from_angle = math.sin(math.atan2(math.sqrt(y * y + z * z), x) / 2.0) / wavelength_A
    cell = (term.a_A, term.b_A, term.c_A)
    return [
        f"{trace.fast:4d} {trace.slow:4d} : stol = {0.5 * term.ray.q_length_per_m:g} or {from_angle:g}",
        f"at {x:g} {y:g} {z:g}",
        "hkl= {:f} {:f} {:f}  hkl0= {:d} {:d} {:d}".format(*term.hkl, *term.nearest),
        f" F_cell={term.F_cell:g}  F_latt={term.F_latt:g}   I = {final.sum:g}",
        f"I/steps {final.sum / final.steps:15.10g}",
        f"polar   {term.ray.polar:15.10g}",
        f"omega   {term.place.omega_sr:15.10g}",
        f"capfrac {term.place.capture:15.10g}",
        f"pixel   {float(np.float32(final.pixel)):15.10g}",
        "real-space cell vectors (Angstrom):",
        "     a           b           c",
        *(f"{'XYZ'[i]}: " + " ".join(f"{vector[i]:11.8f}" for vector in cell) for i in range(3)),
    ]
