"""A stand-in for CuPy on machines without a GPU: it runs the text of device code on the CPU (shim.h).

Arrays "in the GPU's memory" are not NumPy arrays, so that code that mixes the two fails as it would with CuPy; so does
code that uses an array of one GPU while another is active.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

COMPILER = os.environ.get("CXX", "c++").split()
SHIM = Path(__file__).with_name("shim.h")
FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC", "-w")
MEMORY = 1 << 34
LIBRARIES = Path()  # where compiled device code is kept


_state = threading.local()


def active_gpu() -> int:
    """Return the number of the GPU that this thread's calls are for."""
    return getattr(_state, "gpu", 0)


@contextmanager
def _device(number: int) -> Iterator[None]:
    before, _state.gpu = active_gpu(), number
    try:
        yield
    finally:
        _state.gpu = before


def compiler() -> bool:
    """Return whether there is a C++ compiler."""
    return shutil.which(COMPILER[0]) is not None


class Array(np.lib.mixins.NDArrayOperatorsMixin):
    """An array as CuPy's: its values are reached by `get`, or CuPy's functions."""

    def __init__(self, values: np.ndarray, number: int | None = None) -> None:
        self._values = values
        self.number = active_gpu() if number is None else number  # of the GPU that holds it

    def get(self) -> np.ndarray:
        return self._values.copy()

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(x, np.ndarray) and x.ndim for x in inputs):
            raise TypeError(f"Unsupported type {np.ndarray}")
        return wrapped(getattr(ufunc, method)(*map(_values, inputs), **{k: _values(v) for k, v in options.items()}))

    def __array_function__(self, function: Any, _: Any, arguments: Any, options: Any) -> Any:
        return wrapped(function(*map(_values, arguments), **{k: _values(v) for k, v in options.items()}))

    def __getitem__(self, key: Any) -> Any:
        return wrapped(self._values[_values(key)], self.number)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("a NumPy array is not in the GPU's memory")
        self._values[_values(key)] = _values(value)

    def __float__(self) -> float:
        return float(self._values)

    def __int__(self) -> int:
        return int(self._values)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __format__(self, form: str) -> str:
        return format(self._values, form)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype", "nbytes", "size", "ndim", "flags", "T"):
            return wrapped(getattr(self._values, name), self.number)
        if name in ("reshape", "ravel", "view", "item", "tolist"):
            return lambda *a, **o: wrapped(getattr(self._values, name)(*a, **o), self.number)
        if name in ("min", "max", "sum", "astype", "clip"):
            return lambda *a, **o: wrapped(getattr(_values(self), name)(*map(_values, a), **o))
        raise AttributeError(name)

    @property
    def data(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self._values.ctypes.data)

    @property
    def device(self) -> SimpleNamespace:
        return SimpleNamespace(id=self.number)

    def __dlpack__(self, **_: Any) -> Any:
        return self

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self.number


def _values(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(map(_values, x))
    if not isinstance(x, Array):
        return x
    assert x.number == active_gpu(), "an array of another GPU"
    return x._values


def wrapped(x: Any, number: int | None = None) -> Any:
    return Array(x, number) if isinstance(x, np.ndarray | np.generic) else x


def _library(source: str, names: list[str], flags: tuple[str, ...]) -> ctypes.CDLL:
    """Compile device code for the CPU; what was compiled before is kept."""
    launches = "".join(
        f'extern "C" int launch_{name}(unsigned grid, unsigned size, void **given)\n'
        f"{{ return shim::launch(nb::NB_ISA::{name}, grid, size, given); }}\n"
        for name in names
    )
    text = f'#include "{SHIM}"\n{source}\n{launches}'
    digest = sha256((text + SHIM.read_text() + " ".join(flags)).encode()).hexdigest()[:24]
    path = LIBRARIES / f"{digest}.so"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        done = subprocess.run([*COMPILER, *flags, "-x", "c++", "-", "-o", part], input=text, text=True,
                              capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        part.replace(path)
    return ctypes.CDLL(str(path))


class RawModule:
    """Device code, compiled when a function is asked for."""

    def __init__(self, *, code: str, options: tuple[str, ...], backend: str) -> None:
        assert backend == "nvrtc"
        assert "-default-device" in options
        self.names = re.findall(r'extern "C" __global__ void (?:__launch_bounds__\(\w+\)\s+)?(\w+)', code)
        contraction = "off" if "-fmad=false" in options else "fast"
        self.library = _library(code, self.names, (*FLAGS, f"-ffp-contract={contraction}"))

    def get_function(self, name: str) -> Any:
        launch = getattr(self.library, f"launch_{name}")

        def function(grid: tuple[int], block: tuple[int], arguments: tuple[Any, ...]) -> None:
            held = [_argument(argument) for argument in arguments]
            pointers = (ctypes.c_void_p * len(held))(*[value.ctypes.data for value in held])
            assert launch(grid[0], block[0], pointers) == 0, "threads of a block part at a barrier"

        return function


def _argument(argument: Any) -> np.ndarray:
    """Return an argument's bytes, as CuPy passes them: arrays by address, NumPy arrays of one element by value."""
    if argument is None:
        return np.zeros(1, np.uint64)
    if isinstance(argument, Array):
        return np.array([_values(argument).ctypes.data], np.uint64)
    assert isinstance(argument, np.ndarray)
    assert argument.size == 1
    return np.ascontiguousarray(argument)


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


def _asarray(x: Any) -> Array:
    return x if isinstance(x, Array) else Array(np.array(x, order="C"))


def _copyto(target: Array, values: Any, where: Any = True) -> None:
    assert isinstance(values, Array)
    assert not isinstance(where, np.ndarray)
    np.copyto(target._values, values._values, where=_values(where))


def module(
    count: int = 1,
    free: int = MEMORY,
    models: tuple[str, ...] = ("Stand-in",),
    nvrtc: tuple[int, int] = (12, 9),
    driver: int = 12080,
) -> ModuleType:
    """Return the stand-in for the module cupy: with a number of GPUs, of which each has some free bytes, and models.

    `nvrtc` and `driver` are versions as CuPy states them.
    """
    cupy = ModuleType("cupy")
    properties = {"totalGlobalMem": MEMORY, "major": 9, "minor": 0, "multiProcessorCount": 4}
    runtime = SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        getDeviceCount=lambda: count,
        getDeviceProperties=lambda number: {"name": models[number % len(models)].encode(), **properties},
        memGetInfo=lambda: (free, MEMORY),
        driverGetVersion=lambda: driver,
    )
    stream = SimpleNamespace(synchronize=lambda: None)
    vars(cupy).update(
        __version__="0",
        RawModule=RawModule,
        ndarray=Array,
        asarray=_asarray,
        from_dlpack=_asarray,
        asnumpy=lambda x: np.array(x._values if isinstance(x, Array) else x),
        zeros=lambda *a, **o: Array(np.zeros(*a, **o)),
        empty=lambda shape, dtype: Array(np.full(shape, 77, dtype)),
        copyto=_copyto,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 0),
        cuda=SimpleNamespace(
            runtime=runtime,
            Device=_device,
            get_current_stream=lambda: stream,
            nvrtc=SimpleNamespace(getVersion=lambda: nvrtc),
        ),
    )
    return cupy
