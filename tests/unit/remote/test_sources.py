"""The sources of mounts in a debug container: which, how, and what they prove."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import bound, mount

from scratchlab.collect.remote import sources
from scratchlab.collect.remote.sources import bind_sources, mounted, source_paths
from scratchlab.model import BindSource

BIND = {"Type": "bind", "Source": "/b", "Destination": "/x"}
VOLUME = {"Type": "volume", "Source": "/v/_data", "Destination": "/y"}


@pytest.mark.parametrize(
    ("inspect", "expected"),
    [
        ({}, []),
        ({"Mounts": None, "HostConfig": {"Mounts": None}}, []),
        ({"Mounts": [BIND, VOLUME, BIND]}, ["/b", "/v/_data"]),
        ({"Mounts": [BIND], "HostsPath": "/h", "ResolvConfPath": "", "HostnamePath": "/n"},
         ["/b", "/n", "/h"]),
        ({"Mounts": [{"Type": "tmpfs", "Source": "/b"}, {"Type": "bind", "Source": "b"},
                     {"Type": "image", "Source": "/i"}, {"Type": "bind"}]}, []),
        # Of a part of a volume, a link in it may lead anywhere.
        ({"Mounts": [{**VOLUME, "SubPath": "s"}, BIND]}, ["/b"]),
        ({"Mounts": [VOLUME, BIND], "HostConfig": {"Mounts": [
            {"Target": "/y", "VolumeOptions": {"Subpath": "s"}},
            {"Target": "/x", "VolumeOptions": {"Subpath": ""}, "ImageOptions": None}]}}, ["/b"]),
        ({"Mounts": [VOLUME], "HostConfig": {"Mounts": [
            {"Target": "/y", "ImageOptions": {"Subpath": "s"}}]}}, []),
    ],
)  # fmt: skip
def test_which_paths_are_mounted_once_more(inspect: dict[str, Any], expected: list[str]) -> None:
    assert source_paths(inspect) == expected


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MOST", 1)
    assert source_paths({"Mounts": [BIND, VOLUME]}) == ["/b"]


def test_they_are_mounted_read_only_and_alone() -> None:
    assert mounted(["/b", "/v"]) == [
        {"Target": "/sources/0", "Source": "/b", "Type": "bind", "ReadOnly": True,
         "BindOptions": {"NonRecursive": True}},
        {"Target": "/sources/1", "Source": "/v", "Type": "bind", "ReadOnly": True,
         "BindOptions": {"NonRecursive": True}},
    ]  # fmt: skip


def test_what_shows_the_same_device_and_root_is_the_same() -> None:
    own = [bound(90, "/sources/0", root="/b"), bound(91, "/sources/1", root="/v")]
    mounts = [
        bound(9, "/x", root="/b"), bound(10, "/x2", root="/b"),
        bound(11, "/y", root="/b", device=(8, 2)), mount(12, "/z", root="/v"),
    ]  # fmt: skip
    assert bind_sources(["/b", "/v", "/refused"], own, mounts) == (
        BindSource("/v", (8, 1), 0, 0, "/v"),
        BindSource("/b", (8, 1), 0, 9, "/b"),
        BindSource("/b", (8, 1), 0, 10, "/b"),
    )
    assert bind_sources(["/b"], mounts, mounts) == ()


def test_one_that_is_not_shown_hides_no_other() -> None:
    own = [bound(91, "/sources/1", root="/v")]
    found = bind_sources(["/b", "/v"], own, [bound(9, "/y", root="/v")])
    assert found == (BindSource("/v", (8, 1), 0, 9, "/v"),)


def test_the_hosts_null_device_masks_the_same_in_both() -> None:
    own = [
        mount(90, "/proc/keys", "devtmpfs", device=(0, 6), root="/null"),
        mount(91, "/dev/null", "devtmpfs", device=(0, 7), root="/null"),
        mount(92, "/sys/x", "tmpfs", device=(0, 8)),
    ]
    mounts = [
        mount(9, "/proc/keys", "devtmpfs", device=(0, 6), root="/null"),
        mount(10, "/sys/keys", "devtmpfs", device=(0, 7), root="/null"),
        mount(11, "/sys/x", "tmpfs", device=(0, 8)),
        mount(12, "/proc/z", "devtmpfs", device=(0, 6), root="/zero"),
    ]
    assert bind_sources([], own, mounts) == (BindSource("/dev/null", (0, 6), 0, 9, "/null"),)


def test_the_runtimes_empty_directory_masks_the_same_in_both() -> None:
    root = "/crun/.empty-directory"
    own = [mount(90, "/proc/acpi", device=(0, 6), root=root), mount(91, "/x", root=root)]
    mounts = [
        mount(9, "/proc/acpi", device=(0, 6), root=root), mount(10, "/sys/firmware", root=root),
    ]  # fmt: skip
    assert bind_sources([], own, mounts) == (BindSource(root, (0, 6), 0, 9, root),)
