"""Masks, devices, the terminal and hooks: what they look like, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    INSIDE,
    MASK,
    PODMAN,
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

from scratchlab.devices import HostDevice
from scratchlab.model import (
    BindSource,
    Engine,
    Evidence,
    Facts,
    Host,
    MaskRoot,
    Mount,
    Origin,
)

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
        mount(9, "/proc/acpi", parent=2, root="/sub", options=("ro",)),
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


@pytest.mark.parametrize(("device", "expected"), [((1, 3), MASK), ((1, 5), INSIDE), (None, INSIDE)])
def test_what_is_called_null_has_to_be_the_null_device(
    device: tuple[int, int] | None, expected: tuple[Origin, str]
) -> None:
    null = mount(9, "/proc/kcore", parent=2, device=DEV.device, root="/null")
    found = replace(masked(null), mask_roots=(MaskRoot(9, 0, device),))
    assert origin(found, 9) == expected


def test_a_mask_stays_one_when_the_name_of_the_device_is_removed() -> None:
    gone = mount(9, "/proc/kcore", parent=2, device=DEV.device, root="/null//deleted")
    assert origin(masked(gone), 9) == MASK


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
        kernel(9, "/proc/bus", root="/sys"),
        kernel(9, "/proc/bus", device=(0, 77)),
        kernel(9, "/proc/bus", parent=77),
        kernel(9, "/proc/fs"),
    ],
)
def test_another_mount_on_a_read_only_path_is_not_the_runtimes(other: Mount) -> None:
    assert origin(masked(other), 9) == INSIDE


@pytest.mark.parametrize(
    ("again", "rule", "what"),
    [
        (kernel(9, "/proc/bus", options=("rw", "nosuid")), READONLY, "a read-only path"),
        (mount(9, "/proc/acpi", parent=2, options=("rw", "nosuid")), MASK, "a masked path"),
    ],
)
def test_with_its_options_changed_it_is_the_same_mount_and_in_doubt(
    again: Mount, rule: tuple[Origin, str], what: str
) -> None:
    found = masked(again)
    assert origin(found, 9) == rule
    sentence = f"runtimes mount {what} read-only, and mountinfo shows rw,nosuid"
    assert causes(found)[9].doubt == sentence


@pytest.mark.parametrize(
    ("path", "number", "expected"),
    [("/dev/null", 9, MASK), ("/dev/null", 8, INSIDE), ("/dev/zero", 9, INSIDE)],
)
def test_a_mask_may_be_the_hosts_dev_null_by_device_and_inode(
    path: str, number: int, expected: tuple[Origin, str | None]
) -> None:
    """crun masks before it changes the root."""
    mask = mount(9, "/proc/kcore", "devtmpfs", parent=2, device=(0, 6), root="/null")
    found = replace(masked(mask), sources=(source(path, number),))
    assert origin(found, 9) == expected
    assert origin(replace(found, mask_roots=(MaskRoot(9, 0, (1, 5)),)), 9) == INSIDE
    elsewhere = replace(mask, root="/x/null")
    assert origin(replace(found, mounts=(PROC, SYS, DEV, elsewhere)), 9) == INSIDE


def test_a_mask_of_a_file_may_be_writable_as_dev_null_is() -> None:
    null = mount(9, "/proc/kcore", parent=2, device=DEV.device, root="/null")
    assert causes(masked(null))[9].doubt == ""


def empty(number: int, path: str) -> Mount:
    return mount(number, path, parent=2, options=("ro",))


def in_lines(*lines: str, changed: dict[int, int] | None = None) -> Facts:
    """Masks in this order of lines, numbered from 10 on; ``changed``: times of their roots."""
    lists = {"maskedPaths": ["/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/power"],
             "readonlyPaths": ["/proc/bus"]}  # fmt: skip
    mounts = [
        kernel(number, path) if path == "/proc/bus" else empty(number, path)
        for number, path in enumerate(lines, 10)
    ]
    return facts(
        PROC, SYS, *mounts,
        config=config(listed("/proc", "proc"), listed("/sys", "sysfs"), **lists),
        inspect={"State": {"StartedAt": "2026-11-28T10:00:00.5+01:00"}},
        mask_roots=tuple(MaskRoot(number, time) for number, time in (changed or {}).items()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "again"),
    [
        (["/proc/bus", "/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/power"], None),
        (["/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/power", "/proc/bus"], None),
        (["/proc/bus", "/proc/acpi", "/sys/firmware"], None),
        (["/proc/bus", "/proc/scsi", "/sys/firmware", "/proc/acpi"], "/proc/acpi"),
        (["/proc/bus", "/proc/acpi", "/sys/firmware", "/sys/power", "/proc/scsi"], "/proc/scsi"),
    ],
)
def test_masks_stand_in_the_order_of_the_list(lines: list[str], again: str | None) -> None:
    found = in_lines(*lines)
    inside = [
        mount.target for mount in found.mounts if origin(found, mount.id)[1] == "mounted-inside"
    ]
    assert inside == ([again] if again else [])
    if again:
        evidence = causes(found)[10 + lines.index(again)].evidence
        detail = "its line stands after that of a mask that the runtime mounts later"
        assert Evidence("mountinfo", detail) in evidence


def test_a_mask_that_covers_another_after_all_of_them_is_not_the_runtimes() -> None:
    found = in_lines("/proc/bus", "/proc/acpi", "/proc/scsi", "/sys/firmware", "/proc/acpi")
    rules = [cause.rule for cause in causes(found).values()]
    assert rules[3:] == ["readonly-path", *["masked-path"] * 3, "mounted-inside"]


BEFORE, AFTER = 1_795_856_400_500_000_000, 1_795_856_400_500_001_000


def test_a_mask_that_was_made_after_the_start_is_not_the_runtimes() -> None:
    lines = ("/proc/bus", "/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/power")
    found = in_lines(*lines, changed={11: BEFORE, 13: AFTER, 14: AFTER})
    assert [origin(found, number)[1] for number in range(10, 15)] == [
        "readonly-path", "masked-path", "masked-path", "mounted-inside", "mounted-inside",
    ]  # fmt: skip
    sentence = (
        "its directory was made or changed at 2026-11-28T09:00:00.500001000Z, after the start at "
        "2026-11-28T09:00:00.500000000Z"
    )
    assert Evidence("stat", sentence) in causes(found)[14].evidence


def test_a_start_that_is_reported_early_makes_no_mask_late() -> None:
    """Docker 28.5 reports a start before the runtime's config.json is written (measured)."""
    found = in_lines("/proc/acpi", "/sys/power", changed={10: AFTER, 11: AFTER + 1000})
    container = replace(found.container, made=AFTER)
    found = replace(found, container=container)
    assert [origin(found, number)[1] for number in (10, 11)] == ["masked-path", "mounted-inside"]


