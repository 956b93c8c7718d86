"""Virtual machines: ``python3 -m tests.machines.vm up NAME SUITE``, ``down|plug|unplug NAME``.

QEMU with KVM if this machine has it, else emulated. Each VM is a copy-on-write overlay
on the disk that disk.py makes, with user-mode networking: the host's network stays as it is, and
ssh answers on a port of the loopback interface. All files of a VM are in one directory, so that
``down`` also finds those of a killed run.
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


class VirtualMachineError(Exception):
    """The VM does not run; the message has the reason and the remedy."""


@dataclass(frozen=True)
class VirtualMachine:
    """A VM and its directory: ``disk.qcow2``, ``console.log``, ``qemu.pid``, ``qmp``, ``port`` and
    ``known_hosts``."""

    name: str

    @property
    def directory(self) -> Path:
        """The directory of all files of this VM."""
        return CACHE / "vm" / self.name

    @property
    def port(self) -> int:
        """The port on 127.0.0.1 that is forwarded to its ssh; 0 if there is no VM."""
        try:
            return int((self.directory / "port").read_text())
        except (OSError, ValueError):
            return 0

    def pid(self) -> int:
        """The PID of its QEMU, or 0. Another process with a reused PID does not count."""
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
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(line for line in lines[-8:] if line.isprintable()) or "(nothing)"

    def start(self, disk: Disk, kernel: str) -> None:
        """Power on. Raises VirtualMachineError if QEMU refuses."""
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
        """Wait until its user can log in. Raises VirtualMachineError after ``seconds``."""
        ends = time.monotonic() + seconds
        while not self.answers(disk):
            if not self.pid():
                raise VirtualMachineError(
                    f"{self.name} stopped before ssh answered; its console ends with: "
                    f"{self.console()} -- the whole console: {self.directory}/console.log"
                )
            if time.monotonic() > ends:
                self.switch_off()
                raise VirtualMachineError(
                    f"{self.name} did not answer ssh in {seconds:.0f} s; its console ends with: "
                    f"{self.console()} -- the whole console: {self.directory}/console.log; "
                    "if it is still booting, allow it more --seconds"
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
        except subprocess.TimeoutExpired:  # a slow VM on a busy machine
            return False
        return probe.returncode == 0

    def qmp(self, command: str, **arguments: Any) -> None:
        """Send a command to its QEMU (QEMU Machine Protocol). Raises OSError."""
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
        """Power off at once, and remove the directory."""
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
    """KVM if the processor has it. /dev/kvm alone is no proof: some sandboxes have the file on
    processors without virtualization, and QEMU aborts there."""
    flags = Path("/proc/cpuinfo").read_text().split()
    usable = {"vmx", "svm"} & set(flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return "kvm" if usable else "tcg,thread=multi"


def until(done: Callable[[], bool], seconds: float) -> None:
    """Wait until ``done`` returns true, at most ``seconds``."""
    ends = time.monotonic() + seconds
    while not done() and time.monotonic() < ends:
        time.sleep(0.1)


def run(*command: str) -> None:
    """Run a program; raises VirtualMachineError with its error output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise VirtualMachineError(
            f"{command[0]} is missing -- apt-get install qemu-system-x86 qemu-utils"
        ) from error
    if done.returncode:
        raise VirtualMachineError(f"{command[0]} failed: {done.stderr.strip()[-400:]}")


def ssh_options(disk: Disk) -> list[str]:
    """Options of ssh(1): the checkout's key, and no host key but the disk's."""
    return [
        *("-i", str(KEY), "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=vm"),
        *("-o", f"UserKnownHostsFile={disk.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
    ]


def up(machine: VirtualMachine, suite: str, kernel: str, seconds: float) -> bool:
    """Make the machine unless it answers; returns whether it was made.

    Raises VirtualMachineError, and DiskError.
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
    options = parser.parse_args()
    machine = VirtualMachine(options.name)
    try:
        match options.verb:
            case "up":
                print(
                    "made"
                    if up(machine, options.suite, options.kernel, options.seconds)
                    else "running"
                )
            case "down":
                machine.stop()
            case _:
                machine.qmp("set_link", name="card", up=options.verb == "plug")
    except (VirtualMachineError, DiskError, OSError) as error:
        print(f"machine: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
