"""`nanobragg help [FLAG | COMMAND | detectors]`, `nanobragg --help`."""

import argparse

from ..detectors.catalogue import DESIGNS
from ..errors import ConfigError
from .commands import COMMANDS, run_command
from .parser import CommandParser

HELP = ("-h", "-help", "--help")
USAGE = "usage: nanobragg -cell A B C ALPHA BETA GAMMA -hkl FILE [FLAGS], or nanobragg COMMAND [OPTIONS]"


def add_options(parser: CommandParser) -> None:
    """Accept every argument, because C flags start with - as options do."""
    parser.split = lambda words: ([], list(words))


def run(chosen: argparse.Namespace) -> int:
    """Print the general help, or that of the given flags or command."""
    for word in chosen.flags or ["help"]:
        if word in ("help", *HELP):
            print(_everything())
        elif word in COMMANDS:
            run_command([word, "--help"])
        elif word == "detectors":
            print("\n".join(DESIGNS))
        else:
            print(_flag(word))
    return 0


def _everything() -> str:
    from ..nanobragg_c.flags.config_from_flags import help_text

    commands = "\n".join(f"  {name:<26}{text}" for name, text in COMMANDS.items())
    return (
        f"{USAGE}\n\nX-ray diffraction images: photons in every pixel from a crystal, a beam and a detector.\n\n"
        "Flags are those of nanoBragg.c and give the same files: floatimage.bin (photons, 4-byte floats), "
        "intimage.img\n(scaled SMV), image.pgm (picture), noiseimage.img (SMV with photon noise), and Fdump.bin "
        "after -hkl. -exact corrects\nthe C program's physics.\n\n"
        f"Commands (see also nanobragg help COMMAND, nanobragg help detectors):\n{commands}\n\n"
        f"{help_text()}\n\n"
        "With any command or flags:\n"
        "  --verbose                 log what is read, resolved, rendered and written to standard error\n\n"
        "Exit status:\n"
        "  0                         success\n"
        "  2                         an invalid command line or experiment, or a file that cannot be used; standard\n"
        "                            error has one line with the place, the problem and the cure\n"
        "  130, 141                  interrupted with Ctrl-C; the reader of the output closed the pipe\n"
        "  1 to 5 of compare         see nanobragg help compare\n\n"
        "Environment:\n"
        "  OMP_NUM_THREADS           number of threads (default: the available processors)\n"
        "  NANOBRAGG_ISA             instruction set for rendering (nanobragg info lists them)"
    )


def _flag(word: str) -> str:
    from ..nanobragg_c.flags.config_from_flags import help_flag

    try:
        return help_flag(word)
    except ConfigError as error:
        raise ConfigError(f"{error} (commands: {', '.join(COMMANDS)}; detectors)") from None
