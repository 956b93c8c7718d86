"""podman with a storage of its own, so that nothing of the machine's is touched."""

from __future__ import annotations

import os
import re

from scratchlab.ladder import workspace
from scratchlab.ladder.rungs.bare_runtime import forget_groups
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, Workspace

_LOCKS = "/dev/shm/libpod_lock"  # noqa: S108 - podman's own, made once per boot
# podman asks for the machine's maximum, which not every root may set.
_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


class Podman:
    """The other engine: no daemon, no init layer, its own list of files."""

    id = "podman"
    title = "engine"
    tool = "podman"
    package = "podman"

    def __init__(self) -> None:
        self._had_locks = os.path.exists(_LOCKS)

    def missing(self) -> str:
        """Empty where podman is installed."""
        return "" if workspace.find_program(self.tool) else f"not here: install {self.package}"

    def version(self) -> str:
        """Podman's."""
        found = re.search(r"\d\S*", workspace.run_program(["podman", "--version"]))
        return found[0] if found else ""

    def up(self, shop: Workspace) -> Started:
        """Load the image and run it, with the host's network: another one would need set-up."""
        room = shop.room(self.id)
        workspace.run_program([*_podman(room), "load", "--input", shop.archive])
        image = workspace.run_program([*_podman(room), "images", "--quiet", "--no-trunc"]).split()[
            0
        ]
        arguments = ["run", "--detach", "--network", "host", "--name", NAME, *_LIMITS]
        arguments += ["--cgroup-parent", NAME, image]
        note = "with --network host"
        try:
            workspace.run_program([*_podman(room), *arguments])
        except workspace.RefusedError as refusal:
            if "cgroups in hybrid" not in refusal.what or workspace.find_program("runc") is None:
                raise
            workspace.run_program([*_podman(room), "rm", "--force", "--ignore", NAME])
            workspace.run_program([*_podman(room), "--runtime", "runc", *arguments])
            note = f"{note} and --runtime runc: crun refuses this machine's control groups"
        pid = workspace.run_program([*_podman(room), "inspect", "--format", "{{.State.Pid}}", NAME])
        typed = "podman load --input image.tar; podman run --detach --network host IMAGE"
        return Started(int(pid), typed, note=note)

    def down(self, directory: str) -> None:
        """Remove every container of the private storage."""
        room = os.path.join(directory, self.id)
        if os.path.isdir(room) and not self.missing():
            workspace.run_program([*_podman(room), "rm", "--force", "--all", "--time", "0"])
            forget_groups()
            if not self._had_locks and os.path.exists(_LOCKS):
                os.unlink(_LOCKS)


def _podman(room: str) -> list[str]:
    own = ["--root", f"{room}/root", "--runroot", f"{room}/run", "--tmpdir", f"{room}/temp"]
    # vfs and cgroupfs: no mount of the storage's, no systemd needed.
    return ["podman", *own, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"]
