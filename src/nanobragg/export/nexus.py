"""Writing of images and their experiment as NXmx HDF5 files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone

import numpy.typing as npt

from ..calls import public
from ..config.config import Config
from ..errors import ConfigError
from ..io.atomic import StrPath
from ..io.hdf5 import Compression, compression_options, create_hdf5
from ..io.nexus_frames import FrameWriter
from ..io.nexus_write import write_entry
from .nexus_description import Description


@public
def write_nexus(
    path: StrPath,
    frames: Iterable[npt.ArrayLike],
    config: Config | Sequence[Config],
    *,
    compression: Compression | None = "bslz4",
    images_per_file: int | None = None,
    saturation: float | None = None,
    sensor_material: str | None = None,
    noise_seed: int | Sequence[int] | None = None,
    start_time: datetime | None = None,
) -> int:
    """Write images as one NXmx HDF5 file, or as data files with a master.

    Frames are written one at a time: `frames` may be a generator, and a series need not fit into memory. `path` is
    replaced when all files are complete.

    Parameters
    ----------
    path : path
        The file; with `images_per_file` the master, a.nxs or a_master.h5, with data files a_000001.h5, a_000002.h5, …
        in the same folder, which it joins to a virtual dataset.
    frames : iterable of (slow, fast), or (panels, slow, fast)
        Integer counts, stored as uint16, uint32 or int32, or photons, stored as float32; all of one type. Several
        panels are stacked along the slow axis.
    config : Config, or one per frame
        A single Config with a rotation describes the first image of a series (`Config.series`), without a rotation
        every image. With one per frame, wavelength, spectrum, flux and crystal may differ; the detector, the direction
        of the beam and the spindle must be the same.
    compression : {"bslz4", "lz4", "gzip", None}
        Detectors use bitshuffle and LZ4, "bslz4". A chunk is one frame.
    images_per_file : int, optional
        Images per data file.
    saturation : float, optional
        Largest valid value; default: `Detector.saturation_adu`, otherwise the largest value of the stored integer type
        minus two (DECTRIS and DIALS mark pixels with those above), and none for float32.
    sensor_material : str, optional
        Default: that of the detector, otherwise Si. DIALS 3.12 reads files with Si, CdTe and GaAs only.
    noise_seed : int or one per frame, optional
        Seed of the noise, to be recorded.
    start_time : datetime, optional
        Default: now.

    Returns
    -------
    int
        Number of images.

    Raises
    ------
    ConfigError
        No frames, a different number of Configs, Configs that cannot share a file, an unknown compression, or a missing
        library of the extra `files`.
    FormatError
        A frame of another shape or type, a negative count, or a value that is not finite.
    FileError
        The file cannot be written.
    """
    with nexus_writer(
        path, config, compression=compression, images_per_file=images_per_file, saturation=saturation,
        sensor_material=sensor_material, noise_seed=noise_seed, start_time=start_time,
    ) as store:  # fmt: skip
        for frame in frames:
            store.append(frame)
    return store.count


@contextmanager
def nexus_writer(
    path: StrPath,
    config: Config | Sequence[Config],
    *,
    compression: Compression | None = "bslz4",
    images_per_file: int | None = None,
    saturation: float | None = None,
    sensor_material: str | None = None,
    noise_seed: int | Sequence[int] | None = None,
    start_time: datetime | None = None,
) -> Iterator[FrameWriter]:
    """As `write_nexus`, for images that are appended: ``with nexus_writer(…) as store: store.append(image)``."""
    options = compression_options(compression)
    if images_per_file is not None and images_per_file < 1:
        raise ConfigError(f"images_per_file = {images_per_file}: must be at least 1")
    configs = [config] if isinstance(config, Config) else list(config)
    if not configs:
        raise ConfigError("config: must not be an empty list; give one Config, or one per frame")
    start_time = start_time or datetime.now(timezone.utc)
    record = Description(configs)
    shapes = [record.first.detector.shape, record.first.detector.stacked_shape]
    with create_hdf5(path) as master, ExitStack() as files:
        store = FrameWriter(path, master, shapes, options, images_per_file, files)
        yield store
        if store.dtype is None:
            raise ConfigError(f"{path}: no frames; give at least one image")
        store.finish()
        described = record.of_frames(path, store.count, isinstance(config, Config))
        entry = described.experiment(store.dtype, saturation, sensor_material, noise_seed, start_time)
        write_entry(master.root, entry, store.count, store.dtype)
