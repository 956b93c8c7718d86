"""A bind is the one that was asked for if the file behind it is the one that is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    BIND,
    ID,
    INSIDE,
    USERS,
    VOLUME,
    bind,
    bound,
    causes,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.judge.mount_identity import MountIdentity
from scratchlab.model import BindSource, Evidence, Facts, Image, Origin

MOUNTED = {**BIND, "Source": "/mnt/src"}

# Binds: identity of the file behind them.


def engine_file(**changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "config": config(bind("/etc/hosts", f"/var/lib/docker/containers/{ID}/hosts")),
        "inspect": {"HostsPath": f"/var/lib/docker/containers/{ID}/hosts"},
    }
    shown = changes.pop("shown", bound(9, "/etc/hosts", root=f"/docker/containers/{ID}/hosts"))
    return facts(shown, **(fields | changes))


def test_a_bind_with_the_inode_of_the_named_file_is_the_engines() -> None:
    path = f"/var/lib/docker/containers/{ID}/hosts"
    found = engine_file(sources=(source(path, 9),))
    assert origin(found, 9) == (Origin.ENGINE_MOUNT, "docker-network-files")
    kinds = [(item.kind, item.detail) for item in causes(found)[9].evidence]
    assert ("stat", f"{path} is inode 7 of 8:1, on the host and in the container") in kinds


def test_a_bind_of_another_file_is_unexplained_where_the_host_has_the_named_one() -> None:
    path = f"/var/lib/docker/containers/{ID}/hosts"
    for sources in ((source(path, 0),), (source(path, 5),), (source("/x", 9), source(path, 0))):
        assert origin(engine_file(sources=sources), 9) == (Origin.UNEXPLAINED, None)


def test_where_the_host_cannot_be_read_the_root_decides() -> None:
    same = bound(9, "/etc/hosts", root=f"/x/{ID}/hosts")
    assert origin(engine_file(shown=same), 9)[0] is Origin.ENGINE_MOUNT
    assert (
        causes(engine_file(shown=same))[9].evidence[1].detail
        == f"its root is /x/{ID}/hosts, in the container's own directory"
    )
    ending = bound(9, "/etc/hosts", root=f"/containers/{ID}/hosts")
    assert origin(engine_file(shown=ending), 9)[0] is Origin.ENGINE_MOUNT
    for root in (f"/x/{ID}/hostname", "/x/hosts", "/etc/shadow"):
        other = bound(9, "/etc/hosts", root=root)
        assert origin(engine_file(shown=other), 9) == (Origin.UNEXPLAINED, None)


def test_a_bind_whose_source_is_gone_shows_its_old_root() -> None:
    gone = bound(9, "/data", root="/src//deleted")
    asked: dict[str, Any] = {
        "config": config(bind("/data", "/mnt/src")), "inspect": {"Mounts": [MOUNTED]},
    }  # fmt: skip
    found = facts(gone, **asked)
    assert origin(found, 9) == USERS
    assert "has removed or replaced since" in causes(found)[9].evidence[2].detail
    # The host has another file of that name now.
    assert origin(facts(gone, **asked, sources=(source("/mnt/src", 0),)), 9) == USERS
    other = replace(gone, root="/other//deleted")
    assert origin(facts(other, **asked), 9) == (Origin.UNEXPLAINED, None)


def test_a_whole_filesystem_is_a_source_only_where_no_source_is_known() -> None:
    whole = bound(9, "/data", root="/")
    asked: dict[str, Any] = {
        "config": config(bind("/data", "/src")), "inspect": {"Mounts": [BIND]},
    }  # fmt: skip
    assert origin(facts(whole, **asked), 9) == USERS
    assert causes(facts(whole, **asked))[9].evidence[2].detail == "all of /dev/sda1 (ext4)"
    assert origin(facts(whole, **asked, sources=(source("/y", 5),)), 9) == (
        Origin.UNEXPLAINED, None,
    )  # fmt: skip


def test_a_covered_bind_is_proved_by_device_and_root() -> None:
    covered = bound(8, "/data", root="/src")
    above = mount(9, "/data", parent=8)
    asked: dict[str, Any] = {
        "config": config(bind("/data", "/mnt/src")), "inspect": {"Mounts": [MOUNTED]},
    }  # fmt: skip
    same = facts(covered, above, **asked, sources=(source("/mnt/src", 0),))
    assert origin(same, 8) == USERS
    assert causes(same)[8].evidence[2].detail == (
        "its root is /src, of the device that /mnt/src is on"
    )
    assert origin(same, 9) == INSIDE
    whole = facts(replace(covered, root="/"), above, **asked, sources=(source("/mnt/src", 0),))
    assert origin(whole, 8) == USERS
    for path, device in (("/mnt/src", (8, 2)), ("/other", (8, 1))):
        other = facts(
            replace(covered, root="/elsewhere"), above, **asked,
            sources=(source(path, 0, device=device),),
        )  # fmt: skip
        assert origin(other, 8) == (Origin.UNEXPLAINED, None)


@pytest.mark.parametrize("key", ["VolumeOptions", "ImageOptions"])
def test_a_subpath_of_a_volume_is_named_by_both(key: str) -> None:
    option = {"Target": "/data", key: {"Subpath": "a/../b"}}
    found = facts(
        bound(9, "/data"),
        config=config(bind("/data", "/run/temporary")),
        inspect={"Mounts": [VOLUME], "HostConfig": {"Mounts": [option]}},
        sources=(source("/v/_data/b", 9),),
    )
    assert origin(found, 9) == USERS
    other = replace(found, sources=(source("/v/_data/c", 9), source("/v/_data/b", 0)))
    assert origin(other, 9) == (Origin.UNEXPLAINED, None)


def test_a_subpath_at_another_target_names_nothing() -> None:
    option = {"Target": "/other", "VolumeOptions": {"Subpath": "b"}}
    found = facts(
        bound(9, "/data", root="/b"),
        config=config(bind("/data", "/run/temporary")),
        inspect={"Mounts": [VOLUME], "HostConfig": {"Mounts": [option]}},
        sources=(source("/v/_data/b", 9), source("/v/_data", 0)),
    )
    assert origin(found, 9) == (Origin.UNEXPLAINED, None)


# What config.json has in the place of what the user asked for:


def edited(wish: dict[str, Any], has: dict[str, Any], shown: Any, *named: str) -> Facts:
    """``wish`` is asked for; config.json ``has`` another mount, which is ``shown``."""
    return facts(
        shown, config=config(has), inspect={"Mounts": [wish]},
        sources=(source("/evil", 9), *(source(path, 0) for path in named)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "has", "shown"),
    [
        (BIND, bind("/data", "/evil"), bound(9, "/data", root="/evil")),
        (VOLUME, bind("/data", "/evil"), bound(9, "/data", root="/evil")),
        (BIND, listed("/data"), mount(9, "/data")),
        (VOLUME, listed("/data"), mount(9, "/data")),
        ({"Destination": "/data", "Type": "tmpfs"}, bind("/data", "/evil"),
         bound(9, "/data", root="/evil")),
        ({"Destination": "/data", "Type": "tmpfs"}, listed("/data", "ramfs"),
         mount(9, "/data", "ramfs")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("known", [True, False])
def test_what_config_json_has_in_its_place_is_not_the_users(
    wish: dict[str, Any], has: dict[str, Any], shown: Any, known: bool
) -> None:
    named = [wish["Source"]] if known and "Source" in wish else []
    cause = causes(edited(wish, has, shown, *named))[9]
    assert (cause.origin, cause.rule) == (Origin.UNEXPLAINED, None)
    asked = f"{wish['Type']} {wish.get('Source', '')}".strip()
    assert cause.doubt.startswith(f"{asked} is asked for, and config.json has ")
    assert cause.doubt.endswith(": another mount is there")


OVERLAID = {**BIND, "Overlay": True}


@pytest.mark.parametrize(
    ("wish", "has", "kind", "sound"),
    [
        (OVERLAID, listed("/data", "overlay", "/m", "lowerdir=/src"), "overlay", True),
        (OVERLAID, listed("/data", "overlay", "/m", "lowerdir=/evil"), "overlay", False),
        (OVERLAID, bind("/data", "/src"), "ext4", False),
        (VOLUME, listed("/data", "overlay", "/m", "lowerdir=/v/_data"), "overlay", True),
        ({"Type": "devpts"}, listed("/data", "devpts"), "devpts", True),
        ({"Type": "bind", "Source": "devpts"}, listed("/data", "devpts"), "devpts", True),
        ({"Type": "devpts"}, listed("/data"), "tmpfs", False),
    ],
)  # fmt: skip
def test_other_filesystems_that_podman_makes(
    wish: dict[str, Any], has: dict[str, Any], kind: str, sound: bool
) -> None:
    found = edited({**wish, "Destination": "/data"}, has, mount(9, "/data", kind))
    assert origin(found, 9) == (USERS if sound else (Origin.UNEXPLAINED, None))
    content = file("/data/f", 9)
    judgement = judged(found, directory("/data", 9), content)
    if sound and kind == "overlay":
        assert finding(judgement, "/data/f").origin is Origin.USER_DATA


def test_what_podmans_command_line_asks_for_counts_more_than_its_inspect() -> None:
    echo = {**BIND, "Source": "/evil"}  # as config.json has it
    asked = edited(echo, bind("/data", "/evil"), bound(9, "/data", root="/evil"), "/src")
    assert origin(asked, 9) == USERS
    for command in (("-v", "/src:/data"), ("--volume=/src:/data:ro",),
                    ("--mount", "type=bind,source=/src,target=/data")):  # fmt: skip
        inspect = {"Mounts": [echo], "Config": {"CreateCommand": ["podman", "run", *command]}}
        container = replace(asked.container, inspect=inspect)
        cause = causes(replace(asked, container=container))[9]
        assert (cause.origin, cause.rule) == (Origin.UNEXPLAINED, None)
        assert cause.doubt.startswith("bind /src is asked for, and config.json has bind /evil")


# The user's mounts, and whose idea they were:


@pytest.mark.parametrize(
    ("host_config", "wish", "volumes", "detail"),
    [
        ({}, VOLUME, {}, "volume v on /data is asked for"),
        ({}, VOLUME, {"/data": {}}, "volume v on /data: the image declares VOLUME /data"),
        ({"Binds": ["v:/data"]}, VOLUME, {"/data": {}},
         "volume v on /data is asked for, where the image declares VOLUME"),
        ({"Binds": ["w:/data"]}, VOLUME, {"/data": {}},
         "volume v on /data: the image declares VOLUME /data"),
        ({"Mounts": [{"Target": "/data"}]}, VOLUME, {"/data": {}},
         "volume v on /data is asked for, where the image declares VOLUME"),
        ({}, BIND, {"/data": {}}, "bind /src on /data is asked for"),
        ({}, {"Destination": "/data"}, {}, "a mount on /data is asked for"),
        ({}, {"Target": "/data", "Type": "tmpfs", "Destination": "/data"}, {},
         "tmpfs on /data is asked for"),
    ],
)  # fmt: skip
def test_who_asked_for_a_users_mount_is_told(
    host_config: dict[str, Any], wish: dict[str, Any], volumes: dict[str, Any], detail: str
) -> None:
    tmpfs = wish.get("Type") == "tmpfs"
    path = wish.get("Source") or "/src"
    found = facts(
        mount(9, "/data") if tmpfs else bound(9, "/data", root=path),
        config=config(listed("/data") if tmpfs else bind("/data", path)),
        inspect={"Mounts": [wish], "HostConfig": host_config},
        image=Image(config={"config": {"Volumes": volumes}}),
    )
    first = causes(found)[9].evidence[0]
    assert (first.kind, first.detail) == ("inspect", detail)


def test_every_proof_names_the_kind_of_its_evidence() -> None:
    wish: dict[str, Any] = {"inspect": {"Mounts": [MOUNTED]}}
    asked = config(bind("/data", "/mnt/src"))
    gone = facts(bound(9, "/data", root="/src//deleted"), config=asked, **wish)
    ending = facts(bound(9, "/data", root="/src"), config=asked, **wish)
    covered = facts(
        bound(9, "/data", root="/src"), mount(8, "/data", parent=9), config=asked,
        sources=(source("/mnt/src", 0),), **wish,
    )  # fmt: skip
    for found in (gone, ending, covered):
        kinds = [item.kind for item in causes(found)[9].evidence]
        assert kinds == ["inspect", "oci-config", "mountinfo", "mountinfo"]
    assert causes(ending)[9].evidence[2].detail == "its root is /src, of /dev/sda1"


def test_a_mount_of_another_target_does_not_end_the_search_for_a_subpath() -> None:
    options = [{"Target": "/other"}, {"Target": "/data", "VolumeOptions": {"Subpath": "b"}}]
    found = facts(
        bound(9, "/data"), config=config(bind("/data", "/run/temporary")),
        inspect={"Mounts": [VOLUME], "HostConfig": {"Mounts": options}},
        sources=(source("/v/_data/b", 9),),
    )  # fmt: skip
    assert origin(found, 9) == USERS


@pytest.mark.parametrize(
    ("vantage", "wish", "origin_"),
    [
        ("debug", [BIND], Origin.USER_MOUNT),
        ("host", [BIND], Origin.UNEXPLAINED),
        ("debug", [], Origin.UNEXPLAINED),
    ],
)
def test_from_a_debug_container_a_link_of_the_hosts_cannot_be_seen(
    vantage: str, wish: list[dict[str, Any]], origin_: Origin
) -> None:
    found = facts(
        bound(9, "/data", root="/elsewhere"), config=config(bind("/data", "/src")),
        inspect={"Mounts": wish}, vantage=vantage,
    )  # fmt: skip
    assert origin(found, 9)[0] is origin_


# From a debug container, in which the engine mounted the sources once more:


def seen_from_debug(*sources: BindSource, root: str = "/src") -> Facts:
    return facts(
        bound(10, "/data", root=root), vantage="debug", inspect={"Mounts": [BIND]}, sources=sources
    )


def test_from_a_debug_container_device_and_root_prove_a_bind() -> None:
    cause = causes(seen_from_debug(BindSource("/src", (8, 1), 0, 10, "/real"), root="/real"))[10]
    assert (cause.origin, cause.doubt) == (Origin.USER_MOUNT, "")
    detail = "its root is /real of 8:1; /src mounted in the debug container shows the same"
    assert Evidence("mountinfo", detail) in cause.evidence


def test_from_a_debug_container_another_directory_is_not_the_one_that_was_asked_for() -> None:
    other = BindSource("/src", (8, 1), 0, 0, "/src")
    cause = causes(seen_from_debug(other, root="/other"))[10]
    assert cause.origin is Origin.UNEXPLAINED
    assert cause.doubt == "inspect has bind /src on /data, but another mount is there"
    # Of one that ends alike, too: it is another device's.
    cause = causes(seen_from_debug(BindSource("/src", (8, 2), 0, 0, "/src")))[10]
    assert cause.origin is Origin.UNEXPLAINED


def test_where_the_engine_did_not_mount_them_the_order_tells_and_the_evidence_says_so() -> None:
    cause = causes(seen_from_debug(root="/other"))[10]
    assert cause.origin is Origin.USER_MOUNT
    detail = "its root is /other; that it is /src cannot be seen from here"
    assert Evidence("mountinfo", detail) in cause.evidence


def test_of_a_mount_that_shows_no_named_path_there_are_no_sources() -> None:
    shown = bound(10, "/data")
    identity = MountIdentity(facts(shown, sources=(source("/src", 10),)), root=1)
    assert identity.sources(shown) == [source("/src", 10)]
    assert identity.sources(bound(11, "/other")) == ()
