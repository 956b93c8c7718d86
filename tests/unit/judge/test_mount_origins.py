"""What config.json lists is its maker's; what a mount held: each claim on hand-made facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    BIND,
    ID,
    INSIDE,
    PODMAN,
    ROOT,
    RUNTIME,
    USERS,
    bind,
    bound,
    causes,
    config,
    facts,
    listed,
    mount,
    origin,
    source,
    with_volume,
)

from scratchlab.judge.mount_origins import MountOrigins
from scratchlab.judge.places import Content
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Facts, Mount, Origin

# The root, and what config.json lists:

AT = "/dev/mqueue"  # a filesystem of every container


@pytest.mark.parametrize(
    ("engine", "rule"),
    [
        (Engine("docker", storage_driver="overlay2"), "docker-root"),
        (Engine("docker", storage_driver="vfs"), "docker-root-vfs"),
        (Engine("docker", storage_driver="overlayfs"), "docker-root-snapshot"),
        (Engine("podman", storage_driver="overlay"), "podman-root"),
        (Engine(), "docker-root"),
    ],
)
def test_the_root_is_the_storage_drivers(engine: Engine, rule: str) -> None:
    assert origin(facts(engine=engine), ROOT.id) == (Origin.STORAGE_DRIVER, rule)


@pytest.mark.parametrize(
    ("target", "fstype", "rule"),
    [
        ("/proc", "proc", "oci-filesystem"),
        ("/sys", "sysfs", "oci-filesystem"),
        ("/dev/pts", "devpts", "oci-filesystem"),
        ("/dev/shm", "tmpfs", "oci-filesystem"),
        ("/dev", "tmpfs", "engine-filesystem"),
        ("/dev/mqueue", "mqueue", "engine-filesystem"),
    ],
)
def test_a_listed_filesystem_is_the_runtimes(target: str, fstype: str, rule: str) -> None:
    found = facts(mount(9, target, fstype), config=config(listed(target, fstype)))
    assert origin(found, 9) == (RUNTIME, rule)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("cgroup", "cgroup"), ("cgroup", "cgroup2"), ("cgroup", "tmpfs"), ("cgroup2", "cgroup2")],
)
def test_cgroups_are_mounted_as_the_kernel_has_them(asked: str, shown: str) -> None:
    found = facts(mount(9, "/sys/fs/cgroup", shown), config=config(listed("/sys/fs/cgroup", asked)))
    assert origin(found, 9) == (RUNTIME, "engine-filesystem")


@pytest.mark.parametrize(("asked", "shown"), [("tmpfs", "ext4"), ("cgroup2", "tmpfs")])
def test_another_filesystem_than_the_listed_one_is_unexplained(asked: str, shown: str) -> None:
    found = causes(facts(mount(9, AT, shown), config=config(listed(AT, asked))))[9]
    assert found.origin is Origin.UNEXPLAINED
    assert found.doubt == f"oci-config has {asked} {asked} on {AT}, but another mount is there"


def test_a_second_mount_on_a_listed_target_was_made_inside() -> None:
    found = facts(
        mount(8, AT),
        mount(9, AT, parent=8),
        config=config(listed(AT)),
    )
    assert origin(found, 8) == (RUNTIME, "engine-filesystem")
    assert origin(found, 9) == INSIDE
    assert causes(found)[9].evidence[0].detail == f"the mount that is listed on {AT} is another one"


def test_two_listed_mounts_on_one_target_are_both_the_runtimes() -> None:
    found = facts(
        mount(8, AT),
        mount(9, AT, parent=8),
        config=config(listed(AT), listed(AT)),
    )
    assert {cause.origin for number, cause in causes(found).items() if number != 1} == {RUNTIME}


def test_a_mount_that_nothing_lists_was_made_inside() -> None:
    found = facts(mount(9, AT), config=config(listed("/y")))
    assert origin(found, 9) == INSIDE
    assert [item.kind for item in causes(found)[9].evidence] == ["oci-config", "mountinfo"]


def test_without_the_runtimes_configuration_it_is_not_known_who_mounted_it() -> None:
    assert origin(facts(mount(9, AT)), 9) == (Origin.UNEXPLAINED, None)


def test_seen_from_a_debug_container_inspect_lists_all_mounts() -> None:
    found = facts(mount(9, "/x"), mount(8, "/dev"), vantage="debug")
    assert origin(found, 9) == INSIDE
    assert origin(found, 8) == (RUNTIME, "engine-filesystem")


@pytest.mark.parametrize(
    ("options", "shown", "doubt"),
    [
        ((), ("rw",), ""),
        (("ro", "nosuid"), ("ro", "nosuid"), ""),
        (("ro", "nosuid"), ("rw",), "oci-config asks for nosuid, ro, and mountinfo shows rw"),
        (("size=1", "mode=755"), ("rw",), ""),
    ],
)
def test_an_option_that_was_asked_for_and_is_not_in_force_is_a_doubt(
    options: tuple[str, ...], shown: tuple[str, ...], doubt: str
) -> None:
    found = facts(
        mount(9, AT, options=shown),
        config=config(listed(AT, "tmpfs", "tmpfs", *options)),
    )
    assert causes(found)[9].doubt == doubt


def test_an_option_of_the_superblock_is_in_force_too() -> None:
    shown = mount(9, AT, super_options=("ro",))
    found = facts(shown, config=config(listed(AT, "tmpfs", "tmpfs", "ro")))
    assert causes(found)[9].doubt == ""


@pytest.mark.parametrize(
    ("fstype", "uid_map", "doubt"),
    [
        ("cgroup2", (), "oci-config asks for ro, and mountinfo shows rw"),
        ("cgroup2", ((0, 100000, 65536),), ""),
        ("tmpfs", (), ""),
    ],
)
def test_cgroups_may_be_writable_where_the_runtime_makes_them_so(
    fstype: str, uid_map: tuple[tuple[int, int, int], ...], doubt: str
) -> None:
    found = facts(
        mount(9, "/sys/fs/cgroup", fstype),
        config=config(listed("/sys/fs/cgroup", "cgroup", "cgroup", "ro")),
        uid_map=uid_map,
    )
    assert causes(found)[9].doubt == doubt


def test_the_hierarchies_below_the_runtimes_cgroups_are_the_runtimes() -> None:
    group = mount(9, "/sys/fs/cgroup/cpu", "cgroup")
    asked = config(listed("/sys/fs/cgroup", "cgroup"))
    assert origin(facts(group, config=asked), 9) == (RUNTIME, "engine-filesystem")
    assert origin(facts(group, config=config()), 9)[0] is not RUNTIME
    other = replace(group, fstype="tmpfs")
    assert origin(facts(other, config=asked), 9) == INSIDE
    elsewhere = replace(group, target="/sys/fs/cgroups")
    assert origin(facts(elsewhere, config=asked), 9) == INSIDE


def test_the_hierarchies_below_a_users_bind_are_the_hosts() -> None:
    wish = {"Type": "bind", "Source": "/sys/fs/cgroup", "Destination": "/sys/fs/cgroup"}
    group = mount(11, "/sys/fs/cgroup/cpu", "cgroup", parent=10)
    found = facts(
        mount(10, "/sys/fs/cgroup"), group,
        config=config(bind("/sys/fs/cgroup", "/sys/fs/cgroup")),
        inspect={"Mounts": [wish]},
        sources=(source("/sys/fs/cgroup", 10, device=(0, 10)),),
        host_mounts=(replace(group, id=99),),
    )  # fmt: skip
    assert origin(found, 11) == USERS


# What a mount holds, and other questions:


def asked(found: Facts) -> MountOrigins:
    return MountOrigins(found, Ledger(), ROOT.id)


@pytest.mark.parametrize(
    ("shown", "mounts", "inspect", "expected"),
    [
        (mount(9, "/proc", "proc"), [listed("/proc", "proc")], {}, Content.KERNEL),
        (mount(9, AT), [listed(AT)], {}, Content.NEW),
        (mount(9, AT), [], {}, Content.NEW),
        (mount(9, AT, root="/y"), [], {}, Content.ENGINES),
        (mount(9, AT, device=(0, 1)), [], {}, Content.ENGINES),  # the root's own, once more
        (bound(9, "/data", root="/src"), [bind("/data", "/src")], {"Mounts": [BIND]},
         Content.USERS),
        (bound(9, AT, root="/src"), [bind(AT, "/src")], {}, Content.ENGINES),
    ],
)  # fmt: skip
def test_what_a_mount_held_when_it_was_made(
    shown: Mount, mounts: list[dict[str, Any]], inspect: dict[str, Any], expected: Content
) -> None:
    found = facts(shown, config=config(*mounts), inspect=inspect)
    assert asked(found).content(shown) is expected


def test_what_a_mount_of_the_host_held_is_somebodys() -> None:
    inner = mount(11, "/data/sub", parent=10)
    found = with_volume(inner, host_mounts=(replace(inner, target="/src/sub"),))
    assert asked(found).content(inner) is Content.USERS


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("private", Content.NEW), ("shareable", Content.NEW), ("", Content.NEW),
        (None, Content.NEW), ("host", Content.USERS), ("container:x", Content.USERS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_shared_memory_was_empty_unless_it_is_shared(
    engine: str, mode: str | None, expected: Content
) -> None:
    shown, path = bound(9, "/dev/shm"), f"/d/{ID}/mounts/shm"
    if mode not in (None, "", "private", "shareable"):
        path = "/dev/shm" if mode == "host" else f"/d/{'0123abcd' * 8}/mounts/shm"
    found = facts(
        shown, config=config(bind("/dev/shm", path)), sources=(source(path, 9),),
        inspect={"HostConfig": {"IpcMode": mode}}, engine=Engine(engine),
    )  # fmt: skip
    assert asked(found).content(shown) is expected


def test_a_bind_shows_a_path_of_another_filesystem() -> None:
    binding, root_of_it, filesystem = (
        bound(7, "/data", root="/src"), bound(8, "/all", root="/"), mount(9, AT),
    )  # fmt: skip
    found = facts(
        binding, root_of_it, filesystem,
        config=config(bind("/data", "/src"), bind("/all", "/all"), listed(AT)),
    )  # fmt: skip
    origins = asked(found)
    assert [origins.is_bind(item) for item in (binding, root_of_it, filesystem)] == [
        True, True, False,
    ]  # fmt: skip


def test_mountpoints_are_the_targets_and_what_lies_above_them() -> None:
    found = facts(
        config=config(listed("/a/b/c"), devices=[{"path": "/opt/d/e", "major": 1, "minor": 5}])
    )
    assert asked(found).mountpoints == {"/a", "/a/b", "/a/b/c", "/opt", "/opt/d"}


def test_origins_of_all_mounts_at_a_target_are_known() -> None:
    found = facts(
        mount(8, AT),
        mount(9, AT, parent=8),
        config=config(listed(AT)),
    )
    origins = asked(found)
    assert origins.origins_at(AT) == {RUNTIME, Origin.MOUNTED_INSIDE}
    assert origins.origins_at("/y") == frozenset()
    assert origins.is_covered_later(f"{AT}/below")
    assert not origins.is_covered_later("/y")
    assert origins.get(9) == mount(9, AT, parent=8)
    assert origins.get(None) is None
    assert origins.get(77) is None
    requested = origins.requested(AT)
    assert requested is not None
    assert requested.target == AT
    assert origins.requested("/y") is None


def test_podmans_rules_are_podmans() -> None:
    found = with_volume(engine=PODMAN)
    assert origin(found, 10) == (Origin.USER_MOUNT, "podman-user-mount")
