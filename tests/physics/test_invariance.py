"""Symmetries of an image: turning the laboratory, inverting reciprocal space, other units, other scales."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanobragg as nb
from nanobragg.config import domains as config_domains
from nanobragg.config.beam import DEFAULT_FLUENCE, EV_ANGSTROM
from nanobragg.config.crystal import build_lattice
from nanobragg.config.mosaic import mosaic_rotations
from nanobragg.geometry import rotate_about

from .experiment import photons

# Coarse pixels are what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore::nanobragg.errors.NanobraggWarning")

INDICES = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
AMPLITUDES = np.random.default_rng(3).uniform(1, 50, len(INDICES))
TRICLINIC = nb.Crystal(cell=(20, 25, 30, 80, 95, 105), misset_deg=(10, 20, 30), n_cells=(3, 4, 5))


def friedel(amplitudes: np.ndarray) -> np.ndarray:
    """Return amplitudes for which F(-h) = F(h)."""
    return amplitudes + amplitudes[::-1]


def factors(amplitudes: np.ndarray, **options) -> nb.StructureFactors:
    return nb.StructureFactors(indices=INDICES, amplitudes=amplitudes, default_F=2, **options)


# --- the laboratory --------------------------------------------------------------------------------------------


def rotation(axis: tuple[float, float, float], angle: float) -> np.ndarray:
    """Return the matrix of a rotation about any axis."""
    return np.asarray(rotate_about(np.eye(3), np.array(axis) / np.linalg.norm(axis), angle)).T


def turned(r: np.ndarray, vector) -> tuple[float, float, float]:
    x, y, z = (r @ np.asarray(vector, float)).tolist()
    return x, y, z


def laboratory(r: np.ndarray, shape: str, interpolate: bool, curved: bool) -> nb.Config:
    """Return an experiment with every kind of sum, turned by r."""
    panels = [
        nb.Panel(
            origin_mm=turned(r, origin), fast_axis=turned(r, (0.1, 0.05, 1)), slow_axis=turned(r, (-0.1, -1, 0.07)),
            pixel_mm=2, pixels=(12, 20),
        )
        for origin in ((60, 12, -20), (55, 40, -10))
    ]  # fmt: skip
    lattice = build_lattice(TRICLINIC, 1.0, c_cell=False)
    return nb.Config(
        crystal=nb.Crystal(
            matrix=tuple(map(tuple, (r @ lattice.reciprocal.T).tolist())), n_cells=(3, 4, 5), shape=shape,
            mosaic_spread_deg=2, mosaic_domains=3, spindle_axis=turned(r, (0.1, 0.3, 1)),
        ),
        structure_factors=factors(AMPLITUDES, interpolate=interpolate),
        beam=nb.Beam(
            direction=turned(r, (1, 0.1, -0.1)), polarization_axis=turned(r, (0, 0.2, 1)), kahn_factor=0.8,
            divergence_mrad=(4, 3), divergence_steps=(2, 2), dispersion_percent=2, dispersion_steps=2,
        ),
        detector=nb.Detector(
            panels=tuple(panels), sensor_thickness_um=300, sensor_layers=2, attenuation_um=200, curved=curved
        ),
        scan=nb.Scan(start_deg=4, range_deg=5, steps=2),
        sampling=nb.Sampling(oversample=2, d_min_A=1.3),
        background=nb.Background(water_um=0.02),
    )  # fmt: skip


def render_laboratory(r: np.ndarray, *what) -> np.ndarray:
    """Return the photons of `laboratory`, whose mosaic domains, drawn in the lab frame, are turned too."""

    def domains(crystal: nb.Crystal) -> np.ndarray:
        return np.ascontiguousarray(r @ mosaic_rotations(crystal) @ r.T)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config_domains, "mosaic_rotations", domains)
        return nb.simulate(laboratory(r, *what), dtype="float64", threads=1)


AXES = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1)


@pytest.mark.parametrize(
    "what",
    [("square", False, False), ("round", True, False), ("gauss", False, True)],
    ids=["square", "round", "curved"],
)
@settings(max_examples=12)
@given(axis=AXES, angle=st.floats(-math.pi, math.pi))
def test_turning_the_laboratory_changes_nothing(what, axis, angle):
    """Crystal, domains, spindle, beam, polarization, sources and detector together: 1e-12 of the maximum."""
    straight, other = render_laboratory(np.eye(3), *what), render_laboratory(rotation(axis, angle), *what)
    assert np.abs(other - straight).max() <= 1e-12 * straight.max()


@pytest.mark.parametrize("part", ["beam", "polarization", "spindle"])
def test_turning_a_part_of_the_laboratory_changes_the_image(part):
    r = rotation((1, 2, 3), 0.3)
    config = laboratory(np.eye(3), "square", False, False)
    changed = {
        "beam": {"beam": config.beam.replace(direction=turned(r, config.beam.direction))},
        "polarization": {"beam": config.beam.replace(polarization_axis=turned(r, config.beam.polarization_axis))},
        "spindle": {"crystal": config.crystal.replace(spindle_axis=turned(r, config.crystal.spindle_axis))},
    }[part]
    one, other = (nb.simulate(c, dtype="float64") for c in (config, config.replace(**changed)))
    assert np.abs(other - one).max() > 1e-4 * one.max()


# --- Friedel's law ---------------------------------------------------------------------------------------------


def inverse_beam(amplitudes: np.ndarray, phi_deg: float) -> np.ndarray:
    """Return a detector whose rows run along the spindle (z), symmetric about the beam."""
    panel = nb.Panel(origin_mm=(60, 20, -20), fast_axis=(0, 0, 1), slow_axis=(0, -1, 0), pixel_mm=1, pixels=(40, 40))
    return photons(
        crystal=TRICLINIC.replace(spindle_axis=(0, 0, 1)),
        structure_factors=factors(amplitudes),
        detector=nb.Detector(panels=(panel,)),
        beam=nb.Beam(kahn_factor=0.9),
        scan=nb.Scan(start_deg=phi_deg),
    )


def test_friedel_mates_are_alike_in_the_inverse_beam_geometry():
    """Half a turn later -h appears where h was, mirrored along the spindle; alike if and only if F(-h) = F(h)."""
    one, other = (inverse_beam(friedel(AMPLITUDES), phi) for phi in (12, 192))
    assert np.abs(other[:, ::-1] - one).max() <= 1e-12 * one.max()
    one, other = (inverse_beam(AMPLITUDES, phi) for phi in (12, 192))
    assert np.abs(other[:, ::-1] - one).max() > 0.1 * one.max()
    swapped = inverse_beam(AMPLITUDES[::-1], 192)
    assert np.abs(swapped[:, ::-1] - one).max() <= 1e-12 * one.max()


@pytest.mark.parametrize("shape", ["square", "round", "gauss"])
def test_reversed_beam_and_inverted_detector_see_minus_h(shape):
    """q → -q: the crystal's transform is even, so the picture is that of F(-h)."""

    def image(sign: int, amplitudes: np.ndarray) -> np.ndarray:
        axes = {"fast_axis": (0, 0.1 * sign, sign), "slow_axis": (0, -sign, 0.1 * sign)}
        panel = nb.Panel(origin_mm=(60 * sign, 30 * sign, -20 * sign), pixel_mm=1, pixels=(40, 40), **axes)
        return photons(
            crystal=TRICLINIC.replace(shape=shape),
            structure_factors=factors(amplitudes, interpolate=True),
            detector=nb.Detector(panels=(panel,)),
            beam=nb.Beam(kahn_factor=0.9, direction=(sign, 0, 0)),
        )

    forth, back = image(1, AMPLITUDES), image(-1, AMPLITUDES[::-1])
    assert np.abs(back - forth).max() <= 1e-12 * forth.max()


