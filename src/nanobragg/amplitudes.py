"""Structure factors: where they come from, and the dense table that the kernel looks them up in."""

from __future__ import annotations

import logging
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from .errors import ConfigError
from .io.reading import byte_limit
from .model import FloatArray, Indices, Model, Numbers

IndexArray = npt.NDArray[np.int32]
log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """First and last h, k, l of what a table lists, inclusive."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def within(self, reach: tuple[int, int, int]) -> Limits:
        """The part with |h|, |k|, |l| up to `reach`; one reflection at least."""
        first = [min(max(low, -r), high) for low, high, r in zip(self.first, self.last, reach, strict=True)]
        last = [max(min(high, r), low) for high, low, r in zip(self.last, first, reach, strict=True)]
        return Limits((first[0], first[1], first[2]), (last[0], last[1], last[2]))


class Table(NamedTuple):
    """A dense table of amplitudes (electrons) with a border of `default_F`, one reflection wide.

    `values[h - h_min + 1, k - k_min + 1, l - l_min + 1]` is reflection h k l for h_min ≤ h ≤ h_max, and so on.
    """

    values: npt.NDArray[Any]
    limits: Limits


class StructureFactors(Model):
    """Amplitudes of the P1 cell, in electrons; no symmetry is applied, not even Friedel's.

    Attributes
    ----------
    path, file_format
        File that is read when the amplitudes are first needed: "hkl" text or a C program's "dump".
    indices, amplitudes
        In place of a file: integers h k l of shape (n, 3), and n amplitudes; later duplicates win.
    default_F
        Amplitude of reflections that are not listed.
    interpolate
        Tricubic interpolation between reflections; None: when there is a table and any number of cells is ≤ 2.
    """

    path: Path | None = None
    file_format: Literal["hkl", "dump"] = "hkl"
    indices: Indices | None = None
    amplitudes: Numbers | None = None
    default_F: float = 0.0
    interpolate: bool | None = None

    @model_validator(mode="after")
    def _consistent(self) -> StructureFactors:
        if self.indices is None or self.amplitudes is None:
            if self.indices is not None or self.amplitudes is not None:
                raise ConfigError("StructureFactors: indices and amplitudes belong together; one of them is missing")
            return self
        if self.path is not None:
            raise ConfigError(f"StructureFactors.path = {self.path}: contradicts the arrays; give one of them")
        if self.indices.shape != (len(self.amplitudes), 3):
            raise ConfigError(
                f"StructureFactors.indices: shape {self.indices.shape} does not fit {len(self.amplitudes)} amplitudes"
            )
        if len(self.indices) == 0:
            raise ConfigError("StructureFactors.indices: is empty; leave it out to use default_F everywhere")
        return self

    @classmethod
    def from_hkl(cls, path: str | os.PathLike[str], **options: Any) -> StructureFactors:
        """Read a text file of lines `h k l F` now; `options` are the fields default_F and interpolate."""
        factors = cls(path=Path(path), **options)
        factors.listing  # noqa: B018  read now, so that a bad file is found here
        return factors

    @classmethod
    def from_dump(cls, path: str | os.PathLike[str], **options: Any) -> StructureFactors:
        """Read a C program's Fdump.bin."""
        factors = cls(path=Path(path), file_format="dump", **options)
        factors.listing  # noqa: B018
        return factors

    @classmethod
    def constant(cls, amplitude: float) -> StructureFactors:
        """The same amplitude for every reflection."""
        return cls(default_F=amplitude)

    @classmethod
    def wilson(
        cls,
        cell: tuple[float, float, float, float, float, float],
        space_group: str,
        *,
        b_factor: float,
        d_min: float,
        seed: int,
        **options: Any,
    ) -> StructureFactors:
        """Made-up amplitudes of a protein-like crystal (see `nanobragg.wilson.wilson_amplitudes`)."""
        from .wilson import wilson_amplitudes

        indices, amplitudes = wilson_amplitudes(cell, space_group, b_factor=b_factor, d_min=d_min, seed=seed)
        return cls(indices=indices, amplitudes=amplitudes, **options)

    @cached_property
    def listing(self) -> tuple[IndexArray, FloatArray] | None:
        """Indices (n, 3) and amplitudes (n,) of what is listed; None if nothing is."""
        if self.path is None:
            return None if self.indices is None or self.amplitudes is None else (self.indices, self.amplitudes)
        if self.file_format == "hkl":
            from .io.hkl import read_hkl

            return read_hkl(self.path)
        from .io.fdump import read_fdump

        h_min, k_min, l_min, dense = read_fdump(self.path)
        grid = np.indices(dense.shape, dtype=np.int32).reshape(3, -1).T + np.array([h_min, k_min, l_min], np.int32)
        return grid, dense.ravel()

    @cached_property
    def limits(self) -> Limits | None:
        """The span of the listed indices; None if nothing is listed."""
        if self.listing is None:
            return None
        indices, _ = self.listing
        first, last = indices.min(axis=0).tolist(), indices.max(axis=0).tolist()
        return Limits((first[0], first[1], first[2]), (last[0], last[1], last[2]))

    @cached_property
    def largest(self) -> float:
        """Largest amplitude there is, `default_F` included, without its sign."""
        listed = 0.0 if self.listing is None else float(np.abs(self.listing[1]).max())
        return max(listed, abs(self.default_F))

    def table(self, limits: Limits | None = None, dtype: type = np.float64) -> Table:
        """The dense table, gaps and border filled with `default_F`.

        Parameters
        ----------
        limits
            The part of it; default: all that is listed.
        dtype
            np.float64 or np.float32.

        Raises
        ------
        ConfigError
            Nothing is listed, or the indices span a table that does not fit into memory.
        """
        if self.listing is None or self.limits is None:
            raise ConfigError("StructureFactors: there is no list of reflections to make a table of")
        indices, amplitudes = self.listing
        limits = limits or self.limits
        shape = tuple(last - first + 3 for first, last in zip(*limits, strict=True))
        _check_size(shape, np.dtype(dtype).itemsize, self.path)
        values: npt.NDArray[Any] = np.full(shape, self.default_F, dtype)
        if limits != self.limits:
            inside = ((indices >= limits.first) & (indices <= limits.last)).all(axis=1)
            indices, amplitudes = indices[inside], amplitudes[inside]
        place = indices - (np.array(limits.first, np.int32) - 1)
        values[place[:, 0], place[:, 1], place[:, 2]] = amplitudes
        log.debug(
            "table of %d x %d x %d amplitudes, %.1f MB, from %d reflections of %s",
            *shape, values.nbytes / 1e6, len(indices), self.path or "an array",
        )  # fmt: skip
        return Table(values, limits)


def _check_size(shape: tuple[int, ...], item_bytes: int, path: Path | None) -> None:
    entries = shape[0] * shape[1] * shape[2]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 2**34
    if entries >= 2**31 or entries * item_bytes > min(memory, byte_limit()):
        raise ConfigError(
            f"StructureFactors {path or 'arrays'}: indices span a table of {shape[0]} x {shape[1]} x {shape[2]} "
            f"= {entries * item_bytes / 2**30:.1f} GiB, more than fits; remove the outlying reflections"
        )
