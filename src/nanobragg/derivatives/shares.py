"""The shares that single terms of a pixel have in its derivatives."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import _gradient
from .._core import PRECISIONS, gradient_kernel
from ..calls import public
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.instruction_sets import select_instruction_set
from ..rendering.pixel_selection import Box
from ..rendering.trace.records import TermDerivatives
from ..rendering.trace.trace import Trace
from .chain import Chain
from .combinations import needs_combination
from .damage import delta_b
from .domains import domain_passes
from .evaluate import as_scene
from .images import derivatives
from .jacobian import is_amplitude
from .mosaic import domain_spins
from .names import reflection_of
from .parameters import all_parameters, check_names
from .sources import source_motions


@public
def trace_derivatives(trace: Trace, names: Sequence[str]) -> Trace:
    """Return a trace with the share that each of its terms has in the pixel's derivatives.

    Parameters
    ----------
    trace
        From `nb.trace`; with several lattices, that of one of them, whose part of the pixel is differentiated.
    names
        Names of parameters, as `nb.parameters` lists them; for one of several lattices, as for the lattice alone.

    Returns
    -------
    Trace
        The trace with `derivatives`, one `TermDerivatives` for each name, which its text forms and `explain` show.

    Raises
    ------
    ConfigError
        An unknown parameter, one whose derivative is not divided among terms (an amplitude that is interpolated or
        depends on the energy or the dose, a weight, one of several mosaic spreads, a number that smears spots or damps
        all amplitudes), or `compat="c"`.
    """
    scene = as_scene(trace.scene)
    wanted, known, passes = check_names(scene, names, None), all_parameters(scene, None), domain_passes(scene)
    if scene.halos:
        raise ConfigError("Crystal.diffuse: a trace does not show its derivatives; nb.derivatives gives the pixel's")
    single = scene.lookup == "nearest" and not scene.config.structure_factors.has_energy_axis and not delta_b(scene)
    for name in wanted:
        if name in passes or (is_amplitude(scene, name) and not single) or needs_combination(scene, name):
            raise ConfigError(f"{name}: a trace does not show its derivative; nb.derivatives gives the whole pixel's")
    box = Box(trace.panel, slice(trace.slow, trace.slow + 1), slice(trace.fast, trace.fast + 1))
    images = derivatives(scene, wanted, pixels=[box], threads=1, tolerance=0)
    core = scene.core(np.float64)
    select_instruction_set()
    primitives = _gradient.of_terms(
        gradient_kernel(), core.address, source_motions(scene, *scene.sources[:2]), domain_spins(scene),
        PRECISIONS.index(core.precision), _places_of(trace),
    )  # fmt: skip
    smooth = ["log_fluence", *(name for name in wanted if not is_amplitude(scene, name))]
    factors = Chain(scene, None).factors(smooth)[:, trace.panel, : len(primitives)]
    shares = dict(zip(smooth, factors @ primitives, strict=True))
    photons = shares["log_fluence"]
    rows = [shares[name] if name in shares else _of_amplitude(trace, name, photons) for name in wanted]
    found = (
        TermDerivatives(
            name, known[name].unit if name in known else "", float(box.cut(image)[0, 0]), tuple(row.tolist())
        )
        for name, image, row in zip(wanted, images, rows, strict=True)
    )
    return dataclasses.replace(trace, derivatives=tuple(found))


def _of_amplitude(trace: Trace, name: str, photons: FloatArray) -> FloatArray:
    """Return the derivatives of the terms by an amplitude: photons rise with its square."""
    index = reflection_of(name)
    own = np.array([
        term.F_cell_from == "default" if index is None else term.F_cell_from != "default" and term.nearest == index
        for term in trace.terms
    ])  # fmt: skip
    amplitudes = np.array([term.F_cell for term in trace.terms])
    return np.asarray(np.divide(2.0 * photons, amplitudes, out=np.zeros(len(photons)), where=own & (amplitudes != 0)))


def _places_of(trace: Trace) -> npt.NDArray[np.void]:
    """Return which terms of the pixel a trace has."""
    pixel, domains = (trace.panel, trace.slow, trace.fast), trace.scene.domains
    return np.array([
        (*pixel, term.place.layer, term.place.sub_slow, term.place.sub_fast, term.ray.source,
         term.phi_step * domains + term.domain, term.nearest)
        for term in trace.terms
    ], _gradient.TERM_AT)  # fmt: skip
