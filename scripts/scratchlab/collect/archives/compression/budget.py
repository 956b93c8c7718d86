"""How much compressed data may unpack to: the answer to a bomb."""

from __future__ import annotations

from collections.abc import Callable

from scratchlab.collect.archives.limits import GIB, Limits
from scratchlab.collect.archives.stream import Pieces
from scratchlab.errors import LabError


class Budget:
    """Counts what all compressed streams of one archive unpack to.

    ``packed`` says how many bytes of the archive itself were read so far.
    """

    def __init__(self, limits: Limits, packed: Callable[[], int]) -> None:
        self._limits = limits
        self._packed = packed
        self._unpacked = 0

    def guard(self, pieces: Pieces) -> Pieces:
        """``pieces`` unchanged; raises LabError when they are more than the limits allow."""
        for piece in pieces:
            self._unpacked += len(piece)
            if self._unpacked > self._limits.unpacked:
                self._check()
            yield piece

    def _check(self) -> None:
        if self._unpacked > self._limits.ratio * self._packed():
            raise LabError(
                f"the archive unpacks to more than {self._limits.ratio} times its size, beyond "
                f"{self._limits.unpacked / GIB:g} GiB: a decompression bomb",
                "do not load this archive",
            )
