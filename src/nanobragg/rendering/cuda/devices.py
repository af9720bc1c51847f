"""The GPUs of this machine, and the choice of one. CuPy is imported when a GPU is asked for."""

from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import ConfigError
from .source import Kind

PREFIX = 'device = "cuda": '  # of messages
DLPACK_CUDA = 2  # DLDeviceType
INSTALL = "pip install 'nanobragg[cuda]'"


class Gpu(NamedTuple):
    """A GPU.

    Attributes
    ----------
    number
        As in ``cuda:0``.
    name
        The manufacturer's.
    memory_bytes
        All of its memory.
    capability
        Compute capability, as in 9.0.
    """

    number: int
    name: str
    memory_bytes: int
    capability: str

    def __str__(self) -> str:
        memory = self.memory_bytes / 2**30
        return f"cuda:{self.number}, {self.name}, {memory:.0f} GiB, compute capability {self.capability}"

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which this thread's calls to CuPy are for this GPU."""
        context: AbstractContextManager[Any] = cupy().cuda.Device(self.number)
        return context

    def free_bytes(self) -> int:
        """Return how much of its memory is free, with what CuPy keeps for further use."""
        with self.active():
            free, _ = cupy().cuda.runtime.memGetInfo()
            return int(free) + int(cupy().get_default_memory_pool().free_bytes())

    def view(self, array: Any, name: str = "out") -> Any:
        """Return an array in this GPU's memory as one of CuPy that shares it; others, and None, as they are."""
        if not is_on_gpu(array):
            return array
        try:
            with self.active():
                return cupy().from_dlpack(array) if hasattr(array, "__dlpack__") else cupy().asarray(array)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            problem = f"{name}, a {type(array).__name__}: cannot be shared ({error}); give a CuPy array"
            raise ConfigError(problem) from None

    def function(self, kind: Kind, name: str) -> Any:
        """Return a kernel of some device code, which is compiled when it is first used; CuPy keeps it on disk."""
        return _module(self.number, kind).get_function(name)


def is_on_gpu(array: Any) -> bool:
    """Return whether an array is in the memory of a GPU."""
    return not isinstance(array, np.ndarray) and (
        hasattr(array, "__cuda_array_interface__") or _dlpack_device(array)[0] == DLPACK_CUDA
    )


def number_of_gpu(array: Any) -> int:
    """Return the number of the GPU that holds an array."""
    if hasattr(array, "__dlpack_device__"):
        return _dlpack_device(array)[1]
    return int(cupy().asarray(array).device.id)


def _dlpack_device(array: Any) -> tuple[int, int]:
    kind, number = array.__dlpack_device__() if hasattr(array, "__dlpack_device__") else (0, 0)
    return int(kind), int(number)


def beside(target: Any, array: Any) -> Any:
    """Return an array where `target` is: in this machine's memory (NumPy), or in a GPU's (CuPy)."""
    return to_host(array) if isinstance(target, np.ndarray) else cupy().asarray(array)


def to_host(array: Any) -> npt.NDArray[Any]:
    """Return an array, of NumPy or CuPy, in this machine's memory."""
    values: npt.NDArray[Any] = array if isinstance(array, np.ndarray) else cupy().asnumpy(array)
    return values


@cache
def _module(number: int, kind: Kind) -> Any:
    with cupy().cuda.Device(number):
        return cupy().RawModule(code=kind.source, options=kind.options, backend="nvrtc")


def cupy() -> Any:
    """Import and return CuPy; raises `ConfigError` if it is not installed, or does not find CUDA's libraries."""
    try:
        return import_module("cupy")
    except ImportError as error:
        raise ConfigError(f"{PREFIX}needs CuPy ({error}); {INSTALL}") from None


def versions() -> dict[str, str]:
    """Return the versions that the last bits of images of a GPU depend on, by name: what compiles and runs its code."""
    version, cuda = cupy().cuda.runtime.driverGetVersion(), cupy().cuda
    return {
        "cupy": str(cupy().__version__),
        "NVRTC": ".".join(map(str, cuda.nvrtc.getVersion())),
        "CUDA driver": f"{version // 1000}.{version % 1000 // 10}",
    }


def gpus() -> list[Gpu]:
    """Return the GPUs of this machine.

    Raises
    ------
    ConfigError
        CuPy is not installed; there is no driver, or it is too old.
    """
    runtime = cupy().cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise ConfigError(f'{PREFIX}{error}; install NVIDIA\'s driver, or use device="cpu"') from None
    found = []
    for number in range(count):
        facts = runtime.getDeviceProperties(number)
        name = facts["name"].decode() if isinstance(facts["name"], bytes) else facts["name"]
        found.append(Gpu(number, name, int(facts["totalGlobalMem"]), f"{facts['major']}.{facts['minor']}"))
    return found
