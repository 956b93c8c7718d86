"""Mounts on, between and over the masks of a runtime."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from tests.unit.judge.handmade import (
    INSIDE,
    MASK,
    PODMAN,
    PROC,
    SYS,
    USERS,
    causes,
    facts,
    listed,
    mount,
    origin,
)
from tests.unit.judge.test_masks_and_devices import in_lines
from tests.unit.judge.test_order_of_masks import PATH, with_tmpfs

from scratchlab.model import Host

# A mount over the last mask of a runtime, which no other mask follows.


def test_mount_over_the_last_mask_is_not_said_to_stand_after_a_later_one() -> None:
    found = in_lines("/proc/bus", "/proc/acpi", "/sys/power", "/sys/power")
    assert [origin(found, number) for number in (12, 13)] == [MASK, INSIDE]
    told = [proof.detail for proof in causes(found)[13].evidence]
    assert not any("that the runtime mounts later" in detail for detail in told)


# podman's masks where only its version tells them: then their order is not known.


BY_DEFAULT = ("/proc/acpi", "/proc/keys", "/sys/firmware")


@pytest.mark.parametrize("paths", [*permutations(BY_DEFAULT)])
def test_none_is_taken_for_one_that_was_made_again(paths: tuple[str, ...]) -> None:
    lines = [mount(number, path, options=("ro",)) for number, path in enumerate(paths, 10)]
    found = facts(PROC, SYS, *lines, engine=PODMAN, host=Host(existing=frozenset(BY_DEFAULT)))
    assert [origin(found, line.id) for line in lines] == [MASK] * 3


# A mask that was made again stands among the runtime's, behind a covered mount of the user's.


def test_all_lines_of_the_masks_are_compared_with_the_list() -> None:
    found = with_tmpfs(PATH, PATH, "/proc/acpi", "/sys/power")
    assert [origin(found, number) for number in (10, 11, 12, 13)] == [USERS, MASK, INSIDE, MASK]


# The order of masks where several mounts of the user's stand right before them.


PATHS = ("/sys/firmware", "/sys/power")


def test_none_of_the_masks_is_taken_for_the_users() -> None:
    found = in_lines(*PATHS, "/proc/bus", "/proc/acpi", *PATHS)
    asked = {**(found.container.oci_config or {}), "mounts": [*map(listed, PATHS)]}
    inspect = {**found.container.inspect, "HostConfig": {"Tmpfs": dict.fromkeys(PATHS, "")}}
    found = replace(found, container=replace(found.container, oci_config=asked, inspect=inspect))
    rules = [cause.rule for cause in causes(found).values()]
    assert rules[3:5] == ["docker-user-mount"] * 2
    assert rules[5:] == ["readonly-path", *["masked-path"] * 3]
