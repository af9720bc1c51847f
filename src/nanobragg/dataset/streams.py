"""Random numbers that depend on a seed and a place only: the same alone, in any order, and on any machine."""

from __future__ import annotations

import hashlib
from statistics import NormalDist

import numpy as np

from ..geometry import FloatArray

NORMAL = NormalDist()
WORDS = 8  # 64-bit words of a block of digest


class Stream:
    """A stream of random numbers for one purpose in one shot.

    The numbers are digests (BLAKE2b) of the seed, the place and a counter, so that streams are independent and do not
    depend on versions of NumPy.

    Parameters
    ----------
    seed
        Seed of the data set.
    place
        What the numbers are for, such as the number of a shot, that of a crystal and the name of a field.
    """

    def __init__(self, seed: int, *place: object) -> None:
        self._key = "/".join(map(str, (seed, *place))).encode()
        self._block = 0
        self._words: list[int] = []

    def integer(self) -> int:
        """Return an integer, uniform from 0 to 2⁶⁴ - 1."""
        if not self._words:
            digest = hashlib.blake2b(self._key + b"/%d" % self._block, digest_size=8 * WORDS).digest()
            self._words = [int.from_bytes(digest[8 * i : 8 * i + 8], "little") for i in reversed(range(WORDS))]
            self._block += 1
        return self._words.pop()

    def uniform(self) -> float:
        """Return a number uniform on (0, 1): an odd multiple of 2⁻⁵³."""
        return ((self.integer() >> 12) + 0.5) * 2.0**-52

    def normal(self) -> float:
        """Return a normal deviate of mean 0 and variance 1."""
        return NORMAL.inv_cdf(self.uniform())

    def generator(self) -> np.random.Generator:
        """Return a generator of NumPy, for many numbers and for functions of the user."""
        return np.random.Generator(np.random.Philox(key=[self.integer(), self.integer()]))

    def normals(self, *shape: int) -> FloatArray:
        """Return an array of normal deviates."""
        return self.generator().standard_normal(shape)
