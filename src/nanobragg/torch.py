"""Images as differentiable functions of PyTorch tensors (extra `torch`).

``nanobragg.torch.simulate(experiment, {"rot_x": angle, "cell_a": a})`` is an image that takes part in autograd.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .config.config import Config
from .derivatives.flat import ImageFunction
from .derivatives.groups import Groups
from .rendering.pixel_selection import PixelList
from .scene.scene import Scene


class _Image(torch.autograd.Function):
    """The image of an ImageFunction, with its vector-Jacobian product."""

    @staticmethod
    def forward(ctx: Any, function: ImageFunction, values: Any) -> Any:
        ctx.function = function
        ctx.save_for_backward(values)
        image = function.image(values.detach().cpu().numpy())
        return torch.from_numpy(image).to(values)

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        (values,) = ctx.saved_tensors
        cotangent = cotangents[0].detach().cpu().numpy().astype(np.float64)
        gradient = ctx.function.vjp(values.detach().cpu().numpy(), cotangent)
        return None, torch.from_numpy(gradient).to(values)


def simulate(
    experiment: Config | Scene,
    params: Mapping[str, Any],
    *,
    pixels: PixelList | None = None,
    threads: int | None = None,
    groups: Groups | None = None,
) -> torch.Tensor:
    """Return the expected photons in every pixel as a tensor that is differentiable by the parameters.

    Parameters
    ----------
    experiment
        The experiment that the parameters change.
    params
        Tensors of one number by name (`nanobragg.parameters`); rotations, shifts and logarithms of factors are changes
        from the experiment. Numbers are constants.
    pixels, threads, groups
        As in `nanobragg.derivatives`.

    Returns
    -------
    torch.Tensor of the image's shape
        Photons, of the data type and on the device of the first tensor. They are computed on the CPU in double
        precision.

    Raises
    ------
    ConfigError
        As `nanobragg.derivatives`.
    """
    function = ImageFunction(experiment, list(params), pixels=pixels, threads=threads, groups=groups)
    given = list(params.values())
    like = next((value for value in given if isinstance(value, torch.Tensor)), torch.zeros((), dtype=torch.float64))
    values = torch.stack([torch.as_tensor(value, dtype=like.dtype, device=like.device).reshape(()) for value in given])
    image: torch.Tensor = _Image.apply(function, values)
    return image
