"""Where a runtime keeps the empty directory that it binds over masked directories."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.judge.handmade import mount

from scratchlab.collect.runtime_config import empty_directories
from scratchlab.model import Mount

ROOT = "/crun/.empty-directory"
MASK = mount(9, "/proc/acpi", device=(0, 30), root=ROOT)
RUN = mount(20, "/run", device=(0, 30))


def found(*engine_mounts: Mount, mask: Mount = MASK) -> list[str]:
    twice = replace(mask, id=10)
    return [*empty_directories([mask, twice, mount(11, "/sys/firmware")], engine_mounts)]


def test_it_is_found_by_its_filesystem() -> None:
    assert found(mount(19, "/"), RUN) == ["/run/crun/.empty-directory"]
    part = mount(21, "/state", device=(0, 30), root="/crun")
    assert found(part) == ["/state/.empty-directory"]
    sys = replace(MASK, target="/sys/firmware")
    assert found(RUN, mask=sys) == ["/run/crun/.empty-directory"]


@pytest.mark.parametrize(
    "mask",
    [replace(MASK, target="/mnt/acpi"), replace(MASK, root="/crun/x"),
     replace(MASK, device=(0, 31))],
    ids=["elsewhere", "another-name", "another-filesystem"],
)  # fmt: skip
def test_nothing_else_is_one(mask: Mount) -> None:
    assert found(RUN, mask=mask) == []


def test_what_could_keep_the_reader_waiting_is_not_asked() -> None:
    assert found(replace(RUN, fstype="nfs4")) == []
    assert found(replace(RUN, fstype="fuse.x")) == []


def test_a_mount_of_another_part_does_not_show_it() -> None:
    assert found(mount(21, "/state", device=(0, 30), root="/other")) == []
