"""The experiments that DIALS is given: oscillation series and stills."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nanobragg as nb

CRYSTALS = {
    "triclinic": ((40, 50, 60, 85, 95, 100), "P 1"),
    "orthorhombic": ((50, 60, 70, 90, 90, 90), "P 21 21 21"),
    "hexagonal": ((60, 60, 80, 90, 90, 120), "P 61"),
}
IMAGES = 20
BEAM_PX = (520.5, 490.5)  # fast, slow


def one_panel() -> nb.Detector:
    """Return a flat detector that the beam hits off centre."""
    return nb.Detector.flat(distance_mm=120, pixels=1000, pixel_mm=0.2, beam_center_mm=(98, 104))


def four_panels(convention: str = "mosflm") -> nb.Detector:
    """Return two by two panels with gaps, each a little out of the plane."""
    whole = nb.Detector.flat(distance_mm=120, pixels=1000, pixel_mm=0.2, convention=convention)
    fast, slow, normal = whole.panels[0].axes()
    corner = np.asarray(whole.panels[0].origin_mm)
    panels = []
    for number, (i, j) in enumerate([(0, 0), (0, 510), (510, 0), (510, 510)]):
        tilted = fast + 0.01 * (number - 1.5) * normal
        origin = corner + 0.2 * (i * slow + j * fast) + 0.3 * number * normal
        panels.append(
            nb.Panel(
                origin_mm=tuple(origin), fast_axis=tuple(tilted), slow_axis=tuple(slow), pixel_mm=0.2, pixels=(490, 490)
            )
        )
    return nb.Detector(panels=tuple(panels), convention=convention)


def experiment(name: str, detector: nb.Detector, **fields: object) -> nb.Config:
    """Return an experiment of a mosaic crystal in a little water: the first image of 0.5°, or a still."""
    cell, space_group = CRYSTALS[name]
    return nb.Config(**{
        "crystal": nb.Crystal(cell=cell, misset_deg=(10, 25, 40), n_cells=12, mosaic_spread_deg=0.1, mosaic_domains=6),
        "structure_factors": nb.StructureFactors.wilson(cell, space_group, b_factor=20, d_min_A=1.4, seed=3),
        "beam": nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e27, kahn_factor=0.98),
        "detector": detector,
        "background": nb.Background(water_um=0.1),
        "sampling": nb.Sampling(oversample=1),
        "scan": nb.Scan(start_deg=0, range_deg=0.5, steps=16),
        **fields,
    })  # fmt: skip


def noisy(config: nb.Config, seed: int) -> np.ndarray:
    """Return the image of a counting detector, of up to 65,000 counts."""
    return np.minimum(nb.add_noise(nb.simulate(config), seed=seed, adc_offset=0), 65000).astype(np.uint16)


def write_series(config: nb.Config, kind: str, folder: Path) -> list[Path]:
    """Render a series of 20 images with noise into files: "img" (SMV), "cbf" or "nxs"; returns their names."""
    configs = config.series(IMAGES)
    images = (noisy(each, seed) for seed, each in enumerate(configs))
    if kind == "nxs":
        nb.write_nexus(folder / "series.nxs", images, config)
        return [folder / "series.nxs"]
    paths = [folder / f"series_{number + 1:04d}.{kind}" for number in range(IMAGES)]
    for path, each, image in zip(paths, configs, images, strict=True):
        nb.write_image(path, image, config=each)
    return paths
