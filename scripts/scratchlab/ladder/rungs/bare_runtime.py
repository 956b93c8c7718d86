"""A bare OCI runtime with its own default configuration: ``runc spec``, ``runc run``."""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import time
from contextlib import suppress

from scratchlab.collect.engines import sdk
from scratchlab.deadlines import Deadline
from scratchlab.ladder.rungs.rung import Started
from scratchlab.ladder.workspace import NAME, RefusedError, Workspace, run_program
from scratchlab.model import Json

# crun 1.8 (src/libcrun/cgroup.c) refuses to run where both cgroup versions are mounted.
_UNIFIED = "/sys/fs/cgroup/unified"
_ORPHAN_SECONDS = 5.0


class BareRuntime:
    """A runtime with the command line of runc (crun, runsc), without an engine."""

    def __init__(self, tool: str, title: str = "bare runtime", *options: str) -> None:
        self.id = self.tool = self.package = tool
        self.title = title
        self._options = options

    def missing(self) -> str:
        """Empty if the runtime is installed."""
        return "" if shutil.which(self.tool) else f"not installed: install {self.package}"

    def version(self) -> str:
        """The version of the runtime."""
        return sdk.query_runtime_version(self.tool).version

    def up(self, workspace: Workspace) -> Started:
        """Run a copy of the root with the runtime's default configuration.

        The configuration changes in three points: the program, its environment, no terminal.
        """
        workspace.copy_root(self.id)
        bundle = workspace.rung_directory(self.id)
        run_program([self.tool, "spec"], cwd=bundle)
        with open(os.path.join(bundle, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        process = config["process"]
        process.update(args=list(workspace.argv), cwd=workspace.cwd, terminal=False)
        process["env"] = list(workspace.env) or process["env"]
        pid, note = self.start_container("run", bundle, config)
        run = " ".join([self.tool, *self._options, "run", "NAME"])
        return Started(pid, f"{self.tool} spec; {run}", note=note)

    def start_container(self, verb: str, bundle: str, config: Json) -> tuple[int, str]:
        """``run`` or ``create`` the container of ``bundle``; return its PID and a note.

        ``config`` becomes config.json. The note is empty unless the runtime needed help. Raises
        RefusedError.
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
        """Delete every container in the runtime's state directory, then its orphaned processes."""
        if shutil.which(self.tool) is not None and os.path.isdir(self._state(directory)):
            for name in run_program([self.tool, *self._root(directory), "list", "--quiet"]).split():
                self._command(directory, "delete", "--force", name)
        remove_cgroups(f"{NAME}-*")

    def _command(self, directory: str, *arguments: str) -> str:
        """Run the runtime; return a note if a cgroup mount had to be hidden from it, or ""."""
        command = [self.tool, *self._root(directory), *arguments]
        try:
            run_program(command)
        except RefusedError as refusal:
            if "hybrid" not in refusal.what or not os.path.ismount(_UNIFIED):
                raise
            without = ["unshare", "--mount", "sh", "-c", f'umount {_UNIFIED} && exec "$@"', "sh"]
            run_program([*without, *command])
            return f"{_UNIFIED} was hidden from {self.tool}, which refuses two cgroup versions"
        return ""

    def _root(self, directory: str) -> list[str]:
        return ["--root", self._state(directory)]

    def _state(self, directory: str) -> str:
        return os.path.join(directory, f"{self.tool}-state")


class Gvisor(BareRuntime):
    """runsc, a kernel in user space: the host sees the sandbox but not the container's root."""

    def __init__(self) -> None:
        super().__init__("runsc", "gVisor", "--network=none", "--ignore-cgroups")
        self.id = "gvisor"

    def up(self, workspace: Workspace) -> Started:
        """Run a copy of the root in a sandbox."""
        started = super().up(workspace)
        return Started(started.pid, started.command, hidden=True)


def remove_cgroups(pattern: str) -> None:
    """Remove the control groups with a name of the ladder's, and kill what was left in them.

    runc moves its child into the group before it writes the state that ``runc list`` reads
    (runc 1.1 libcontainer/process_linux.go), and containerd knows a task only later still. If one
    of them is killed in between, only the group leads to the child. A group is in use until its
    last process is gone.
    """
    groups = [
        directory
        for hierarchy in _cgroup_hierarchies()
        for group in glob.glob(f"{glob.escape(hierarchy)}/{pattern}")
        for directory, _, _ in os.walk(group, topdown=False)
    ]
    deadline = Deadline(_ORPHAN_SECONDS)
    while groups and not deadline.passed():
        for pid in {pid for group in groups for pid in _members(group)}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for group in groups:
            with suppress(OSError):  # still in use
                os.rmdir(group)
        groups = [group for group in groups if os.path.isdir(group)]
        if groups:
            time.sleep(0.02)


def _members(group: str) -> list[int]:
    """The PIDs in a control group, without those of another PID namespace (they read as 0)."""
    try:
        with open(os.path.join(group, "cgroup.procs"), encoding="ascii") as file:
            return [pid for pid in map(int, file) if pid > 1]
    except OSError:
        return []


def _cgroup_hierarchies() -> list[str]:
    top = "/sys/fs/cgroup"
    return [top, *(os.path.join(top, name) for name in os.listdir(top))]
