"""`nanobragg convert IN OUT`: convert an image to another format."""

import argparse

from .parser import CommandParser

FORMATS = """\
Formats by their suffix: .img .smv (SMV), .bin (4-byte floats without a header), .npy, .png, .pgm, .cbf (miniCBF),
.tif .tiff, .nxs .h5 .hdf5 (NXmx).
The header of SMV and CBF is kept if the format stays the same. SMV holds integers 0 to 65535, CBF integers; --scale
converts other images to integers. --config supplies the header of SMV and CBF, and is required for NXmx."""

WITH_METADATA = ("smv", "cbf", "nexus")  # formats that describe the experiment


def add_options(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.description, parser.epilog = "Convert an image to another format.", FORMATS
    parser.add_argument("input", metavar="IN")
    parser.add_argument("output", metavar="OUT")
    parser.add_argument("--shape", type=int, nargs=2, metavar=("SLOW", "FAST"),
                         help="pixels along the slow and fast axis; required for .bin")  # fmt: skip
    parser.add_argument("--scale", type=float, metavar="S", help="multiply by S, round, and clip to 0 to 65535")
    parser.add_argument("--adc", type=float, metavar="OFFSET", help="with --scale: add OFFSET (default: 0)")
    parser.add_argument("--config", metavar="CONFIG.toml", help="the experiment of the image")
    parser.add_argument("--image", type=int, default=1, metavar="N", help="number of the NXmx image (default: 1)")


def run(chosen: argparse.Namespace) -> int:
    """Convert one image file."""
    from ..config.config import Config
    from ..errors import ConfigError, FormatError, warn_user
    from ..export.write import check_image_paths, write_image
    from ..io import read_image
    from ..io.atomic import check_distinct
    from ..io.formats import format_of, format_to_read

    if chosen.adc is not None and chosen.scale is None:
        raise ConfigError(f"--adc {chosen.adc:g}: needs --scale")
    config = None if chosen.config is None else Config.from_toml(chosen.config)
    if chosen.image < 1:
        raise ConfigError(f"--image {chosen.image}: must be at least 1")
    check_image_paths([chosen.output], config)
    check_distinct([chosen.output], filter(None, [chosen.input, chosen.config]))
    shape = None if chosen.shape is None else tuple(chosen.shape)
    try:
        image, metadata = read_image(chosen.input, shape=shape, index=chosen.image - 1)
    except ConfigError as error:
        if not str(error).startswith("shape:"):
            raise
        raise ConfigError(f"{error} (here --shape SLOW FAST)") from None
    if chosen.scale is not None:
        from ..response.quantize import to_integers

        image, _ = to_integers(image, chosen.scale, chosen.adc or 0.0)
    before, after = format_to_read(chosen.input), format_of(chosen.output)
    same_format = before == after
    try:
        write_image(chosen.output, image, metadata if same_format and config is None else None, config=config)
    except FormatError as error:
        if "does not fit into" not in str(error):
            raise
        raise FormatError(f"{error}; --scale 1 rounds and clips") from None
    if config is None and not same_format and before.name in WITH_METADATA and after.name in WITH_METADATA:
        warn_user(
            f"{chosen.output}: holds only the pixels; distance, wavelength and other metadata of {chosen.input} are "
            "lost; give --config CONFIG.toml"
        )
    return 0
