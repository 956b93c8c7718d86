"""containerd by ``ctr``: the containerd that is here, in a namespace of its own."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress

from scratchlab.ladder import workspace
from scratchlab.ladder.rungs.bare_runtime import forget_groups
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, Workspace

# The system's service, and the one that dockerd starts where there is none (moby v20.10.24
# libcontainerd/supervisor/remote_daemon.go).
SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
)
_SETTLE = 5.0  # seconds that containerd may take to collect what was removed


class Containerd:
    """What the engine itself asks to start a container."""

    id = "containerd"
    title = "containerd"
    tool = "ctr"
    package = "containerd"

    def missing(self) -> str:
        """Empty where ctr is, and a containerd that it can reach."""
        if workspace.find_program(self.tool) is None:
            return f"not here: install {self.package}"
        if _socket() is None:
            return "no containerd runs here: start it (systemctl start containerd)"
        return ""

    def version(self) -> str:
        """That of ctr, which comes with its containerd."""
        found = re.search(r"v?(\d\S*)\s*$", workspace.run_program(["ctr", "--version"]))
        return found[1] if found else ""

    def up(self, shop: Workspace) -> Started:
        """Import the image and run it with containerd's own defaults."""
        self._ctr("namespace", "create", NAME)
        self._ctr("image", "import", shop.archive)
        names = self._ctr("image", "list", "--quiet").split()
        if not names:
            raise workspace.RefusedError("the image has no name, and ctr runs images by name")
        self._ctr("run", "--detach", names[0], NAME)
        tasks = self._ctr("task", "list").splitlines()
        pid = next(int(line.split()[1]) for line in tasks if line.split()[0] == NAME)
        typed = f"ctr image import image.tar; ctr run --detach {names[0]} NAME"
        return Started(pid, typed)

    def down(self, directory: str) -> None:  # noqa: ARG002 - a namespace has no directory
        """Remove the namespace with all that is in it."""
        if self.missing() or NAME not in self._ctr("namespace", "list", "--quiet").split():
            return
        for name in self._ctr("task", "list", "--quiet").split():
            self._try("task", "delete", "--force", name)
        for name in self._ctr("container", "list", "--quiet").split():
            self._try("container", "delete", name)
        for name in self._ctr("image", "list", "--quiet").split():
            self._try("image", "delete", "--sync", name)
        until = time.monotonic() + _SETTLE
        while NAME in self._ctr("namespace", "list", "--quiet").split():
            try:
                self._ctr("namespace", "remove", NAME)
            except workspace.RefusedError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        forget_groups()

    def _ctr(self, *arguments: str) -> str:
        socket = _socket() or SOCKETS[0]
        return workspace.run_program(["ctr", "--address", socket, "--namespace", NAME, *arguments])

    def _try(self, *arguments: str) -> None:
        with suppress(workspace.RefusedError):
            self._ctr(*arguments)


def _socket() -> str | None:
    return next((path for path in SOCKETS if os.path.exists(path)), None)
