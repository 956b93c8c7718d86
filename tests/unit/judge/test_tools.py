"""What CDI files and hooks add: a file that names the very path proves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    PODMAN,
    bind,
    bound,
    causes,
    config,
    directory,
    facts,
    finding,
    judged,
    listed,
    mount,
    node,
    source,
)

from scratchlab.devices import CdiEdit
from scratchlab.judge.tools import asked_by_name
from scratchlab.model import Evidence, Facts, Origin, Runtime

LIB, FILE = "/usr/lib/libv.so", "/etc/cdi/v.json"
EDIT = CdiEdit(FILE, "vendor.com/class=one", LIB, "/h/libv.so")
NODE = CdiEdit(FILE, "vendor.com/class=one", "/dev/v0")
ASKED = {"HostConfig": {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": [EDIT.device]}]}}


def with_library(*edits: CdiEdit, inspect: Any = ASKED, **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "config": config(bind(LIB, "/h/libv.so")), "sources": (source("/h/libv.so", 9),),
    }  # fmt: skip
    library = bound(9, LIB, root="/h/libv.so")
    return facts(library, cdi=edits, inspect=inspect, **(fields | changes))


@pytest.mark.parametrize("device", ["vendor.com/class=one", "vendor.com/class"])
@pytest.mark.parametrize("inspect", [ASKED, {}])
def test_a_mount_that_a_cdi_file_adds_names_file_and_device(device: str, inspect: Any) -> None:
    cause = causes(with_library(replace(EDIT, device=device), inspect=inspect))[9]
    assert (cause.origin, cause.rule, cause.doubt) == (Origin.HOOK_OR_TOOL, "cdi-edits", "")
    assert cause.evidence[0] == Evidence("host", f"{FILE} adds it for {device}")
    assert [proof.kind for proof in cause.evidence] == ["host", "oci-config", "stat", "mountinfo"]


@pytest.mark.parametrize(
    "edits",
    [
        (),
        (replace(EDIT, device="vendor.com/class=two"),),
        (replace(EDIT, device="vendor.com/cla"),),
        (replace(EDIT, source="/h/other.so"),),
        (replace(EDIT, target="/usr/lib/other.so"),),
        (replace(EDIT, source=""),),
    ],
)
def test_what_no_file_of_the_asked_devices_names_is_unexplained(
    edits: tuple[CdiEdit, ...],
) -> None:
    cause = causes(with_library(*edits))[9]
    assert (cause.origin, cause.rule) == (Origin.UNEXPLAINED, None)
    assert cause.doubt == "no CDI file of vendor.com/class=one names it"
    assert [proof.kind for proof in cause.evidence] == ["oci-config", "stat", "mountinfo"]


def test_another_file_in_its_place_is_unexplained() -> None:
    cause = causes(with_library(EDIT, sources=(source("/h/libv.so", 0),)))[9]
    assert cause.origin is Origin.UNEXPLAINED
    assert "but another mount is there" in cause.doubt


def test_what_the_user_asked_for_stays_the_users() -> None:
    wish = {"Type": "bind", "Source": "/h/libv.so", "Destination": LIB}
    assert causes(with_library(EDIT, inspect={**ASKED, "Mounts": [wish]}))[9].rule == (
        "docker-user-mount"
    )


def test_a_cdi_file_may_ask_for_a_new_filesystem() -> None:
    edit = CdiEdit(FILE, "vendor.com/class=one", "/scratch", "tmpfs")
    found = facts(
        mount(9, "/scratch"), config=config(listed("/scratch")), cdi=(edit,), inspect=ASKED
    )
    assert causes(found)[9].rule == "cdi-edits"


def test_without_a_cdi_device_nothing_names_what_config_json_alone_lists() -> None:
    cause = causes(with_library(inspect={}))[9]
    assert (cause.origin, cause.rule) == (Origin.UNEXPLAINED, None)
    assert cause.doubt == (
        "config.json alone lists it: neither inspect nor a CDI file names it, and the engine adds "
        "none such; runc, or a program in its place, may have edited config.json"
    )
    nameless = causes(with_library(inspect={}, runtime=Runtime()))[9].doubt
    assert nameless.endswith("none such; a program may have edited config.json")


NVIDIA = Runtime("nvidia-container-runtime", "1.1.5")


@pytest.mark.parametrize(
    ("runtime", "variables", "tool"),
    [
        (NVIDIA, ["PATH=/bin", "NVIDIA_VISIBLE_DEVICES=all"], True),
        (Runtime("nvidia-container-runtime.cdi"), ["NVIDIA_VISIBLE_DEVICES=0"], True),
        (Runtime("nvidia-container-runtimes"), ["NVIDIA_VISIBLE_DEVICES=all"], False),
        (NVIDIA, ["NVIDIA_VISIBLE_DEVICES=void"], False),
        (NVIDIA, ["NVIDIA_VISIBLE_DEVICES="], False),
        (NVIDIA, ["NVIDIA_VISIBLE_DEVICES"], False),
        (NVIDIA, ["NVIDIA_DRIVER_CAPABILITIES=all"], False),
        (NVIDIA, None, False),
        (Runtime("runc"), ["NVIDIA_VISIBLE_DEVICES=all"], False),
    ],
)  # fmt: skip
def test_what_nvidias_runtime_is_asked_for_is_a_tools(
    runtime: Runtime, variables: list[str] | None, tool: bool
) -> None:
    cause = causes(with_library(inspect={"Config": {"Env": variables}}, runtime=runtime))[9]
    assert cause.origin is (Origin.HOOK_OR_TOOL if tool else Origin.UNEXPLAINED)
    asked = Evidence("inspect", f"the runtime {runtime.name} adds to config.json what "
                     f"{(variables or ('',))[-1]} asks for")  # fmt: skip
    assert (asked in cause.evidence) is tool


def with_node(*edits: CdiEdit) -> Facts:
    return facts(
        DEV, cdi=edits, inspect=ASKED,
        config=config(listed("/dev"), devices=[{"path": "/dev/v0", "major": 1, "minor": 3}]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "proofs"),
    [
        ((NODE,), [f"{FILE} adds it for vendor.com/class=one"]),
        ((replace(NODE, number=(1, 3)),), [f"{FILE} adds it for vendor.com/class=one"]),
        ((replace(NODE, number=(1, 5)),), []),
        ((replace(NODE, target="/dev/v1"),), []),
        ((replace(NODE, source="/x"),), []),
        ((replace(NODE, device="other.com/class=one"),), []),
        ((), []),
    ],
)
def test_a_node_that_a_cdi_file_adds_names_file_and_device(
    edits: tuple[CdiEdit, ...], proofs: list[str]
) -> None:
    found = finding(judged(with_node(*edits), node("/dev/v0", (1, 3), DEV.id)), "/dev/v0")
    expected = (
        (Origin.RUNTIME_DEVICE, "configured-device") if proofs else (Origin.UNEXPLAINED, None)
    )
    assert (found.origin, found.rule) == expected
    assert [proof.detail for proof in found.evidence if proof.kind == "host"] == proofs
    unnamed = "no CDI file of vendor.com/class=one names it"
    assert found.prediction == ("none" if proofs else unnamed)


def test_a_node_of_another_number_was_written_later() -> None:
    found = finding(judged(with_node(NODE), node("/dev/v0", (1, 5), DEV.id)), "/dev/v0")
    assert found.origin is Origin.WRITTEN_LATER


@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_without_config_json_it_is_not_known_what_a_cdi_device_adds(vantage: str) -> None:
    found = facts(DEV, bound(9, LIB), inspect=ASKED, vantage=vantage)
    detail = "vendor.com/class=one is asked for; what that adds is not known from here"
    unknown = Evidence("inspect", detail)
    cause = causes(found)[9]
    assert cause.origin is Origin.UNEXPLAINED
    assert unknown in cause.evidence
    for path, mount_id in (("/dev/v0", DEV.id), ("/v0", 1)):
        live = node(path, (1, 3), mount_id)
        entry = finding(judged(found, live, writable=[live]), path)
        assert entry.origin is Origin.UNEXPLAINED
        assert unknown in entry.evidence


@pytest.mark.parametrize(
    ("asked", "origin"), [(ASKED, "runtime-mountpoint"), ({}, "written-later")]
)
def test_directories_above_what_a_device_adds_are_its_mountpoints(asked: Any, origin: str) -> None:
    found = facts(bound(9, LIB), inspect=asked, vantage="debug", changes={"/usr": "added"})
    live = (directory("/usr", 1), directory("/opt", 1))
    judgement = judged(found, *live, writable=live)
    assert str(finding(judgement, "/usr").origin) == origin
    assert str(finding(judgement, "/opt").origin) == "written-later"


@pytest.mark.parametrize(
    ("inspect", "annotations", "expected"),
    [
        ({}, {}, set()),
        (ASKED, {}, {"vendor.com/class=one"}),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "", "DeviceIDs": None}]}}, {},
         {"a device of a plugin"}),
        ({"HostConfig": {"DeviceRequests": [{"Driver": "nvidia", "DeviceIDs": []}]}}, {},
         {"nvidia"}),
        ({"HostConfig": {"DeviceRequests": None}}, None, set()),
        ({"Config": {"CreateCommand": ["podman", "run", "--device", "v.com/c=a", "i"]}}, {},
         {"v.com/c=a"}),
        ({"Config": {"CreateCommand": ["podman", "run", "--device=v.com/c=a", "i"]}}, {},
         {"v.com/c=a"}),
        ({"Config": {"CreateCommand": ["podman", "run", "-e", "v.com/c=a", "i"]}}, {}, set()),
        ({"Config": {"CreateCommand": ["--device"]}}, {}, set()),
        ({"Config": {"CreateCommand": ["--device", "/dev/fuse"]}}, {}, set()),
        ({"Config": {"CreateCommand": ["--device", "/dev/x=y"]}}, {}, set()),
        ({"Config": {"CreateCommand": None}}, {}, set()),
        ({"Config": {"CreateCommand": ["podman", "run", "--gpus", "all"]}}, {},
         {"nvidia.com/gpu=all"}),
        ({}, {"cdi.k8s.io/x": "v.com/c=a,v.com/c=b", "other": "v.com/c=z"},
         {"v.com/c=a", "v.com/c=b"}),
        ({}, {"cdi.k8s.io/x": "nonsense"}, set()),
    ],
)  # fmt: skip
def test_devices_that_are_asked_for_by_name(
    inspect: Any, annotations: Any, expected: set[str]
) -> None:
    runtime = {"annotations": annotations}
    assert set(asked_by_name(facts(inspect=inspect, config=runtime, engine=PODMAN))) == expected


def test_several_devices_are_named_in_their_order() -> None:
    asked = {"HostConfig": {"DeviceRequests": [{"DeviceIDs": ["v.com/c=b", "v.com/c=a"]}]}}
    listed_bind = causes(with_library(inspect=asked))[9]
    assert listed_bind.doubt == "no CDI file of v.com/c=a, v.com/c=b names it"
    unknown = causes(facts(bound(9, LIB), inspect=asked, vantage="debug"))[9].evidence[0]
    detail = "v.com/c=a, v.com/c=b is asked for; what that adds is not known from here"
    assert unknown == Evidence("inspect", detail)


def test_a_hook_is_shown_with_its_arguments() -> None:
    hook = {"path": "/h", "args": ["h", "--mount=/x", "y"]}
    found = facts(mount(9, "/x"), config={**config(), "hooks": {"prestart": [hook]}})
    assert causes(found)[9].evidence[0] == Evidence(
        "oci-config", "prestart hook: /h h --mount=/x y"
    )
