"""A proxy for the real engine that can be stopped or closed, like an engine that hangs or dies.

The engine of this machine runs other people's containers and must not die for a test.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

_CHUNK = 1 << 16


class EngineProxy:
    """Forwards connections at ``path`` to the engine's socket until :meth:`hang` or :meth:`die`.

    Without a path it listens on a TCP port of the loopback interface.
    """

    def __init__(self, path: Path | None, engine: str = "/var/run/docker.sock") -> None:
        self._engine = engine
        self._forward = threading.Event()
        self._forward.set()
        self._sockets: list[socket.socket] = []
        if path is None:
            self._listener = socket.socket(socket.AF_INET)
            self._listener.bind(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self.url = f"unix://{path}"
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hang(self) -> None:
        """Stop answering and keep every connection open: an engine that hangs."""
        self._forward.clear()

    def die(self) -> None:
        """Close everything: an engine that was killed."""
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._engine)
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._forward.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
