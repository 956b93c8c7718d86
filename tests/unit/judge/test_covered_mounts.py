"""Mounts whose file stat(2) cannot show, and mounts that the runtime makes after the masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import PROC, SYS, bind, bound, config, facts, listed, mount, origin

from scratchlab.judge.masks import first_late
from scratchlab.model import BindSource, MaskRoot, Mount, Origin

DISK = (8, 1)
COVER = mount(21, "/sbin/docker-init", parent=20)


def of_covered(covered: Mount, source: BindSource) -> Origin:
    asked = config(bind("/sbin/docker-init", "/usr/bin/docker-init"))
    asked["process"] = {"args": ["/sbin/docker-init", "--", "sleep"]}
    return origin(facts(covered, COVER, config=asked, sources=(source,)), covered.id)[0]


def covered(root: str, **changes: object) -> Mount:
    return bound(20, "/sbin/docker-init", root=root, **changes)


@pytest.mark.parametrize("root", ["/usr/bin/tini-static", "/volumes/x/usr/bin/docker-init"])
def test_its_root_is_where_the_source_lies_in_its_filesystem(root: str) -> None:
    source = BindSource("/usr/bin/docker-init", DISK, 7, 0, root)
    assert of_covered(covered(root), source) is Origin.ENGINE_MOUNT
    assert of_covered(covered("/evil"), source) is not Origin.ENGINE_MOUNT


def test_its_device_is_the_sources_but_for_subvolumes_of_btrfs() -> None:
    source = BindSource("/usr/bin/docker-init", (0, 99), 7, 0, "/tini")
    assert of_covered(covered("/tini"), source) is not Origin.ENGINE_MOUNT
    btrfs = mount(20, "/sbin/docker-init", "btrfs", root="/tini", device=(0, 40))
    assert of_covered(btrfs, source) is Origin.ENGINE_MOUNT


def test_where_the_root_is_not_known_the_path_must_end_with_it() -> None:
    source = BindSource("/usr/bin/docker-init", DISK, 7, 0)
    assert of_covered(covered("/bin/docker-init"), source) is Origin.ENGINE_MOUNT
    assert of_covered(covered("/bin/other"), source) is not Origin.ENGINE_MOUNT


def test_only_a_console_right_after_the_masks_is_the_runtimes() -> None:
    masks = [mount(10, "/proc/acpi"), mount(11, "/sys/firmware")]
    console, other = mount(12, "/dev/console", "devpts"), mount(13, "/dev/console")
    hidden = {mask.target for mask in masks}
    assert first_late(masks, hidden) == 2
    assert first_late([*masks, console], hidden) == 3
    assert first_late([*masks, other], hidden) == 2
    assert first_late([*masks, mount(14, "/x"), console], hidden) == 2


def test_a_covered_mask_is_the_hosts_null_device_by_device_and_root() -> None:
    """crun's masks of files, below a second /proc that hides them."""
    mask = mount(9, "/proc/keys", "devtmpfs", parent=2, device=(0, 6), root="/null")
    second = mount(10, "/proc", "proc", parent=2)
    asked = config(listed("/proc", "proc"), maskedPaths=["/proc/keys", "/sys/firmware"])

    def of(source: BindSource, shown: Mount = mask, **more: Any) -> Origin:
        mounts = (PROC, SYS, shown, mount(11, "/sys/firmware", parent=3), second)
        return origin(facts(*mounts, config=asked, sources=(source,), **more), 9)[0]

    hosts = BindSource("/dev/null", (0, 6), 4, 0, "/null")
    assert of(hosts) is Origin.RUNTIME_MASK
    assert of(hosts, replace(mask, root="/null//deleted")) is Origin.RUNTIME_MASK
    for other in (
        replace(hosts, path="/dev/zero"), replace(hosts, device=(0, 7)),
        replace(hosts, root="/x/null"), replace(hosts, root=""),
    ):  # fmt: skip
        assert of(other) is not Origin.RUNTIME_MASK
    # What can be looked at is proved by its inode.
    assert of(hosts, mask_roots=(MaskRoot(9, 0, (1, 3)),)) is not Origin.RUNTIME_MASK
