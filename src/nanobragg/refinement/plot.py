"""The picture of a refinement: data, model and residual, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..derivatives.likelihood import Likelihood
from ..geometry import FloatArray
from ..plotting.figures import new_figure

RESIDUAL_RANGE = 5.0  # standard deviations


def plot_refinement(data: FloatArray, before: FloatArray, after: FloatArray, noise: Likelihood) -> Any:
    """Return a figure of the data, and of the model and its residual at the start and at the end.

    Residuals are in standard deviations; a histogram has them beside a normal distribution. Panels of a detector are
    stacked along the slow axis.
    """
    width = data.shape[-1]
    measured, *models = (each.reshape(-1, width) for each in (data, before, after))
    residuals = [(measured - model) / np.sqrt(noise.variance(model)) for model in models]
    high = float(np.nanpercentile(measured, 99.9)) or 1.0
    figure = new_figure(12.0, 7.6)
    axes = figure.subplots(2, 3)
    pictures = [(axes[0, 0], measured, "data"), (axes[0, 1], models[0], "start"), (axes[1, 1], models[1], "refined")]
    for ax, image, title in pictures:
        shown = ax.imshow(image, cmap="gray_r", vmin=0, vmax=high, interpolation="nearest")
        ax.set_title(title)
    figure.colorbar(shown, ax=[axes[0, 1], axes[1, 1]], label="photons", shrink=0.6)
    for ax, image, title in zip(axes[:, 2], residuals, ("(data - start)/σ", "(data - refined)/σ"), strict=True):
        shown = ax.imshow(
            image, cmap="RdBu_r", vmin=-RESIDUAL_RANGE, vmax=RESIDUAL_RANGE, interpolation="nearest"
        )  # fmt: skip
        ax.set_title(title)
    figure.colorbar(shown, ax=list(axes[:, 2]), shrink=0.6)
    _histogram(axes[1, 0], residuals)
    for ax in (axes[0, 0], axes[0, 1], axes[1, 1], *axes[:, 2]):
        ax.set_xlabel("fast (pixels)")
    axes[0, 0].set_ylabel("slow (pixels)")
    return figure


def _histogram(ax: Any, residuals: list[FloatArray]) -> None:
    edges = np.linspace(-RESIDUAL_RANGE, RESIDUAL_RANGE, 61)
    for values, label in zip(residuals, ("start", "refined"), strict=True):
        known = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
        ax.hist(known, bins=edges, density=True, histtype="step", label=label)
    ax.plot(edges, np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi), "k:", label="normal")
    ax.set(yscale="log", xlabel="residual (σ)", ylabel="density", ylim=(1e-6, 1.0), box_aspect=1)
    ax.legend(loc="lower center", fontsize="small")
