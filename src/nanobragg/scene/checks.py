"""Checks of a valid scene for probable mistakes."""

import math

import numpy as np

from ..config.panel import Panel, panel_distance
from ..constants import EV_ANGSTROM
from ..structure_factors.symmetry import find_space_group, is_rhombohedral
from ..unit_cell import Cell, cell_from_vectors
from .blocks import clippings
from .panel_checks import overlapping_panels
from .scene_data import SceneData

CELL_LENGTH_TOLERANCE, CELL_ANGLE_TOLERANCE_DEG = 0.005, 0.5
ENERGY_TOLERANCE_EV = 5.0  # uncertainty of edge energies in f' and f''
NOTABLE_SHARE = 0.01  # fraction of the pixels
COARSE_POINTS = 24  # along each side of a panel


def check_scene(scene: SceneData) -> list[str]:
    """Return warnings about probable mistakes in a valid scene."""
    found = clippings(scene.config.crystal, scene.config.beam.size_mm)
    if scene.oversample * 2 < scene.recommended_oversample:
        found.append(
            f"oversample = {scene.oversample}: intensity varies strongly within a pixel for a crystal of this size; "
            f"{scene.recommended_oversample} is recommended"
        )
    if scene.blocks < scene.config.crystal.fraction and scene.config.crystal.blocks is None:
        found.append(
            f"the crystal in the beam ({scene.illuminated_volume * 1e9:.3g} mm³) is smaller than one block of "
            f"{' x '.join(f'{n:g}' for n in scene.n_cells)} cells: reduce Crystal.n_cells"
        )
    if scene.config.crystal.volume_mm3 is not None and max(scene.n_cells) == 1:
        found.append(
            "Crystal.volume_mm3: fills the crystal with blocks of one cell; give n_cells, the cells of a block"
        )
    diffuse, group = scene.config.crystal.diffuse, scene.config.structure_factors.space_group
    if diffuse is not None and diffuse.is_anisotropic and diffuse.space_group is None and group is not None:
        found.append(
            f"Crystal.diffuse: halos of three different widths do not have the symmetry of {group}; give "
            f"space_group={group!r} to average them"
        )
    if not _beam_hits(scene):
        found.append("the direct beam does not hit the detector: check distance, beam centre and two-theta")
    found += _check_panels(scene)
    if scene.table is not None and _nothing_in_table(scene):
        found.append(
            "every pixel lies outside the table of structure factors "
            f"({scene.config.structure_factors.path or 'arrays'}) "
            f"and gets default_F = {scene.config.structure_factors.default_F:g}: check cell, wavelength and distance"
        )
    return found + _check_structure_factors(scene)


def _check_structure_factors(scene: SceneData) -> list[str]:
    """Return warnings if the structure factors do not match the cell, the energies or the resolution of the scene."""
    factors = scene.config.structure_factors
    name, found = factors.path or "arrays", []
    theirs, ours = factors.known_cell, cell_from_vectors(scene.lattice.direct / scene.growth)  # before its dose
    if theirs is not None and not _same_cell(theirs, ours):
        found.append(
            f"the crystal's cell ({_format_cell(ours)}) is not that of the structure factors "
            f"({name}: {_format_cell(theirs)}); leave Crystal.cell out to use theirs"
        )
    if theirs is None and factors.space_group is not None and is_rhombohedral(ours):
        group = find_space_group(factors.space_group, "StructureFactors.space_group")
        if group.ext == "H":
            found.append(
                f"StructureFactors.space_group = {factors.space_group!r}: has hexagonal axes without a cell of the "
                f"structure factors, but the crystal's ({_format_cell(ours)}) is rhombohedral; give '{group.hm} :R'"
            )
    energies = EV_ANGSTROM / (scene.sources.wavelengths * 1e10)
    if factors.energies is not None:
        low, high = factors.energies[0], factors.energies[-1]
        beyond = (energies < low - ENERGY_TOLERANCE_EV) | (energies > high + ENERGY_TOLERANCE_EV)
        if beyond.any():
            found.append(
                f"{beyond.sum()} of {len(energies)} sources ({energies.min():.6g} to {energies.max():.6g} eV) are "
                f"outside the energies of the structure factors ({low:.6g} to {high:.6g} eV) and use the nearest ones"
            )
    # A list without a cell, or of Wilson amplitudes, is made by hand and may be short on purpose.
    measured = theirs is not None and (factors.path is not None or factors.space_group is not None)
    coverage = scene.coverage if scene.config.compat is None and measured else None
    if coverage is not None and coverage.share >= NOTABLE_SHARE:
        found.append(
            f"{coverage.text(factors.default_F)}; provide amplitudes to a higher resolution, "
            f"or set Sampling.d_min_A = {coverage.table_d_min_A:.2f}"
        )
    return found


