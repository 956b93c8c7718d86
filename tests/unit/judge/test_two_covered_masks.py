"""The order of masks where several mounts of the user's stand right before them."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.judge.handmade import causes, listed
from tests.unit.judge.test_masks_and_devices import in_lines

PATHS = ("/sys/firmware", "/sys/power")


def test_none_of_the_masks_is_taken_for_the_users() -> None:
    found = in_lines(*PATHS, "/proc/bus", "/proc/acpi", *PATHS)
    asked = {**(found.container.oci_config or {}), "mounts": [*map(listed, PATHS)]}
    inspect = {**found.container.inspect, "HostConfig": {"Tmpfs": dict.fromkeys(PATHS, "")}}
    found = replace(found, container=replace(found.container, oci_config=asked, inspect=inspect))
    rules = [cause.rule for cause in causes(found).values()]
    assert rules[3:5] == ["docker-user-mount"] * 2
    assert rules[5:] == ["readonly-path", *["masked-path"] * 3]
