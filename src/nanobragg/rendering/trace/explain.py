"""Explanation of a trace in plain words."""

import math

from .records import Term, TermDerivatives, TraceData


def explain(trace: TraceData) -> list[str]:
    """Return ten sentences (fewer without terms) that explain the value of the pixel, and one for each derivative."""
    if not trace.terms:
        return [_where(trace), _count(trace), _scaling(trace)]
    term = max(trace.terms, key=lambda one: one.contribution)
    return [
        _where(trace), _count(trace), _strongest(trace, term), _direction(term), _index(term), _lattice(trace, term),
        _amplitude(trace, term), _factors(trace, term), _water(trace), _scaling(trace),
        *(_derivative(trace, each) for each in trace.derivatives),
    ]  # fmt: skip


def _where(trace: TraceData) -> str:
    panel = f" of panel {trace.panel}" if len(trace.scene.config.detector.panels) > 1 else ""
    x, y, z = (1000.0 * value for value in trace.last.place.position_m)
    return (
        f"Pixel slow {trace.slow}, fast {trace.fast}{panel} receives {trace.final.pixel:.6g} photons; it lies at "
        f"({x:.4g}, {y:.4g}, {z:.4g}) mm, {1000.0 * trace.last.place.R_m:.5g} mm from the sample."
    )


def _count(trace: TraceData) -> str:
    scene = trace.scene
    factors = {
        "layer": scene.sensor.count, "sub-pixel": scene.oversample**2, "source": len(scene.sources.weights),
        "phi step": scene.phi.count, "mosaic domain": scene.domains,
    }  # fmt: skip
    parts = " x ".join(_number(count, name) for name, count in factors.items())
    around = ", each with the reflections that it is near to" if scene.smear is not None else ""
    if scene.halos:
        around = f", each with {_number(scene.terms_per_ray // len(scene.cells) - 1, 'halo')} around it"
    text = f"It sums {_number(trace.n_terms, 'term')}: {parts}{around}"
    skipped = f", without {_number(trace.n_skipped, 'ray')} beyond d_min = {scene.config.sampling.d_min_A:g} A"
    return text + (skipped if trace.n_skipped else "") + "." + (_left_out(trace) if trace.n_left_out else "")


def _left_out(trace: TraceData) -> str:
    return (
        f" An image leaves out {_number(trace.n_left_out, 'term')} of them, {trace.left_out_ph:.2g} photons together; "
        f"it may miss {trace.bound_ph:.2g}."
    )


def _strongest(trace: TraceData, term: Term) -> str:
    sampling = trace.scene.config.sampling
    in_order = sampling.oversample_omega or sampling.oversample_polar or sampling.oversample_thick
    crystal = trace.final.sum - trace.final.water
    share = "" if in_order or crystal <= 0 else f", {_percent(term.contribution / crystal)} of the crystal's sum"
    return (
        f"The strongest is layer {term.place.layer}, sub-pixel ({term.place.sub_slow}, {term.place.sub_fast}), "
        f"source {term.ray.source}, phi step {term.phi_step} ({term.phi_deg:g} deg), domain {term.domain}{share}."
    )


def _direction(term: Term) -> str:
    angle = math.degrees(math.acos(max(-1.0, min(1.0, term.ray.cos_2theta))))
    return (
        f"Its scattering angle is 2theta = {angle:.5g} deg, its wavelength {term.ray.wavelength_m * 1e10:.6g} A: "
        f"resolution {term.ray.d_A:.5g} A."
    )


def _index(term: Term) -> str:
    h, k, l = term.hkl
    return (
        f"The scattering vector has h k l = ({h:.4f}, {k:.4f}, {l:.4f}), "
        f"{math.hypot(*term.delta):.3g} from reflection {term.nearest}."
    )


def _lattice(trace: TraceData, term: Term) -> str:
    if term.part == "halo":
        return f"It is diffuse scattering: the halo of that reflection, with F_latt^2 = {term.F_latt_sqr:.5g} there."
    n, what = trace.scene.n_cells, "crystal" if trace.scene.blocks == 1 else "block"
    share = term.F_latt_sqr / float(math.prod(n)) ** 2
    where = "on a peak" if share > 0.5 else "on the flank of a peak" if share > 0.01 else "between peaks"
    parts = ""
    if term.lattice_factors is not None:
        parts = ", from {:.4g} x {:.4g} x {:.4g} along a, b, c".format(*term.lattice_factors)
    smeared = ", its spots smeared," if trace.scene.smear is not None else ""
    return (
        f"The {trace.scene.config.crystal.shape} {what} of {n[0]:g} x {n[1]:g} x {n[2]:g} cells{smeared} has "
        f"F_latt^2 = {term.F_latt_sqr:.5g}{parts} there: {_percent(share)} of the peak maximum, {where}."
    )


def _amplitude(trace: TraceData, term: Term) -> str:
    how = {
        "nearest": f"that of the nearest reflection {term.nearest} in the table",
        "interpolated": "interpolated between the reflections of the table",
        "default": "default_F, as "
        + ("there is no table" if trace.scene.table is None else f"reflection {term.nearest} is not in the table"),
    }
    if term.part == "halo":
        how["nearest"] = f"the part of reflection {term.nearest} that its halo has"
    return f"The structure factor is F_cell = {term.F_cell:.6g}, {how[term.F_cell_from]}."


def _factors(trace: TraceData, term: Term) -> str:
    place = term.place
    sensor = f"the layer absorbs {_percent(place.capture)}" if trace.scene.sensor.range > 0 else "no sensor thickness"
    if trace.scene.config.detector.beamstop is not None:
        sensor = f"beamstop and sensor leave {_percent(place.capture)}"
    text = f"Solid angle {place.omega_sr:.5g} sr, polarization factor {term.ray.polar:.5g}, {sensor}"
    if trace.scene.config.compat == "c":
        return f"{text}; as in the C program they are mostly those of an earlier sub-pixel, applied once."
    return f"{text}, evaluated for each term."


def _water(trace: TraceData) -> str:
    if trace.final.water == 0:
        return "There is no background."
    return (
        f"Background is {_percent(trace.final.water / trace.final.sum)} of the sum." if trace.final.sum else "No sum."
    )


def _scaling(trace: TraceData) -> str:
    final = trace.final
    once = final.capture * final.polar * final.omega_sr
    blocks = f" x {final.blocks:.6g} blocks" if final.blocks != 1 else ""
    factor = f" x {once:.6g} (capture, polarization, solid angle)" if trace.scene.config.compat == "c" else ""
    return (
        f"Sum {final.sum:.6g} x r_e^2 {final.r_e_sqr_m2:.6g} m^2 x fluence {final.fluence_ph_m2:.6g} / m^2{blocks} / "
        f"{final.steps}{factor} = {final.pixel:.6g} photons."
    )


def _derivative(trace: TraceData, derivative: TermDerivatives) -> str:
    number = max(range(len(derivative.terms)), key=lambda one: abs(derivative.terms[one]))
    term, share = trace.terms[number], derivative.terms[number]
    per_unit = "" if derivative.unit in ("", "1") else f" per {derivative.unit}"
    return (
        f"The derivative by {derivative.name} is {derivative.total:.6g} photons{per_unit}, to which source "
        f"{term.ray.source}, phi step {term.phi_step}, domain {term.domain} contributes most: {share:.6g}."
    )


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
