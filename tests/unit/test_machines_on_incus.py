"""What is asked of Incus: disks by the pool, members of a cluster. Incus itself is a double."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from machines import incus as backend
from machines.capacity import shortages
from machines.incus import NETWORK, POOL, Incus
from machines.model import Kind, Limits, Machine, MachineError, Room
from machines.place import Place

MIB = 2**20


class Double:
    """Answers requests as Incus 6.0.4 does, and keeps the other commands."""

    def __init__(self, *members: str) -> None:
        self.objects: dict[str, Any] = {
            "/1.0": {"environment": {"server_clustered": bool(members)}},
            "/1.0/cluster/members?recursion=1": [{"server_name": name} for name in members],
            "/1.0/images/aliases/scratchlab-machine-x": {},
        }
        for number, name in enumerate(members, 1):
            self.objects[f"/1.0/resources?target={name}"] = {
                "memory": {"total": 4096 * MIB, "used": 1024 * MIB},
                "cpu": {"total": 2 * number},
            }
        self.commands: list[str] = []

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> str:
        del stdin
        if arguments[0] == "list":
            return "[]"
        if arguments[:2] == ("image", "list"):
            return "[]"
        if arguments[0] != "query":
            self.commands.append(" ".join(arguments))
            return ""
        if arguments[1] not in self.objects:
            raise MachineError("incus query: Error: not found")
        return json.dumps(self.objects[arguments[1]])

    def has(self, kind: str, name: str, **fields: Any) -> None:
        """Let there be a pool or a network."""
        self.objects[f"/1.0/{kind}/{name}"] = {"status": "Created", "config": {}, **fields}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place of its own."""
    return Place(tmp_path / "cache", tmp_path / "cache" / "state")


def doubled(monkeypatch: pytest.MonkeyPatch, *members: str) -> Double:
    """Incus, and a base system that is there."""
    double = Double(*members)
    monkeypatch.setattr(backend, "incus", double)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/incus")
    monkeypatch.setattr(backend, "base_system", lambda *_: Path("/x.tar"))
    return double


def machine(place: Place, **limits: int) -> Machine:
    """A machine that nobody made."""
    name = place.instance("desk01")
    return Machine("desk01", name, "incus", Kind.CONTAINER, "trixie", Limits(**limits))


