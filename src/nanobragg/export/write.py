"""Writing of images with the metadata of their experiment, in all formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..calls import public
from ..config.config import Config
from ..config.detector import Detector
from ..config.digest import config_digest
from ..errors import FormatError
from ..io.atomic import StrPath, check_writable
from ..io.check_image import cast_to_integers, check_image
from ..io.formats import format_of
from ..io.optional_imports import import_optional
from ..response.quantize import to_pgm
from ..response.recording import resolve_recording
from ..scene.scene import Scene
from .smv_header import smv_header_of

EXTRAS = {"cbf": ("fabio.compression",), "nexus": ("h5py", "hdf5plugin")}
HIGHEST = {"smv": 65535, "cbf": 2**31 - 3}  # largest value in integer formats


@public
def write_image(
    path: StrPath,
    image: npt.ArrayLike,
    metadata: Mapping[str, object] | None = None,
    *,
    config: Config | Scene | None = None,
    noise_seed: int | None = None,
    format: str | None = None,
) -> None:
    """Write an image atomically, in the format of the suffix.

    Parameters
    ----------
    path : path
        .img or .smv (SMV), .bin (raw 32-bit floats), .npy, .png, .pgm, .cbf (miniCBF), .tif or .tiff, .nxs, .h5
        or .hdf5 (NXmx; see `write_nexus` for series).
    image : (slow, fast), or with `config` also (panels, slow, fast)
        SMV holds integers 0 to 65535, CBF 0 to 2147483645 (without `config` also -1 and -2, which mark pixels); other
        values are errors. PNG stores uint8 and uint16 unchanged and draws other types as dark spots on white. PGM
        stores uint8 unchanged and scales other types. TIFF holds uint8, uint16, int32 and float32, NXmx uint16, uint32,
        int32 and float32. Several panels are stacked along the slow axis.
    metadata : mapping, optional
        Additional entries of SMV and CBF headers. PGM: `scale`. TIFF: `description` and `software`.
    config : Config, optional
        The experiment, for the headers of SMV, CBF and TIFF; required for NXmx.
    noise_seed : int, optional
        Seed of the noise, to be recorded.
    format : str, optional
        smv, bin, npy, png, pgm, cbf, tiff or nexus; default: by the suffix.

    Raises
    ------
    ConfigError
        An unknown suffix or format, a format that needs a Config or cannot hold this one, or a missing library of the
        extra `files`.
    FormatError
        The format cannot hold the image, or the shape is not that of the Config.
    FileError
        The file cannot be written.
    """
    kind = format_of(path, format).name
    if config is None:
        _write_pixels(path, np.asarray(image), metadata or {}, kind)
        return
    whole = config.config if isinstance(config, Scene) else config
    pixels = _stacked(path, np.asarray(image), whole.detector)
    extra = dict(metadata or {})
    if kind == "smv":
        from ..io.smv import write_smv

        scene = config if isinstance(config, Scene) else Scene(config)
        header = smv_header_of(scene, _origin(whole, noise_seed) | extra)
        write_smv(path, cast_to_integers(path, pixels, np.uint16, "SMV"), header)
    elif kind == "cbf":
        _write_cbf(path, pixels, whole, noise_seed, extra)
    elif kind == "nexus":
        from .nexus import write_nexus

        write_nexus(path, [pixels], whole, noise_seed=noise_seed)
    elif kind == "tiff":
        description = ", ".join(f"{key} {value}" for key, value in _origin(whole, noise_seed).items())
        io.write_image(path, pixels, {"description": description, "software": "nanobragg", **extra}, format=kind)
    else:
        _write_pixels(path, pixels, extra, kind)


def _write_pixels(path: StrPath, image: npt.NDArray[Any], metadata: Mapping[str, object], kind: str) -> None:
    """Write an image without a Config; PGM images are scaled to grey levels first."""
    if kind == "pgm" and image.dtype != np.uint8:
        check_image(path, image)
        scale = metadata.get("scale")
        image, used = to_pgm(image, float(scale) if isinstance(scale, (int, float)) else None)
        metadata = {"scale": used}
    io.write_image(path, image, metadata, format=kind)


def _stacked(path: StrPath, image: npt.NDArray[Any], detector: Detector) -> npt.NDArray[Any]:
    """Return the image with its panels stacked along the slow axis, as in files."""
    if image.shape not in (detector.shape, detector.stacked_shape):
        raise FormatError(
            f"{path}: the image has shape {image.shape}, the Config's detector {detector.shape}; make them agree"
        )
    return image.reshape(detector.stacked_shape)


def _origin(config: Config, noise_seed: int | None) -> dict[str, object]:
    """Return header entries on the origin of an image; noise depends on its seed and on NumPy's version."""
    from ..version import __version__

    origin: dict[str, object] = {"NANOBRAGG_VERSION": __version__, "CONFIG_SHA256": config_digest(config)}
    if config.noise is not None:
        origin["IMAGE_PEDESTAL"] = f"{resolve_recording(config).adc_offset:g}"
    return origin if noise_seed is None else origin | {"NOISE_SEED": noise_seed, "NUMPY_VERSION": np.__version__}


def _write_cbf(
    path: StrPath, image: npt.NDArray[Any], config: Config, noise_seed: int | None, extra: Mapping[str, object]
) -> None:
    from ..io.cbf import write_cbf
    from .minicbf import cbf_header
    from .nexus_description import saturation_of, unrendered_pixels

    whole = cast_to_integers(path, image, np.int32, "CBF", lowest=0)
    saturation = saturation_of(config, image.dtype if image.dtype.kind in "ui" else whole.dtype)
    assert saturation is not None  # they are integers
    header = cbf_header(path, config, saturation=saturation, noise_seed=noise_seed)
    missing = unrendered_pixels(config)
    if missing is not None:
        whole = np.where(missing, np.int32(-1), whole)
    write_cbf(path, whole, header + "".join(f"# {key} {value}\n" for key, value in extra.items()))


def check_image_paths(paths: Sequence[StrPath], config: Config | None = None) -> None:
    """Raise `ConfigError` or `FileError` before rendering if one of `paths` cannot be written.

    This covers unknown formats, missing libraries, and a `config` that the format cannot hold.
    """
    for path in paths:
        kind = format_of(path).name
        check_writable(path)
        for library in EXTRAS.get(kind, ()):
            import_optional(library, f"{path}: {kind}")
        if kind == "cbf" and config is not None:
            from .minicbf import check_expressible

            check_expressible(path, config)


def write_image_file(path: StrPath, image: npt.NDArray[Any], scene: Scene, *, seed: int | None = None) -> int:
    """Write a rendered or noisy image in the format of the suffix; return the number of pixels that had to be clipped.

    For integer formats (SMV, CBF), values are rounded to nearest and clipped to the largest valid one; .png is drawn as
    dark spots on white. `seed` is that of the noise, if any.
    """
    kind = format_of(path).name
    clipped = 0
    if highest := HIGHEST.get(kind):
        clipped = int(np.count_nonzero(image > highest))
        image = np.minimum(image, highest) if clipped else image
        image = np.rint(np.maximum(image, 0).astype(np.float64)) if image.dtype.kind == "f" else image
    if kind == "png":
        from ..io.png import render_grey, write_png

        write_png(path, render_grey(image.reshape(scene.config.detector.stacked_shape)))
    else:
        write_image(path, image, config=scene, noise_seed=seed)
    return clipped