def _same_cell(one: Cell, other: Cell) -> bool:
    lengths = all(abs(a - b) <= CELL_LENGTH_TOLERANCE * a for a, b in zip(one[:3], other[:3], strict=True))
    return lengths and all(abs(a - b) <= CELL_ANGLE_TOLERANCE_DEG for a, b in zip(one[3:], other[3:], strict=True))


def _format_cell(cell: Cell) -> str:
    return " ".join(f"{x:.5g}" for x in cell)


def _check_panels(scene: SceneData) -> list[str]:
    """Return warnings about implausible panels; not errors, because a refined geometry may come close to them."""
    detector, found = scene.config.detector, []
    if scene.panels_facing_away:
        found.append(facing_away(scene))
    if len(detector.panels) > 1:
        pairs = overlapping_panels(detector.panels)
        if pairs:
            first = " and ".join(_names(detector.panels, [i]) for i in pairs[0])
            more = f", and {len(pairs) - 1} more pairs" if len(pairs) > 1 else ""
            found.append(f"panels {first} overlap as seen from the sample{more}: photons there are counted twice")
    return found


def facing_away(scene: SceneData) -> str:
    """Return the description of the panels that face away from the sample."""
    return (
        f"panel {_names(scene.config.detector.panels, scene.panels_facing_away)}: is edge-on to the sample or faces "
        "away from it, so that its solid angles are not positive: check origin, axes and normal_axis"
    )


def _names(panels: tuple[Panel, ...], numbers: list[int] | tuple[int, ...]) -> str:
    named = [f"{i} ({panels[i].name})" if panels[i].name else str(i) for i in numbers[:3]]
    return ", ".join(named) + (f" and {len(numbers) - 3} more" if len(numbers) > 3 else "")


def _beam_hits(scene: SceneData) -> bool:
    """Return whether the beam passes through the bounding rectangle of all panels in the plane of the first."""
    first = scene.config.detector.panels[0]
    fast, slow, _ = first.axes()
    distance = panel_distance(first, scene.beam_direction)
    if not math.isfinite(distance):
        return False
    spot = distance * scene.beam_direction * 1000.0
    corners = [panel.corners_mm() for panel in scene.config.detector.panels]
    # not a matrix product: OpenBLAS ends the process if it cannot allocate its 32 MiB of scratch memory
    places = np.einsum("ij,kj->ik", np.concatenate(corners), np.array([fast, slow]))
    where = np.array([spot @ fast, spot @ slow])
    return bool((where >= places.min(axis=0)).all() and (where <= places.max(axis=0)).all())


def _nothing_in_table(scene: SceneData) -> bool:
    """Return whether the table has no reflection near a coarse grid of pixels, in the first and last orientation."""
    assert scene.table is not None
    slow, fast = (np.linspace(0, count, COARSE_POINTS) for count in scene.geometry.size)
    every = np.arange(len(scene.geometry))[:, np.newaxis, np.newaxis]
    rays = scene.geometry.directions(slow[:, np.newaxis], fast, every).reshape(-1, 3)
    for source in {0, len(scene.sources.weights) - 1}:
        q = (rays - scene.sources.directions[source]) / scene.sources.wavelengths[source]
        for cell in (scene.cells[0], scene.cells[-1]):
            index = q @ cell.T
            inside = (index > np.array(scene.table.first) - 1) & (index < np.array(scene.table.last) + 1)
            if inside.all(axis=1).any():
                return False
    return True
