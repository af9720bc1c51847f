"""The one family of errors that nanobragg raises for what a user can cure.

Every message is one line: what is wrong, where (field or file, value), and what to do about it.
The command line prints it and exits with `exit_code`.
"""


def printable(text: str) -> str:
    """`text`, but what no terminal should be sent is written as an escape: it may quote a file that holds anything."""
    return "".join(sign if sign.isprintable() or sign == "\n" else repr(sign)[1:-1] for sign in text)


class NanobraggError(Exception):
    """Anything that a user can cure: bad input, a missing file, a contradiction."""

    exit_code = 2

    def __str__(self) -> str:
        return printable(super().__str__())


class ConfigError(NanobraggError, ValueError):
    """A field of a Config (or a flag) has an impossible or contradicting value."""


class ShapeError(ConfigError):
    """Images that are to be compared have different shapes."""


class FileError(NanobraggError, OSError):
    """A file cannot be opened, read or written."""


class FormatError(NanobraggError, ValueError):
    """A file's content is not what its format promises."""


class ProgramError(NanobraggError):
    """The original program failed, took too long, or left no image."""


class NanobraggWarning(UserWarning):
    """A valid input that surely is not what the user wanted."""
