"""All that is predicted for some containers, field by field.

predictions.txt has a section for each container and a line for each path: what it is and who makes
it; after the first container of an engine, only what differs from that one.
``python -m tests.unit.judge.test_whole_predictions`` writes it again; read what changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.judge.handmade import CRUN, PODMAN, directory, facts, file, link

from scratchlab.devices import HostDevice
from scratchlab.judge.prediction import predict
from scratchlab.judge.prediction.predictions import PredictedMount, Prediction, Predictions
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Entry, Facts, Host

WHOLE = Path(__file__).with_name("predictions.txt")
MAPPED = ((0, 100000, 65536),)
DEVICES = (HostDevice("/lib/d/z", (1, 5)), HostDevice("/dev/net/tun", (10, 200)))
KERNEL = Host(existing=frozenset({"/proc/kcore", "/proc/acpi", "/proc/bus", "/proc/sys"}))
MASKS = {"MaskedPaths": ["/proc/acpi", "/proc/no"], "ReadonlyPaths": ["/proc/bus", "/proc/sys"]}
EVERY = {"ReadonlyRootfs": True, "Init": True, **MASKS}
OWN = {"HostsPath": "/r/hosts", "HostnamePath": "/r/hostname", "ResolvConfPath": "/r/resolv.conf"}
IMAGE = (directory("/etc"), link("/lib", "usr/lib"), directory("/usr"), directory("/usr/lib"),
         link("/sbin", "usr/sbin"))  # fmt: skip


def mounts(*targets: str, **fields: Any) -> dict[str, Any]:
    """Mounts of the user's on ``targets``."""
    wishes = [{"Destination": target, "Source": "/s", "Type": "bind", **fields}
              for target in targets]  # fmt: skip
    return {"Mounts": wishes}


def docker(**inspect: Any) -> Facts:
    return facts(inspect=inspect, host=KERNEL)


def podman(**inspect: Any) -> Facts:
    return facts(inspect={**OWN, **inspect}, host=KERNEL, engine=PODMAN, runtime=CRUN)


# Name -> facts, and the entries of the image.
CONTAINERS: dict[str, tuple[Facts, tuple[Entry, ...]]] = {
    "docker": (docker(), ()),
    "docker with options": (
        docker(HostConfig=EVERY, Config={"Tty": True, "WorkingDir": "/w/d"}), IMAGE,
    ),
    "docker privileged": (docker(HostConfig={"Privileged": True, "IpcMode": "host"}), IMAGE),
    "docker with devices": (
        facts(inspect={"HostConfig": {"IpcMode": "none"}}, devices=DEVICES, runtime=CRUN), IMAGE,
    ),
    "docker in a user namespace": (
        facts(uid_map=MAPPED, devices=DEVICES, inspect={"HostConfig": EVERY}), IMAGE,
    ),
    "docker rootless": (facts(engine=Engine("docker", "20.10.24", rootless=True)), ()),
    "docker of a swarm": (docker(Config={"Labels": {"com.docker.swarm.service.id": "x"}}), ()),
    "docker with mounts": (
        docker(**mounts("/lib/x/y", "/etc/hosts", "/dev/null", "/dev/fd", "/dev/shm", RW=False),
               HostConfig={"Tmpfs": {"/t/u": ""}}), IMAGE,
    ),
    "docker with mounts over the kernel's": (
        docker(**mounts("/sys", "/sys/fs/cgroup/x", "/proc", "/dev", "/etc")), (),
    ),
    "docker with mounts of the kernel's": (
        docker(**mounts("/k", "/k/x", "/dev/pts", "/dev/mqueue", Source="/sys/x")), (file("/k"),),
    ),
    "podman": (podman(), ()),
    "podman with options": (
        podman(HostConfig={"ReadonlyRootfs": True}, Config={"Tty": True, "WorkingDir": "/w/d"}),
        IMAGE,
    ),
    "podman with systemd": (podman(Config={"SystemdMode": True}), IMAGE),
    "podman with devices": (
        facts(devices=DEVICES, inspect=OWN, engine=PODMAN, runtime=CRUN), IMAGE,
    ),
    "podman in a user namespace": (
        facts(devices=DEVICES, inspect=OWN, engine=PODMAN, runtime=CRUN, uid_map=MAPPED), IMAGE,
    ),
    "podman privileged": (
        facts(devices=DEVICES, inspect={**OWN, "HostConfig": {"Privileged": True}}, host=KERNEL,
              engine=PODMAN, runtime=CRUN), IMAGE,
    ),
    "podman rootless in the host's network": (
        facts(inspect={**OWN, "HostConfig": {"NetworkMode": "host"}}, runtime=CRUN,
              engine=Engine("podman", "5.4.2", rootless=True)), (),
    ),
    "podman with mounts": (
        podman(**mounts("/run", "/tmp", "/etc/hosts", "/dev/mqueue"),
               HostConfig={"ReadonlyRootfs": True}, Config={"SystemdMode": True}), IMAGE,
    ),
    "podman with mounts over the kernel's": (
        podman(**mounts("/sys", "/sys/fs/cgroup/x", "/dev")), (),
    ),
}  # fmt: skip


