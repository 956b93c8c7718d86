"""podman with a storage directory of its own: the machine's podman storage is not touched."""

from __future__ import annotations

import os
import re
import shutil

from scratchlab.ladder.rungs.bare_runtime import remove_cgroups
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, RefusedError, Workspace, run_program

_LOCKS = "/dev/shm/libpod_lock"  # noqa: S108 - podman makes it once per boot
# By default podman sets the machine's maximum, which root in a container may not.
_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


class Podman:
    """The second engine: no daemon, no init layer, its own list of files."""

    id = "podman"
    title = "engine"
    tool = "podman"
    package = "podman"

    def __init__(self) -> None:
        self._had_locks = os.path.exists(_LOCKS)

    def missing(self) -> str:
        """Empty if podman is installed."""
        return "" if shutil.which(self.tool) else f"not installed: install {self.package}"

    def version(self) -> str:
        """The version of podman."""
        version = re.search(r"\d\S*", run_program(["podman", "--version"]))
        return version[0] if version else ""

    def up(self, workspace: Workspace) -> Started:
        """Load the image and run it on the host's network, which needs no set-up."""
        storage = workspace.rung_directory(self.id)
        run_program([*_podman(storage), "load", "--input", workspace.archive])
        image = run_program([*_podman(storage), "images", "--quiet", "--no-trunc"]).split()[0]
        arguments = ["run", "--detach", "--network", "host", "--name", NAME, *_LIMITS]
        arguments += ["--cgroup-parent", NAME, image]
        note = "with --network host"
        try:
            run_program([*_podman(storage), *arguments])
        except RefusedError as refusal:
            if "cgroups in hybrid" not in refusal.what or shutil.which("runc") is None:
                raise
            run_program([*_podman(storage), "rm", "--force", "--ignore", NAME])
            run_program([*_podman(storage), "--runtime", "runc", *arguments])
            note = f"{note} and --runtime runc: crun refuses this machine's cgroups"
        pid = run_program([*_podman(storage), "inspect", "--format", "{{.State.Pid}}", NAME])
        typed = "podman load --input image.tar; podman run --detach --network host IMAGE"
        return Started(int(pid), typed, note=note)

    def down(self, directory: str) -> None:
        """Remove every container in the private storage."""
        storage = os.path.join(directory, self.id)
        if os.path.isdir(storage) and not self.missing():
            run_program([*_podman(storage), "rm", "--force", "--all", "--time", "0"])
            remove_cgroups(NAME)
            if not self._had_locks and os.path.exists(_LOCKS):
                os.unlink(_LOCKS)


def _podman(storage: str) -> list[str]:
    private = {"--root": "root", "--runroot": "run", "--tmpdir": "temp"}
    options = [part for option, name in private.items() for part in (option, f"{storage}/{name}")]
    # vfs needs no mounts for the storage, cgroupfs needs no systemd.
    return ["podman", *options, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]
