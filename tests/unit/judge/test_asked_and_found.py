"""What was asked for and what is mounted: another source, other options, none that is told."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import (
    CRUN,
    DEV,
    DOCKER,
    PODMAN,
    RUNC,
    RUNTIME,
    USERS,
    VOLUME,
    bind,
    bound,
    causes,
    config,
    facts,
    listed,
    mount,
    origin,
    source,
)
from tests.unit.judge.test_asked_devices import LISTED, NAMED, NOBODYS, NUMBER

from scratchlab.devices import HostDevice
from scratchlab.judge.places import requests
from scratchlab.model import Engine, Facts, Mount, Origin, Runtime

# A mount whose source config.json has otherwise than inspect, and that shows neither.


@pytest.mark.parametrize(
    ("kind", "words"), [({"Type": "volume"}, "volume /mine"), ({}, "a mount /mine")]
)
def test_both_sources_are_told(kind: dict[str, str], words: str) -> None:
    """An engine may leave the type of a mount out of its inspect."""
    found = facts(
        bound(10, "/data", root="/third"), config=config(bind("/data", "/other")),
        inspect={"Mounts": [{**kind, "Source": "/mine", "Destination": "/data"}]},
        sources=(source("/third", 10), source("/mine", 11), source("/other", 12)),
    )  # fmt: skip
    cause = causes(found)[10]
    assert cause.origin is Origin.UNEXPLAINED
    assert cause.doubt == (
        f"{words} is asked for, and config.json has bind /other on /data (rbind): "
        "another mount is there"
    )


# A volume of which inspect does not tell where it lies: a driver may keep that to itself.


UNTOLD = {"Type": "volume", "Name": "v", "Destination": "/data"}


@pytest.mark.parametrize("wish", [UNTOLD, {**UNTOLD, "Source": ""}, {**UNTOLD, "Source": None}])
@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_what_is_mounted_there_is_the_users(wish: dict[str, str | None], vantage: str) -> None:
    asked = facts(bound(10, "/data"), inspect={"Mounts": [wish]}, vantage=vantage)
    assert [item.source for item in requests(asked) if item.target == "/data"] == [""]
    assert origin(asked, 10) == USERS


# Binds and volumes whose source inspect does not name.


def test_filesystem_in_the_place_of_a_volume_is_not_the_users() -> None:
    """Docker's HostConfig has a volume without a name as it was asked for: without a source."""
    inspect = {"HostConfig": {"Mounts": [{"Type": "volume", "Target": "/data"}]}}
    asked = bind("/data", "/v/_data")
    sources = (source("/v/_data", 9),)
    volume = facts(
        bound(9, "/data", root="/v/_data"), config=config(asked), inspect=inspect, sources=sources
    )
    assert origin(volume, 9)[0] is Origin.USER_MOUNT
    other = facts(mount(9, "/data"), config=config(listed("/data")), inspect=inspect)
    assert origin(other, 9)[0] is Origin.UNEXPLAINED


@pytest.mark.parametrize(
    ("vantage", "expected"), [("debug", Origin.ENGINE_MOUNT), ("host", Origin.UNEXPLAINED)]
)
def test_top_of_a_filesystem_proves_no_bind_where_the_hosts_files_are_known(
    vantage: str, expected: Origin
) -> None:
    """Each new filesystem shows its top. From a debug container no more can be seen."""
    found = facts(
        DEV, mount(9, "/dev/shm", parent=DEV.id), vantage=vantage, sources=(source("/src", 77),),
        inspect={"HostConfig": {"IpcMode": "shareable"}},
    )  # fmt: skip
    assert origin(found, 9)[0] is expected


# Options of a mount that were asked for and are not in force: the doubt shows those that are.


def test_doubt_shows_the_options_as_mountinfo_does() -> None:
    found = facts(
        mount(9, "/x", options=("rw", "nosuid", "relatime")),
        config=config(listed("/x", "tmpfs", "tmpfs", "ro", "nosuid", "noexec")),
        inspect={"HostConfig": {"Tmpfs": {"/x": "ro,noexec"}}},
    )
    assert causes(found)[9].doubt == (
        "oci-config asks for noexec, ro, and mountinfo shows rw,nosuid,relatime"
    )


