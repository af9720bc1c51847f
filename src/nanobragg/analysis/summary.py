"""Text summaries of a resolved scene and of an image's statistics."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..config.crystal import misset_angles
from ..constants import EV_ANGSTROM, RADIAN_IN_DEGREES
from ..scene.scene import Scene
from ..unit_cell import cell_from_vectors
from .statistics import Statistics

LABEL_WIDTH = 14
LOOKUPS = {
    "constant": "", "nearest": "nearest reflection", "tricubic": "interpolated (tricubic)",
    "phased": "transform of one cell's contents around",
}  # fmt: skip
COVERAGE_SHARE = 0.001  # fraction of pixels outside the table above which coverage is reported


def summarize_scene(scene: Scene) -> list[str]:
    """Return a summary of the resolved scene, one line per subject."""
    subjects = {
        "crystal": _crystal(scene),
        "orientation": _orientation(scene),
        **{
            f"lattice {number}": f"{_crystal(each)}; {_orientation(each)}"
            for number, each in enumerate(scene.others, 1)
        },
        "dose": _dose(scene),
        "amplitudes": _amplitudes(scene),
        "from": scene.config.structure_factors.note,
        "coverage": _coverage(scene),
        "beam": _beam(scene),
        "sources": _sources(scene),
        "detector": _detector(scene),
        "geometry": _geometry(scene),
        "sensor": _sensor(scene),
        "rotation": _rotation(scene),
        "sampling": _sampling(scene),
        "physics": 'as nanoBragg.c (compat="c")' if scene.config.compat == "c" else "exact (compat=None)",
    }
    return [f"{name:<{LABEL_WIDTH}}{text}" for name, text in subjects.items() if text]


def summarize_statistics(stats: Statistics) -> list[str]:
    """Return the statistics of an image, one line per subject."""
    names = ("panel ", "slow ", "fast ")[-len(stats.maximum_at) :]
    position = ", ".join(f"{name}{index}" for name, index in zip(names, stats.maximum_at, strict=True))
    slow, fast = stats.maximum_at_mm
    return [
        f"{'maximum':<{LABEL_WIDTH}}{stats.maximum:g} photons at {position} ({slow:g}, {fast:g} mm)",
        f"{'mean':<{LABEL_WIDTH}}{stats.mean:g}, rms {stats.rms:g}, rmsd {stats.rmsd:g} photons, {stats.pixels} pixels",
        f"{'solid angle':<{LABEL_WIDTH}}{stats.solid_angle_sr:g} sr "
        f"({100 * stats.solid_angle_sr / (4 * math.pi):.3g} % of the sphere)",
    ]


def _numbers(values: Iterable[float], digits: int = 6) -> str:
    return " ".join(f"{value + 0.0:.{digits}g}" for value in values)  # + 0.0: never -0


def _vector(values: npt.ArrayLike) -> str:
    rounded = np.round(np.asarray(values, dtype=float), 6)  # rounding errors of a rotation by 90 degrees become 0
    return f"({_numbers(rounded.tolist())})"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _crystal(scene: Scene) -> str:
    crystal = scene.config.crystal
    lengths = np.linalg.norm(scene.lattice.direct, axis=1)
    cells = " x ".join(f"{n:g}" for n in scene.n_cells)
    size = " x ".join(f"{n * length / 1e4:.4g}" for n, length in zip(scene.n_cells, lengths, strict=True))
    off = f" (off-diagonal {_numbers(crystal.n_cells_off)})" if any(crystal.n_cells_off) else ""
    cell = _numbers(np.round(cell_from_vectors(scene.lattice.direct), 9).tolist())
    return (
        f"cell {cell} Å, degrees, {scene.lattice.volume:.6g} Å³; {cells} cells{off}, {size} µm, {crystal.shape}"
        f"{_blocks(scene)}{_domains(scene)}{_diffuse(scene)}"
    )


def _diffuse(scene: Scene) -> str:
    diffuse = scene.config.crystal.diffuse
    if diffuse is None:
        return ""
    length, displacement = (
        _numbers(value if isinstance(value, tuple) else [value])
        for value in (diffuse.correlation_length_A, diffuse.displacement_A)
    )
    return f"; displacements of {displacement} Å, correlated over {length} Å"


def _domains(scene: Scene) -> str:
    crystal, spread = scene.config.crystal, scene.config.crystal.mosaic_spread_deg
    degrees = _numbers(spread if isinstance(spread, tuple) else [spread or 0.0])
    if crystal.is_smeared:
        text = f"; smeared by {degrees} degrees"
    elif scene.domains == 1:
        return ""
    elif crystal.mosaic_rotations_deg is not None:
        text = f"; {scene.domains} listed mosaic domains"
    elif crystal.is_mosaic:
        model = f"({crystal.mosaic_model}, seed {crystal.mosaic_seed})"
        text = f"; {scene.domains} mosaic domains, {degrees} degrees {model}"
    else:
        text = f"; {scene.domains} domains"
    if crystal.is_strained:
        strain = crystal.strain_percent
        text += f", strain {_numbers(strain if isinstance(strain, tuple) else [strain])} %"
    return text


def _blocks(scene: Scene) -> str:
    if scene.blocks == 1:
        return ""
    return f"; {scene.blocks:.4g} such blocks, {scene.illuminated_volume * 1e9:.4g} mm³, in the beam"


def _orientation(scene: Scene) -> str:
    crystal = scene.config.crystal
    angles = misset_angles(crystal, c_cap=scene.config.compat == "c")
    misset = _numbers(np.round([angle * RADIAN_IN_DEGREES for angle in angles], 9).tolist())
    drawn = f" (random, seed {crystal.misset_seed})" if crystal.misset_deg == "random" else ""
    matrix = "" if crystal.matrix_path is None else f"matrix {crystal.matrix_path}; "
    a, b, c = (_vector(axis) for axis in np.round(scene.lattice.direct, 4))
    return f"{matrix}misset {misset} degrees{drawn}; a {a}, b {b}, c {c} Å"


def _dose(scene: Scene) -> str:
    damage, dose = scene.experiment.damage, scene.experiment.dose_MGy
    if damage is None or dose == 0:
        return ""
    return (
        f"{dose:g} MGy, by which B has grown by {damage.b_A2_per_MGy * dose:.4g} Å² and the cell by "
        f"{100 * (damage.growth(dose) - 1):.4g} %; {damage.share(dose):.4g} of the photons are left"
    )


def _amplitudes(scene: Scene) -> str:
    factors, table = scene.config.structure_factors, scene.table
    if table is None or factors.listing is None:
        return f"{factors.default_F:g} electrons for every reflection"
    limits = ", ".join(
        f"{name} {low} to {high}" for name, low, high in zip("hkl", table.first, table.last, strict=True)
    )
    source = "" if factors.path is None else f"{factors.path}: "
    energies = (
        f" at {len(factors.energies)} energies" if factors.has_energy_axis and factors.energies is not None else ""
    )
    lookup = LOOKUPS[scene.lookup]
    if scene.lookup == "phased":
        lookup += " ({:.3g}, {:.3g}, {:.3g})".format(*factors.contents.centre)
    count = _count(len(factors.listing[0]), "reflection")
    return f"{source}{count}{energies}, {limits}, {factors.default_F:g} elsewhere; {lookup}"


def _coverage(scene: Scene) -> str:
    coverage = scene.coverage
    return (
        ""
        if coverage is None or coverage.share < COVERAGE_SHARE
        else coverage.text(scene.config.structure_factors.default_F)
    )


def _beam(scene: Scene) -> str:
    beam = scene.config.beam
    polarization = f"Kahn factor {beam.kahn_factor:g}" if beam.polarized else "no polarization correction"
    water = scene.config.background.water_um
    bandwidth = f", width {beam.bandwidth_percent:g} %" if beam.bandwidth_percent else ""
    return (
        f"{beam.wavelength:.6g} Å ({EV_ANGSTROM / beam.wavelength:.6g} eV{bandwidth}), {scene.fluence:.6g} photons/m², "
        f"along {_vector(scene.beam_direction)}; {polarization}" + (f"; water {water:g} µm" if water else "")
    )


def _sources(scene: Scene) -> str:
    wavelengths = scene.sources.wavelengths * 1e10
    low, high = wavelengths.min(), wavelengths.max()
    spectrum = "" if high - low < 1e-9 else f", {low:.6g} to {high:.6g} Å"
    mean = scene.sources.directions.mean(axis=0)
    cosines = scene.sources.directions @ (mean / np.linalg.norm(mean))
    angle = math.acos(min(1.0, float(cosines.min()))) * 1000.0
    spread = "" if angle < 1e-4 else f", up to {angle:.4g} mrad from their mean"
    return f"{len(wavelengths)}{spread}{spectrum}"


def _detector(scene: Scene) -> str:
    detector = scene.config.detector
    (slow, fast), stop = detector.panels[0].pixels, detector.beamstop
    panels = "" if len(detector.panels) == 1 else f"{len(detector.panels)} panels of "
    x0, x1, y0, y1 = scene.limits
    region = "" if (x0, x1, y0, y1) == (0, fast - 1, 0, slow - 1) else f"; only fast {x0} to {x1}, slow {y0} to {y1}"
    masked = 0 if detector.mask is None else int(np.count_nonzero(~scene.rendered))
    name = f" by {detector.mask}" if isinstance(detector.mask, Path) else ""
    return (
        f"{panels}{fast} x {slow} pixels (fast x slow) of {detector.panels[0].pixel_mm:g} mm, "
        f"{detector.convention} convention{region}" + (f"; {_count(masked, 'pixel')} masked{name}" if masked else "")
        + (f"; beamstop {stop.diameter_mm:g} mm at {stop.distance_mm:g} mm" if stop else "")
        + ("; curved" if detector.curved else "") + ("; point pixels" if detector.point_pixel else "")
    )  # fmt: skip


def _geometry(scene: Scene) -> str:
    detector = scene.config.detector
    panel, nominal = detector.panels[0], detector.nominal
    fast, slow, _ = panel.axes()
    axes = f"fast {_vector(fast)}, slow {_vector(slow)}"
    if nominal is None:
        return f"distance {scene.distance * 1000:.6g} mm; first panel at {_vector(panel.origin_mm)} mm, {axes}"
    spot = nominal.beam_fast_mm / panel.pixel_mm, nominal.beam_slow_mm / panel.pixel_mm
    swing = f", two-theta {nominal.twotheta_deg:g} degrees" if nominal.twotheta_deg else ""
    return (
        f"distance {nominal.distance_mm:.6g} mm (closest {nominal.close_distance_mm:.6g} mm){swing}; beam at "
        f"fast {spot[0]:.6g}, slow {spot[1]:.6g} pixels; {axes}"
    )


def _sensor(scene: Scene) -> str:
    if scene.sensor.range == 0:
        return ""
    depth = scene.config.detector.attenuation_um
    absorbed = scene.sensor.range * 1e6 if depth is None else depth
    at = 0.0 if scene.config.compat == "c" else scene.config.detector.depth_um
    return (
        f"{scene.sensor.range * 1e6:g} µm thick in {_count(scene.sensor.count, 'layer')}, "
        f"attenuation depth {absorbed:.6g} µm" + (f", counted at a depth of {at:.4g} µm" if at else "")
    )


def _rotation(scene: Scene) -> str:
    start, phi = scene.config.scan.start_deg, scene.phi
    if phi.count == 1 and phi.range == 0:
        return f"still at φ = {start:g} degrees"
    return (
        f"φ from {start:g} over {phi.range * RADIAN_IN_DEGREES:g} degrees in {_count(phi.count, 'step')} "
        f"about {_vector(scene.spindle_axis)}"
    )


def _sampling(scene: Scene) -> str:
    sampling, n = scene.config.sampling, scene.oversample
    x0, x1, y0, y1 = scene.limits
    chosen = "automatic" if sampling.oversample is None else f"{scene.recommended_oversample} recommended"
    switches = "".join(f" +{name}" for name in ("thick", "polar", "omega") if getattr(sampling, f"oversample_{name}"))
    pixels = len(scene.config.detector.panels) * (x1 - x0 + 1) * (y1 - y0 + 1)
    terms = scene.terms * scene.sensor.count
    limit = f"; d_min {sampling.d_min_A:g} Å" if sampling.d_min_A else ""
    counts = f"{_count(terms, 'term')} per pixel, {terms * pixels:.3g} total"
    return f"{n} x {n} sub-pixels ({chosen}){switches}, {counts}{limit}"
