"""A bare OCI runtime with its own default configuration: ``runc spec``, ``runc run``."""

from __future__ import annotations

import glob
import json
import os
import signal
import time
from contextlib import suppress

from scratchlab.collect.engines import sdk
from scratchlab.ladder import workspace
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, Workspace
from scratchlab.model import Json

# crun 1.8 src/libcrun/cgroup.c refuses a machine that has both versions of control groups mounted.
_UNIFIED = "/sys/fs/cgroup/unified"
_ORPHAN_SECONDS = 5.0


class BareRuntime:
    """runc, crun or another runtime with their commands, without any engine."""

    def __init__(self, tool: str, title: str = "bare runtime", *options: str) -> None:
        self.id = self.tool = self.package = tool
        self.title = title
        self._options = options

    def missing(self) -> str:
        """Empty where the runtime is installed."""
        return "" if workspace.find_program(self.tool) else f"not here: install {self.package}"

    def version(self) -> str:
        """The runtime's."""
        return sdk.ask_version(self.tool).version

    def up(self, shop: Workspace) -> Started:
        """Run a copy of the root with the runtime's default configuration.

        Changed are only the program, its environment, and that it has no terminal.
        """
        shop.copy(self.id)
        bundle = shop.room(self.id)
        workspace.run_program([self.tool, "spec"], cwd=bundle)
        with open(os.path.join(bundle, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        process = config["process"]
        process.update(args=list(shop.argv), cwd=shop.cwd, terminal=False)
        process["env"] = list(shop.env) or process["env"]
        pid, note = self.act("run", bundle, config)
        run = " ".join([self.tool, *self._options, "run", "NAME"])
        return Started(pid, f"{self.tool} spec; {run}", note=note)

    def act(self, verb: str, bundle: str, config: Json) -> tuple[int, str]:
        """``run`` or ``create`` the container of ``bundle``: its PID, and what was special.

        ``config`` becomes its config.json. Raises RefusedError.
        """
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        pid_file = os.path.join(bundle, "pid")
        name = f"{NAME}-{os.path.basename(bundle)}"
        arguments = [verb, *(["--detach"] if verb == "run" else [])]
        arguments += ["--pid-file", pid_file, "--bundle", bundle, name]
        note = self._command(os.path.dirname(bundle), *self._options, *arguments)
        with open(pid_file, encoding="ascii") as file:
            return int(file.read()), note

    def down(self, directory: str) -> None:
        """Delete every container in the runtime's state directory, and what it does not know."""
        if workspace.find_program(self.tool) is not None and os.path.isdir(self._state(directory)):
            for name in workspace.run_program(
                [self.tool, *self._root(directory), "list", "--quiet"]
            ).split():
                self._command(directory, "delete", "--force", name)
        _end_orphans()

    def _command(self, directory: str, *arguments: str) -> str:
        """Run the runtime: what was special about it, or nothing."""
        command = [self.tool, *self._root(directory), *arguments]
        try:
            workspace.run_program(command)
        except workspace.RefusedError as refusal:
            if "hybrid" not in refusal.what or not os.path.ismount(_UNIFIED):
                raise
            without = ["unshare", "--mount", "sh", "-c", f'umount {_UNIFIED} && exec "$@"', "sh"]
            workspace.run_program([*without, *command])
            return f"{_UNIFIED} was hidden from it: it refuses two versions of control groups"
        return ""

    def _root(self, directory: str) -> list[str]:
        return ["--root", self._state(directory)]

    def _state(self, directory: str) -> str:
        return os.path.join(directory, f"{self.tool}-state")


class Gvisor(BareRuntime):
    """runsc, a kernel in user space: the host sees the sandbox, never the container's root."""

    def __init__(self) -> None:
        super().__init__("runsc", "gVisor", "--network=none", "--ignore-cgroups")
        self.id = "gvisor"

    def up(self, shop: Workspace) -> Started:
        """Run a copy of the root in a sandbox."""
        started = super().up(shop)
        return Started(started.pid, started.command, hidden=True)


def forget_groups() -> None:
    """Remove the control groups that engines made for our name and left behind, empty."""
    for hierarchy in _hierarchies():
        group = os.path.join(hierarchy, NAME)
        for directory, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):  # one that is in use stays
                os.rmdir(directory)


def _end_orphans() -> None:
    """End what a runtime that was killed left in its control group.

    runc puts its child into the group before it writes the state that ``runc list`` reads
    (runc 1.1 libcontainer/process_linux.go): killed in between, nothing else knows of the child.
    """
    groups = [g for h in _hierarchies() for g in glob.glob(f"{glob.escape(h)}/{NAME}-*")]
    until = time.monotonic() + _ORPHAN_SECONDS
    while time.monotonic() < until:
        for pid in {pid for group in groups for pid in _members(group)}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for group in groups:
            with suppress(OSError):  # in use until its last process is gone
                os.rmdir(group)
        groups = [group for group in groups if os.path.isdir(group)]
        if not groups:
            return
        time.sleep(0.02)


def _members(group: str) -> list[int]:
    """The processes in a control group; those of another PID namespace read as 0 and are left."""
    try:
        with open(os.path.join(group, "cgroup.procs"), encoding="ascii") as file:
            return [pid for pid in map(int, file) if pid > 1]
    except OSError:
        return []


def _hierarchies() -> list[str]:
    top = "/sys/fs/cgroup"
    return [top, *(os.path.join(top, name) for name in os.listdir(top))]
