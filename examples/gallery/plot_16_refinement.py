"""
Errors of a refinement
======================

A still is refined against images with different noise (:doc:`/refinement`). If the standard errors are right, the
errors of the values divided by them have a standard deviation of one.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import nanobragg as nb

warnings.simplefilter("ignore", nb.errors.NanobraggWarning)  # few sub-pixels

CELL, GROUP = (60.0, 60.0, 40.0, 90.0, 90.0, 90.0), "P 43 21 2"
NAMES = ["n_a", "n_b", "n_c", "mosaic_spread", "log_fluence"]
truth = nb.Config(
    crystal=nb.Crystal(
        cell=CELL, misset_deg=(10, 20, 30), n_cells=(15, 16, 20), shape="gauss", mosaic_spread_deg=0.15,
        mosaic_domains=20, blocks=1e6,
    ),
    structure_factors=nb.StructureFactors.wilson(CELL, GROUP, b_factor=15, d_min_A=1.6, seed=1, interpolate=False),
    beam=nb.Beam(wavelength_A=1.0, fluence_ph_m2=4e20),
    detector=nb.Detector.flat(distance_mm=100, pixels=256, pixel_mm=0.4),
    background=nb.Background(water_um=8.5),
    sampling=nb.Sampling(oversample=2),
)  # fmt: skip
expected = nb.simulate(truth, dtype="float64")

# %%
# One start that is off by 0.3° and 30 %: data, model and residual before and after.

crystal = truth.crystal.replace(misset_deg=(10.2, 19.85, 30.15), n_cells=(20, 11, 26), mosaic_spread_deg=0.1)
photons = np.random.default_rng(0).poisson(expected).astype(float)
result = nb.refine(truth.replace(crystal=crystal), photons, ["rot", "n", "mosaic", "scale"])
print(result.summary())
result.plot()
plt.show()

# %%
# Pulls: errors of the values over their standard errors, for 40 images.

pulls = []
for seed in range(40):
    photons = np.random.default_rng(seed).poisson(expected).astype(float)
    found = nb.refine(truth, photons, ["rot", *NAMES], start="given")
    true = {"n_a": 15, "n_b": 16, "n_c": 20, "mosaic_spread": 0.15, "log_fluence": 0.0}
    pulls.append([(found.values[name] - true[name]) / found.errors[name] for name in NAMES])
pulls = np.array(pulls)
print(f"mean {pulls.mean():+.2f}, standard deviation {pulls.std():.2f}")
figure, axis = plt.subplots(figsize=(6, 4))
edges = np.linspace(-4, 4, 33)
axis.hist(pulls.ravel(), bins=edges, density=True, color="0.7", label=f"{pulls.size} pulls")
axis.plot(edges, np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi), "k", label="normal distribution")
axis.set(xlabel="error / standard error", ylabel="density")
axis.legend()
figure.tight_layout()
plt.show()
