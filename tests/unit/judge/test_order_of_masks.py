"""The order of masks where a mount of the user's stands right before them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.judge.handmade import INSIDE, MASK, USERS, causes, config, listed, origin
from tests.unit.judge.test_masks_and_devices import in_lines

from scratchlab.model import Facts

PATH = "/sys/firmware"


def with_tmpfs(*lines: str) -> Facts:
    """Masks in this order of lines, numbered from 10 on; the user asks for a tmpfs on PATH."""
    found = in_lines(*lines)
    asked = {**(found.container.oci_config or {}), "mounts": [listed(PATH)]}
    inspect = {**found.container.inspect, "HostConfig": {"Tmpfs": {PATH: ""}}}
    return replace(found, container=replace(found.container, oci_config=asked, inspect=inspect))


def test_none_of_the_masks_is_late() -> None:
    found = with_tmpfs(PATH, "/proc/bus", "/proc/acpi", "/proc/scsi", PATH)
    rules = [cause.rule for cause in causes(found).values()]
    assert rules[3:] == ["docker-user-mount", "readonly-path", *["masked-path"] * 3]


@pytest.mark.parametrize("listed_paths", [7, "/proc/acpi", {"/proc/acpi": 1}, True])
def test_what_is_no_list_names_no_mask(listed_paths: object) -> None:
    found = in_lines("/proc/acpi", "/sys/firmware")
    asked = config(maskedPaths=listed_paths, readonlyPaths=listed_paths)
    found = replace(found, container=replace(found.container, oci_config=asked))
    assert [origin(found, number) for number in (10, 11)] == [INSIDE, INSIDE]


def test_the_first_line_of_the_masks_tells_too() -> None:
    found = in_lines("/sys/firmware", "/proc/acpi")
    assert [origin(found, number) for number in (10, 11)] == [MASK, INSIDE]


def test_a_mask_that_was_made_again_stands_after_one_that_covers_a_users_mount() -> None:
    found = with_tmpfs(PATH, PATH, "/proc/acpi")
    assert [origin(found, number) for number in (10, 11, 12)] == [USERS, MASK, INSIDE]
