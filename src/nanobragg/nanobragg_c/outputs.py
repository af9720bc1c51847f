"""The C program's output files: float image, SMV images and PGM."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.mosaic import c_stream_of_mosaic
from ..errors import ConfigError
from ..export.smv_header import smv_header_of
from ..io.atomic import StrPath
from ..scene.scene import Scene
from .flags.flag_values import Outputs


class CImages(NamedTuple):
    """The C program's integer images, each of shape (slow, fast).

    Attributes
    ----------
    integers, int_scale
        Scaled photons plus the ADC offset, 16-bit, and the scale.
    greys, pgm_scale
        8-bit PGM image, or None if not requested, and its scale.
    noisy, photons, overloads
        Photons with noise plus the ADC offset, 16-bit, or None if not requested; sum of the photons and number of
        clipped pixels.
    """

    integers: npt.NDArray[np.uint16]
    int_scale: float
    greys: npt.NDArray[np.uint8] | None = None
    pgm_scale: float = 0.0
    noisy: npt.NDArray[np.uint16] | None = None
    photons: float = 0.0
    overloads: int = 0


def make_c_images(image: npt.NDArray[np.float32], scene: Scene, outputs: Outputs, rmsd: float) -> CImages:
    """Return the C program's integer images of a float image (slow, fast), with identical values.

    A noise image needs `outputs.seed`. `rmsd`, the root-mean-square deviation of the image from `statistics`, sets the
    scale of the PGM image.
    """
    from ..response.quantize import to_integers, to_pgm

    integers, scale = to_integers(image, outputs.int_scale, outputs.adc_offset, scene.roi)
    images = CImages(integers, scale)
    if outputs.write_pgm:
        greys, pgm_scale = to_pgm(image, outputs.pgm_scale, rmsd, scale, scene.roi)
        images = images._replace(greys=greys, pgm_scale=pgm_scale)
    if outputs.write_noise:
        from ..response.noise import c_noise

        if outputs.seed is None:
            raise ConfigError("Outputs.seed = None is not valid for a noise image; give a seed")
        noisy, photons, overloads = c_noise(
            image, outputs.seed, outputs.adc_offset, scene.roi, c_stream_of_mosaic(scene.config.crystal)
        )
        images = images._replace(noisy=noisy, photons=photons, overloads=overloads)
    return images


def output_paths(outputs: Outputs) -> dict[str, str]:
    """Return the paths of the C program's output files by kind: float, int, pgm, noise."""
    paths = {"float": outputs.float_path, "int": outputs.int_path}
    if outputs.write_pgm:
        paths["pgm"] = outputs.pgm_path
    if outputs.write_noise:
        paths["noise"] = outputs.noise_path
    return paths


def write_c_files(image: npt.NDArray[np.float32], images: CImages, scene: Scene, outputs: Outputs) -> None:
    """Write the C program's output files, identical byte for byte."""
    from ..io.float_image import write_float_image
    from ..io.pgm import write_pgm
    from ..io.smv import write_smv

    header = smv_header_of(scene)
    write_float_image(outputs.float_path, image)
    write_smv(outputs.int_path, images.integers, header)
    if images.greys is not None:
        write_pgm(outputs.pgm_path, images.greys, images.pgm_scale)
    if images.noisy is not None:
        write_smv(outputs.noise_path, images.noisy, header)


def write_dump(path: StrPath, scene: Scene) -> None:
    """Write the structure factors as the C program's Fdump.bin."""
    from ..io.fdump import write_fdump

    if scene.table is None:
        raise ConfigError("StructureFactors: there are no reflections to dump; give a list of structure factors")
    table = scene.config.structure_factors.table()
    write_fdump(path, *table.limits.first, table.values[1:-1, 1:-1, 1:-1])
