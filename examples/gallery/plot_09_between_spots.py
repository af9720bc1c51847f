"""
Between the spots
=================

Two cells along each axis leave bridges between reflections, bright enough to show the structure factors there. The
amplitude of the nearest reflection changes in steps half-way between reflections; the tricubic polynomial through the
surrounding amplitudes is continuous. With phases, the amplitude between reflections is the transform of what a cell
holds, here a hundred carbon atoms in a sphere: the picture of a crystal of as many atoms one by one.
"""

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

CELL = np.array([40.0, 50.0, 60.0])  # Å
random = np.random.default_rng(1)
atoms = random.normal(size=(100, 3))
atoms *= 15 * random.random((100, 1)) ** (1 / 3) / np.linalg.norm(atoms, axis=1, keepdims=True)
atoms = 0.5 + atoms / CELL

most = np.ceil(CELL / 2.5).astype(int)
indices = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), -1).reshape(-1, 3)
stol_squared = ((indices / CELL) ** 2).sum(axis=1) / 4
amplitudes = 6 * np.exp(-12 * stol_squared) * np.exp(2j * np.pi * (indices @ atoms.T)).sum(axis=1)
amplitudes[~indices.any(axis=1)] = 0  # the direct beam

cfg = nb.Config(
    crystal=nb.Crystal(cell=(*CELL, 90, 90, 90), misset_deg=(10, 20, 30), n_cells=2),
    structure_factors=nb.StructureFactors(indices=indices, amplitudes=amplitudes),
    beam=nb.Beam(wavelength_A=1.0),
    detector=nb.Detector.flat(distance_mm=250, pixels=(300, 300), pixel_mm=0.25),
    sampling=nb.Sampling(oversample=1),
)

names = {False: "nearest reflection", True: "tricubic", "phased": "with phases"}
figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for axis, (interpolate, name) in zip(axes, names.items(), strict=True):
    factors = cfg.structure_factors.replace(interpolate=interpolate)
    image = nb.simulate(cfg.replace(structure_factors=factors))
    axis.imshow(image + 1e-9, cmap="magma", norm="log", vmin=1e-4 * image.max(), vmax=0.3 * image.max())
    axis.set_title(name)
    axis.set_axis_off()
plt.show()
