"""`nanobragg convert IN OUT`: from one image format to another."""

from __future__ import annotations

from collections.abc import Sequence

from .options import Options

FORMATS = """\
Formats by their suffix: .img .smv (SMV), .bin (4-byte floats without a header), .npy, .png, .pgm.
SMV keeps its header when it becomes SMV. It holds whole numbers 0 to 65535; --scale makes them of other images."""


def run(words: Sequence[str]) -> int:
    """Convert one image file."""
    options = Options("convert", "Convert an image between the formats that we read and write.", FORMATS)
    options.add_argument("input", metavar="IN")
    options.add_argument("output", metavar="OUT")
    options.add_argument("--shape", type=int, nargs=2, metavar=("SLOW", "FAST"),
                         help="pixels along the slow and fast axis; .bin needs it")  # fmt: skip
    options.add_argument("--scale", type=float, metavar="S", help="multiply by S, round, and clip to 0 to 65535")
    options.add_argument("--adc", type=float, metavar="OFFSET", help="with --scale: add OFFSET (default: 0)")
    chosen = options.parse_args(words)

    from ..errors import ConfigError, FormatError
    from ..image_files import check_image_paths
    from ..io import read_image, write_image

    if chosen.adc is not None and chosen.scale is None:
        raise ConfigError(f"--adc {chosen.adc:g}: is for --scale, which is not given")
    check_image_paths([chosen.output])
    shape = None if chosen.shape is None else tuple(chosen.shape)
    try:
        image, metadata = read_image(chosen.input, shape=shape)
    except ConfigError as error:
        if not str(error).startswith("shape:"):
            raise
        raise ConfigError(f"{error} (here --shape SLOW FAST)") from None
    if chosen.scale is not None:
        from ..integer import to_integers

        image, _ = to_integers(image, chosen.scale, chosen.adc or 0.0)
    try:
        write_image(chosen.output, image, metadata)
    except FormatError as error:
        if "does not fit into SMV" not in str(error):
            raise
        raise FormatError(f"{error}; --scale 1 rounds and clips") from None
    return 0
