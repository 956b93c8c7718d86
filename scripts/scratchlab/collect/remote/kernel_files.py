"""Files that the kernel of the engine's machine shows, as a debug container's agent reads them."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scratchlab.collect.kernel_files import MOST
from scratchlab.collect.remote.container import run_agent
from scratchlab.collect.remote.files import AgentRootFiles
from scratchlab.collect.remote.protocol import Connection
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


class AgentKernelFiles:
    """See :class:`scratchlab.collect.kernel_files.KernelFiles`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._files = AgentRootFiles(connection)

    def read(self, path: str) -> bytes | None:
        """See ``KernelFiles``."""
        out = io.BytesIO()
        return out.getvalue() if self._files.copy(path, MOST, out) else None

    def link(self, path: str) -> str | None:
        """See ``KernelFiles``."""
        self._connection.request(b"L", 0, os.fsencode(path))
        parts = list(self._connection.answer())
        found = [part for part in parts if part is not None]
        return os.fsdecode(b"".join(found)) if len(found) == len(parts) else None

    def names(self, path: str) -> list[str] | None:
        """See ``KernelFiles``."""
        return self._files.names(path, MOST)


@contextmanager
def open_kernel_files(
    client: EngineClient, *, pid_mode: str = "", inspect: Json | None = None
) -> Iterator[AgentKernelFiles]:
    """Read the kernel's files in a debug container, during the block.

    ``pid_mode`` says whose processes it sees: its own (empty), all of the machine (``host``), or
    those of the container that ``inspect`` describes (``container:ID``), whose root is then
    ``/proc/1/root``. Raises LabError.
    """
    with run_agent(client, inspect or {}, ["files"], pid_mode) as connection:
        yield AgentKernelFiles(connection)
