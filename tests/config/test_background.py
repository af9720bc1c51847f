"""Amorphous background from a table: photons in absolute numbers, against the formula (AT-BKG)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import nanobragg as nb
from nanobragg.config.background import cubic_through
from nanobragg.constants import AVOGADRO
from nanobragg.errors import ConfigError
from tests import builders

R_E_SQR = 7.94079248018965e-30
CURVE = np.column_stack(
    [np.linspace(0, 1, 41), 3.0 - 2.0 * np.linspace(0, 1, 41) ** 2]
)  # electrons against sin(theta)/lambda


config = partial(
    builders.config,
    crystal=nb.Crystal(cell=(5.0,)),
    structure_factors=nb.StructureFactors.constant(0.0),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e24, size_mm=0.05, polarized=False),
    detector=nb.Detector.flat(distance_mm=80, pixels=(33, 33), pixel_mm=4.0, point_pixel=True),
    sampling=nb.Sampling(oversample=1),
)


def geometry(detector: nb.Detector) -> tuple[np.ndarray, np.ndarray]:
    """Return sin(theta)/lambda (1/A, at 1 A) and distance (m) of every pixel's centre."""
    panel = detector.panels[0]
    fast, slow, _ = panel.axes()
    s, f = (np.arange(n) + 0.5 for n in panel.pixels)
    place = np.asarray(panel.origin_mm) + panel.pixel_mm * (s[:, None, None] * slow + f[None, :, None] * fast)
    r = np.linalg.norm(place, axis=-1)
    return np.sin(0.5 * np.arccos(place[..., 0] / r)), r / 1000.0


@pytest.mark.parametrize(("axis", "factor"), [("stol", 1.0), ("4stol", 4.0), ("Q", 4 * np.pi)])
def test_photons_are_amplitude_squared_times_molecules(axis: str, factor: float) -> None:
    """Within the table the kernel's even grid reproduces the curve to 1e-6."""
    background = nb.Background(
        table=CURVE * [factor, 1.0], table_axis=axis, thickness_um=100, density_g_cm3=0.9, molar_mass_g_mol=30
    )
    cfg = config(background=background)
    image = nb.simulate(cfg, dtype="float64")
    stol, r = geometry(cfg.detector)
    molecules = 100e-6 * (0.05e-3) ** 2 * 0.9e6 * AVOGADRO / 30
    expected = R_E_SQR * 1e24 * (3.0 - 2.0 * stol**2) ** 2 * molecules / r**2
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_the_last_value_holds_beyond_the_table() -> None:
    cfg = config(background=nb.Background(table=CURVE[:9], thickness_um=10))
    image = nb.simulate(cfg, dtype="float64")
    stol, r = geometry(cfg.detector)
    outside = stol > CURVE[8, 0] * 1.05
    assert outside.any()
    level = (image * r**2)[outside]
    np.testing.assert_allclose(level, level[0], rtol=1e-3)


def test_negative_amplitudes_take_photons_away() -> None:
    plain, less = (
        nb.simulate(config(background=nb.Background(table=CURVE * [1.0, sign], thickness_um=10)))
        for sign in (1.0, -1.0)
    )
    np.testing.assert_allclose(less, -plain, rtol=1e-6)


def test_forward_amplitude_of_water_matches_the_water_cube() -> None:
    """A film of a cube's volume with a constant 2.57 electrons gives the same photons as the cube."""
    flat = np.array([[0.0, 2.57], [1.0, 2.57]])
    film = config(background=nb.Background(table=flat, thickness_um=50))
    cube = config(background=nb.Background(water_um=50))
    np.testing.assert_allclose(nb.simulate(film), nb.simulate(cube), rtol=1e-6)


def test_a_table_from_a_file_equals_the_same_array(tmp_path: Path) -> None:
    path = tmp_path / "ice.stol"
    path.write_text("".join(f"{x:.17g} {y:.17g}\n" for x, y in CURVE))
    from_file = nb.simulate(config(background=nb.Background(table_path=path, thickness_um=10)))
    np.testing.assert_array_equal(
        from_file, nb.simulate(config(background=nb.Background(table=CURVE, thickness_um=10)))
    )


def test_a_trace_includes_the_background(tmp_path: Path) -> None:
    cfg = config(background=nb.Background(table=CURVE, thickness_um=10), beam=nb.Beam(wavelength_A=1.0, size_mm=0.05))
    image = nb.simulate(cfg, dtype="float64")
    trace = nb.trace(cfg, slow=5, fast=20)
    assert list(trace.values().values())[-1] == pytest.approx(image[5, 20], rel=1e-12)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"table": CURVE}, "thickness_um"),
        ({"thickness_um": 3.0}, "thickness_um"),
        ({"table": CURVE[:, :1], "thickness_um": 3.0}, "table: shape"),
        ({"table": CURVE, "table_path": Path("x"), "thickness_um": 3.0}, "give one of them"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(nb.errors.ConfigError, match=message):
        nb.Background(**fields)


def test_an_unordered_table_a_beam_without_size_and_compat_c_are_refused() -> None:
    film = nb.Background(table=CURVE, thickness_um=1)
    with pytest.raises(nb.errors.ConfigError, match="increasing"):
        nb.Scene(config(background=nb.Background(table=CURVE[::-1], thickness_um=1)))
    with pytest.raises(nb.errors.ConfigError, match="size_mm"):
        nb.Scene(config(background=film, beam=nb.Beam(size_mm=None)))
    with pytest.raises(nb.errors.ConfigError, match="compat"):
        config(background=film, compat="c")


def test_the_cubic_passes_through_its_points() -> None:
    x, y = CURVE.T
    np.testing.assert_allclose(cubic_through(x, y, x), y, rtol=1e-12)
    middle = 0.5 * (x[4:-4] + x[5:-3])
    np.testing.assert_allclose(cubic_through(x, y, middle), 3.0 - 2.0 * middle**2, rtol=1e-12)


@pytest.mark.parametrize(
    "rows", ["0 2.57\n-1e300 0\n", "0 2.57\n1e300 1\n", "0 1\n1 1e60\n", "0 1e40\n1e-320 -1e40\n2e-320 1e40\n1 1"]
)
def test_tables_with_numbers_beyond_any_use_are_refused(tmp_path, rows):
    (tmp_path / "a.stol").write_text(rows)
    background = nb.Background(table_path=tmp_path / "a.stol", thickness_um=1)
    with pytest.raises(ConfigError, match=r"Background table .*a.stol: a"):
        nb.Scene(builders.config(background=background))