def test_disk_is_limited_where_the_pool_can(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    double = doubled(monkeypatch)
    wanted = machine(place, disk_gib=4)
    (lacking,) = Incus(place).lacks([wanted])  # a pool that is still to be made has directories
    assert "incus storage create scratchlab btrfs" in lacking
    double.has("storage-pools", POOL, driver="dir")
    assert Incus(place).lacks([wanted]) == [lacking]
    assert Incus(place).lacks([replace(wanted, limits=Limits())]) == []
    double.has("storage-pools", POOL, driver="btrfs")
    assert Incus(place).lacks([wanted]) == []
    Incus(place).create(wanted)
    size = f"config device set {wanted.instance} root size=4GiB"
    assert double.commands.index(size) < double.commands.index(f"start {wanted.instance}")


def test_pool_of_a_person_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    double = doubled(monkeypatch)
    double.has("storage-pools", POOL, driver="btrfs")
    Incus(place).forget()
    assert double.commands == [f"network delete {NETWORK}"]
    double.has("storage-pools", POOL, driver="dir", config={"user.scratchlab": "1"})
    Incus(place).forget()
    assert double.commands[-1] == f"storage delete {POOL}"


def test_each_member_of_a_cluster_gets_pool_and_network(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = doubled(monkeypatch, "one", "two")
    double.has("storage-pools", POOL, driver="dir", status="Pending")  # a killed run's
    Incus(place).prepare(machine(place))
    assert double.commands == [
        f"storage delete {POOL}",
        f"storage create {POOL} dir --target=one",
        f"storage create {POOL} dir --target=two",
        f"storage create {POOL} dir user.scratchlab=1",
        f"network create {NETWORK} --type=bridge --target=one",
        f"network create {NETWORK} --type=bridge --target=two",
        f"network create {NETWORK} ipv4.address=auto --type=bridge ipv4.nat=true ipv6.address=none",
    ]


def test_room_of_a_cluster_is_that_of_its_members(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubled(monkeypatch)
    assert Incus(place).room() is None  # this host's
    doubled(monkeypatch, "one", "two")
    assert Incus(place).room() == Room(memory_mib=6144, processors=4)


def test_what_fits_is_what_the_cluster_has(place: Place) -> None:
    wanted = [machine(place, memory_mib=1024, cpus=4)] * 6
    assert shortages(place, wanted, Room(6144, 4)) == []
    memory, processors = shortages(place, wanted, Room(6143, 3))
    assert "take 6144 MiB of memory, and 6143 MiB" in memory
    assert "4 processors does not fit where there are 3" in processors


@pytest.mark.parametrize(
    "said",
    [
        'Instance is busy running a "create" operation',
        "A matching non-reusable operation has now succeeded",
    ],
)
def test_machine_that_its_server_still_makes_or_removes_is_removed_afterwards(
    place: Place, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """A run was killed, and Incus went on with what it had asked for."""
    wanted, tries = machine(place), 0

    def incus(*arguments: str) -> str:
        nonlocal tries
        if arguments[0] == "list":
            return json.dumps([{"name": wanted.instance}] if tries < 3 else [])
        tries += 1
        if tries < 3:
            raise MachineError(f"incus delete: Error: {said}")
        return ""

    monkeypatch.setattr(backend, "incus", incus)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    Incus(place).remove(wanted)
    assert tries == 3
    tries = 0
    monkeypatch.setattr(backend, "BUSY_SECONDS", -1)
    with pytest.raises(MachineError, match=said):
        Incus(place).remove(wanted)


def test_image_whose_import_was_killed_gets_its_name(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its server has it by its digest, and refuses to import it again."""
    double, file = doubled(monkeypatch), tmp_path / "trixie-1.tar"
    file.write_bytes(b"a base system")
    place.cache.mkdir()
    monkeypatch.setattr(backend, "base_system", lambda *_: file)

    def incus(*arguments: str) -> str:
        if arguments[:2] == ("image", "import"):
            raise MachineError("incus image: Error: Image with same fingerprint already exists")
        return double(*arguments)

    monkeypatch.setattr(backend, "incus", incus)
    double.has("storage-pools", POOL, driver="dir")
    double.has("networks", NETWORK)
    Incus(place).prepare(machine(place))
    described = backend.metadata("trixie", tmp_path).read_bytes()
    digest = hashlib.sha256(described + b"a base system").hexdigest()
    assert double.commands == [f"image alias create scratchlab-machine-trixie-1 {digest}"]


def test_last_machine_takes_every_image_of_the_labs_along(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = doubled(monkeypatch)
    images = [
        {"fingerprint": "1", "properties": {"description": "scratchlab: Debian sid from packages"}},
        {"fingerprint": "2", "properties": {"description": "somebody's"}},
        {"fingerprint": "3", "properties": {}},
    ]

    def incus(*arguments: str) -> str:
        return json.dumps(images) if arguments[:2] == ("image", "list") else double(*arguments)

    monkeypatch.setattr(backend, "incus", incus)
    Incus(place).forget()
    assert double.commands == ["image delete 1", f"network delete {NETWORK}"]


def test_command_that_does_not_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with `incus start`, where a member's events do not arrive."""
    program = tmp_path / "incus"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(backend, "PATIENCE", 0.2)
    with pytest.raises(MachineError) as caught:
        backend.incus("start", "scratchlab-desk01-abcdef")
    assert str(caught.value).startswith("incus start scratchlab-desk01-abcdef: no answer in 0 s")
    assert "-- incus cluster list says" in str(caught.value)
