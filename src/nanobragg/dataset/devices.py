"""The devices that the workers of a data set render on."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import ConfigError
from ..rendering.cuda.choice import NAME, gpu_named
from ..rendering.cuda.devices import Gpu, gpus, versions

ANY_MODEL = "as the scheduler's workers have"  # which their records state


class Devices(NamedTuple):
    """Devices that workers take in turn.

    Attributes
    ----------
    names : tuple of str
        As in `simulate`.
    versions : dict
        What the last bits of images depend on, by name; empty for the processors.
    """

    names: tuple[str, ...]
    versions: dict[str, str]

    @property
    def kind(self) -> str:
        """ "cpu" or "cuda"."""
        return self.names[0].partition(":")[0]

    def of_worker(self, number: int) -> str:
        """Return the device of a worker."""
        return self.names[number % len(self.names)]


PROCESSORS = Devices(("cpu",), {})


def check_device(device: object) -> None:
    """Raise `ConfigError` unless a device is "cpu", "cuda" or "cuda:N"."""
    if device != "cpu" and not (isinstance(device, str) and NAME.fullmatch(device)):
        raise ConfigError(
            f'device = {device!r}: must be "cpu", "cuda" or "cuda:N"; one kind of device makes all shots of a data set'
        )


def find_devices(device: str, *, here: bool) -> Devices:
    """Return the devices of a data set's workers.

    Parameters
    ----------
    device
        "cpu"; "cuda" for all GPUs of this machine; "cuda:N" for one of them.
    here
        Whether the workers are on this machine; each of a scheduler's uses the device of this name that it sees.

    Raises
    ------
    ConfigError
        There is no such GPU, or it cannot be used; or GPUs are of several models, which differ in the last bits.
    """
    if device == "cpu":
        return PROCESSORS
    if not here:
        return Devices((device,), {"GPU": ANY_MODEL})
    chosen = gpus() if device == "cuda" else []
    chosen = chosen or [gpu_named(device)]
    models = sorted({gpu.name for gpu in chosen})
    if len(models) > 1:
        raise ConfigError(
            f'device = "cuda": this machine\'s GPUs differ ({", ".join(models)}), and with them the last bits of '
            'images; choose one, as in device="cuda:0"'
        )
    return Devices(tuple(f"cuda:{gpu.number}" for gpu in chosen), versions_of(chosen[0]))


def versions_of(gpu: Gpu) -> dict[str, str]:
    """Return what the last bits of images of a GPU depend on, by name: its model, compiler and driver."""
    return {"GPU": gpu.name, **versions()}
