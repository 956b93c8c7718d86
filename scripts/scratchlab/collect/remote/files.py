"""Files of a container's root, as a debug container's agent reads them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO

from scratchlab.collect.remote.protocol import Connection

_MOST_PENDING = 64  # requests, small enough for the buffers on the way


class AgentRootFiles:
    """See :class:`scratchlab.collect.root_files.RootFiles`; after the agent has read the root."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def heads(self, paths: Iterable[str], size: int) -> Iterator[bytes | None]:
        """See ``RootFiles``."""
        left = iter(paths)
        while pending := list(islice(left, _MOST_PENDING)):
            for path in pending:
                self._connection.request(b"H", size, os.fsencode(path))
            for _ in pending:
                parts = list(self._connection.answer())
                whole = [part for part in parts if part is not None]
                yield b"".join(whole) if len(whole) == len(parts) else None

    def copy(self, path: str, most: int, out: IO[bytes]) -> bool:
        """See ``RootFiles``."""
        self._connection.request(b"C", most, os.fsencode(path))
        whole = True
        for part in self._connection.answer():
            if part is None:
                whole = False
            else:
                most -= len(part)
                if most >= 0:
                    out.write(part)
        return whole and most >= 0

    def names(self, path: str, most: int) -> list[str] | None:
        """See ``RootFiles``."""
        self._connection.request(b"N", most, os.fsencode(path))
        names: list[str] = []
        whole = True
        for part in self._connection.answer():
            if part is None:
                whole = False
            elif len(names) < most:
                names.append(os.fsdecode(part.removesuffix(b"\0")))
        return sorted(names) if whole else None
