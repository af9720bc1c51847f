"""Noise of an exposure: from expected photons to recorded detector units."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .._noise import CRandom, ordered_sum
from ..bounds import whole
from ..calls import public
from ..config.config import Config
from ..config.noise import Psf
from ..config.region import Region
from ..errors import ConfigError
from ..geometry import FloatArray
from ..rendering.cuda.devices import beside
from ..rendering.out_array import check_out
from ..scene.scene import Scene
from .exposure import Electronics, Exposure, Streams, check_offset, check_range
from .psf import blur
from .quantize import checked_image
from .recorders import OnProcessors, choose_recorder
from .recording import Recording, resolve_recording

MAX_C_SEED = 2**31 - 1
C_BLOCK_PIXELS = 1 << 15  # pixels between two looks at Ctrl-C


@public
def c_noise(
    image: ArrayLike,
    seed: int,
    adc_offset: float = 40.0,
    roi: Region | None = None,
    before: CRandom | None = None,
) -> tuple[NDArray[np.uint16], float, int]:
    """Add the C program's photon noise to an image, reproducing its noise image byte for byte.

    Every pixel, in row-major order, gets a Poisson deviate plus `adc_offset`, truncated. Only the upper end is clipped:
    a negative sum wraps around, as in the C program.

    Parameters
    ----------
    image : array of shape (slow, fast)
        Expected photons, as float32. Masked pixels are 0 and draw a deviate too.
    seed : int
        Value of the C program's ``-seed``, 0 … 2147483647. A negative one, which its generator does not take for a
        new seed, needs `before`.
    adc_offset : float
        Added to every pixel of the region of interest, ADU.
    roi : two slices (slow, fast), optional
        Pixels outside draw no deviate and are 0.
    before : CRandom, optional
        The stream that a negative seed continues: that of the mosaic domains (`config.mosaic.c_stream_of_mosaic`).

    Returns
    -------
    noisy : array of shape (slow, fast), uint16
    photons : float
        Sum of the deviates.
    overloads : int
        Number of pixels clipped at 65535.

    Raises
    ------
    ConfigError
        A negative or non-finite pixel, or a seed out of range.
    """
    seed = whole("seed", seed, 0 if before is None else -MAX_C_SEED, MAX_C_SEED)
    check_offset(adc_offset)
    means = checked_image(image, lowest=0.0)
    if means.max() > np.finfo(np.float32).max:
        raise ConfigError(f"image: {means.max():g} photons are more than a 32-bit float holds; scale the image")
    where = roi or (slice(None), slice(None))
    photons = _c_photons(means[where], CRandom(seed, before))
    adu = photons + np.float64(adc_offset)
    overloads = int(np.count_nonzero(adu > 65535.0))
    noisy = np.zeros(means.shape, np.uint16)
    noisy[where] = np.minimum(adu, 65535.0, out=adu).astype(np.int64)
    return noisy, ordered_sum(photons), overloads


def _c_photons(means: NDArray[Any], draw: CRandom) -> NDArray[np.float32]:
    """Return deviates of the C program in row-major order, drawn in blocks so that Ctrl-C is noticed between them."""
    flat = np.ascontiguousarray(means, np.float32).reshape(-1)
    photons = np.empty_like(flat)
    for start in range(0, len(flat), C_BLOCK_PIXELS):
        block = slice(start, start + C_BLOCK_PIXELS)
        photons[block] = draw.poisson(flat[block])
    return photons.reshape(means.shape)


@public
def add_noise(
    image: Any,
    experiment: Config | Scene | None = None,
    *,
    seed: int | None = None,
    gain_adu_per_photon: float | None = None,
    adc_offset: float | None = None,
    readout_noise_adu: float | None = None,
    calibration_error: float | None = None,
    calibration_seed: int | None = None,
    flicker: float | None = None,
    psf: Psf | None = None,
    psf_fwhm_px: float | None = None,
    saturation_adu: float | None = None,
    dtype: DTypeLike | None = None,
    threads: int | None = None,
    device: str = "cpu",
    out: Any = None,
) -> NDArray[Any]:
    """Return the detector units of one exposure, from expected photons.

    The steps and their order are those of simtbx's ``nanoBragg::add_noise`` (cctbx_project, J. Holton): beam flicker,
    photon counting, calibration error, point-spread function, gain and offset, read-out noise, saturation. The same
    seed gives the same image on any number of threads, and on a GPU.

    Parameters
    ----------
    image : array of shape (slow, fast) or (panels, slow, fast)
        Expected photons, finite and not negative: of NumPy, or with a GPU also one in its memory (of CuPy, PyTorch, or
        another library with DLPack or ``__cuda_array_interface__``).
    experiment : Config or Scene, optional
        The experiment of the image. What is not given here is that of its `noise`, and then of its detector: photon
        counters have no offset and record 32-bit integers (`nanobragg.detectors.readout`). The defaults below are those
        without an experiment.
    seed : int, optional
        Seed of photons, flicker and read-out noise, 0 or more; default: fresh entropy from the operating system.
    gain_adu_per_photon : float
        ADU per photon (simtbx: ``quantum_gain``).
    adc_offset : float
        ADU of a pixel without photons (simtbx: ``adc_offset_adu``); default: 40.
    readout_noise_adu : float
        Standard deviation of the Gaussian noise of the electronics, ADU per pixel and exposure.
    calibration_error : float
        Relative standard deviation of the pixels' gain (simtbx: ``detector_calibration_noise_pct`` / 100). The pattern
        depends on `calibration_seed` only, so that all exposures of a detector share it.
    calibration_seed : int
        Seed of the calibration pattern, 0 or more; one per detector.
    flicker : float
        Relative standard deviation of the exposure's fluence: one factor for the whole image. (simtbx draws
        one per pixel.)
    psf : {"none", "gaussian", "fiber"}
        Point-spread function applied after photon counting, so that noise is correlated between neighbours; see
        `nanobragg.response.psf.blur` for formulas and sources.
    psf_fwhm_px : float
        Full width at half maximum of `psf`, pixels.
    saturation_adu : float, optional
        Largest value of a pixel, ADU; default: the maximum of `dtype`, 65535 for the default type.
    dtype : dtype
        Type of the result; default: uint16. Integer types round to nearest; floating types keep fractions and negative
        values.
    threads : int, optional
        Number of threads. Default: OMP_NUM_THREADS, or the processors available to this process.
    device : str
        "cpu"; "cuda" or "cuda:N" for an NVIDIA GPU (docs/gpu.md), where the point-spread function alone is applied by
        the CPU; "auto" for where the image, or `out`, is.
    out : array of the image's shape, optional
        C-contiguous array to write to, whose type is that of the result: of NumPy, or with a GPU one in its memory.

    Returns
    -------
    array of the image's shape, ADU
        `out` if given; otherwise of NumPy, or of CuPy for an image in a GPU's memory.

    Raises
    ------
    ConfigError
        A pixel is negative or not finite, or a parameter is out of range; the message names it. A GPU that does not
        exist, cannot be used or has too little memory.
    """
    if not (experiment is None or isinstance(experiment, (Config, Scene))):
        raise ConfigError(f"experiment = {experiment!r}: must be a Config or a Scene; give seed={experiment!r} by name")
    config = experiment.config if isinstance(experiment, Scene) else experiment
    recorder = choose_recorder(device, threads, image, out)
    with recorder.active():
        target = recorder.view(out, "out")
        given = {
            "seed": seed, "gain_adu_per_photon": gain_adu_per_photon, "adc_offset": adc_offset,
            "readout_noise_adu": readout_noise_adu, "calibration_error": calibration_error,
            "calibration_seed": calibration_seed, "flicker": flicker, "psf": psf, "psf_fwhm_px": psf_fwhm_px,
            "saturation_adu": saturation_adu, "dtype": getattr(target, "dtype", None) if dtype is None else dtype,
        }  # fmt: skip
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        means = checked_image(recorder.view(image, "image"), lowest=0.0, panels=True)
        recorded = _record(means, resolve_recording(config)._replace(**changes), recorder, target)
    result: NDArray[Any] = recorded if out is None else out
    return result


def _record(means: Any, settings: Recording, recorder: OnProcessors, out: Any) -> Any:
    """Return the detector units of one exposure from resolved settings, in `out` if it is given."""
    dtype = np.dtype(settings.dtype)
    _check_psf(settings.psf, settings.psf_fwhm_px)
    _check_maps(settings, means.shape)
    streams = Streams(settings.seed, settings.calibration_seed, recorder)
    gain_map = None if settings.gain_map is None else _rows(settings.gain_map)
    exposure = Exposure(streams, _rows(means), settings.flicker, settings.calibration_error, gain_map)
    electronics = Electronics(
        streams, settings.gain_adu_per_photon, settings.adc_offset, settings.readout_noise_adu,
        settings.saturation_adu, dtype,
    )  # fmt: skip
    recorder.check_type(dtype)
    if out is not None:
        check_out(out, means.shape, dtype)
    adu = np.empty_like(means, dtype, order="C") if out is None else out
    if settings.psf == "none":
        _record_sharp(exposure, electronics, recorder, _rows(adu))
    else:
        _record_blurred(exposure, electronics, recorder, adu, settings)
    return _with_bad_pixels(adu, settings, electronics.highest)


def _record_sharp(exposure: Exposure, electronics: Electronics, recorder: OnProcessors, recorded: Any) -> None:
    """Record an exposure in rows of detector units, without an array of photons as large as the image."""

    def record(rows: slice, scratch: FloatArray) -> None:
        electronics.digitise(exposure.photons(rows, scratch), rows, recorded[rows])

    recorder.each_block(record, recorded.shape)


def _record_blurred(
    exposure: Exposure, electronics: Electronics, recorder: OnProcessors, adu: Any, settings: Recording
) -> None:
    """Record an exposure in an image of detector units, blurred between photon counting and read-out."""
    photons = np.empty(adu.shape)
    registered, recorded = _rows(photons), _rows(adu)

    def expose(rows: slice, scratch: FloatArray) -> None:
        registered[rows] = beside(registered, exposure.photons(rows, scratch))

    def read_out(rows: slice, scratch: FloatArray) -> None:
        electronics.digitise(beside(scratch, registered[rows]), rows, recorded[rows])

    recorder.each_block(expose, registered.shape)
    for panel in photons if photons.ndim == 3 else [photons]:
        panel[...] = blur(panel, settings.psf, settings.psf_fwhm_px, recorder.threads)
    recorder.each_block(read_out, recorded.shape)


def _with_bad_pixels(adu: Any, settings: Recording, highest: float) -> Any:
    """Set dead pixels to the offset and hot ones to the largest value."""
    if settings.dead_pixels is not None:
        offset = round(settings.adc_offset) if adu.dtype.kind in "iu" else settings.adc_offset
        adu[beside(adu, settings.dead_pixels)] = offset
    if settings.hot_pixels is not None:
        adu[beside(adu, settings.hot_pixels)] = highest
    return adu


def _rows(image: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of all panels as one array."""
    return image.reshape(-1, image.shape[-1])


def _check_maps(settings: Recording, shape: tuple[int, ...]) -> None:
    for name in ("gain_map", "dead_pixels", "hot_pixels"):
        pixels = getattr(settings, name)
        if pixels is not None and pixels.shape != shape:
            raise ConfigError(f"Noise.{name}: shape {pixels.shape} is not that of the image, {shape}")


def _check_psf(psf: Psf, fwhm_px: float) -> None:
    if psf not in get_args(Psf):
        raise ConfigError(f"psf = {psf!r} is not valid; choose one of {', '.join(get_args(Psf))}")
    check_range("psf_fwhm_px", fwhm_px)
    if (psf == "none") != (fwhm_px == 0.0):
        raise ConfigError(f"psf_fwhm_px = {fwhm_px} with psf = {psf!r} is not valid; give both a shape and a width")
