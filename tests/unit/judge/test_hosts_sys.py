"""In a user namespace /sys may be the host's, with all that is mounted below it there."""

from __future__ import annotations

from typing import Any

from tests.unit.judge.handmade import (
    INSIDE,
    RUNTIME,
    SYS,
    causes,
    config,
    facts,
    listed,
    mount,
    origin,
)

from scratchlab.model import Evidence, Facts, Mount

MAPPED = ((0, 1000, 1),)
DEBUG = mount(9, "/sys/kernel/debug", "debugfs", parent=SYS.id)
GROUPS = mount(10, "/sys/fs/cgroup", "tmpfs", parent=SYS.id)
UNIFIED = mount(11, "/sys/fs/cgroup/unified", "cgroup2", parent=GROUPS.id)
OWN = mount(12, "/sys/fs/cgroup", "tmpfs", parent=GROUPS.id)
HOST = (SYS, DEBUG, GROUPS, UNIFIED)
CAME = (RUNTIME, "oci-filesystem")


def rootless(*mounts: Mount, **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "uid_map": MAPPED, "host_mounts": HOST,
        "config": config(listed("/sys", "sysfs"), listed("/sys/fs/cgroup", "cgroup")),
    }  # fmt: skip
    return facts(SYS, *(mounts or (DEBUG, GROUPS, UNIFIED, OWN)), **(fields | changes))


def test_what_the_host_has_below_sys_came_with_it() -> None:
    found = rootless()
    assert [origin(found, item.id) for item in (DEBUG, GROUPS, UNIFIED)] == [CAME] * 3
    assert origin(found, SYS.id) == CAME  # as config.json lists it
    assert origin(found, OWN.id) == (RUNTIME, "engine-filesystem")
    evidence = causes(found)[DEBUG.id].evidence
    assert evidence[:2] == (
        Evidence("host", "the host has the same mount on /sys/kernel/debug"),
        Evidence("mountinfo", "the container's /sys is the host's, with what lies below it"),
    )


def test_what_the_host_does_not_have_was_mounted_inside() -> None:
    for other in (
        mount(9, "/sys/kernel/debug", "debugfs", parent=SYS.id, device=(0, 99)),
        mount(9, "/sys/kernel/debug", "debugfs", parent=SYS.id, root="/x"),
        mount(9, "/sys/kernel/other", "debugfs", parent=SYS.id),
        mount(9, "/sys/kernel/debug", "debugfs"),  # not on /sys
    ):
        assert origin(rootless(other), 9) == INSIDE
    outside = mount(9, "/debug", "debugfs", parent=SYS.id)
    assert origin(rootless(outside, host_mounts=(*HOST, outside)), 9) == INSIDE


def test_a_sysfs_of_its_own_brings_nothing_along() -> None:
    assert origin(rootless(uid_map=()), DEBUG.id) == INSIDE
    assert origin(rootless(host_mounts=(DEBUG,)), DEBUG.id) == INSIDE
    assert origin(rootless(host_mounts=None), DEBUG.id) == INSIDE


def test_what_was_mounted_after_the_masks_was_mounted_inside() -> None:
    masks = (mount(20, "/proc/m", options=("ro",)), mount(21, "/sys/m", parent=SYS.id))
    late = rootless(
        *masks, DEBUG,
        config=config(listed("/sys", "sysfs"), maskedPaths=["/proc/m", "/sys/m"]),
    )  # fmt: skip
    assert origin(late, DEBUG.id) == INSIDE
