"""The choice of the device that renders: the processors, or a GPU."""

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ...errors import ConfigError
from ...scene.scene import Scene
from .devices import PREFIX, Gpu, gpus, is_on_gpu, number_of_gpu

NAME = re.compile(r"cuda(?::([0-9]{1,4}))?")
AUTO_TERMS = 3e8  # for each thread of the CPU, about a second, from which "auto" takes a GPU


def usable_gpus() -> list[Gpu]:
    """Return the GPUs of this machine; none without CuPy or a driver."""
    try:
        return gpus()
    except ConfigError:
        return []


def describe_gpus() -> str:
    """Return a line that lists the GPUs of this machine, or says why there are none."""
    try:
        return "; ".join(map(str, gpus())) or "none"
    except ConfigError as error:
        return f"none ({str(error).removeprefix(PREFIX)})"


def choose_gpu(device: object, scene: Scene, terms_per_thread: float, out: Any) -> Gpu | None:
    """Return the GPU that renders an image, or None for the CPU.

    Parameters
    ----------
    device
        "cpu", "cuda", "cuda:N" or "auto".
    scene
        The scene.
    terms_per_thread
        Terms of the image, over the threads of the CPU.
    out
        The array to render into; one in the memory of a GPU chooses that one.

    Raises
    ------
    ConfigError
        The name is not valid; there is no such GPU, or it cannot be used; `compat="c"` or `interpolate="phased"`; or
        `out` is elsewhere.
    """
    if device == "cpu":
        if is_on_gpu(out):
            raise ConfigError('device = "cpu": out is in the memory of a GPU; use device="cuda"')
        return None
    if device == "auto" and not is_on_gpu(out):
        found = [] if _reason_for_cpu(scene) or terms_per_thread < AUTO_TERMS else usable_gpus()
        return found[0] if found else None
    refuse_on_gpu(scene, device)
    return gpu_named("cuda" if device == "auto" else device, out)


def device_context(device: str) -> AbstractContextManager[Any]:
    """Return a context in which CuPy's arrays are on a GPU, "cuda" or "cuda:N"; for "cpu" one that does nothing."""
    return nullcontext() if device == "cpu" else gpu_named(device).active()


def refuse_on_gpu(scene: Scene, device: object) -> None:
    """Raise `ConfigError` for a scene that only processors render."""
    reason = _reason_for_cpu(scene)
    if reason:
        raise ConfigError(f'device = "{device}": {reason}')


def _reason_for_cpu(scene: Scene) -> str:
    """Return why a scene is not for a GPU, with the cure; empty if it is."""
    if scene.config.compat == "c":
        return (
            'compat="c" adds terms one by one, in the order of the original program, on the CPU only; use '
            'device="cpu", or compat=None (-exact)'
        )
    if scene.lookup == "phased":
        return 'StructureFactors.interpolate = "phased" is for the CPU; use device="cpu"'
    return ""


def gpu_named(device: object, array: Any = None, name_of_array: str = "out") -> Gpu:
    """Return the GPU of a name like "cuda" or "cuda:1"; without a number, that of an array, or the first.

    Raises
    ------
    ConfigError
        As `gpus`; or the name is not valid, or there is no such GPU, or the array is in the memory of another.
    """
    name = NAME.fullmatch(device) if isinstance(device, str) else None
    if not name:
        raise ConfigError(f'device = {device!r}: must be "cpu", "cuda", "cuda:N" or "auto"')
    found = gpus()
    holder = number_of_gpu(array) if is_on_gpu(array) else None
    number = int(name[1]) if name[1] else holder or 0
    if holder not in (None, number):
        raise ConfigError(f"device = {device!r}: {name_of_array} is in the memory of cuda:{holder}; use that device")
    if number >= len(found):
        have = ", ".join(f"cuda:{gpu.number}" for gpu in found) or "none"
        raise ConfigError(f"device = {device!r}: this machine's GPUs are {have}")
    return found[number]
