"""`nanobragg help [FLAG | COMMAND]`, `nanobragg --help`."""

import argparse

from ..errors import ConfigError
from .commands import COMMANDS, CommandParser, run_command

USAGE = "usage: nanobragg -cell A B C ALPHA BETA GAMMA -hkl FILE [FLAGS], or nanobragg COMMAND [OPTIONS]"


def add_options(parser: CommandParser) -> None:
    """Take every word as it is: flags start with - too."""
    parser.split = lambda words: ([], list(words))


def run(chosen: argparse.Namespace) -> int:
    """Print the help on everything, or on each of the words."""
    if not chosen.flags:
        print(_everything())
    for word in chosen.flags:
        if word in COMMANDS and word != "help":
            return run_command([word, "--help"])
        print(_flag(word))
    return 0


def _everything() -> str:
    from ..nanobragg_c.flags.to_config import help_text

    commands = "\n".join(f"  {name:<26}{text}" for name, text in COMMANDS.items())
    return (
        f"{USAGE}\n\nX-ray diffraction images: photons in every pixel from a crystal, a beam and a detector.\n\n"
        "Flags are those of nanoBragg.c and give the same files: floatimage.bin (photons, 4-byte floats), "
        "intimage.img\n(scaled SMV), image.pgm (picture), noiseimage.img (SMV with photon noise), and Fdump.bin "
        "after -hkl. -exact corrects\nthe C program's physics.\n\n"
        f"Commands (nanobragg help COMMAND tells more):\n{commands}\n\n"
        f"{help_text()}\n\n"
        "Beside any command or flags:\n"
        "  --verbose                 tell on standard error what is done: what is read, resolved, rendered, written\n\n"
        "Exit status:\n"
        "  0                         done\n"
        "  2                         a mistake on the command line, in the experiment or about a file; one line on\n"
        "                            standard error says which, where, and the cure\n"
        "  130, 141                  interrupted with Ctrl-C; the reader of the output has gone\n"
        "  1 to 5 of compare         nanobragg help compare\n\n"
        "Environment:\n"
        "  OMP_NUM_THREADS           number of threads (default: the processors that the process may use)\n"
        "  NANOBRAGG_ISA             instruction set to render with (nanobragg info lists them)"
    )


def _flag(word: str) -> str:
    from ..nanobragg_c.flags.to_config import help_flag

    try:
        return help_flag(word)
    except ConfigError as error:
        raise ConfigError(f"{error} (commands: {', '.join(COMMANDS)})") from None
