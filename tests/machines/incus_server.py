"""A server with Incus: a system container with Debian 13, in which ./lab machines runs.

A machine there is a container in a container in a container. The kernel lets an unprivileged one
mount its own /sys only where that of its server is writable, which it is on a server and not in a
container of Docker's: so it is made writable.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from machines.docker_engine import docker
from machines.incus import PACKAGES

ROOT = Path(__file__).parents[2]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
INSTALL = (
    "set -e; export DEBIAN_FRONTEND=noninteractive; mount -o remount,rw /sys; "
    "apt='apt-get -qq -o Acquire::Check-Valid-Until=false'; $apt update; "
    "$apt install --yes --no-install-recommends"
)
LAB = "/opt/lab"


class IncusServer:
    """A server with Incus, on which the verb runs."""

    def __init__(self, container: str, *packages: str) -> None:
        """Install Incus and more ``packages`` in the container."""
        self.container = container
        wanted = " ".join(("mmdebstrap", "openssh-client", PACKAGES, *packages))
        self.ran("sh", "-c", f"{INSTALL} {wanted}")

    def run(self, *words: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a command there as root."""
        command = ["docker", "exec", self.container, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)

    def ran(self, *words: str) -> str:
        """Standard output of a command that succeeds there."""
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout[-3000:], done.stderr[-3000:])
        return done.stdout

    def put(self, files: Iterable[str]) -> None:
        """Copy files and directories of this checkout to LAB, by their paths in it."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            for name in files:
                tar.add(ROOT / name, f"{LAB}/{name}")
        docker("cp", "-", f"{self.container}:/", stdin=content.getvalue())

    def put_all(self) -> None:
        """Copy what ./lab needs, and whom this machine trusts: a proxy may have an authority."""
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=True)
        self.put(listed.stdout.decode().splitlines())
        docker("cp", "--follow-link", AUTHORITIES, f"{self.container}:{AUTHORITIES}")

    def lab(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ./lab machines there."""
        program = ("python3", f"{LAB}/scripts/machines", f"--inventory={LAB}/machines.yml")
        return self.run(*program, *words)

    def instances(self) -> list[dict[str, object]]:
        """Incus's own list."""
        listed: list[dict[str, object]] = json.loads(self.run("incus", "list", "-f", "json").stdout)
        return listed
