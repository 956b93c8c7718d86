"""Files that the kernel shows: of this machine, or of the engine's (``remote.kernel_files``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from scratchlab.errors import LabError

MOST = 1 << 20  # bytes of a file, and names of a directory: far more than the kernel shows in one


class KernelFiles(Protocol):
    """Reads files below /proc and /sys by their paths. None where there is none to be read."""

    def read(self, path: str) -> bytes | None:
        """The content of a file."""

    def link(self, path: str) -> str | None:
        """The target of a symbolic link."""

    def names(self, path: str) -> list[str] | None:
        """The names in a directory, sorted."""


class LocalKernelFiles:
    """Those of this machine. See :class:`KernelFiles`."""

    def read(self, path: str) -> bytes | None:
        """See ``KernelFiles``."""
        try:
            return Path(path).read_bytes()
        except OSError:
            return None

    def link(self, path: str) -> str | None:
        """See ``KernelFiles``."""
        try:
            return os.readlink(path)
        except OSError:
            return None

    def names(self, path: str) -> list[str] | None:
        """See ``KernelFiles``."""
        try:
            return sorted(os.listdir(path))
        except OSError:
            return None


def content(files: KernelFiles, path: str) -> bytes:
    """The content of a file that has to be there. Raises LabError."""
    found = files.read(path)
    if found is None:
        raise LabError(f"{path} cannot be read on the engine's machine")
    return found