def lines(name: str) -> Iterator[str]:
    """The section of the container ``name``: of all but the first of an engine, what differs from
    that one.
    """
    found, plain = predicted(name), predicted(name.partition(" ")[0])
    known = {} if found == plain else by_path(plain)
    yield f"{name}{'' if found.complete else ', not complete'}:"
    shown = by_path(found)
    for path in sorted({*shown, *known}):
        if path not in shown:
            yield f"  {path} is not predicted"
        elif shown[path] != known.get(path):
            yield from (f"  {text}" for text in shown[path])


def predicted(name: str) -> Predictions:
    asked, image = CONTAINERS[name]
    found = predict(asked, Ledger(image))
    assert found.problems == ()
    return found


def by_path(found: Predictions) -> dict[str, list[str]]:
    """The line of each path, after those of the mounts that it hides."""
    return {
        path: [*(f"below: {line(hidden)}" for hidden in found.below.get(path, ())), line(item)]
        for path, item in found.by_path.items()
    }


def line(item: Prediction) -> str:
    """Every field of ``item``, those that are left open as a dash."""
    owner = f"{'-' if item.uid is None else item.uid}:{'-' if item.gid is None else item.gid}"
    shown = [item.path, item.origin, item.rule, item.kind or "-", owner]
    shown.append("/".join(f"{mode:04o}" for mode in item.mode) or "-")
    shown.append("-" if item.size is None else f"{item.size} bytes")
    shown.append(item.target or "-")
    shown.append("-" if item.device is None else "{}:{}".format(*item.device))
    shown.append(mounted(item.mount))
    return " | ".join(map(str, shown)) + ("" if item.has_entry else " | no entry")


def mounted(mount: PredictedMount | None) -> str:
    if mount is None:
        return "-"
    return " ".join([f"mount of {mount.fstype or 'any type'}", *sorted(mount.options)])


def sections() -> dict[str, list[str]]:
    """The sections of WHOLE, by the name of the container."""
    found: dict[str, list[str]] = {}
    for text in WHOLE.read_text().splitlines():
        if not text.startswith("  "):
            section = found.setdefault(text.removesuffix(":").partition(", not")[0], [])
        section.append(text)
    return found


@pytest.mark.parametrize("name", CONTAINERS)
def test_each_path_is_predicted_as_listed(name: str) -> None:
    assert list(lines(name)) == sections()[name]


def test_nothing_else_is_listed() -> None:
    assert list(sections()) == list(CONTAINERS)


if __name__ == "__main__":
    WHOLE.write_text("".join(f"{text}\n" for name in CONTAINERS for text in lines(name)))
