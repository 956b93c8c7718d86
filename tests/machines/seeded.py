"""A machine that cloud-init sets up at its next boot, and what is true of it afterwards.

Two kinds of machine do the same: a system container, and a virtual machine that boots as one in a
cloud does. The seed lies where cloud-init's data source NoCloud looks for it, the repository is a
directory on the machine, and a program on it receives the report.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Protocol

from cloud_init import DONE, HOME, SERVICE
from machines.docker_engine import docker
from machines.model import MachineError, until
from machines.qemu import BOOT_SECONDS
from tests.machines import ROOT
from tests.machines.fresh import Fresh

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
SEED = "var/lib/cloud/seed/nocloud"
NAME = "cloud"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
HOST_KEY = re.compile(r"ssh-ed25519 [\w+/]{68}=*")
# As images of clouds have it: cloud-init lets the file system grow with it.
PACKAGES = "cloud-init e2fsprogs git"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Check-Valid-Until=false"
RECEIVER = """
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        open("/root/received.json", "wb").write(body)
        self.send_response(201)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8000), Receiver).serve_forever()
"""
REPORT = f"{HOME}/reports/localhost/report.json"


class Seeded(Protocol):
    """A machine as root: both kinds have a shell on it, and can reboot it."""

    def sh(self, script: str, stdin: bytes = b"") -> str:
        """Run a shell script; its output. Raises MachineError when it fails."""

    def reboot(self) -> None:
        """Switch it off and on again, and wait until ``sh`` works. Raises MachineError."""


class Container:
    """A system container, through its engine."""

    def __init__(self, machines: Fresh) -> None:
        self.name = machines.instance(NAME)

    def sh(self, script: str, stdin: bytes = b"") -> str:
        """See Seeded."""
        return docker("exec", "--interactive", self.name, "sh", "-c", script, stdin=stdin)

    def reboot(self) -> None:
        """See Seeded."""
        docker("restart", self.name)


class VirtualMachine:
    """A virtual machine, through ssh."""

    def __init__(self, machines: Fresh) -> None:
        self.machines = machines
        self.directory = machines.place.directory(NAME)

    def _ssh(self, script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = self.machines.command(NAME, "sudo", "sh", "-c", script)
        return subprocess.run(command, input=stdin, capture_output=True, check=False)

    def sh(self, script: str, stdin: bytes = b"") -> str:
        """See Seeded."""
        done = self._ssh(script, stdin)
        if done.returncode:
            raise MachineError(f"{script}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout.decode(errors="replace").strip()

    def reboot(self) -> None:
        """See Seeded. cloud-init gives the machine new host keys at its first boot, and prints them
        on the console, which nobody but this host's QEMU writes."""
        console, known = self.directory / "console.log", self.directory / "known_hosts"
        before, start = self.sh(f"cat {BOOT_ID}"), console.stat().st_size
        self._ssh("systemctl reboot")  # the connection may end before its answer

        def is_back() -> bool:
            """Whether another boot than the one before answers."""
            said = console.read_bytes()[start:].decode(errors="replace")
            if keys := HOST_KEY.findall(said):
                known.write_text(f"vm {keys[-1]}\n")
            time.sleep(5)
            return self._ssh(f"cat {BOOT_ID}").stdout.decode().strip() not in ("", before)

        if not until(is_back, BOOT_SECONDS):
            raise MachineError(f"{NAME} did not come back; its console: {console}")


def put(machine: Seeded, files: dict[str, bytes]) -> None:
    """Write files on the machine."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    machine.sh("tar --extract --no-same-owner --directory=/", content.getvalue())


def switch_on(machine: Seeded, directory: Path, more: dict[str, bytes]) -> None:
    """Install cloud-init, write the seed and ``more`` files, and reboot.

    ``directory`` is an empty one for a clone of this repository.
    """
    machine.sh(f"{APT} update && {APT} install --yes --no-install-recommends {PACKAGES}")
    subprocess.run(
        ["git", "clone", "-q", "--bare", str(ROOT), str(directory / "lab.git")], check=True
    )
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        tar.add(directory / "lab.git", "srv/lab.git")
    machine.sh("tar --extract --no-same-owner --directory=/", content.getvalue())
    program = [sys.executable, str(ROOT / "scripts" / "cloud_init.py")]
    options = ["--git=file:///srv/lab.git", "--report-to=http://127.0.0.1:8000/report.json"]
    # A proxy's authority, as a site may have one; here whatever this machine trusts.
    options.append(f"--ca-cert={AUTHORITIES}")
    done = subprocess.run([*program, *options], capture_output=True, check=True)
    files = {
        f"{SEED}/user-data": done.stdout,
        f"{SEED}/meta-data": f"instance-id: first\nlocal-hostname: {NAME}\n".encode(),
        "root/receiver.py": RECEIVER.encode(),
        "etc/systemd/system/receiver.service": (
            b"[Service]\nExecStart=python3 /root/receiver.py\n"
            b"[Install]\nWantedBy=multi-user.target\n"
        ),
    }
    put(machine, files | more)
    machine.sh("systemctl -q enable receiver.service && cloud-init clean --logs")
    machine.reboot()


def settled(machine: Seeded, seconds: float) -> None:
    """Wait until systemd has done everything that a boot starts. ``degraded`` counts: a container
    loads no kernel modules. Raises MachineError."""

    def is_done() -> bool:
        """Whether nothing is left to start."""
        time.sleep(2)
        state = machine.sh("systemctl is-system-running 2>/dev/null || true")
        return state in ("running", "degraded")

    if not until(is_done, seconds):
        raise MachineError(f"{NAME} is still booting: {machine.sh('systemctl list-jobs')}")


def assert_proved(machine: Seeded, seconds: float) -> None:
    """Wait for the service, at most ``seconds``: it has proved itself at this commit."""
    done = f"test -e {DONE} || systemctl is-failed --quiet {SERVICE}"

    def is_over() -> bool:
        """Whether it succeeded, or was tried five times. A login costs an emulated machine a second
        of its processor."""
        time.sleep(15)
        return machine.sh(f"if {done}; then echo over; fi") == "over"

    until(is_over, seconds)
    log = machine.sh(f"journalctl --no-pager --output=cat -u {SERVICE} | tail -40")
    assert machine.sh(f"if test -e {DONE}; then echo done; fi") == "done", log
    commit = machine.sh("git -C /srv/lab.git rev-parse HEAD")
    assert f"proved at commit {commit}" in log
    assert "checks passed" in log
    assert machine.sh(f"git -C {HOME} rev-parse HEAD") == commit


def assert_report_came_back(machine: Seeded) -> None:
    """What was received is the file on the machine, and every experiment passed."""
    received = json.loads(machine.sh("cat /root/received.json"))
    assert received == json.loads(machine.sh(f"cat {REPORT}"))
    assert received["verdict"]["status"] == 0
    assert {check["verdict"] for check in received["checks"]} == {"pass"}
    assert received["host"]["name"] == NAME
    assert received["host"]["kernel"] == machine.sh("uname -r")


def assert_not_run_again(machine: Seeded) -> None:
    """After one more reboot the service was skipped, and the report is the same file."""
    times = f"stat --format=%Y {REPORT} {DONE}"
    before = machine.sh(times)
    machine.reboot()
    settled(machine, BOOT_SECONDS)
    condition = machine.sh(f"systemctl show --property=ConditionResult {SERVICE}")
    assert condition == "ConditionResult=no"
    assert machine.sh(times) == before
