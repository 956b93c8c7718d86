"""Many mounts: those of the host are found by what they show, and time grows with their number."""

from __future__ import annotations

import time
from dataclasses import replace

from scratchlab.judge.host_mounts import HostMounts
from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.ledger import Ledger
from scratchlab.model import Container, Entry, Facts, Kind, Mount, Origin

TREE = Mount(1, 0, (8, 1), "/a", "/srv/a", ("rw",), (), "ext4", "/dev/sda1", ("rw",))


def test_a_mount_on_the_named_path_comes_first() -> None:
    here, there = replace(TREE, id=2, target="/srv/tree/a"), replace(TREE, id=3, target="/mnt/a")
    host = HostMounts([there, here])
    assert host.find(TREE, ["/srv/tree/a"], "a") == here


def test_a_mount_on_a_path_with_the_same_end_is_found() -> None:
    other = replace(TREE, id=2, target="/outer/srv/tree/a/b")
    host = HostMounts([replace(other, id=4, target="/outer/b/a/c"), other])
    assert host.find(TREE, ["/srv/tree/a/b"], "a/b") == other
    assert host.find(TREE, ["/srv/tree/a/b"], "ree/a/b") is None  # not at the end of a name


def test_another_device_or_root_is_another_mount() -> None:
    host = HostMounts([replace(TREE, device=(8, 2)), replace(TREE, root="/b")])
    assert host.find(TREE, ["/srv/a"], "a") is None


def seconds(stacked: int) -> float:
    """Processor time to judge as many mounts on one directory, and as many below it.

    They lie on a bind of the user's whose tree the host has with all its mounts.
    """
    root = Mount(1, 0, (0, 50), "/", "/", ("rw",), (), "overlay", "overlay", ("rw",))
    bind = replace(TREE, id=2, parent=1, root="/tree", target="/tree")
    late = [replace(TREE, id=number, parent=number - 1) for number in range(3, stacked + 3)]
    below = [
        replace(TREE, id=number, parent=2, target=f"/tree/{number}")
        for number in range(stacked + 3, 2 * stacked + 3)
    ]
    wish = {"Type": "bind", "Source": "/srv/tree", "Destination": "/tree", "RW": True}
    facts = Facts(
        container=Container(inspect={"Mounts": [wish]}),
        mounts=(root, bind, *late, *below),
        host_mounts=tuple(replace(mount, target=f"/srv{mount.target}") for mount in below),
    )
    with Ledger([Entry("/", Kind.DIRECTORY, 0o755)]) as image:
        best = 60.0
        for _ in range(3):
            start = time.process_time()
            origins = MountOrigins(facts, image, 1)
            for mount in facts.mounts:
                origins.content(mount)
                origins.origins_at(mount.target)
            best = min(best, time.process_time() - start)
        assert origins[below[-1]].origin is Origin.USER_MOUNT
    return best


def test_time_grows_with_the_mounts_and_not_with_their_square() -> None:
    assert seconds(4000) < 24 * seconds(400)  # 10 times where it is linear, 100 times otherwise
