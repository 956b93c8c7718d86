"""A room on two servers with Incus, from bare machines to nothing left. The tests run in order."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.machines.incus_server import LAB, IncusServer

from machines.incus import NETWORK, POOL
from machines.place import Place

PLACE = Place(state=Place().cache / "molecule" / "incus")
ROOM = ("up", "3", "--on", "incus", "--memory", "900")
PRESEED = "cluster: {{enabled: true, server_address: '{address}:8443', cluster_token: {token}}}"
# The servers have control groups of version 1, with cpu and cpuacct apart. systemd looks for both
# in one hierarchy, and so mounts neither; Incus has delegated them all the same.
DELEGATED = """
set -e; cd /sys/fs/cgroup; mount -o remount,rw .
for controller in cpu cpuacct; do
    [ ! -L $controller ] || rm $controller
    mkdir -p $controller; mount -t cgroup -o $controller cgroup $controller
done
mount -o remount,ro .
"""
DEVICES = """
set -e
[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237
[ -e /dev/btrfs-control ] || mknod /dev/btrfs-control c 10 234
for number in 0 1 2 3 4 5 6 7; do
    [ -e /dev/loop$number ] || mknod /dev/loop$number b 7 $number
done
"""
OBJECTS = ("containers", "containers-snapshots", "images", "networks", "storage-pools")


class Member(IncusServer):
    """A server of the cluster."""

    def __init__(self, name: str) -> None:
        super().__init__(PLACE.instance(name), "btrfs-progs", "python3-venv")
        self.name = name
        shown = self.ran("ip", "-4", "-brief", "address", "show", "dev", "eth0")
        self.address = shown.split()[2].partition("/")[0]

    def machines(self, *words: str) -> str:
        """What ./lab machines prints, which has to succeed."""
        return self.ran(f"{LAB}/lab", "machines", *words)

    def on(self, name: str, script: str) -> str:
        """What a shell script prints on the machine ``name``, whether it succeeds or not."""
        return self.run(f"{LAB}/lab", "machines", "ssh", name, script).stdout.strip()

    def locations(self) -> dict[str, str]:
        """The server of each machine, by its name."""
        listed = json.loads(self.ran("incus", "list", "--format=json"))
        return {one["name"].split("-")[1]: one["location"] for one in listed}


@pytest.fixture(scope="module")
def one() -> Member:
    """The first member, where the commands are typed."""
    member = Member("one")
    member.put_all()
    member.ran("incus", "config", "set", "core.https_address", f"{member.address}:8443")
    member.ran("incus", "cluster", "enable", "one")
    return member


@pytest.fixture(scope="module", autouse=True)
def two(one: Member) -> Member:
    """The other member."""
    member = Member("two")
    token = one.ran("incus", "cluster", "add", "two").split()[-1]
    joining = PRESEED.format(address=member.address, token=token)
    member.ran("sh", "-c", 'echo "$1" | incus admin init --preseed', "sh", joining)
    return member


def test_room_is_spread_over_both_servers(one: Member) -> None:
    assert one.machines(*ROOM).endswith("made: fresh1, fresh2, fresh3\n")
    assert set(one.locations()) == {"fresh1", "fresh2", "fresh3"}
    assert set(one.locations().values()) == {"one", "two"}
    assert one.machines(*ROOM).endswith("there: fresh1, fresh2, fresh3\n")


def test_each_machine_is_reached_from_either_server(one: Member, two: Member) -> None:
    for instance in [str(each["name"]) for each in one.instances()]:
        entering = ("incus", "exec", instance, "--mode=non-interactive", "--", "uname", "-n")
        assert one.ran(*entering) == two.ran(*entering) == f"{instance.split('-')[1]}\n"
    for name in one.locations():
        assert one.machines("ssh", name, "sudo", "id", "-u").endswith("0\n")


def test_whole_lab_on_all_by_one_command(one: Member) -> None:
    for name in one.locations():
        one.machines("ssh", name, "sudo", "sh", "-c", DELEGATED)
    done = one.run(
        f"{LAB}/lab", "-i", f"{LAB}/inventory/machines.yml", "-e", "lab_patience=4", seconds=2400
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "3 of 3 machines passed every check" in done.stdout
    for name in one.locations():
        report = json.loads(one.ran("cat", f"{LAB}/reports/{name}/report.json"))
        assert {check["id"]: check["verdict"] for check in report["checks"]}["E13"] == "pass"


def test_one_on_the_other_server_is_reset(one: Member) -> None:
    there = next(name for name, server in one.locations().items() if server == "two")
    one.machines("reset", there)
    assert one.locations()[there] == "two"
    for name in one.locations():
        found = one.on(name, "command -v docker")
        assert found == ("" if name == there else "/usr/bin/docker")


@pytest.mark.parametrize("seconds", [2, 5, 9])
def test_killed_while_it_makes_one_the_next_run_converges(one: Member, seconds: int) -> None:
    up = (f"{LAB}/lab", "machines", "up", "--name", "late", "--on", "incus")
    one.run("timeout", "--signal=KILL", str(seconds), *up)
    assert one.ran(*up).splitlines()[-1] in ("made: late", "there: late")
    assert one.on("late", "uname -n") == "late"
    one.machines("down", "late")


@pytest.mark.parametrize("seconds", [1, 2])
def test_killed_while_it_removes_one_the_next_run_converges(one: Member, seconds: int) -> None:
    one.machines("up", "--name", "late", "--on", "incus")
    one.run("timeout", "--signal=KILL", str(seconds), f"{LAB}/lab", "machines", "down", "late")
    if "late" in one.machines("list"):
        one.machines("down", "late")
    assert "late" not in one.locations()


def test_down_leaves_nothing_on_either_server(one: Member, two: Member) -> None:
    one.machines("down")
    for server in (one, two):
        assert server.instances() == []
        for what, name in (("storage", POOL), ("network", NETWORK)):
            assert name not in server.ran("incus", what, "list", "--format=csv")
        assert server.ran("incus", "image", "list", "--format=csv").strip() == ""
        assert NETWORK not in server.ran("ip", "-brief", "link")
        for kind in OBJECTS:
            assert server.ran("ls", f"/var/lib/incus/{kind}") == ""
    assert one.run("test", "-e", f"{LAB}/inventory/machines.yml").returncode == 1
    assert one.run("test", "-e", f"{LAB}/.cache/machines/state").returncode == 1


@pytest.fixture
def pool(one: Member, two: Member) -> Iterator[None]:
    """A person's storage pool, which has btrfs on a loop device of each server."""
    create = ("incus", "storage", "create", POOL, "btrfs")
    try:
        for server in (one, two):
            server.ran("sh", "-c", DEVICES)
            one.ran(*create, "size=3GiB", f"--target={server.name}")
        one.ran(*create)
        yield
    finally:
        one.ran("incus", "storage", "delete", POOL)


def filled(server: Member) -> str:
    """What dd says after it wrote more than the machine ``small`` may have."""
    command = "sudo dd if=/dev/zero of=/big bs=1M count=1500 2>&1 || true"
    return server.on("small", command)


@pytest.mark.usefixtures("pool")
def test_disk_is_limited_by_a_pool_that_a_person_made(one: Member) -> None:
    one.machines("up", "--name", "small", "--on", "incus", "--disk", "1")
    try:
        assert "Disk quota exceeded" in filled(one)
        one.machines("reset", "small")
        assert "big" not in one.on("small", "ls /").split()
        assert "Disk quota exceeded" in filled(one)
    finally:
        one.machines("down")
    assert f"{POOL},btrfs," in one.ran("incus", "storage", "list", "--format=csv")
