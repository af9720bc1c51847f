"""The picture of a refinement: data, model and residual."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..derivatives.likelihood import Likelihood
from ..geometry import FloatArray
from ..plotting.figures import new_figure

RESIDUAL_RANGE = 5.0  # standard deviations


def plot_refinement(data: FloatArray, model: FloatArray, noise: Likelihood) -> Any:
    """Return a figure of the data, the refined model, and the residual in standard deviations.

    Panels of a detector are stacked along the slow axis.
    """
    width = data.shape[-1]
    stacked = [each.reshape(-1, width) for each in (data, model)]
    high = float(np.nanpercentile(stacked[0], 99.9)) or 1.0
    figure = new_figure(12.0, 4.2)
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, image, title in zip(axes, stacked, ("data", "refined model"), strict=False):
        picture = ax.imshow(image, cmap="gray_r", vmin=0, vmax=high, interpolation="nearest")
        ax.set_title(title)
    figure.colorbar(picture, ax=axes[:2], label="photons", shrink=0.8)
    residual = (stacked[0] - stacked[1]) / np.sqrt(noise.variance(stacked[1]))
    picture = axes[2].imshow(
        residual, cmap="RdBu_r", vmin=-RESIDUAL_RANGE, vmax=RESIDUAL_RANGE, interpolation="nearest"
    )
    axes[2].set_title("(data - model)/σ")
    figure.colorbar(picture, ax=axes[2], shrink=0.8)
    for ax in axes:
        ax.set_xlabel("fast (pixels)")
    axes[0].set_ylabel("slow (pixels)")
    return figure
