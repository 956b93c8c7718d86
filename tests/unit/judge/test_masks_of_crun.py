"""Masks of directories by crun: newer ones bind one empty directory of the host's over all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    CRUN,
    INSIDE,
    PROC,
    RUNC,
    SYS,
    config,
    facts,
    listed,
    mount,
    origin,
)

from scratchlab.model import BindSource, Facts, MaskRoot, Origin

MASK = (Origin.RUNTIME_MASK, "masked-path")
ROOT = "/crun/.empty-directory"
START = 1_767_225_600_000_000_000
SHOWN = mount(9, "/proc/acpi", parent=2, device=(0, 30), root=ROOT, options=("ro",))
HOSTS = BindSource("/run/crun/.empty-directory", (0, 30), 5, 9, ROOT)


def masked(*sources: BindSource, shown: Any = SHOWN, **changes: Any) -> Facts:
    asked = config(
        listed("/proc", "proc"), listed("/sys", "sysfs"),
        maskedPaths=["/proc/acpi", "/sys/firmware"],
    )  # fmt: skip
    last = mount(11, "/sys/firmware", parent=3, options=("ro",))
    inspect = {"State": {"StartedAt": "2026-01-01T00:00:00Z"}}
    fields: dict[str, Any] = {"runtime": CRUN, "inspect": inspect} | changes
    return facts(PROC, SYS, shown, last, config=asked, sources=sources, **fields)


def test_the_runtimes_empty_directory_is_a_mask() -> None:
    assert origin(masked(HOSTS), 9) == MASK


@pytest.mark.parametrize(
    "other",
    [replace(HOSTS, mount=0), replace(HOSTS, mount=8), replace(HOSTS, path="/run/crun/x")],
    ids=["not-mounted", "elsewhere", "another"],
)
def test_any_other_directory_is_none(other: BindSource) -> None:
    seen = (MaskRoot(9, 0, None),)
    assert origin(masked(other, mask_roots=seen), 9) == INSIDE
    assert origin(masked(mask_roots=seen), 9) == INSIDE


def test_only_crun_has_such_a_directory() -> None:
    assert origin(masked(HOSTS, runtime=RUNC), 9) == INSIDE


def test_of_one_that_is_covered_device_and_root_tell() -> None:
    covered = replace(HOSTS, mount=0)
    assert origin(masked(covered), 9) == MASK
    assert origin(masked(replace(covered, root="/x/.empty-directory")), 9) == INSIDE
    assert origin(masked(replace(covered, device=(0, 31))), 9) == INSIDE


def test_its_time_tells_nothing_of_one_container() -> None:
    """All share it: the first one's start made it, a later one's may touch it."""
    changed = (MaskRoot(9, START + 1, None), MaskRoot(11, 0, None))
    assert origin(masked(HOSTS, mask_roots=changed), 9) == MASK
    own = replace(SHOWN, root="/", device=(0, 31))
    assert origin(masked(shown=own, mask_roots=changed), 9) == INSIDE
