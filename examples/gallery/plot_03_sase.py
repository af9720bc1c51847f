"""
The spectrum of a laser shot
============================

A shot of an X-ray laser based on self-amplified spontaneous emission (SASE) has a spectrum of random spikes, here 0.4 %
wide. A mosaic crystal disperses it: each wavelength is diffracted by the domains with the matching orientation, at its
own angle, so that the spot is a radial streak that reproduces the spectrum.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

warnings.simplefilter("ignore", nb.errors.NanobraggWarning)  # the beam misses this small piece of a detector

energies = np.linspace(9480, 9520, 101)  # eV
random = np.random.default_rng(4)
field = random.normal(size=101) + 1j * random.normal(size=101)
spectrum = np.exp(-(((energies - 9500) / 12) ** 2)) * np.abs(np.convolve(field, np.hanning(8), "same")) ** 2

theta = np.arcsin(58 * 12398.42 / 9500 / 2 / 100)  # of the reflection 58 0 0
spot_mm = 200 * np.tan(2 * theta)

cfg = nb.Config(
    crystal=nb.Crystal(
        cell=(100, 100, 100), misset_deg=(0, np.degrees(theta), 0), n_cells=200, shape="gauss",
        mosaic_spread_deg=0.05, mosaic_domains=1500, mosaic_model="gaussian",
    ),
    structure_factors=nb.StructureFactors.constant(500),
    beam=nb.Beam(
        energy_eV=9500,
        fluence_ph_m2=1e24,
        sources=nb.Sources(
            positions=np.tile([0.0, 0, -1], (101, 1)), weights=spectrum, wavelengths_A=12398.42 / energies
        ),
    ),
    detector=nb.Detector.flat(
        distance_mm=200, pixels=(40, 120), pixel_mm=0.015, beam_center_mm=(0.9 - spot_mm, 0.3), convention="xds"
    ),
    sampling=nb.Sampling(oversample=1),
)  # fmt: skip
image = nb.simulate(cfg)

figure, axes = plt.subplots(2, 1, figsize=(7, 5), layout="constrained")
axes[0].plot(energies, spectrum / spectrum.max())
axes[0].set(xlabel="photon energy, eV", ylabel="relative intensity", title="spectrum of the shot")
axes[1].imshow(image[:, ::-1], cmap="magma", vmax=0.6 * image.max(), aspect="auto")
axes[1].set(title="one reflection, 44° from the beam", xlabel="← away from the beam, pixels of 15 µm", ylabel="pixels")
plt.show()
