"""Image + Config → a file that says what it shows, in any known format."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..config.config import Config
from ..config.detector import Detector
from ..config.digest import config_digest
from ..errors import FormatError
from ..io.atomic import StrPath, check_writable
from ..io.check_image import check_image
from ..io.formats import cast_to_integers
from ..io.optional_imports import import_optional
from ..response.quantize import to_pgm
from ..scene.scene import Scene
from .smv_header import smv_header_of

EXTRAS = {"cbf": ("fabio.compression",), "nexus": ("h5py", "hdf5plugin")}
HIGHEST = {"smv": 65535, "cbf": 2**31 - 3}  # of formats that hold whole numbers only


def write_image(
    path: StrPath,
    image: npt.ArrayLike,
    metadata: Mapping[str, object] | None = None,
    *,
    config: Config | Scene | None = None,
    noise_seed: int | None = None,
    format: str | None = None,
) -> None:
    """Write an image in the format that the suffix names; the file appears whole or not at all.

    Parameters
    ----------
    path : path
        .img or .smv (SMV), .bin (raw 32-bit floats), .npy, .png, .pgm, .cbf (miniCBF), .tif or .tiff, .nxs, .h5
        or .hdf5 (NXmx; see `write_nexus` for series).
    image : (slow, fast), or with `config` also (panels, slow, fast)
        SMV holds whole numbers 0 to 65535, CBF 0 to 2147483645 (without `config` also -1 and -2, which mark
        pixels), and they refuse others. PNG keeps
        uint8 and uint16 and draws everything else as dark spots on white. PGM keeps uint8 and scales everything
        else. TIFF holds uint8, uint16, int32 and float32, NXmx uint16, uint32, int32 and float32. Several panels
        are stacked along the slow axis.
    metadata : mapping, optional
        Entries of SMV's and CBF's header, besides those of `config`. PGM: `scale`. TIFF: `description` and
        `software`.
    config : Config, optional
        What the image shows; NXmx needs it, and the headers of SMV, CBF and TIFF are made of it.
    noise_seed : int, optional
        Of the noise, to be recorded.
    format : str, optional
        smv, bin, npy, png, pgm, cbf, tiff or nexus, if the suffix does not tell.

    Raises
    ------
    ConfigError
        An unknown suffix or format, a format that needs a Config or cannot hold this one, or a library of the
        extra `files` that is not installed.
    FormatError
        The format cannot hold the image, or it is not the Config's.
    FileError
        The file cannot be written.
    """
    kind = io.format_of(path, format).name
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
        told = ", ".join(f"{key} {value}" for key, value in _origin(whole, noise_seed).items())
        io.write_image(path, pixels, {"description": told, "software": "nanobragg", **extra}, format=kind)
    else:
        _write_pixels(path, pixels, extra, kind)


def _write_pixels(path: StrPath, image: npt.NDArray[Any], metadata: Mapping[str, object], kind: str) -> None:
    """Write an image without a Config; greys of a PGM are made of the pixels first."""
    if kind == "pgm" and image.dtype != np.uint8:
        check_image(path, image.shape, image.dtype)
        scale = metadata.get("scale")
        image, used = to_pgm(image, float(scale) if isinstance(scale, (int, float)) else None)
        metadata = {"scale": used}
    io.write_image(path, image, metadata, format=kind)


def _stacked(path: StrPath, image: npt.NDArray[Any], detector: Detector) -> npt.NDArray[Any]:
    """Return the image with its panels stacked along the slow axis, as files hold it."""
    if image.shape not in (detector.shape, detector.stacked_shape):
        raise FormatError(
            f"{path}: the image has shape {image.shape}, the Config's detector {detector.shape}; make them agree"
        )
    return image.reshape(detector.stacked_shape)


def _origin(config: Config, noise_seed: int | None) -> dict[str, object]:
    """Where an image comes from; the stream of a noise seed depends on NumPy's version, which goes with it."""
    from ..version import __version__

    origin: dict[str, object] = {"NANOBRAGG_VERSION": __version__, "CONFIG_SHA256": config_digest(config)}
    return origin if noise_seed is None else origin | {"NOISE_SEED": noise_seed, "NUMPY_VERSION": np.__version__}


def _write_cbf(
    path: StrPath, image: npt.NDArray[Any], config: Config, noise_seed: int | None, extra: Mapping[str, object]
) -> None:
    from ..io.cbf import write_cbf
    from .minicbf import cbf_header
    from .nexus_description import saturation_of, unrendered_pixels

    whole = cast_to_integers(path, image, np.int32, "CBF", lowest=0)
    saturation = saturation_of(config.detector, image.dtype if image.dtype.kind in "ui" else whole.dtype)
    assert saturation is not None  # they are integers
    header = cbf_header(path, config, saturation=saturation, noise_seed=noise_seed)
    missing = unrendered_pixels(config)
    if missing is not None:
        whole = np.where(missing, np.int32(-1), whole)
    write_cbf(path, whole, header + "".join(f"# {key} {value}\n" for key, value in extra.items()))


def check_image_paths(paths: Sequence[StrPath], config: Config | None = None) -> None:
    """Raise `ConfigError` or `FileError` unless each of `paths` names an image format and can be written.

    With `config` also unless the format can hold it, and the libraries that it needs are there.
    """
    for path in paths:
        kind = io.format_of(path).name
        check_writable(path)
        for library in EXTRAS.get(kind, ()):
            import_optional(library, f"{path}: {kind}")
        if kind == "cbf" and config is not None:
            from .minicbf import check_expressible

            check_expressible(path, config)


def write_image_file(path: StrPath, image: npt.NDArray[Any], scene: Scene, *, seed: int | None = None) -> int:
    """Write a rendered or noisy image in the format that the suffix names, whatever that takes.

    Parameters
    ----------
    path
        Formats of whole numbers (SMV, CBF): fractions are rounded to nearest, values above the highest clipped.
        .png is drawn as dark spots on white. The others hold what they can of the image as it is.
    image : ndarray, shape (slow, fast) or (panels, slow, fast)
    scene
        What was rendered.
    seed
        Of the noise, if there is any.

    Returns
    -------
    int
        Number of pixels that were clipped.
    """
    kind = io.format_of(path).name
    clipped = 0
    if highest := HIGHEST.get(kind):
        clipped = int(np.count_nonzero(image > highest))
        image = np.rint(np.clip(image, 0, highest).astype(np.float64)) if image.dtype.kind == "f" else image
    if kind == "png":
        from ..io.png import render_grey, write_png

        write_png(path, render_grey(image.reshape(scene.config.detector.stacked_shape)))
    else:
        write_image(path, image, config=scene, noise_seed=seed)
    return clipped