def test_the_time_of_a_device_is_that_of_its_names() -> None:
    found = in_lines("/proc/acpi", "/sys/power", changed={})
    null = mount(10, "/proc/acpi", parent=2, device=DEV.device, root="/null//deleted")
    found = replace(found, mounts=(PROC, SYS, DEV, null), mask_roots=(MaskRoot(10, AFTER, (1, 3)),))
    assert origin(found, 10) == MASK


@pytest.mark.parametrize("started", ["", "never", "2026-11-28T10:00:00", None])
def test_without_the_time_of_the_start_the_order_alone_tells(started: str | None) -> None:
    found = in_lines("/proc/acpi", "/sys/power", changed={10: AFTER, 11: AFTER})
    inspect = {"State": {"StartedAt": started}}
    found = replace(found, container=replace(found.container, inspect=inspect))
    assert origin(found, 10) == origin(found, 11) == MASK


def test_inspect_lists_the_masks_where_the_configuration_cannot_be_read() -> None:
    lists = {"MaskedPaths": ["/proc/acpi"], "ReadonlyPaths": ["/proc/bus"]}
    found = facts(
        PROC, mount(8, "/proc/acpi", parent=2, options=("ro",)), kernel(9, "/proc/bus"),
        inspect={"HostConfig": lists},
    )  # fmt: skip
    assert (origin(found, 8), origin(found, 9)) == (MASK, READONLY)
    assert causes(found)[8].evidence[0] == Evidence("inspect", "/proc/acpi is a masked path")
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
        ("/dev/loop", "/loop", ("/dev/loop",), (Origin.UNEXPLAINED, None)),
    ],
)
def test_in_a_user_namespace_devices_are_bound_from_the_host(
    target: str, root: str, sources: tuple[str, ...], expected: tuple[Origin, str]
) -> None:
    found = facts(
        mount(9, target, "devtmpfs", root=root),
        config=config(devices=[{"path": "/dev/fuse", "major": 10, "minor": 229},
                               {"path": "/dev/loop", "major": 7, "minor": 0}]),
        devices=(HostDevice("/dev/fuse", (10, 229)),),
        sources=tuple(source(path, 9) for path in sources),
    )  # fmt: skip
    cause = causes(found)[9]
    assert (cause.origin, cause.rule) == expected
    if expected[0] is Origin.RUNTIME_DEVICE:
        named = ["inspect"] if expected[1] == "configured-device" else []
        kinds = [*named, *(["stat"] if sources else []), "mountinfo"]
        assert [item.kind for item in cause.evidence] == kinds
    assert bool(cause.doubt) is (target == "/dev/loop")


