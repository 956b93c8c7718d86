"""The machine's containerd, driven by ``ctr`` in a containerd namespace of its own."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress

from scratchlab.deadlines import Deadline
from scratchlab.ladder.rungs.bare_runtime import remove_cgroups
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, RefusedError, Workspace, run_program

# The system's service, and the containerd that dockerd starts if there is no such service (moby
# v20.10.24 libcontainerd/supervisor/remote_daemon.go).
SOCKETS = (
    "/run/containerd/containerd.sock",
    "/run/docker/containerd/containerd.sock",
)
_SETTLE = 5.0  # seconds until containerd has collected the removed objects


class Containerd:
    """containerd, which Docker itself asks to start a container."""

    id = "containerd"
    title = "containerd"
    tool = "ctr"
    package = "containerd"

    def missing(self) -> str:
        """Empty if ctr is installed and a containerd socket exists."""
        if shutil.which(self.tool) is None:
            return f"not installed: install {self.package}"
        if _find_socket() is None:
            return "containerd is not running: start it (systemctl start containerd)"
        return ""

    def version(self) -> str:
        """The version of ctr, which is packaged with containerd."""
        version = re.search(r"v?(\d\S*)\s*$", run_program(["ctr", "--version"]))
        return version[1] if version else ""

    def up(self, workspace: Workspace) -> Started:
        """Import the image and run it with containerd's own defaults."""
        self._ctr("namespace", "create", NAME)
        self._ctr("image", "import", workspace.archive)
        names = self._ctr("image", "list", "--quiet").split()
        if not names:
            raise RefusedError("the image has no name, and ctr runs images by name")
        self._ctr("run", "--detach", names[0], NAME)
        tasks = self._ctr("task", "list").splitlines()
        pid = next(int(line.split()[1]) for line in tasks if line.split()[0] == NAME)
        typed = f"ctr image import image.tar; ctr run --detach {names[0]} NAME"
        return Started(pid, typed)

    def down(self, directory: str) -> None:  # noqa: ARG002 - a namespace has no directory
        """Remove the containerd namespace and everything in it, and the control group NAME."""
        if not self.missing() and NAME in self._ctr("namespace", "list", "--quiet").split():
            self._remove_namespace()
        remove_cgroups(NAME)

    def _remove_namespace(self) -> None:
        for name in self._ctr("task", "list", "--quiet").split():
            self._try("task", "delete", "--force", name)
        for name in self._ctr("container", "list", "--quiet").split():
            self._try("container", "delete", name)
        for name in self._ctr("image", "list", "--quiet").split():
            self._try("image", "delete", "--sync", name)
        deadline = Deadline(_SETTLE)
        while NAME in self._ctr("namespace", "list", "--quiet").split():
            try:
                self._ctr("namespace", "remove", NAME)
            except RefusedError:
                if deadline.passed():
                    raise
                time.sleep(0.05)

    def _ctr(self, *arguments: str) -> str:
        socket = _find_socket() or SOCKETS[0]
        return run_program(["ctr", "--address", socket, "--namespace", NAME, *arguments])

    def _try(self, *arguments: str) -> None:
        with suppress(RefusedError):
            self._ctr(*arguments)


def _find_socket() -> str | None:
    return next((path for path in SOCKETS if os.path.exists(path)), None)