# --- units and scales ------------------------------------------------------------------------------------------

DETECTOR = nb.Detector.flat(distance_mm=60, pixels=(24, 32), pixel_mm=1.5, rotation_deg=(5, 8, 3))


def plain(**fields) -> np.ndarray:
    return photons(**{"crystal": TRICLINIC, "structure_factors": factors(AMPLITUDES), "detector": DETECTOR, **fields})


def same(one: np.ndarray, other: np.ndarray, factor: float = 1.0) -> None:
    assert np.abs(other - factor * one).max() <= 1e-12 * factor * one.max()


def test_energy_and_wavelength_are_equivalent():
    same(plain(beam=nb.Beam(wavelength_A=1.3)), plain(beam=nb.Beam(energy_eV=EV_ANGSTROM / 1.3)))


def test_flux_exposure_and_size_give_the_fluence():
    fluence = 3e11 * 0.2 / 5e-5**2
    same(
        plain(beam=nb.Beam(fluence_ph_m2=fluence)),
        plain(beam=nb.Beam(flux_ph_s=3e11, exposure_s=0.2, size_mm=0.05)),
    )


def test_a_crystal_size_gives_the_number_of_cells():
    size = tuple((np.array(TRICLINIC.n_cells) - 0.5) * TRICLINIC.cell[:3] * 1e-7)
    same(plain(), plain(crystal=TRICLINIC.replace(n_cells=(1, 1, 1), size_mm=size)))


def test_a_cell_and_its_matrix_are_equivalent():
    matrix = build_lattice(TRICLINIC, 1.0, c_cell=False).reciprocal.T
    same(plain(), plain(crystal=nb.Crystal(matrix=tuple(map(tuple, matrix.tolist())), n_cells=TRICLINIC.n_cells)))


def test_photons_are_proportional_to_fluence_and_to_the_square_of_amplitudes():
    base = plain(beam=nb.Beam())
    same(base, plain(beam=nb.Beam(fluence_ph_m2=7 * DEFAULT_FLUENCE)), 7)
    tripled = nb.StructureFactors(indices=INDICES, amplitudes=3 * AMPLITUDES, default_F=6)
    same(base, plain(beam=nb.Beam(), structure_factors=tripled), 9)


@pytest.mark.parametrize("scale", [0.3, 7.0])
def test_cell_and_wavelength_have_no_scale_of_their_own(scale):
    """Both times any number: the same angles and indices, the same photons."""
    cell = (*(scale * np.array(TRICLINIC.cell[:3])), *TRICLINIC.cell[3:])
    same(
        plain(beam=nb.Beam(wavelength_A=1.1)),
        plain(beam=nb.Beam(wavelength_A=1.1 * scale), crystal=TRICLINIC.replace(cell=cell)),
    )


@pytest.mark.parametrize("scale", [0.3, 7.0])
def test_the_detector_has_no_scale_of_its_own(scale):
    """All its lengths times any number; with point pixels, which have no area, 1/R² is left."""
    options = {"pixels": (24, 32), "rotation_deg": (5, 8, 3)}
    for point, factor in ((False, 1.0), (True, scale**-2)):
        one, other = (
            plain(
                detector=nb.Detector.flat(
                    distance_mm=60 * s, pixel_mm=1.5 * s, point_pixel=point,
                    sensor_thickness_um=300 * s, sensor_layers=2, attenuation_um=200 * s, **options,
                )
            )
            for s in (1.0, scale)
        )  # fmt: skip
        same(one, other, factor)
