"""Diffuse scattering between the spots, from displacements of molecules that are correlated as in a liquid."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from ..errors import ConfigError
from ..geometry import Vector
from ..structure_factors.symmetry import find_space_group
from .base import Model

Kind = Literal["correlation_length_A", "displacement_A"]


class Diffuse(Model):
    """Diffuse scattering of molecules whose displacements are correlated as in a liquid (docs/theory.md).

    With displacements u along q, the spot of a reflection keeps exp(-q²u²) of its photons, and a halo around it has
    q²u² times as many as are left, q being 2π/d.

    Attributes
    ----------
    correlation_length_A
        Distance over which displacements are correlated, Å: one number, or three, along the crystal's own axes, which
        turn with it: a, b*, and the axis across both. A halo is the narrower the longer it is.
    displacement_A
        Root mean square of the displacement along every direction, Å: one number, or three, along these axes.
    neighbours
        How many reflections to either side along each axis a point gets a halo of: 1 takes 27 reflections, 2 takes 125.
    space_group
        Symbol or number of the space group over whose rotations halos are averaged, or None for no average. It makes
        a difference only if the widths differ along the axes.
    """

    correlation_length_A: float | Vector
    displacement_A: float | Vector
    neighbours: int = Field(default=1, ge=0)
    space_group: str | None = None

    @field_validator("space_group", mode="before")
    @classmethod
    def _number_or_symbol(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _consistent(self) -> Diffuse:
        if self.space_group is not None:
            find_space_group(self.space_group, "Diffuse.space_group")
        return self

    @property
    def is_anisotropic(self) -> bool:
        """True if the correlation lengths or the displacements differ along the axes."""
        return any(len(set(self.along_axes(name))) > 1 for name in get_args(Kind))

    def along_axes(self, name: Kind) -> Vector:
        """Return a field's three numbers."""
        value = getattr(self, name)
        return value if isinstance(value, tuple) else (value,) * 3


def check_diffuse(crystal: Any) -> None:
    """Raise `ConfigError` for a crystal whose diffuse scattering is not known."""
    if crystal.diffuse is not None and crystal.is_smeared:
        raise ConfigError(
            'Crystal.diffuse: mosaic_sampling = "analytic" has no halos; list domains (mosaic_sampling="balanced")'
        )
