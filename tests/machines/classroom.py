"""A classroom of system containers on one machine, all from one prepared base.

``python3 -m tests.machines.classroom prepare`` provisions one machine with the lab and keeps it as
an image; ``up DIRECTORY COUNT`` starts machines from it and writes ``DIRECTORY/classroom.yml``;
``down`` removes them. Provisioning forty from packages would measure the package mirror, not the
lab.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from machines.debian import RELEASES
from machines.docker_engine import (
    INSTANCES,
    INSTANCES_EACH,
    LABEL,
    docker,
    run_command,
    wait_until_started,
)
from machines.model import USER, MachineError
from machines.place import Place
from tests.machines import ROOT
from tests.machines.fresh import Fresh

SUITE = "bookworm"
PREFIX = "scratchlab-room"
BASE = "base"
IMAGE = "scratchlab-machine:room"
SSH = (
    '-o ProxyCommand="docker exec --interactive --user root {name} /usr/sbin/sshd -i" '
    "-o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
    "-o LogLevel=ERROR"
)


def host(name: str) -> dict[str, Any]:
    """Ansible's variables of a machine: ssh through docker exec, which needs no network."""
    return {
        "ansible_host": name,
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(Place().key),
        "ansible_ssh_common_args": SSH.format(name=name),
    }


def inventory(directory: Path, hosts: dict[str, dict[str, Any]]) -> Path:
    """Write an inventory of ``hosts`` (their variables by name); returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "classroom.yml"  # JSON is YAML
    file.write_text(json.dumps({"all": {"hosts": hosts}}, indent=1))
    return file


def prepare() -> None:
    """Make the base image, replacing an older one."""
    fresh = Fresh("room-base")
    fresh.up({BASE: SUITE})
    name = fresh.instance(BASE)
    file = inventory(ROOT / ".cache" / "room-base", {BASE: fresh.variables(BASE)})
    subprocess.run([str(ROOT / "lab"), "-i", str(file), "--tags", "provision,build"], check=True)
    docker("exec", name, "systemctl", "stop", "docker.socket", "docker", "containerd")
    docker("exec", name, "sh", "-c", "apt-get clean; rm -rf /root/.cache /var/cache/scratchlab")
    docker("commit", "--change", f"LABEL {LABEL}=room", name, IMAGE)
    fresh.down()


def start(count: int) -> dict[str, dict[str, Any]]:
    """Start ``count`` machines, four at a time; returns the variables of each by its name.

    Raises MachineError when this kernel's limit of inotify instances is too low.
    """
    limit = int(INSTANCES.read_text())
    if limit < INSTANCES_EACH * count:
        raise MachineError(
            f"{count} machines with a systemd each need more inotify instances than {limit}: "
            f"sysctl fs.inotify.max_user_instances={INSTANCES_EACH * count}"
        )
    names = [f"student{number:02}" for number in range(1, count + 1)]
    for batch in (names[first : first + 4] for first in range(0, count, 4)):
        for name in batch:
            docker(*run_command(f"{PREFIX}-{name}", name, IMAGE, RELEASES[SUITE]))
        for name in batch:
            wait_until_started(f"{PREFIX}-{name}")
            docker("exec", f"{PREFIX}-{name}", "sh", "-c", "mkdir -p /run/sshd; rm -f /run/nologin")
    return {name: host(f"{PREFIX}-{name}") for name in names}


def remove() -> None:
    """Remove the machines; keep the base image."""
    ids = docker("container", "ls", "--all", "--quiet", "--filter", f"name=^{PREFIX}-")
    for one in ids.split():
        docker("rm", "--force", "--volumes", one)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("prepare")
    making = verbs.add_parser("up")
    making.add_argument("directory", type=Path)
    making.add_argument("count", type=int)
    verbs.add_parser("down")
    options = parser.parse_args()
    if options.verb == "prepare":
        prepare()
    elif options.verb == "up":
        print(inventory(options.directory, start(options.count)))
    else:
        remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
