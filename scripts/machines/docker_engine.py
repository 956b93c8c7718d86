"""System containers on a Docker engine: a Debian whose process 1 is systemd.

They get the capabilities that this process has: in a sandbox without CAP_SYS_RESOURCE,
``docker run --privileged`` fails and this does not.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from machines import container
from machines.debian import RELEASES, Release, base_system
from machines.model import Connection, Kind, Machine, MachineError, Room, State, until
from machines.place import Place, run

LABEL = "io.scratchlab.machine"
BOOT_SECONDS = 240
REMOVAL_SECONDS = 300  # of a machine with an engine and its layers, on a busy host
# In the order of their numbers in capability.h of Linux 3.16: an engine of 2020 refuses the three
# that were added later.
CAPABILITIES = """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio
    sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time
    sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
    wake_alarm block_suspend audit_read
"""
# Engines keep layers in these, and overlayfs does not stack on the container's own overlayfs.
VOLUMES = ("/var/lib/docker", "/var/lib/containerd", "/var/lib/containers")
# Docker mounts the control groups read-only, but an engine inside has to make its own.
BOOT = """
if [ "$UNIFIED" = 1 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
fi
mount -o remount,rw /sys/fs/cgroup
for controller in /sys/fs/cgroup/*; do
    if [ -d "$controller" ] && [ ! -L "$controller" ] && mountpoint -q "$controller"; then
        mount -o remount,bind,rw "$controller"
    fi
done
unset UNIFIED
exec /sbin/init
"""


# The kernel counts them per user: at its default of 128 the eighteenth container does not boot.
INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
INSTANCES_EACH = 16


def docker(*arguments: str, check: bool = True, stdin: bytes | None = None) -> str:
    """Standard output of a docker command; raises MachineError with its error output.

    Without ``check`` a failure is an empty output.
    """
    try:
        return run("docker", *arguments, package="docker.io", stdin=stdin)
    except MachineError:
        if check:
            raise
        return ""


def effective_capabilities() -> list[str]:
    """The names in CAPABILITIES that this process has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    bits = int(next(line.split()[1] for line in lines if line.startswith("CapEff")), 16)
    return [name for number, name in enumerate(CAPABILITIES.split()) if bits >> number & 1]


def image(place: Place, suite: str) -> str:
    """The name of the image of a base system, which is imported if missing."""
    file = base_system(place, suite)
    name = f"scratchlab-machine:{file.stem}"
    with place.locked(f"import-{suite}"):
        if not docker("image", "ls", "--quiet", name):
            docker("import", "--change", f"LABEL {LABEL}={suite}", str(file), name)
    return name


def run_command(
    name: str, hostname: str, image_name: str, release: Release, limits: Sequence[str] = ()
) -> list[str]:
    """The arguments of docker for a system container."""
    environment = ["container=docker", *release.environment, f"UNIFIED={int(release.unified)}"]
    return [
        "run",
        "--pull=never",  # it comes from packages, from no registry
        "--detach",
        f"--name={name}",
        f"--hostname={hostname}",
        f"--label={LABEL}={release.suite}",
        "--stop-signal=SIGRTMIN+3",
        "--cgroupns=private",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--security-opt=systempaths=unconfined",
        "--device-cgroup-rule=a *:* rwm",
        *(f"--cap-add={capability}" for capability in effective_capabilities()),
        *(f"--volume={path}" for path in VOLUMES),
        "--tmpfs=/run",
        "--tmpfs=/tmp:exec",
        *limits,
        *(f"--env={setting}" for setting in environment),
        "--entrypoint=/bin/sh",
        image_name,
        "-c",
        BOOT,
    ]


def runs(name: str) -> bool:
    """Whether a container of this name runs."""
    return bool(docker("container", "ls", "--quiet", "--filter", f"name=^{name}$"))


def wait_until_started(name: str, seconds: float = BOOT_SECONDS) -> None:
    """Wait for systemd. ``degraded`` counts as started: a container loads no kernel modules.

    Raises MachineError with what the machine said last.
    """
    end = time.monotonic() + seconds
    state = ""
    while time.monotonic() < end:
        state = docker("exec", name, "sh", "-c", "systemctl is-system-running || true", check=False)
        if state in ("running", "degraded"):
            return
        if not runs(name):
            break
        time.sleep(0.3)
    log = " | ".join(docker("logs", "--tail", "8", name, check=False).splitlines())
    raise MachineError(
        f"{name} did not start: {state or 'systemd does not answer'}; "
        f"its console ends with: {log or '(nothing)'}",
        f"all of it: docker logs {name}",
    )


class DockerEngine:
    """See machines.model.Backend."""

    name = "docker"
    kinds: tuple[Kind, ...] = (Kind.CONTAINER,)

    def __init__(self, place: Place) -> None:
        self.place = place

    def lacks(self, wanted: Sequence[Machine]) -> list[str]:
        """See Backend."""
        if not shutil.which("docker"):
            return ["docker is missing -- apt-get install docker.io"]
        try:
            docker("version", "--format", "{{.Server.Version}}")
        except MachineError as error:
            return [f"no Docker engine answers ({error}) -- systemctl start docker"]
        lacking = []
        if any(machine.limits.disk_gib for machine in wanted):
            lacking.append("docker cannot limit the disk of a container -- leave --disk out")
        counted = int(INSTANCES.read_text())
        running = docker("container", "ls", "--quiet", "--filter", f"label={LABEL}").split()
        needed = INSTANCES_EACH * (len(running) + len(wanted))
        if counted < needed:
            lacking.append(
                f"{len(running) + len(wanted)} machines with a systemd each need more inotify "
                f"instances than {counted} -- sysctl fs.inotify.max_user_instances={needed}"
            )
        return lacking

    def room(self) -> Room | None:
        """See Backend."""
        return None

    def warning(self, machine: Machine) -> str:  # noqa: ARG002
        """See Backend."""
        return (
            "system containers on docker share this host's kernel: who is root on one can become "
            "root here. They are for your own tests, not for students"
        )

    def prepare(self, machine: Machine) -> None:
        """See Backend."""
        image(self.place, machine.release)

    def create(self, machine: Machine) -> None:
        """See Backend."""
        self.remove(machine)
        limits = []
        if machine.limits.memory_mib:
            limits.append(f"--memory={machine.limits.memory_mib}m")
        if machine.limits.cpus:
            limits.append(f"--cpus={machine.limits.cpus}")
        release = RELEASES[machine.release]
        name = image(self.place, machine.release)
        command = run_command(machine.instance, machine.name, name, release, limits)
        try:
            docker(*command)
        except MachineError as error:
            if "No such image" not in str(error):
                raise
            image(self.place, machine.release)  # another checkout's last `down` just removed it
            docker(*command)

    def wait(self, machine: Machine, seconds: float) -> None:
        """See Backend."""
        wait_until_started(machine.instance, seconds)
        for script, key in (
            (container.AUTHORIZED + container.LOGIN, self.place.public_key().encode()),
            (container.HOST_KEY, container.host_key(self.place, machine)),
        ):
            docker("exec", "--interactive", machine.instance, "sh", "-c", script, stdin=key)

    def start(self, machine: Machine) -> None:
        """See Backend."""
        docker("start", machine.instance)

    def stop(self, machine: Machine) -> None:
        """See Backend."""
        docker("stop", machine.instance)

    def reset(self, machine: Machine) -> None:
        """See Backend."""
        self.create(machine)

    def remove(self, machine: Machine) -> None:
        """See Backend."""
        if not self._exists(machine):
            return
        try:
            docker("rm", "--force", "--volumes", machine.instance)
        except MachineError as error:
            if "already in progress" not in str(error):
                raise
            # A killed run asked for it, and the engine goes on.
            if not until(lambda: not self._exists(machine), REMOVAL_SECONDS):
                what = f"the engine still removes {machine.instance}"
                raise MachineError(what, "later again: ./lab machines down") from error

    @staticmethod
    def _exists(machine: Machine) -> bool:
        name = f"name=^{machine.instance}$"
        return bool(docker("container", "ls", "--all", "--quiet", "--filter", name))

    def state(self, machine: Machine) -> State:
        """See Backend."""
        name = f"name=^{machine.instance}$"
        found = docker("container", "ls", "--all", "--filter", name, "--format", "{{.State}}")
        if not found:
            return State.MISSING
        return State.RUNNING if found == "running" else State.STOPPED

    def connection(self, machine: Machine) -> Connection:
        """See Backend."""
        entering = ("docker", "exec", "--interactive", "--user", "root", machine.instance)
        return container.connection(self.place, machine, *entering)

    def forget(self) -> None:
        """See Backend."""
        for suite in RELEASES:
            label = f"label={LABEL}={suite}"
            for name in docker("image", "ls", "--quiet", "--filter", label, check=False).split():
                docker("image", "rm", name, check=False)  # one that is in use stays
