"""
A single molecule
=================

Three hundred carbon atoms at random positions in a sphere of 15 Å radius, in an empty box four times as large. The
structure factors of the box sample the molecular transform finely enough that one cell with interpolation renders it
continuously: the speckle of coherent scattering, which fades with the form factor of the atoms.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

BOX, D_MIN = 120.0, 3.2  # Å; the corners see 3.2 Å
random = np.random.default_rng(1)
atoms = random.normal(size=(300, 3))
atoms *= 15 * random.random((300, 1)) ** (1 / 3) / np.linalg.norm(atoms, axis=1, keepdims=True)

n = int(np.ceil(BOX / D_MIN)) + 2
indices = np.stack(np.meshgrid(*[np.arange(-n, n + 1)] * 3, indexing="ij"), -1).reshape(-1, 3)
waves = [np.exp(2j * np.pi * np.outer(np.arange(-n, n + 1), atoms[:, i] / BOX)) for i in range(3)]
transform = np.einsum("ha,ka,la->hkl", *waves, optimize=True).ravel()
stol_squared = (np.linalg.norm(indices, axis=1) / BOX / 2) ** 2
amplitudes = 6 * np.exp(-12 * stol_squared) * np.abs(transform)

cfg = nb.Config(
    crystal=nb.Crystal(cell=(BOX,), misset_deg=(10, 20, 30), n_cells=1),
    structure_factors=nb.StructureFactors(indices=indices, amplitudes=amplitudes, interpolate=True),
    beam=nb.Beam(wavelength_A=1.8, fluence_ph_m2=1e25),
    detector=nb.Detector.flat(distance_mm=80, pixels=(400, 400), pixel_mm=0.18),
    sampling=nb.Sampling(oversample=1),
)
image = nb.simulate(cfg)

figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
axis.imshow(image, cmap="magma", norm="log", vmin=3e-5 * image.max(), vmax=0.1 * image.max())
axis.set_axis_off()
plt.show()
