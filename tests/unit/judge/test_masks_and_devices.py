"""Masks, devices, the terminal and hooks: what they look like, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    INSIDE,
    MASK,
    PROC,
    READONLY,
    SYS,
    causes,
    config,
    facts,
    kernel,
    listed,
    mount,
    origin,
    source,
)

from scratchlab.model import Facts, Mount, Origin

# Masks:


def masked(*mounts: Mount) -> Facts:
    return facts(
        PROC, SYS, DEV, *mounts,
        config=config(listed("/proc", "proc"), listed("/sys", "sysfs"), listed("/dev"),
                      maskedPaths=["/proc/kcore", "/proc/acpi"], readonlyPaths=["/proc/bus"]),
    )  # fmt: skip


def test_a_mask_is_the_containers_dev_null_or_an_empty_read_only_tmpfs() -> None:
    null = mount(9, "/proc/kcore", parent=2, device=DEV.device, root="/null")
    assert origin(masked(null), 9) == MASK
    empty = mount(9, "/proc/acpi", parent=2, options=("ro",))
    assert origin(masked(empty), 9) == MASK


@pytest.mark.parametrize(
    "other",
    [
        mount(9, "/proc/kcore", parent=2, device=DEV.device, root="/zero"),
        mount(9, "/proc/kcore", parent=2, device=(0, 77), root="/null"),
        mount(9, "/proc/acpi", parent=2, options=("rw",)),
        mount(9, "/proc/acpi", "ext4", parent=2, options=("ro",)),
        mount(9, "/proc/other", parent=2, options=("ro",)),
    ],
)
def test_another_mount_on_a_masked_path_is_not_a_mask(other: Mount) -> None:
    assert origin(masked(other), 9) == INSIDE


def test_each_path_is_masked_once() -> None:
    first, second = (mount(number, "/proc/acpi", parent=2, options=("ro",)) for number in (8, 9))
    found = masked(first, second)
    assert (origin(found, 8), origin(found, 9)) == (MASK, INSIDE)


def test_dev_null_itself_can_be_bound_from_the_host() -> None:
    null = mount(8, "/dev/null", "devtmpfs", device=(0, 6), root="/null", parent=4)
    mask = mount(9, "/proc/kcore", "devtmpfs", parent=2, device=(0, 6), root="/null")
    assert origin(masked(null, mask), 9) == MASK


def test_a_read_only_path_is_bound_over_itself() -> None:
    assert origin(masked(kernel(9, "/proc/bus")), 9) == READONLY
    twice = masked(kernel(8, "/proc/bus"), kernel(9, "/proc/bus"))
    assert (origin(twice, 8), origin(twice, 9)) == (READONLY, INSIDE)


@pytest.mark.parametrize(
    "other",
    [
        kernel(9, "/proc/bus", options=("rw",)),
        kernel(9, "/proc/bus", root="/sys"),
        kernel(9, "/proc/bus", device=(0, 77)),
        kernel(9, "/proc/bus", parent=77),
        kernel(9, "/proc/fs"),
    ],
)
def test_another_mount_on_a_read_only_path_is_not_the_runtimes(other: Mount) -> None:
    assert origin(masked(other), 9) == INSIDE


def test_inspect_lists_the_masks_where_the_configuration_cannot_be_read() -> None:
    lists = {"MaskedPaths": ["/proc/acpi"], "ReadonlyPaths": ["/proc/bus"]}
    found = facts(
        PROC, mount(8, "/proc/acpi", parent=2, options=("ro",)), kernel(9, "/proc/bus"),
        inspect={"HostConfig": lists},
    )  # fmt: skip
    assert (origin(found, 8), origin(found, 9)) == (MASK, READONLY)
    assert causes(found)[8].evidence[0].kind == "inspect"
    assert causes(found)[8].evidence[0].detail == "/proc/acpi is a masked path"
    assert causes(found)[9].evidence[0].detail == "/proc/bus is a read-only path"


# Devices and the terminal:


@pytest.mark.parametrize(
    ("target", "root", "sources", "expected"),
    [
        ("/dev/null", "/null", ("/dev/null",), (Origin.RUNTIME_DEVICE, "oci-device")),
        ("/dev/null", "/null", (), (Origin.RUNTIME_DEVICE, "oci-device")),
        ("/dev/null", "/zero", ("/dev/null",), INSIDE),
        ("/dev/fuse", "/fuse", ("/dev/fuse",), (Origin.RUNTIME_DEVICE, "configured-device")),
        ("/dev/kvm", "/kvm", ("/dev/kvm",), INSIDE),
    ],
)
def test_in_a_user_namespace_devices_are_bound_from_the_host(
    target: str, root: str, sources: tuple[str, ...], expected: tuple[Origin, str]
) -> None:
    found = facts(
        mount(9, target, "devtmpfs", root=root),
        config=config(devices=[{"path": "/dev/fuse", "major": 10, "minor": 229}]),
        sources=tuple(source(path, 9) for path in sources),
    )
    assert origin(found, 9) == expected
    kinds = [item.kind for item in causes(found)[9].evidence]
    if expected[0] is Origin.RUNTIME_DEVICE:
        assert kinds == (["stat", "mountinfo"] if sources else ["mountinfo"])


def test_a_device_bound_from_elsewhere_is_not_the_runtimes() -> None:
    found = facts(
        mount(9, "/dev/null", "devtmpfs", root="/null"), config=config(),
        sources=(source("/dev/null", 0),),
    )  # fmt: skip
    assert origin(found, 9) == INSIDE


@pytest.mark.parametrize(
    ("terminal", "tty", "fstype", "target", "expected"),
    [
        (True, False, "devpts", "/dev/console", (Origin.RUNTIME_DEVICE, "oci-console")),
        (False, True, "devpts", "/dev/console", (Origin.RUNTIME_DEVICE, "oci-console")),
        (False, False, "devpts", "/dev/console", INSIDE),
        (True, True, "tmpfs", "/dev/console", INSIDE),
        (True, True, "devpts", "/dev/consoles", INSIDE),
    ],
)
def test_with_a_terminal_the_console_is_the_runtimes(
    terminal: bool, tty: bool, fstype: str, target: str, expected: tuple[Origin, str]
) -> None:
    found = facts(
        mount(9, target, fstype),
        config={"process": {"terminal": terminal}},
        inspect={"Config": {"Tty": tty}},
    )
    assert origin(found, 9) == expected


# Hooks:


@pytest.mark.parametrize(
    ("hook", "named"),
    [
        ({"path": "/usr/bin/hook", "args": ["hook", "/x"]}, True),
        ({"path": "/usr/bin/hook", "args": ["hook", "--mount=/x"]}, True),
        ({"path": "/x"}, True),
        ({"path": "/usr/bin/hook", "args": ["hook", "/x/y"]}, False),
        ({"path": "/usr/bin/hook"}, False),
    ],
)
def test_a_hook_made_only_what_its_arguments_name(hook: dict[str, Any], named: bool) -> None:
    hooks = {"prestart": None, "createRuntime": [hook]}
    found = facts(mount(9, "/x"), config={**config(), "hooks": hooks})
    assert origin(found, 9) == ((Origin.HOOK_OR_TOOL, None) if named else INSIDE)
    if named:
        assert causes(found)[9].evidence[0].detail.startswith("createRuntime hook: /")
