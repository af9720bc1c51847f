"""
A convergent beam
=================

In a beam that converges on the crystal over 8 mrad, each reflection is excited by some of the directions only. Its spot
is the part of the beam's round cross-section that satisfies Bragg's law: a band across a disc, narrower the farther it
is from the beam. The direct beam in the corner shows the whole disc.
"""

import warnings

import matplotlib.pyplot as plt

import nanobragg as nb

warnings.simplefilter("ignore", nb.errors.NanobraggWarning)  # few sub-pixels: the beam's directions fill the pixels

cfg = nb.Config(
    crystal=nb.Crystal(cell=(100, 110, 120), misset_deg=(7, 3, 12), n_cells=80, shape="gauss"),
    structure_factors=nb.StructureFactors.constant(100),
    beam=nb.Beam(wavelength_A=1.0, divergence_mrad=(8, 8), divergence_steps=(21, 21)),
    detector=nb.Detector.flat(
        distance_mm=200, pixels=(400, 400), pixel_mm=0.1, beam_center_mm=(2, 2), convention="xds"
    ),
    sampling=nb.Sampling(oversample=3),
)
image = nb.simulate(cfg)

figure, axis = plt.subplots(figsize=(6, 6), layout="constrained")
axis.imshow(image + 1e-12, cmap="magma", norm="log", vmin=1e-4 * image.max(), vmax=image.max())
axis.set_axis_off()
plt.show()
