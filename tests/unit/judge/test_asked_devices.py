"""A device node that config.json lists needs something else that names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    DOCKER,
    PODMAN,
    ROOT,
    config,
    facts,
    finding,
    judged,
    link,
    listed,
    node,
)

from scratchlab.devices import CdiEdit, HostDevice
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Evidence, Facts, Finding, Origin, Runtime

NUMBER = (10, 229)
LISTED = config(listed("/dev"), devices=[{"path": "/dev/fuse", "major": 10, "minor": 229}])
NAMED = (Origin.RUNTIME_DEVICE, "configured-device")
NOBODYS = (Origin.UNEXPLAINED, None)
ECHO = {"HostConfig": {"Devices": [{"PathInContainer": "/dev/fuse", "PathOnHost": "/dev/fuse"}]}}


def asked_on(*command: str) -> dict[str, Any]:
    return {"Config": {"CreateCommand": ["podman", "run", *command, "image"]}}


def of(asked: Facts) -> Finding:
    return finding(judged(asked, node("/dev/fuse", NUMBER, DEV.id)), "/dev/fuse")


def shown(asked: Facts) -> tuple[Origin, str | None]:
    found = of(asked)
    return found.origin, found.rule


@pytest.mark.parametrize("engine", [DOCKER, PODMAN])
def test_what_config_json_alone_lists_is_unexplained(engine: Engine) -> None:
    for inspect in ({}, ECHO):
        found = of(facts(DEV, config=LISTED, engine=engine, devices=(), inspect=inspect))
        assert (found.origin, found.rule) == NOBODYS
        assert found.prediction == (
            "config.json alone lists it: no option and no CDI file names it, and it is not "
            "privileged; runc, or a program in its place, may have edited config.json"
        )
    nameless = facts(DEV, config=LISTED, engine=engine, runtime=Runtime())
    assert of(nameless).prediction.endswith("privileged; a program may have edited config.json")


def test_a_container_made_through_podmans_api_has_only_its_inspect() -> None:
    host = (HostDevice("/dev/fuse", NUMBER),)
    service = {"Config": {"CreateCommand": ["podman", "--log-level=info", "system", "service"]}}
    for inspect in (ECHO, ECHO | service):
        made = facts(DEV, config=LISTED, engine=PODMAN, devices=host, inspect=inspect)
        assert shown(made) == NAMED
    told = [fact.detail for fact in of(made).evidence]
    assert any("has no command line to compare with" in detail for detail in told)
    # From a debug container, too, which knows no numbers.
    debug = facts(DEV, config=None, engine=PODMAN, inspect=ECHO, vantage="debug")
    assert shown(debug) == NAMED
    for command in ((), ("image", "system", "service")):  # these are words of the container's
        typed = ECHO | asked_on(*command)
        found = facts(DEV, config=None, engine=PODMAN, inspect=typed, vantage="debug")
        assert shown(found) != NAMED


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ((HostDevice("/dev/fuse", NUMBER),), NAMED),
        ((HostDevice("/dev/fuse", (10, 1)),), NOBODYS),
        ((HostDevice("/dev", NUMBER),), NOBODYS),
        ((HostDevice("/dev/fuse2", NUMBER),), NOBODYS),
        ((HostDevice("/lib/fuse", NUMBER),), NAMED),  # through a link of the image
    ],
)
def test_a_device_that_an_option_asks_for(
    devices: tuple[HostDevice, ...], expected: tuple[Origin, str | None]
) -> None:
    asked = facts(DEV, config=LISTED, devices=devices)
    live = node("/dev/fuse", NUMBER, DEV.id)
    found = finding(judged(asked, live, image=[link("/lib", "dev")]), live.path)
    assert (found.origin, found.rule) == expected
    if expected == NAMED:
        assert found.evidence[1].detail == "a device /dev/fuse is asked for"


def test_a_device_that_containers_conf_asks_for() -> None:
    devices = (HostDevice("/dev/fuse", NUMBER, "/etc/containers/containers.conf"),)
    found = of(facts(DEV, config=LISTED, engine=PODMAN, devices=devices))
    assert (found.origin, found.rule) == NAMED
    assert found.evidence[1].detail == (
        "/etc/containers/containers.conf asks for it in every container"
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("--device", "/dev/fuse"), NAMED),
        (("--device=/dev/other:/dev/fuse:rw",), NAMED),
        (("--device=/dev/fuse:rw",), NAMED),
        (("--device=/dev",), NAMED),  # a directory of nodes
        (("--device", "/dev/other"), NOBODYS),
        (("--device", "fuse"), NOBODYS),
        ((), NOBODYS),
    ],
)
def test_where_the_hosts_nodes_are_not_known_podmans_command_line_names_them(
    command: tuple[str, ...], expected: tuple[Origin, str | None]
) -> None:
    inspect = {**ECHO, **asked_on(*command)}
    assert shown(facts(DEV, config=LISTED, engine=PODMAN, inspect=inspect)) == expected


def test_a_privileged_container_has_the_hosts_nodes_in_dev() -> None:
    inspect = {"HostConfig": {"Privileged": True}}
    assert shown(facts(DEV, config=LISTED, inspect=inspect)) == NAMED
    elsewhere = config(devices=[{"path": "/opt/fuse", "major": 10, "minor": 229}])
    live = node("/opt/fuse", NUMBER, ROOT.id)
    judgement = judged(facts(config=elsewhere, inspect=inspect), live, writable=[live])
    assert finding(judgement, live.path).origin is Origin.UNEXPLAINED


def test_nvidias_runtime_adds_what_it_is_asked_for() -> None:
    inspect = {"Config": {"Env": ["NVIDIA_VISIBLE_DEVICES=all"]}}
    runtime = Runtime("nvidia-container-runtime")
    assert shown(facts(DEV, config=LISTED, inspect=inspect, runtime=runtime)) == NAMED


# A directory of nodes, and what lies below a node:


@pytest.mark.parametrize("engine", [DOCKER, PODMAN])
def test_nodes_of_a_directory_that_is_asked_for_have_numbers_that_only_the_host_knows(
    engine: Engine,
) -> None:
    inspect = {"HostConfig": {"Devices": [{"PathInContainer": "/dev/snd"}]}}
    asked = facts(DEV, inspect=inspect, engine=engine)
    found = finding(judged(asked, node("/dev/snd/seq", (116, 1), DEV.id)), "/dev/snd/seq")
    assert (found.origin, found.rule) == NAMED
    detail = "a device /dev/snd is asked for; its number is not known from here"
    assert found.evidence[0] == Evidence("inspect", detail)


def test_a_node_in_the_place_of_a_device_of_the_same_number_was_made_later() -> None:
    """Somebody made a directory where the device was."""
    devices = (HostDevice("/dev/fuse", NUMBER),)
    live = node("/dev/fuse/in", NUMBER, DEV.id)
    found = finding(judged(facts(DEV, config=LISTED, devices=devices), live), live.path)
    assert (found.origin, found.rule) == (Origin.WRITTEN_LATER, None)


@pytest.mark.parametrize(("listed_in", "config_json"), [("oci-config", LISTED), ("inspect", None)])
def test_a_device_is_configured_where_it_is_listed(
    listed_in: str, config_json: dict[str, Any] | None
) -> None:
    devices = (HostDevice("/dev/fuse", NUMBER),)
    found = of(facts(DEV, config=config_json, devices=devices, inspect=ECHO))
    assert (found.origin, found.rule) == NAMED
    assert found.evidence[0] == Evidence(listed_in, "device /dev/fuse 10:229 is configured")


# What CDI files add is predicted:

FILE, ONE = "/etc/cdi/v.json", "vendor.com/class=one"
LIB = CdiEdit(FILE, ONE, "/usr/lib/libv.so", "/h/libv.so", ("ro", "bind", "nosuid"))
NODE = CdiEdit(FILE, ONE, "/dev/v0", number=(1, 3))
ALL = CdiEdit(FILE, "vendor.com/class", "/opt/v", "/h/v")
BY_NAME = {"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": [ONE]}]}}


def predicted(*edits: CdiEdit, inspect: Any = BY_NAME, **more: Any) -> tuple[dict[str, Any], bool]:
    """What is predicted at the paths that CDI files may name, and whether that is complete."""
    found = predict(facts(cdi=edits, inspect=inspect, devices=(), **more), Ledger())
    paths = ("/usr/lib/libv.so", "/dev/v0", "/opt/v")
    return {path: found.by_path[path] for path in paths if path in found.by_path}, found.complete


@pytest.mark.parametrize("engine", [DOCKER, PODMAN])
def test_mounts_and_nodes_of_a_device_by_name_are_predicted(engine: Engine) -> None:
    inspect = BY_NAME if engine is DOCKER else asked_on("--device", ONE)
    found, complete = predicted(LIB, NODE, ALL, ALL, inspect=inspect, engine=engine)
    assert complete is (engine is DOCKER)
    library, device, whole = found["/usr/lib/libv.so"], found["/dev/v0"], found["/opt/v"]
    assert library.origin is whole.origin is Origin.HOOK_OR_TOOL
    assert library.rule == whole.rule == "cdi-edits"
    assert library.mount.options == {"ro", "nosuid"}
    assert whole.mount.options == frozenset()
    assert (device.origin, device.rule) == NAMED
    assert (device.device, device.uid, device.mount) == ((1, 3), None, None)


def test_directories_above_them_are_the_runtimes() -> None:
    found = predict(facts(cdi=(LIB,), inspect=BY_NAME), Ledger())
    assert found.by_path["/usr/lib"].origin is Origin.RUNTIME_MOUNTPOINT


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (ALL,),  # the device itself is in no file
        (replace(LIB, device="vendor.com/class=two"),),
        (LIB, NODE, replace(LIB, file="/var/run/cdi/v.json")),  # which counts is not known
    ],
)
def test_what_no_file_or_several_have_is_not_known(edits: tuple[CdiEdit, ...]) -> None:
    assert predicted(*edits) == ({}, False)


def test_other_devices_of_a_file_are_not_predicted() -> None:
    other = replace(NODE, device="vendor.com/class=two")
    elsewhere = replace(ALL, file="/var/run/cdi/w.json")
    found, complete = predicted(LIB, other, elsewhere)
    assert (set(found), complete) == ({"/usr/lib/libv.so"}, True)


def test_what_a_plugin_adds_is_not_known() -> None:
    inspect = {"HostConfig": {"DeviceRequests": [{"Driver": "nvidia", "DeviceIDs": []}]}}
    assert predicted(LIB, inspect=inspect) == ({}, False)
    assert predicted(LIB, inspect={}) == ({}, True)


def test_a_mount_of_the_users_is_predicted_in_its_place() -> None:
    wish = {"Destination": "/usr/lib/libv.so", "Type": "bind", "Source": "/mine"}
    found, _ = predicted(LIB, inspect={**BY_NAME, "Mounts": [wish]})
    assert found["/usr/lib/libv.so"].origin is Origin.USER_MOUNT


def test_in_a_user_namespace_nodes_are_left_to_the_evidence() -> None:
    found, _ = predicted(LIB, NODE, uid_map=((0, 100000, 65536),))
    assert set(found) == {"/usr/lib/libv.so"}
