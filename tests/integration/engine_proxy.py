"""A socket between the lab and the real engine that can be cut or stopped, as a dying engine is.

The engine of this machine runs other people's containers and must not die for a test.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

_CHUNK = 1 << 16


class EngineProxy:
    """Forwards connections at ``path`` to the engine's socket until told otherwise."""

    def __init__(self, path: Path, engine: str = "/var/run/docker.sock") -> None:
        self.url = f"unix://{path}"
        self._engine = engine
        self._forward = threading.Event()
        self._forward.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """Answer no more, and keep every connection open: an engine that is stuck."""
        self._forward.clear()

    def die(self) -> None:
        """Close everything: an engine that was killed."""
        for one in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self._engine)
                self._sockets += [here, there]
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._copy, args=(one, other), daemon=True).start()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(_CHUNK):
                self._forward.wait()
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