def test_a_device_bound_from_elsewhere_is_not_the_runtimes() -> None:
    found = facts(
        mount(9, "/dev/null", "devtmpfs", root="/null"), config=config(),
        sources=(source("/dev/null", 0),),
    )  # fmt: skip
    assert origin(found, 9) == INSIDE


@pytest.mark.parametrize(
    ("vantage", "expected"),
    [("debug", (Origin.RUNTIME_DEVICE, "oci-device")), ("host", INSIDE)],
)
def test_from_a_debug_container_the_hosts_devices_cannot_be_seen(
    vantage: str, expected: tuple[Origin, str]
) -> None:
    found = facts(
        mount(9, "/dev/null", "devtmpfs", root="/null"), config=config(), vantage=vantage,
        sources=(source("/src", 0),),
    )  # fmt: skip
    assert origin(found, 9) == expected


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


# podman's masks, which its inspect does not show:


def of_podman(*mounts: Mount, options: tuple[str, ...] = (), **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "engine": PODMAN, "vantage": "debug",
        "inspect": {"Config": {"CreateCommand": ["podman", "run", *options]}},
        "host": Host(existing=frozenset({"/proc/acpi", "/proc/keys", "/proc/bus"})),
    }  # fmt: skip
    return facts(PROC, SYS, DEV, *mounts, **(fields | changes))


ACPI = mount(9, "/proc/acpi", parent=2, options=("ro",))
BUS = kernel(10, "/proc/bus")


def test_without_config_json_podmans_own_lists_tell() -> None:
    found = of_podman(BUS, ACPI)  # in no order
    assert origin(found, 9) == MASK
    assert origin(found, 10) == READONLY
    detail = "/proc/acpi is a masked path by podman's default, which no option changes"
    assert causes(found)[9].evidence[0] == Evidence("inspect", detail)


@pytest.mark.parametrize(
    "changes",
    [
        {"options": ("--security-opt", "unmask=ALL")},
        {"host": Host()},
        {"engine": Engine("docker", "26.1.5")},
        {"engine": Engine("podman", "3.4")},
        {"inspect": {"HostConfig": {"Privileged": True}}},
        {"config": config(listed("/proc", "proc"))},
    ],
)
def test_what_those_do_not_list_is_no_mask(changes: dict[str, Any]) -> None:
    assert origin(of_podman(ACPI, **changes), 9) == INSIDE


def test_from_a_debug_container_the_hosts_null_device_is_known_by_its_own_masks() -> None:
    keys = mount(9, "/proc/keys", "devtmpfs", parent=2, device=(0, 6), root="/null")
    proved = BindSource("/dev/null", (0, 6), 0, 9, "/null")
    assert origin(of_podman(keys, sources=(proved,)), 9) == MASK
    assert origin(of_podman(keys), 9) == INSIDE
