"""Mounts that nobody asked for by name: the host's below a bind, or made inside, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    INSIDE,
    MASKS,
    PROC,
    RUNTIME,
    SLAVE,
    SYS,
    USERS,
    bind,
    bound,
    causes,
    config,
    facts,
    listed,
    mount,
    origin,
    with_volume,
)

from scratchlab.judge.masks import first_late
from scratchlab.model import Mount, Origin

# Mounts below a user's bind: the host's, or made inside.


def below(number: int = 11, target: str = "/data/sub", **changes: Any) -> Mount:
    return mount(number, target, **({"parent": 10} | changes))


HOSTS = mount(99, "/src/sub", device=(0, 11), parent=98)


def test_a_mount_that_the_host_has_below_the_source_came_with_the_bind() -> None:
    found = with_volume(below(), host_mounts=(HOSTS,))
    assert origin(found, 11) == USERS
    assert causes(found)[11].evidence[1].detail == "the host has the same mount on /src/sub"


def test_a_host_mount_is_found_through_another_name_of_the_source() -> None:
    found = with_volume(below(), host_mounts=(replace(HOSTS, target="/other/name/sub"),))
    assert origin(found, 11) == USERS


@pytest.mark.parametrize(
    "other",
    [
        replace(HOSTS, device=(0, 12)),
        replace(HOSTS, root="/inner"),
        replace(HOSTS, target="/src/elsewhere"),
        replace(HOSTS, target="/src/xsub"),
    ],
)
def test_a_mount_that_the_host_does_not_have_was_made_inside(other: Mount) -> None:
    found = with_volume(below(), host_mounts=(other,))
    assert origin(found, 11) == INSIDE
    details = [item.detail for item in causes(found)[11].evidence]
    assert "the host has no such mount below the source of a bind" in details


def test_a_mount_of_the_host_that_came_after_the_start_is_told_apart() -> None:
    found = with_volume(*MASKS, below(30), host_mounts=(replace(HOSTS, device=(0, 30)),))
    assert origin(found, 30) == (Origin.HOST_MOUNT, "host-mount")
    assert origin(with_volume(*MASKS, below(30)), 30) == INSIDE


def test_a_bind_without_rbind_brings_nothing_along() -> None:
    asked = config(bind("/data", "/src", "bind"))
    found = with_volume(below(), host_mounts=(HOSTS,), config=asked)
    assert origin(found, 11) == (Origin.HOST_MOUNT, "host-mount")


def test_a_mount_two_levels_below_a_users_bind_is_the_hosts_too() -> None:
    inner = below(12, "/data/sub/deep", parent=11)
    found = with_volume(
        below(), inner,
        host_mounts=(HOSTS, replace(HOSTS, id=97, target="/src/sub/deep", device=(0, 12))),
    )  # fmt: skip
    assert origin(found, 12) == USERS


@pytest.mark.parametrize("parent", [1, 2, 11, 12, 77])
def test_only_a_users_bind_brings_mounts_of_the_host(parent: int) -> None:
    """Its parent is the root, a filesystem of the runtime, itself, a loop, or not listed."""
    loop = below(12, "/data/other", parent=11)
    found = with_volume(below(parent=parent), loop, host_mounts=(HOSTS,))
    assert origin(found, 11) == INSIDE


def test_a_loop_of_parents_above_a_mount_ends() -> None:
    loop = (below(12, "/data/other", parent=13), below(13, "/data/more", parent=12))
    found = with_volume(below(parent=12), *loop, host_mounts=(HOSTS,))
    assert origin(found, 11) == INSIDE


def test_a_mount_beside_a_users_bind_is_not_brought_by_it() -> None:
    found = with_volume(below(target="/database"), host_mounts=(replace(HOSTS, target="/srcbase"),))
    assert origin(found, 11) == INSIDE


def test_a_users_tmpfs_brings_nothing_along() -> None:
    found = facts(
        mount(10, "/data"), below(), config=config(listed("/data")), host_mounts=(HOSTS,),
        inspect={"HostConfig": {"Tmpfs": {"/data": ""}}},
    )  # fmt: skip
    assert origin(found, 10) == USERS
    assert origin(found, 11) == INSIDE


@pytest.mark.parametrize(
    ("late", "slaves", "options", "expected"),
    [
        (False, (), "rbind", USERS),
        (False, (), "bind", INSIDE),
        (False, (10, 11), "bind", USERS),
        (True, (), "rbind", INSIDE),
        (True, (10,), "rbind", INSIDE),
        (True, (11,), "rbind", INSIDE),
        (True, (10, 11), "rbind", (Origin.HOST_MOUNT, "host-mount")),
    ],
)
def test_where_the_host_cannot_be_read_the_propagation_decides(
    late: bool, slaves: tuple[int, ...], options: str, expected: tuple[Origin, str]
) -> None:
    above = bound(10, "/data", root="/src", propagation=SLAVE if 10 in slaves else ("shared:1",))
    inner = below(propagation=SLAVE if 11 in slaves else ())
    found = with_volume(
        *(MASKS if late else ()), inner, data=above, host_mounts=None,
        config=config(bind("/data", "/src", options), maskedPaths=["/proc/m"],
                      readonlyPaths=["/sys/r"]),
    )  # fmt: skip
    assert origin(found, 11) == expected


# The order of the lines:


def test_what_stands_after_the_masks_came_after_the_start() -> None:
    asked = config(listed("/dev"), maskedPaths=["/proc/m"], readonlyPaths=["/sys/r"])
    before = facts(PROC, SYS, mount(9, "/dev"), *MASKS, config=asked)
    after = facts(PROC, SYS, *MASKS, mount(9, "/dev"), config=asked)
    assert origin(before, 9) == (RUNTIME, "engine-filesystem")
    assert origin(after, 9) == INSIDE
    details = [item.detail for item in causes(after)[9].evidence]
    assert "its line stands after those of the masks, which the runtime mounts last" in details


@pytest.mark.parametrize(
    ("targets", "late"),
    [
        ((), None),
        (("/x",), None),
        (("/proc/a",), None),
        (("/proc/a", "/sys/b"), 2),
        (("/x", "/proc/a", "/sys/b"), 3),
        (("/proc/a", "/sys/b", "/x"), 2),
        (("/proc/a", "/x", "/sys/b"), None),  # a copied namespace has another order
        (("/proc/a", "/sys/b", "/x", "/proc/a"), 2),  # masked again later
        (("/proc/a", "/sys/b", "/x", "/proc/a", "/sys/b"), 5),
        (("/proc/a", "/proc/c"), None),
    ],
)
def test_the_last_run_of_masks_of_both_filesystems_ends_the_start(
    targets: tuple[str, ...], late: int | None
) -> None:
    mounts = [mount(number, target) for number, target in enumerate(targets)]
    assert first_late(mounts, {"/proc/a", "/sys/b", "/proc/c"}) == late
