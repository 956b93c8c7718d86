"""The user's wishes: what podman's command line says of binds counts more than its inspect."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import PODMAN, bind, bound, config, facts, origin, source

from scratchlab.judge.places import wishes
from scratchlab.model import Origin

BIND = {"Type": "bind", "Source": "/src", "Destination": "/data"}


def of(*command: str, **inspect: Any) -> dict[str, Any]:
    return dict(wishes({"Config": {"CreateCommand": ["podman", "run", *command]}, **inspect}))


@pytest.mark.parametrize(
    ("command", "readonly"),
    [
        (("-v", "/src:/data"), False),
        (("-v", "/src/:/data/:z,ro"), True),
        (("--volume", "/src:/data:rw"), False),
        (("--volume=/src:/data:ro",), True),
        (("--mount", "type=bind,src=/src,dst=/data"), False),
        (("--mount=type=bind,source=/src,destination=/data,ro",), True),
        (("--mount=type=bind,source=/src,target=/data,readonly=true",), True),
        (("--mount=type=bind,source=/src,target=/data,ro=false",), False),
    ],
)
def test_a_bind_of_the_command_line(command: tuple[str, ...], readonly: bool) -> None:
    expected = {**BIND, "RW": False} if readonly else BIND
    assert of(*command) == {"/data": expected}


@pytest.mark.parametrize(
    "command",
    [
        ("-v", "name:/data"),
        ("-v", "./src:/data"),
        ("-v", "/data"),
        ("-v", "/src:data"),
        ("--mount", "type=volume,src=/src,dst=/data"),
        ("--mount", "type=bind,src=src,dst=/data"),
        ("--mount", "type=bind,src=/src"),
        ("--mount", "type=bind,dst=/data"),
        ("--mount", "bind"),
    ],
)
def test_what_is_no_bind_of_a_path_leaves_inspect_as_it_is(command: tuple[str, ...]) -> None:
    shown = {"Type": "volume", "Name": "v", "Destination": "/data"}
    assert of(*command) == {}
    assert of(*command, Mounts=[shown]) == {"/data": shown}


def test_an_overlay_over_a_path_is_asked_for_as_such() -> None:
    for options in ("O", "rw,O"):
        assert of("-v", f"/src:/data:{options}") == {"/data": {**BIND, "Overlay": True}}


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs", "devpts"])
def test_a_new_filesystem_of_the_command_line(kind: str) -> None:
    assert of("--mount", f"type={kind},dst=/new/") == {"/new": {"Type": kind}}
    assert of("--mount", f"type={kind}") == {}
    shown = {"Type": "bind", "Source": kind, "Destination": "/new"}
    assert of(f"--mount=type={kind},dst=/new", Mounts=[shown]) == {"/new": {"Type": kind}}


def test_it_takes_the_place_of_what_inspect_shows() -> None:
    shown = {"Type": "bind", "Source": "/evil", "Destination": "/data", "RW": True, "Mode": ""}
    assert of("-v", "/src:/data:ro", Mounts=[shown]) == {
        "/data": {**shown, "Source": "/src", "RW": False}
    }
    assert of("-v", "/src:/data", HostConfig={"Tmpfs": {"/data": ""}})["/data"]["Type"] == "bind"


def test_mounts_of_another_container_are_wishes_unless_the_container_has_its_own() -> None:
    other = {"Type": "bind", "Source": "/other", "Destination": "/data"}
    more = {"Type": "volume", "Name": "v", "Source": "/v", "Destination": "/v/"}
    inspect = {"Mounts": [BIND]}
    assert wishes(inspect, (other, more)) == {"/data": BIND, "/v": more}


@pytest.mark.parametrize(
    ("lent", "expected"),
    [((), (Origin.UNEXPLAINED, None)), ((BIND,), (Origin.USER_MOUNT, "podman-user-mount"))],
)
def test_a_mount_of_another_container_that_config_json_lists_is_the_users(
    lent: tuple[dict[str, str], ...], expected: tuple[Origin, str | None]
) -> None:
    asked = facts(bound(10, "/data", root="/src"), config=config(bind("/data", "/src")),
                  sources=(source("/src", 10),), engine=PODMAN, lent=lent)  # fmt: skip
    assert origin(asked, 10) == expected


def test_words_of_the_containers_own_command_ask_for_nothing() -> None:
    own = ["tool", "-v", "/a:/b", "--tmpfs", "/c"]
    command = ["podman", "run", "-v", "/src:/data", "image", *own]
    config = {"CreateCommand": command, "Cmd": own}
    assert wishes({"Config": config}) == {"/data": BIND}
    for cmd in (None, [], ["of", "the", "image"]):  # what it shows without a command
        asked = wishes({"Config": {"CreateCommand": command[:5], "Cmd": cmd}})
        assert asked == {"/data": BIND}
