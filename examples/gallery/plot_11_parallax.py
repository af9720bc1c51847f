"""
Parallax in a thick sensor
==========================

A photon that arrives obliquely is absorbed at some depth, and therefore farther out than it entered. At 45° from the
beam a sensor of 1 mm smears spots away from the beam over several pixels, with the exponential tail of absorption; a
thin sensor does not, but transmits most photons.
"""

import warnings

import matplotlib.pyplot as plt

import nanobragg as nb

warnings.simplefilter("ignore", nb.errors.NanobraggWarning)  # the beam misses this piece of a detector

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
for axis, thickness in zip(axes, (50, 1000), strict=True):
    cfg = nb.Config(
        crystal=nb.Crystal(
            cell=(60, 60, 60), misset_deg=(7, 3, 12), n_cells=20, mosaic_spread_deg=1, mosaic_domains=60, shape="gauss"
        ),
        structure_factors=nb.StructureFactors.constant(300),
        beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=1e28),
        detector=nb.Detector.flat(
            distance_mm=100, pixels=(120, 120), pixel_mm=0.172, beam_center_mm=(-90, 10), convention="xds",
            sensor_thickness_um=thickness, attenuation_um=700, sensor_layers=1 if thickness == 50 else 16,
        ),
        sampling=nb.Sampling(oversample=2),
    )  # fmt: skip
    image = nb.simulate(cfg)
    axis.imshow(image, cmap="gray_r", vmin=0, vmax=0.5 * image.max())
    axis.set(title=f"{thickness} µm: {image.sum():.2g} photons", xlabel="away from the beam →", xticks=[], yticks=[])
plt.show()
