"""Images as differentiable functions of JAX arrays (extra `jax`).

``nanobragg.jax.simulate(experiment, {"rot_x": angle, "cell_a": a})`` works under `jax.grad`, `jax.vjp` and `jax.jit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .config.config import Config
from .derivatives.flat import ImageFunction
from .derivatives.groups import Groups
from .rendering.pixel_selection import PixelList
from .scene.scene import Scene


def simulate(
    experiment: Config | Scene,
    params: Mapping[str, Any],
    *,
    pixels: PixelList | None = None,
    threads: int | None = None,
    groups: Groups | None = None,
) -> Any:
    """Return the expected photons in every pixel as an array that is differentiable by the parameters.

    Parameters
    ----------
    experiment
        The experiment that the parameters change.
    params
        Numbers by name (`nanobragg.parameters`); rotations, shifts and logarithms of factors are changes from the
        experiment.
    pixels, threads, groups
        As in `nanobragg.derivatives`.

    Returns
    -------
    jax.Array of the image's shape
        Photons; float64 if JAX is set to 64 bits (`jax_enable_x64`), which derivatives need for most fits.

    Raises
    ------
    ConfigError
        As `nanobragg.derivatives`.
    """
    function = ImageFunction(experiment, list(params), pixels=pixels, threads=threads, groups=groups)
    return image_of(function)(jnp.stack([jnp.asarray(value, float) for value in params.values()]))


def image_of(function: ImageFunction) -> Any:
    """Return an image function as a function of a JAX array, with its vector-Jacobian product."""
    dtype = jnp.result_type(float)
    whole = jax.ShapeDtypeStruct(function.shape, dtype)
    values_like = jax.ShapeDtypeStruct(function.start.shape, dtype)

    @jax.custom_vjp
    def image(values: Any) -> Any:
        return jax.pure_callback(lambda v: function.image(np.asarray(v)).astype(dtype), whole, values)

    def forward(values: Any) -> tuple[Any, Any]:
        return image(values), values

    def backward(values: Any, cotangent: Any) -> tuple[Any]:
        def product(v: Any, c: Any) -> Any:
            return function.vjp(np.asarray(v), np.asarray(c, np.float64)).astype(dtype)

        return (jax.pure_callback(product, values_like, values, cotangent),)

    image.defvjp(forward, backward)
    return image
