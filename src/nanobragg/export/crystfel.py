"""Files for CrystFEL: the detector (.geom), the cell (.cell) and intensities (.hkl) of a Config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..geometry import FloatArray
from ..io.atomic import StrPath, atomic_write
from ..response.recording import resolve_recording
from ..scene.scene_data import SceneData
from ..structure_factors.symmetry import space_group_on_axes
from ..unit_cell import cell_from_vectors
from .nexus_description import mcstas_frame, unrendered_pixels

MOST_REGIONS = 20_000
UNIQUE = {"monoclinic": "b", "tetragonal": "c", "hexagonal": "c"}


@public
def write_geom(
    path: StrPath, config: Config, *, groups: Mapping[str, Sequence[str]] | None = None, data: str = "/entry/data/data"
) -> None:
    """Write the detector of an experiment as a CrystFEL geometry file, for images of `write_nexus`.

    Parameters
    ----------
    path
        The .geom file.
    config
        The experiment. Pixels that are masked or outside the ROI become bad regions.
    groups
        Names of the panels of each rigid group; panels without a name are p0, p1, …
    data
        Place of the images in their file; several panels are stacked along the slow axis.

    Raises
    ------
    ConfigError
        A group names an unknown panel, or the mask is too ragged for bad regions.
    FileError
        The file cannot be written.
    """
    with atomic_write(path) as file:
        file.write("\n".join([*geom_lines(config, groups or {}, data), ""]).encode())


def geom_lines(config: Config, groups: Mapping[str, Sequence[str]], data: str) -> Iterator[str]:
    """Yield the lines of a geometry file."""
    scene, panels = SceneData(config), config.detector.panels
    energy, frame = scene.mean_energy_eV, mcstas_frame(scene.beam_direction, scene.polarization_axis)
    names = panel_names(config)
    yield f"photon_energy = {energy:.6f} eV"
    yield f"adu_per_photon = {resolve_recording(config).gain_adu_per_photon:.9g}"
    if config.detector.saturation_adu is not None:
        yield f"max_adu = {config.detector.saturation_adu:.9g}"
    yield from (f"data = {data}", "dim0 = %", "dim1 = ss", "dim2 = fs")
    clen = float((frame @ np.array(panels[0].origin_mm))[2]) / 1000.0
    yield f"clen = {clen:.9f} m"
    for name, members in groups.items():
        for member in members:
            if member not in names:
                raise ConfigError(f"group {name}: {member!r} is not a panel; the panels are {', '.join(names[:20])}")
        yield f"rigid_group_{name} = {','.join(members)}"
    if groups:
        yield f"rigid_group_collection_all = {','.join(groups)}"
    for i, (name, panel) in enumerate(zip(names, panels, strict=True)):
        fast, slow, _ = panel.axes()
        corner = frame @ np.array(panel.origin_mm)
        yield ""
        yield f"{name}/min_fs = 0"
        yield f"{name}/max_fs = {panel.pixels[1] - 1}"
        yield f"{name}/min_ss = {i * panel.pixels[0]}"
        yield f"{name}/max_ss = {(i + 1) * panel.pixels[0] - 1}"
        yield f"{name}/res = {1000.0 / panel.pixel_mm:.12g}"
        yield f"{name}/fs = {_vector(frame @ fast)}"
        yield f"{name}/ss = {_vector(frame @ slow)}"
        yield f"{name}/corner_x = {corner[0] / panel.pixel_mm:.9f}"
        yield f"{name}/corner_y = {corner[1] / panel.pixel_mm:.9f}"
        yield f"{name}/coffset = {corner[2] / 1000.0 - clen:.9f}"
    yield from _bad_regions(config, names)


def panel_names(config: Config) -> list[str]:
    """Return distinct names for the panels; those that CrystFEL would take for something else are replaced."""
    names = [panel.name for panel in config.detector.panels]
    usable = all(name.isidentifier() and not name.startswith(("bad", "rigid_group", "group")) for name in names)
    return names if usable and len(set(names)) == len(names) else [f"p{i}" for i in range(len(names))]


def _vector(vector: FloatArray) -> str:
    return " ".join(f"{value:+.12f}{axis}" for value, axis in zip(vector, "xyz", strict=True))


def _bad_regions(config: Config, names: list[str]) -> Iterator[str]:
    """Yield the bad regions of the pixels that are not rendered, as rectangles."""
    missing = unrendered_pixels(config)
    if missing is None:
        return
    slow = config.detector.panels[0].pixels[0]
    number = 0
    for name, first in zip(names, range(0, len(missing), slow), strict=True):
        for low_ss, high_ss, low_fs, high_fs in _rectangles(missing[first : first + slow]):
            number += 1
            if number > MOST_REGIONS:
                raise ConfigError(f"Detector.mask: takes more than {MOST_REGIONS} rectangles; use a simpler mask")
            limits = {"min_fs": low_fs, "max_fs": high_fs, "min_ss": first + low_ss, "max_ss": first + high_ss}
            yield ""
            yield from (f"bad{number}/{key} = {value}" for key, value in limits.items())
            yield f"bad{number}/panel = {name}"


def _rectangles(missing: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int, int]]:
    """Yield first and last row, first and last column of rectangles that cover the pixels that are True."""
    breaks = np.flatnonzero((missing[1:] != missing[:-1]).any(axis=1)) + 1
    for first, after in zip([0, *breaks.tolist()], [*breaks.tolist(), len(missing)], strict=True):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing[first], [False]]).astype(np.int8)))
        for low, high in edges.reshape(-1, 2).tolist():
            yield first, after - 1, low, high - 1


@public
def write_cell(path: StrPath, config: Config, *, space_group: str | None = None) -> None:
    """Write the unit cell of an experiment as a CrystFEL cell file.

    Parameters
    ----------
    path
        The .cell file.
    config
        The experiment.
    space_group
        Symbol or number; default: that of the structure factors, otherwise P 1.

    Raises
    ------
    FileError
        The file cannot be written.
    """
    with atomic_write(path) as file:
        file.write("\n".join([*cell_lines(config, space_group), ""]).encode())


def cell_lines(config: Config, space_group: str | None = None) -> Iterator[str]:
    """Yield the lines of a cell file."""
    scene = SceneData(config)
    cell = cell_from_vectors(scene.lattice.direct)
    yield from ("CrystFEL unit cell file version 1.0", "")
    yield from lattice_lines(scene, space_group)
    for name, value in zip(("a", "b", "c"), cell[:3], strict=True):
        yield f"{name} = {value:.6f} A"
    for name, value in zip(("al", "be", "ga"), cell[3:], strict=True):
        yield f"{name} = {value:.6f} deg"


def lattice_lines(scene: SceneData, space_group: str | None = None) -> Iterator[str]:
    """Yield the lattice type, centring and unique axis in CrystFEL's words."""
    name = space_group or scene.config.structure_factors.space_group or "P 1"
    group = space_group_on_axes(name, cell_from_vectors(scene.lattice.direct), "space_group")
    system, centring = group.crystal_system_str(), group.centring_type()
    if system == "trigonal":
        system = "rhombohedral" if centring == "R" and group.ext == "R" else "hexagonal"
        centring = "H" if centring == "R" and system == "hexagonal" else centring
    yield f"lattice_type = {system}"
    if system in UNIQUE:
        yield f"unique_axis = {UNIQUE[system]}"
    yield f"centering = {centring}"


@public
def write_crystfel_hkl(path: StrPath, config: Config) -> None:
    """Write the intensities F² of an experiment's structure factors as a CrystFEL reflection list.

    Parameters
    ----------
    path
        The .hkl file.
    config
        The experiment; its structure factors must be listed. All reflections of the P1 cell are written, with
        "Symmetry: 1".

    Raises
    ------
    ConfigError
        The structure factors are one number, or depend on the energy.
    FileError
        The file cannot be written.
    """
    factors = config.resolved().damaged().structure_factors
    if factors.listing is None or factors.has_energy_axis:
        raise ConfigError("StructureFactors: need a list of reflections at one energy for a .hkl file; give them")
    indices, amplitudes = factors.scattering_list
    with atomic_write(path) as file:
        file.write(b"CrystFEL reflection list version 2.0\nSymmetry: 1\n")
        file.write(b"   h    k    l          I    phase   sigma(I)   nmeas\n")
        for (h, k, l), amplitude in zip(indices.tolist(), amplitudes.reshape(-1).tolist(), strict=True):
            file.write(f"{h:4d} {k:4d} {l:4d} {amplitude**2:10.2f} {'-':>8} {0.0:10.2f} {1:7d}\n".encode())
        file.write(b"End of reflections\n")
