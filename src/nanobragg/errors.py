"""The one family of errors that nanobragg raises for what a user can cure.

Every message is one line: what is wrong, where (field, flag or file, with the value), and what to do about it.

========================  ==================  =======================================================
class                     also a              when
========================  ==================  =======================================================
`NanobraggError`          `Exception`         the family: catch it to catch all of them
`ConfigError`             `ValueError`        an impossible or contradicting field, flag or argument
`ShapeError`              `ConfigError`       two images that are to be compared differ in shape
`FileError`               `OSError`           a file cannot be opened, read or written
`FormatError`             `ValueError`        a file is not what its format promises
`ProgramError`                                the original program failed, was too slow, left no image
`NanobraggWarning`        `UserWarning`       valid, but surely not what was wanted
========================  ==================  =======================================================

The first six are raised before work starts, wherever that is possible, and leave no half-written file. The last comes
through `warnings.warn`. Anything else that is raised is a bug of nanobragg.

The command line prints an error's message to standard error, without a traceback, and ends with a status:

======  =============================================================================================
status  meaning
======  =============================================================================================
0       done
1       a bug: Python's traceback is printed
2       any error of this family: a mistake on the command line, in the experiment, or about a file
130     interrupted with Ctrl-C
141     the reader of its output has gone
======  =============================================================================================

`nanobragg compare` tells more (`nanobragg compare --help`): 1 a mistake on the command line, 2 a program failed, 3 the
images are less alike than they should be, 4 they differ in shape, 5 a file cannot be read or written.
"""


def escape_unprintable(text: str) -> str:
    """`text`, but what no terminal should be sent is written as an escape: it may quote a file that holds anything."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


class NanobraggError(Exception):
    """Anything that a user can cure: bad input, a missing file, a contradiction.

    Attributes
    ----------
    exit_code : int
        Status with which the command line ends.
    """

    exit_code = 2

    def __str__(self) -> str:
        return escape_unprintable(super().__str__())


class ConfigError(NanobraggError, ValueError):
    """A field of a Config, a flag or an argument has an impossible or contradicting value."""


class ShapeError(ConfigError):
    """Images that are to be compared have different shapes."""


class FileError(NanobraggError, OSError):
    """A file cannot be opened, read or written; the operating system's error is its cause."""


class FormatError(NanobraggError, ValueError):
    """A file's content is not what its format promises."""


class ProgramError(NanobraggError):
    """The original program failed, took too long, or left no image."""


class NanobraggWarning(UserWarning):
    """A valid input that surely is not what the user wanted."""
