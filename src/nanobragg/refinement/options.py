"""The options of a refinement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from ..derivatives.groups import Groups
from ..derivatives.likelihood import Likelihood
from ..derivatives.response import Response
from ..errors import ConfigError
from ..suggestions import suggestion

if TYPE_CHECKING:
    from ..rendering.pixel_selection import PixelList

Progress = Callable[[int, float, Mapping[str, float]], None]


class RefineOptions(TypedDict, total=False):
    """Options of `refine` and `refine_images`.

    Attributes
    ----------
    noise
        "poisson"; the read-out noise in photons, for a normal distribution with the variance m + σ²; or a `Likelihood`.
        Default "poisson".
    prior
        Mean and standard deviation of values that are known from elsewhere, by name.
    bounds
        Lowest and highest value, by name.
    tie
        Sets of names whose values change by the same amount.
    space_group
        Symbol or number, which constrains the cell. Default: that of the structure factors; without one, all six
        numbers are free.
    groups
        Groups of panels that move together: their names, with the numbers of their panels.
    response
        Response of the detector (`nb.Response`): point-spread function and gain.
    pixels
        "shoeboxes": boxes of 17 pixels around the spots that are predicted at the start; "all"; or a selection as in
        `simulate`. Default "shoeboxes".
    start
        "spots", or "given": from the values of the experiment as they are. Default "spots".
    most_iterations
        Largest number of iterations; default 50.
    dtype, threads
        As in `derivatives`.
    progress
        True for a line per iteration in the log, or a function that is called with the iteration, the loss and the
        values.
    """

    noise: Likelihood | str | float
    prior: Mapping[str, tuple[float, float]]
    bounds: Mapping[str, tuple[float, float]]
    tie: Sequence[Sequence[str]]
    space_group: str | None
    groups: Groups | None
    response: Response | None
    pixels: PixelList | Literal["shoeboxes", "all"]
    start: Literal["spots", "given"]
    most_iterations: int
    dtype: Literal["float32", "float64"]
    threads: int | None
    progress: bool | Progress


def complete(options: RefineOptions) -> RefineOptions:
    """Return options with the defaults of those not given; raises `ConfigError` for one that does not exist."""
    default: RefineOptions = {
        "noise": "poisson", "prior": {}, "bounds": {}, "tie": (), "space_group": None, "groups": None,
        "response": None, "pixels": "shoeboxes", "start": "spots", "most_iterations": 50, "dtype": "float64",
        "threads": None, "progress": False,
    }  # fmt: skip
    unknown = [name for name in options if name not in default]
    if unknown:
        hint = suggestion(unknown[0], default) or f"the options are {', '.join(default)}"
        raise ConfigError(f"refine: {unknown[0]} is not an option; {hint}")
    return {**default, **options}
