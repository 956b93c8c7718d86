"""Read a few files of a container's root, by their paths, as safely as its walk does.

The host opens them by descriptors, name by name, and never follows a link (``host_files``); a debug
container's agent does the same (``remote.files``, agent/files.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, Protocol


class RootFiles(Protocol):
    """Files of one root. A path that is not there, not a regular file (or directory), or closed
    (see ``live.closed``) is None.
    """

    def heads(self, paths: Iterable[str], size: int) -> Iterator[bytes | None]:
        """The first ``size`` bytes of each file."""

    def copy(self, path: str, most: int, out: IO[bytes]) -> bool:
        """Write the file's content to ``out``; False if it is larger than ``most`` bytes, or
        cannot be read. ``out`` may then have a part of it.
        """

    def names(self, path: str, most: int) -> list[str] | None:
        """The names in a directory; None if there are more than ``most``."""
