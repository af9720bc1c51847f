"""A Scene in the memory of a GPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from ..._core import PARAMETERS, CoreScene
from ...errors import ConfigError
from ...scene.scene import Scene
from .devices import Gpu, cupy

# nb::DeviceArrays of include/nanobragg/device/pixels.h
POINTERS = ("panels", "sources", "cells", "shares", "tables", "amorphous", "smear")
OF_PART = ("tables", "amorphous", "smear")  # which a scene does not share with what its crystal scatters besides
ARRAYS = np.dtype(
    [*((name, np.uint64) for name in POINTERS), ("table_bytes", np.int64)]
    + [(name, np.int32) for name in ("n_sources", "n_cells", "n_amorphous")],
    align=True,
)

Kept = TypeVar("Kept")

_kept: WeakKeyDictionary[Scene, dict[Hashable, Any]] = WeakKeyDictionary()


def addresses(dtype: np.dtype[np.void], *arrays: Any) -> npt.NDArray[np.void]:
    """Return a struct, shape (1,), whose first fields are the addresses of CuPy's arrays; of None: 0."""
    struct = np.zeros(1, dtype)
    assert dtype.names is not None
    for name, array in zip(dtype.names, arrays, strict=False):
        struct[name] = 0 if array is None else int(array.data.ptr)
    return struct


class DeviceArrays:
    """A struct of addresses of arrays in the memory of a GPU, which it holds.

    Parameters
    ----------
    dtype
        Of the struct.
    given
        Arrays by the names of their addresses; None: address 0.
    gpu
        Where to.
    like
        What everything else is the same as in; None: 0.

    Attributes
    ----------
    arrays : ndarray of `dtype`, shape (1,)
    """

    def __init__(
        self,
        dtype: np.dtype[np.void],
        given: Mapping[str, npt.NDArray[Any] | None],
        gpu: Gpu,
        like: DeviceArrays | None = None,
    ) -> None:
        self.arrays: npt.NDArray[np.void] = np.zeros(1, dtype) if like is None else like.arrays.copy()
        self._kept: list[Any] = [like]
        check_memory(gpu, sum(array.nbytes for array in given.values() if array is not None), "the scene's arrays")
        with gpu.active():
            for name, array in given.items():
                self.arrays[name] = 0
                if array is not None:
                    kept = cupy().asarray(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
                    self._kept.append(kept)
                    self.arrays[name] = int(kept.data.ptr)

    def fill(self, **numbers: int) -> None:
        """Set fields that are not addresses."""
        for name, number in numbers.items():
            self.arrays[name] = number


class SceneArrays(DeviceArrays):
    """The kernel's scene in the memory of a GPU.

    Parameters
    ----------
    core
        The scene in the kernel's form.
    gpu
        Where to.
    main
        The scene of which this one is what its crystal scatters besides, or None.

    Attributes
    ----------
    parameters : ndarray of PARAMETERS, shape (1,)
    arrays : ndarray of ARRAYS, shape (1,)
    """

    def __init__(self, core: CoreScene, gpu: Gpu, main: SceneArrays | None = None) -> None:
        own = POINTERS if main is None else OF_PART
        super().__init__(ARRAYS, {name: getattr(core, name) for name in own}, gpu, main)
        self.parameters = np.asarray(core.parameters, PARAMETERS)
        self.fill(
            table_bytes=0 if core.tables is None else core.tables[0].nbytes,
            n_sources=len(core.sources),
            n_cells=len(core.cells),
            n_amorphous=0 if core.amorphous is None else len(core.amorphous),
        )


def kept_with(scene: Scene, gpu: Gpu, name: Hashable, make: Callable[[], Kept]) -> Kept:
    """Return what `make` copies into the memory of a GPU; it is kept under a name as long as the scene.

    It must not hold the scene, which would then be kept for ever.
    """
    known = _kept.setdefault(scene, {})
    key = (gpu.number, name)
    if key not in known:
        known[key] = make()
    return cast("Kept", known[key])


def parts_of(core: CoreScene) -> list[CoreScene]:
    """Return a scene, and what its crystal scatters besides (`CoreScene.rest`): an image is the sum of theirs."""
    return [core] if core.rest is None else [core, *parts_of(core.rest)]


def scene_arrays(scene: Scene, dtype: npt.DTypeLike, gpu: Gpu) -> list[SceneArrays]:
    """Return the arrays of every part of a scene on a GPU, for an image of a data type."""
    core = scene.core(dtype)

    def make() -> list[SceneArrays]:
        main, *rest = parts_of(core)
        first = SceneArrays(main, gpu)
        return [first, *(SceneArrays(part, gpu, first) for part in rest)]

    return kept_with(scene, gpu, ("scene", core.precision), make)


def check_memory(gpu: Gpu, needed: int, what: str) -> None:
    """Raise `ConfigError` if something does not fit into the free memory of a GPU."""
    free = gpu.free_bytes()
    if needed > free:
        raise ConfigError(
            f"device cuda:{gpu.number}: {what} need {needed / 2**30:.2f} GiB, but {free / 2**30:.2f} GiB are free; "
            'end other programs that use it, or use device="cpu"'
        )
