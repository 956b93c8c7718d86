"""Virtual machines under QEMU, with nothing installed but QEMU.

KVM if this host has it, else emulated. Each VM is a copy-on-write overlay on the disk that disk.py
makes, with user-mode networking: the host's network stays as it is, and ssh answers on a port of
the loopback interface. All files of a VM are in its directory, so that ``remove`` also finds those
of a killed run.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machines import ports
from machines.disk import Disk, disk
from machines.model import Connection, Kind, Machine, MachineError, Room, State, until
from machines.place import Place, run

BOOT_SECONDS = 900  # emulated it takes 35 on two idle cores, and many times that on busy ones
MEMORY_MIB = 2048
CPUS = 2
KERNEL = "root=/dev/vda rw console=ttyS0 panic=-1"  # -1: a kernel that fails ends the VM at once
EMULATED = (
    "no KVM here, so VMs are emulated: on two cores one answered after 35 s, Docker and Go took 3 "
    "minutes to install in it, and the whole lab on two of them 14 to 27 minutes"
)
SOCKET_BYTES = 107  # the longest path of a UNIX socket, unix(7)
# What a virtual machine consists of, in its directory.
FILES = ("console.log", "qemu.pid", "qmp", "base", "disk.qcow2")


def accelerator() -> str:
    """KVM if the processor has it. /dev/kvm alone is no proof: some sandboxes have the file on
    processors without virtualization, and QEMU aborts there.
    """
    flags = Path("/proc/cpuinfo").read_text().split()
    usable = {"vmx", "svm"} & set(flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return "kvm" if usable else "tcg,thread=multi"


class Qemu:
    """See machines.model.Backend."""

    name = "qemu"
    kinds: tuple[Kind, ...] = (Kind.VM,)

    def __init__(self, place: Place, kernel: str = KERNEL) -> None:
        self.place = place
        self.kernel = kernel  # its command line

    def _directory(self, machine: Machine) -> Path:
        return self.place.directory(machine.name)

    def lacks(self, wanted: Sequence[Machine]) -> list[str]:
        """See Backend."""
        needed = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils"}
        lacking = [
            f"{program} is missing -- apt-get install {package}"
            for program, package in needed.items()
            if not shutil.which(program)
        ]
        for machine in wanted:
            path = self._directory(machine) / "qmp"
            if len(bytes(path)) > SOCKET_BYTES:
                lacking.append(f"{path} is too long for a socket -- use a shorter directory")
        if os.geteuid():
            lacking.append("making a disk needs root, for the owners of its files -- sudo")
        return lacking

    def room(self) -> Room | None:
        """See Backend."""
        return None

    def warning(self, machine: Machine) -> str:  # noqa: ARG002
        """See Backend."""
        return "" if accelerator() == "kvm" else EMULATED

    def prepare(self, machine: Machine) -> None:
        """See Backend."""
        disk(self.place, machine.release)

    def create(self, machine: Machine) -> None:
        """See Backend."""
        self.remove(machine)
        directory, system = self._directory(machine), disk(self.place, machine.release)
        size = [f"{machine.limits.disk_gib}G"] if machine.limits.disk_gib else []
        run(
            *("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(system.image)),
            *(str(directory / "disk.qcow2"), *size),
            package="qemu-utils",
        )
        # One key for all machines with this disk, under the name vm.
        shutil.copy(system.known_hosts, directory / "known_hosts")
        (directory / "base").symlink_to(system.directory)
        self.power_on(machine)

    def power_on(self, machine: Machine) -> None:
        """Start QEMU with the overlay that is there, and the kernel that is installed in it.

        A port that was taken since it was chosen is named with its holder: the next ``up`` chooses
        another one.
        """
        try:
            self._run(machine)
        except MachineError as error:
            if not ports.taken(machine.port):
                raise
            raise MachineError(
                f"{machine.name}: port {machine.port} of {ports.LOOPBACK}, chosen for its ssh, was "
                f"taken meanwhile by {ports.holder(machine.port)}",
                "again with another port: ./lab machines up",
            ) from error

    def _run(self, machine: Machine) -> None:
        directory, limits = self._directory(machine), machine.limits
        system = Disk((directory / "base").resolve())
        run(
            "qemu-system-x86_64",
            *("-name", machine.name, "-machine", "q35", "-cpu", "max"),
            *("-smp", str(limits.cpus or CPUS), "-m", str(limits.memory_mib or MEMORY_MIB)),
            *("-accel", accelerator()),
            *("-kernel", str(system.kernel), "-initrd", str(system.initrd)),
            *("-append", f"{self.kernel} systemd.hostname={machine.name}"),
            *("-drive", f"file={directory}/disk.qcow2,if=virtio,format=qcow2,discard=unmap,"
              "cache=unsafe"),
            *("-netdev", f"user,id=cable,hostfwd=tcp:127.0.0.1:{machine.port}-:22"),
            *("-device", "virtio-net-pci,netdev=cable,id=card", "-device", "virtio-rng-pci"),
            *("-display", "none", "-serial", f"file:{directory}/console.log", "-no-reboot"),
            *("-qmp", f"unix:{directory}/qmp,server=on,wait=off"),
            *("-daemonize", "-pidfile", str(directory / "qemu.pid")),
            package="qemu-system-x86",
        )  # fmt: skip

    def wait(self, machine: Machine, seconds: float) -> None:
        """See Backend."""
        ends = time.monotonic() + seconds
        console = self._directory(machine) / "console.log"
        while not self.answers(machine):
            if not self.pid(machine):
                raise MachineError(
                    f"{machine.name} stopped before ssh answered; its console ends with: "
                    f"{self.console(machine)}", f"the whole console: {console}",
                )  # fmt: skip
            if time.monotonic() > ends:
                self._switch_off(machine)
                raise MachineError(
                    f"{machine.name} did not answer ssh in {seconds:.0f} s; its console ends with: "
                    f"{self.console(machine)}",
                    f"the whole console: {console}; "
                    "if it is still booting, allow it more --seconds",
                )
            time.sleep(2)
        # From now on a reboot is one. Before, it ends QEMU: so a kernel that panics is noticed.
        try:
            self._qmp(machine, "set-action", reboot="reset")
        except OSError as error:
            raise MachineError(
                f"{machine.name}: its QEMU did not take a setting: {error}"
            ) from error

    def answers(self, machine: Machine) -> bool:
        """Whether its user can log in now."""
        options = ["-o", "ConnectTimeout=60", "-o", "BatchMode=yes"]
        command = self.connection(machine).command("true")
        try:
            probe = subprocess.run(
                [command[0], *options, *command[1:]],
                capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:  # a slow VM on a busy machine
            return False
        except FileNotFoundError as error:
            raise MachineError("ssh is missing", "apt-get install openssh-client") from error
        return probe.returncode == 0

    def start(self, machine: Machine) -> None:
        """See Backend."""
        if not self.pid(machine):
            self.power_on(machine)

    def stop(self, machine: Machine) -> None:
        """Let it shut down; after two minutes, power off."""
        command = self.connection(machine).command("sudo", "systemctl", "poweroff")
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=60,
                stdin=subprocess.DEVNULL)  # fmt: skip
            until(lambda: not self.pid(machine), 120)
        except subprocess.TimeoutExpired:
            pass
        self._switch_off(machine)

    def reset(self, machine: Machine) -> None:
        """See Backend."""
        self.create(machine)

    def remove(self, machine: Machine) -> None:
        """See Backend."""
        self._switch_off(machine)
        for name in FILES:
            (self._directory(machine) / name).unlink(missing_ok=True)

    def state(self, machine: Machine) -> State:
        """See Backend."""
        if self.pid(machine):
            return State.RUNNING
        made = (self._directory(machine) / "disk.qcow2").exists()
        return State.STOPPED if made else State.MISSING

    def connection(self, machine: Machine) -> Connection:
        """See Backend."""
        return Connection(
            host="127.0.0.1",
            port=machine.port,
            alias="vm",
            key=str(self.place.key),
            known_hosts=str(self._directory(machine) / "known_hosts"),
        )

    def forget(self) -> None:
        """Nothing: disks are in the cache."""

    def pid(self, machine: Machine) -> int:
        """The PID of its QEMU, or 0. Another process with a reused PID does not count."""
        directory = self._directory(machine)
        try:
            pid = int((directory / "qemu.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return 0
        return pid if bytes(directory / "qmp") in command else 0

    def console(self, machine: Machine) -> str:
        """The last lines that the VM wrote on its serial console."""
        try:
            text = (self._directory(machine) / "console.log").read_text(errors="replace")
        except OSError:
            return "(nothing)"
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(line for line in lines[-8:] if line.isprintable()) or "(nothing)"

    def plug(self, machine: Machine, up: bool) -> None:
        """Put its network cable in, or pull it out. Raises OSError."""
        self._qmp(machine, "set_link", name="card", up=up)

    def _qmp(self, machine: Machine, command: str, **arguments: Any) -> None:
        """Send a command to its QEMU (QEMU Machine Protocol). Raises OSError."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self._directory(machine) / "qmp"))
            lines = connection.makefile("rwb", buffering=0)
            lines.readline()
            for request in (
                {"execute": "qmp_capabilities"},
                {"execute": command, "arguments": arguments},
            ):
                lines.write(json.dumps(request).encode() + b"\n")
                answer: dict[str, Any] = {}
                while not {"return", "error"} & set(answer):
                    answer = json.loads(lines.readline() or b'{"error": {"desc": "QEMU ended"}}')
                if "error" in answer:
                    raise OSError(answer["error"]["desc"])

    def _switch_off(self, machine: Machine) -> None:
        """Power off at once."""
        for send in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid(machine)
            if pid:
                os.kill(pid, send)
                until(lambda: not self.pid(machine), 10)
