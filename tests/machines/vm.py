"""Virtual machines: ``python3 -m tests.machines.vm up NAME SUITE``, ``down|plug|unplug NAME``.

QEMU with KVM where the machine has it, by emulation where not. Each VM is a copy-on-write overlay
on the disk that disk.py makes, in user-mode networking: nothing of the host's network is touched,
and ssh answers on a port of the loopback interface. Everything of a VM lies in one directory, so
that a killed run leaves nothing that ``down`` does not find.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.machines.base import CACHE, RELEASES, USER
from tests.machines.container import KEY
from tests.machines.disk import Disk, DiskError, disk

BOOT_SECONDS = 900  # emulated it takes 35 on two idle cores, and many times that on busy ones
MEMORY_MB = 2048
KERNEL = "root=/dev/vda rw console=ttyS0 panic=-1"  # -1: a kernel that fails ends the VM at once


class MachineError(Exception):
    """The VM is not there; the text says why and what mends it."""


@dataclass(frozen=True)
class Machine:
    """A VM and its directory: ``disk.qcow2``, ``console.log``, ``qemu.pid``, ``qmp``, ``port`` and
    ``known_hosts``."""

    name: str

    @property
    def directory(self) -> Path:
        """Where everything of this VM lies."""
        return CACHE / "vm" / self.name

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that leads to its ssh; 0 where there is no VM."""
        try:
            return int((self.directory / "port").read_text())
        except (OSError, ValueError):
            return 0

    def pid(self) -> int:
        """Its QEMU, or 0. A recycled number is not taken for it."""
        try:
            pid = int((self.directory / "qemu.pid").read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        return pid if str(self.directory / "qmp").encode() in b"\0".join(command) else 0

    def console(self) -> str:
        """The last lines that the VM wrote on its serial console."""
        try:
            text = (self.directory / "console.log").read_text(errors="replace")
        except OSError:
            return "(nothing)"
        said = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(line for line in said[-8:] if line.isprintable()) or "(nothing)"

    def start(self, disk: Disk, kernel: str) -> None:
        """Power on. Raises MachineError where QEMU refuses."""
        self.stop()
        self.directory.mkdir(parents=True)
        overlay = self.directory / "disk.qcow2"
        run(
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-F",
            "raw",
            "-b",
            str(disk.image),
            str(overlay),
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        run(
            "qemu-system-x86_64",
            *("-name", self.name, "-machine", "q35", "-cpu", "max", "-smp", "2"),
            *("-accel", accelerator(), "-m", str(MEMORY_MB)),
            *("-kernel", str(disk.kernel), "-initrd", str(disk.initrd)),
            *("-append", f"{kernel} systemd.hostname={self.name}"),
            *("-drive", f"file={overlay},if=virtio,format=qcow2,discard=unmap,cache=unsafe"),
            *("-netdev", f"user,id=cable,hostfwd=tcp:127.0.0.1:{port}-:22"),
            *("-device", "virtio-net-pci,netdev=cable,id=card", "-device", "virtio-rng-pci"),
            *("-display", "none", "-serial", f"file:{self.directory}/console.log", "-no-reboot"),
            *("-qmp", f"unix:{self.directory}/qmp,server=on,wait=off"),
            *("-daemonize", "-pidfile", str(self.directory / "qemu.pid")),
        )
        (self.directory / "port").write_text(str(port))
        shutil.copy(disk.known_hosts, self.directory)

    def wait(self, disk: Disk, seconds: float = BOOT_SECONDS) -> None:
        """Until its user can log in. Raises MachineError."""
        ends = time.monotonic() + seconds
        while not self.answers(disk):
            if not self.pid():
                raise MachineError(
                    f"{self.name} stopped before ssh answered; its console ends with: "
                    f"{self.console()} -- all of it: {self.directory}/console.log"
                )
            if time.monotonic() > ends:
                self.switch_off()
                raise MachineError(
                    f"{self.name} did not answer ssh in {seconds:.0f} s; its console ends with: "
                    f"{self.console()} -- all of it: {self.directory}/console.log; "
                    "if it is still booting, this machine is slow: --seconds"
                )
            time.sleep(2)

    def answers(self, disk: Disk) -> bool:
        """Whether its user can log in now."""
        command = ["ssh", *ssh_options(disk), "-o", "ConnectTimeout=60", "-p", str(self.port)]
        try:
            probe = subprocess.run(
                [*command, f"{USER}@127.0.0.1", "true"],
                capture_output=True, check=False, timeout=120, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired:  # a busy machine, and a slow one on it
            return False
        return probe.returncode == 0

    def qmp(self, command: str, **arguments: Any) -> None:
        """Ask its QEMU for something (QEMU Machine Protocol). Raises OSError."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.directory / "qmp"))
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

    def stop(self) -> None:
        """Power off at once, and remove what was this VM's."""
        self.switch_off()
        shutil.rmtree(self.directory, ignore_errors=True)

    def switch_off(self) -> None:
        """Power off at once."""
        for send in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid:
                subprocess.run(["kill", f"-{send}", str(pid)], check=False, capture_output=True)
                until(lambda: not self.pid(), 10)


def accelerator() -> str:
    """KVM where the processor offers it. /dev/kvm alone says nothing: some sandboxes have the file
    on processors without virtualization, and QEMU aborts there."""
    flags = Path("/proc/cpuinfo").read_text().split()
    here = {"vmx", "svm"} & set(flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return "kvm" if here else "tcg,thread=multi"


def until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for ``done``, but no longer."""
    ends = time.monotonic() + seconds
    while not done() and time.monotonic() < ends:
        time.sleep(0.1)


def run(*command: str) -> None:
    """Run a program; raises MachineError with what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise MachineError(
            f"{command[0]} is missing -- apt-get install qemu-system-x86 qemu-utils"
        ) from error
    if done.returncode:
        raise MachineError(f"{command[0]} failed: {done.stderr.strip()[-400:]}")


def ssh_options(disk: Disk) -> list[str]:
    """For ssh(1): the checkout's key, and the disk's host key and no other."""
    return [
        *("-i", str(KEY), "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=vm"),
        *("-o", f"UserKnownHostsFile={disk.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
    ]


def up(machine: Machine, suite: str, kernel: str, seconds: float) -> bool:
    """Make the machine unless it answers; gives whether it was not there yet.

    Raises MachineError, and DiskError.
    """
    system = disk(suite)
    if machine.pid() and machine.answers(system):
        return False
    machine.start(system, kernel)
    machine.wait(system, seconds)
    return True


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "plug", "unplug"])
    parser.add_argument("name")
    parser.add_argument("suite", nargs="?", choices=sorted(RELEASES), default="trixie")
    parser.add_argument("--kernel", default=KERNEL, help="the kernel's command line")
    parser.add_argument("--seconds", type=float, default=BOOT_SECONDS, help="to wait for ssh")
    wish = parser.parse_args()
    machine = Machine(wish.name)
    try:
        match wish.verb:
            case "up":
                print("made" if up(machine, wish.suite, wish.kernel, wish.seconds) else "there")
            case "down":
                machine.stop()
            case _:
                machine.qmp("set_link", name="card", up=wish.verb == "plug")
    except (MachineError, DiskError, OSError) as error:
        print(f"machine: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