# Several mounts that config.json lists on one path: each is found by what it shows.


def test_second_one_is_found_where_the_first_is_gone() -> None:
    """Somebody unmounted the first, say: the second is no other mount for that."""
    both = config(bind("/dev/mqueue", "/src"), listed("/dev/mqueue", "mqueue"))
    found = facts(mount(9, "/dev/mqueue", "mqueue"), config=both, sources=(source("/src", 77),))
    assert origin(found, 9)[0] is RUNTIME


# The mounts that another container lent are the user's where config.json cannot be read, too.


@pytest.mark.parametrize(("engine", "runtime"), [(DOCKER, RUNC), (PODMAN, CRUN)])
def test_a_volume_of_another_container_is_asked_for(engine: Engine, runtime: Runtime) -> None:
    lent = facts(bound(10, "/data", root="/v/_data"), lent=(VOLUME,), vantage="debug",
                 engine=engine, runtime=runtime)  # fmt: skip
    (found,) = (item for item in requests(lent) if item.target == "/data")
    assert (found.type, found.source) == ("bind", "/v/_data")
    assert origin(lent, 10) == (Origin.USER_MOUNT, f"{engine.name}-user-mount")


# A device that a runtime binds, as in a user namespace, where it cannot make a node.


@pytest.mark.parametrize(("number", "expected"), [(NUMBER, NAMED), ((10, 1), NOBODYS)])
def test_node_has_the_number_of_the_device_that_was_asked_for(
    number: tuple[int, int], expected: tuple[Origin, str | None]
) -> None:
    """Somebody may have put another number into config.json."""
    fuse = mount(9, "/dev/fuse", "devtmpfs", parent=DEV.id, root="/fuse")
    found = facts(
        DEV, fuse, config=LISTED, devices=(HostDevice("/dev/fuse", number),),
        sources=(source("/dev/fuse", 9),),
    )  # fmt: skip
    assert origin(found, 9) == expected


# podman's new filesystems and overlays, as its command line asks for them: with config.json or not.

ASKED = (Origin.USER_MOUNT, "podman-user-mount")


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs", "devpts"])
@pytest.mark.parametrize(("shown", "expected"), [(True, ASKED), (False, NOBODYS)])
def test_new_filesystem_is_known_without_config_json(
    kind: str, shown: bool, expected: tuple[Origin, str | None]
) -> None:
    made = mount(9, "/new", kind) if shown else mount(9, "/new", "overlay")
    assert origin(asked_of_podman(made, "--mount", f"type={kind},dst=/new"), 9) == expected


@pytest.mark.parametrize(
    ("lower", "expected"), [("/src", ASKED), ("/evil", NOBODYS), (None, ASKED)]
)
@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_overlay_is_over_the_directory_that_was_asked_for(
    vantage: str, lower: str | None, expected: tuple[Origin, str | None]
) -> None:
    """As mountinfo shows it, whatever config.json has; an overlay of FUSE shows no directory."""
    options = ("rw",) if lower is None else ("rw", f"lowerdir={lower}", "upperdir=/u")
    made = mount(9, "/new", "overlay", super_options=options)
    found = asked_of_podman(made, "-v", "/src:/new:O", vantage=vantage)
    assert origin(found, 9) == expected


def asked_of_podman(made: Mount, *words: str, vantage: str = "debug") -> Facts:
    """Facts of a container that podman was asked for with ``words``, and that has ``made``."""
    command = ["podman", "run", *words, "image"]
    overlay = listed("/new", "overlay", "/merge", "lowerdir=/src", "upperdir=/u")
    return facts(
        made, engine=PODMAN, inspect={"Config": {"CreateCommand": command}}, vantage=vantage,
        config=config(overlay) if vantage == "host" else None,
    )  # fmt: skip
