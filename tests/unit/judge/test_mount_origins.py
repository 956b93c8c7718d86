"""Who made a mount: each claim on hand-made facts. Presence is never enough, identity is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    ID,
    PODMAN,
    PROC,
    ROOT,
    SYS,
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

from scratchlab.judge.mount_origins import MountOrigins, _first_late
from scratchlab.judge.places import Content
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Facts, Image, Mount, Origin

INSIDE = (Origin.MOUNTED_INSIDE, "mounted-inside")
USERS = (Origin.USER_MOUNT, "docker-user-mount")
RUNTIME = Origin.RUNTIME_FILESYSTEM
MASK = (Origin.RUNTIME_MASK, "masked-path")
READONLY = (Origin.RUNTIME_MASK, "readonly-path")
VOLUME = {"Type": "volume", "Name": "v", "Source": "/v/_data", "Destination": "/data"}
BIND = {"Type": "bind", "Source": "/src", "Destination": "/data"}
SLAVE = ("master:7",)


def kernel(number: int, target: str, below: Mount = PROC, **changes: Any) -> Mount:
    """A bind of a path of a kernel filesystem over itself, read-only."""
    root = target.removeprefix(below.target)
    fields = {"parent": below.id, "device": below.device, "root": root, "options": ("ro",)}
    return mount(number, target, below.fstype, **(fields | changes))


def with_volume(*more: Mount, wish: dict[str, Any] = BIND, **changes: Any) -> Facts:
    """A container with a bind of the user's on /data, whose mount is number 10."""
    fields: dict[str, Any] = {
        "config": config(bind("/data", wish["Source"]), maskedPaths=["/proc/m"],
                         readonlyPaths=["/sys/r"]),
        "inspect": {"Mounts": [wish]},
        "sources": (source(wish["Source"], 10),),
        "host_mounts": (),
    }  # fmt: skip
    data = changes.pop("data", bound(10, "/data", root=wish["Source"]))
    return facts(PROC, SYS, data, *more, **(fields | changes))


MASKS = (
    mount(20, "/proc/m", options=("ro",), parent=PROC.id),
    kernel(21, "/sys/r", SYS),
)


# The root, and what config.json lists:


@pytest.mark.parametrize(
    ("engine", "rule"),
    [
        (Engine("docker", storage_driver="overlay2"), "docker-root"),
        (Engine("docker", storage_driver="vfs"), "docker-root-vfs"),
        (Engine("docker", storage_driver="overlayfs"), "docker-root-snapshot"),
        (Engine("podman", storage_driver="overlay"), "podman-root"),
        (Engine(), "docker-root"),
    ],
)
def test_the_root_is_the_storage_drivers(engine: Engine, rule: str) -> None:
    assert origin(facts(engine=engine), ROOT.id) == (Origin.STORAGE_DRIVER, rule)


@pytest.mark.parametrize(
    ("target", "fstype", "rule"),
    [
        ("/proc", "proc", "oci-filesystem"),
        ("/sys", "sysfs", "oci-filesystem"),
        ("/dev/pts", "devpts", "oci-filesystem"),
        ("/dev/shm", "tmpfs", "oci-filesystem"),
        ("/dev", "tmpfs", "engine-filesystem"),
        ("/run", "tmpfs", "engine-filesystem"),
    ],
)
def test_a_listed_filesystem_is_the_runtimes(target: str, fstype: str, rule: str) -> None:
    found = facts(mount(9, target, fstype), config=config(listed(target, fstype)))
    assert origin(found, 9) == (RUNTIME, rule)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("cgroup", "cgroup"), ("cgroup", "cgroup2"), ("cgroup", "tmpfs"), ("cgroup2", "cgroup2")],
)
def test_cgroups_are_mounted_as_the_kernel_has_them(asked: str, shown: str) -> None:
    found = facts(mount(9, "/sys/fs/cgroup", shown), config=config(listed("/sys/fs/cgroup", asked)))
    assert origin(found, 9) == (RUNTIME, "engine-filesystem")


@pytest.mark.parametrize(("asked", "shown"), [("tmpfs", "ext4"), ("cgroup2", "tmpfs")])
def test_another_filesystem_than_the_listed_one_is_unexplained(asked: str, shown: str) -> None:
    found = causes(facts(mount(9, "/x", shown), config=config(listed("/x", asked))))[9]
    assert found.origin is Origin.UNEXPLAINED
    assert found.doubt == f"oci-config has {asked} {asked} on /x, but another mount is there"


def test_a_second_mount_on_a_listed_target_was_made_inside() -> None:
    found = facts(mount(8, "/x"), mount(9, "/x", parent=8), config=config(listed("/x")))
    assert origin(found, 8) == (RUNTIME, "engine-filesystem")
    assert origin(found, 9) == INSIDE
    assert causes(found)[9].evidence[0].detail == "the mount that is listed on /x is another one"


def test_two_listed_mounts_on_one_target_are_both_the_runtimes() -> None:
    found = facts(
        mount(8, "/x"), mount(9, "/x", parent=8), config=config(listed("/x"), listed("/x"))
    )
    assert {cause.origin for number, cause in causes(found).items() if number != 1} == {RUNTIME}


def test_a_mount_that_nothing_lists_was_made_inside() -> None:
    found = facts(mount(9, "/x"), config=config(listed("/y")))
    assert origin(found, 9) == INSIDE
    assert [item.kind for item in causes(found)[9].evidence] == ["oci-config", "mountinfo"]


def test_without_the_runtimes_configuration_it_is_not_known_who_mounted_it() -> None:
    assert origin(facts(mount(9, "/x")), 9) == (Origin.UNEXPLAINED, None)


def test_seen_from_a_debug_container_inspect_lists_all_mounts() -> None:
    found = facts(mount(9, "/x"), mount(8, "/dev"), vantage="debug")
    assert origin(found, 9) == INSIDE
    assert origin(found, 8) == (RUNTIME, "engine-filesystem")


@pytest.mark.parametrize(
    ("options", "shown", "doubt"),
    [
        ((), ("rw",), ""),
        (("ro", "nosuid"), ("ro", "nosuid"), ""),
        (("ro", "nosuid"), ("rw",), "oci-config asks for nosuid, ro, and mountinfo shows rw"),
        (("size=1", "mode=755"), ("rw",), ""),
    ],
)
def test_an_option_that_was_asked_for_and_is_not_in_force_is_a_doubt(
    options: tuple[str, ...], shown: tuple[str, ...], doubt: str
) -> None:
    found = facts(
        mount(9, "/x", options=shown), config=config(listed("/x", "tmpfs", "tmpfs", *options))
    )
    assert causes(found)[9].doubt == doubt


def test_an_option_of_the_superblock_is_in_force_too() -> None:
    shown = mount(9, "/x", super_options=("ro",))
    found = facts(shown, config=config(listed("/x", "tmpfs", "tmpfs", "ro")))
    assert causes(found)[9].doubt == ""


@pytest.mark.parametrize(
    ("fstype", "uid_map", "doubt"),
    [
        ("cgroup2", (), "oci-config asks for ro, and mountinfo shows rw"),
        ("cgroup2", ((0, 100000, 65536),), ""),
        ("tmpfs", (), ""),
    ],
)
def test_cgroups_may_be_writable_where_the_runtime_makes_them_so(
    fstype: str, uid_map: tuple[tuple[int, int, int], ...], doubt: str
) -> None:
    found = facts(
        mount(9, "/sys/fs/cgroup", fstype),
        config=config(listed("/sys/fs/cgroup", "cgroup", "cgroup", "ro")),
        uid_map=uid_map,
    )
    assert causes(found)[9].doubt == doubt


def test_the_hierarchies_below_the_runtimes_cgroups_are_the_runtimes() -> None:
    group = mount(9, "/sys/fs/cgroup/cpu", "cgroup")
    asked = config(listed("/sys/fs/cgroup", "cgroup"))
    assert origin(facts(group, config=asked), 9) == (RUNTIME, "engine-filesystem")
    assert origin(facts(group, config=config()), 9)[0] is not RUNTIME
    other = replace(group, fstype="tmpfs")
    assert origin(facts(other, config=asked), 9) == INSIDE
    elsewhere = replace(group, target="/sys/fs/cgroups")
    assert origin(facts(elsewhere, config=asked), 9) == INSIDE


def test_the_hierarchies_below_a_users_bind_are_the_hosts() -> None:
    wish = {"Type": "bind", "Source": "/sys/fs/cgroup", "Destination": "/sys/fs/cgroup"}
    group = mount(11, "/sys/fs/cgroup/cpu", "cgroup", parent=10)
    found = facts(
        mount(10, "/sys/fs/cgroup"), group,
        config=config(bind("/sys/fs/cgroup", "/sys/fs/cgroup")),
        inspect={"Mounts": [wish]},
        sources=(source("/sys/fs/cgroup", 10, device=(0, 10)),),
        host_mounts=(replace(group, id=99),),
    )  # fmt: skip
    assert origin(found, 11) == USERS


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
        "config": config(bind("/data", "/mnt/src")), "inspect": {"Mounts": [BIND]},
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
        "config": config(bind("/data", "/mnt/src")), "inspect": {"Mounts": [BIND]},
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


@pytest.mark.parametrize(
    ("target", "path", "engine", "expected"),
    [
        ("/sbin/docker-init", "/usr/bin/tini", "docker",
         (Origin.ENGINE_MOUNT, "docker-init-program")),
        ("/run/podman-init", "/usr/bin/catatonit", "podman",
         (Origin.ENGINE_MOUNT, "podman-init-program")),
        ("/dev/shm", f"/d/{ID}/mounts/shm", "docker", (Origin.ENGINE_MOUNT, "docker-shm")),
        ("/dev/shm", "/dev/shm", "docker", (Origin.ENGINE_MOUNT, "docker-shm")),
        ("/run/secrets/s", "/x/s", "docker", (Origin.ENGINE_MOUNT, "docker-secrets")),
        ("/cfg", f"/d/{ID}/mounts/secrets/cfg", "docker", (Origin.ENGINE_MOUNT, "docker-secrets")),
        ("/etc/hosts", f"/d/{ID}/hosts", "docker", (Origin.ENGINE_MOUNT, "docker-network-files")),
        ("/run/.containerenv", f"/d/{ID}/.containerenv", "podman",
         (Origin.ENGINE_MOUNT, "podman-files")),
        ("/etc/hosts", "/of/another/container/hosts", "docker",
         (Origin.ENGINE_MOUNT, "docker-network-files")),
        ("/sys", "/sys", "podman", (RUNTIME, "oci-filesystem")),
        ("/sys/fs/cgroup", "/sys/fs/cgroup", "podman", (RUNTIME, "oci-filesystem")),
        ("/usr/lib/libcuda.so", "/usr/lib/libcuda.so", "docker", (Origin.HOOK_OR_TOOL, None)),
        ("/etc/passwd", "/d/beef/passwd", "docker", (Origin.HOOK_OR_TOOL, None)),
    ],
)  # fmt: skip
def test_a_bind_that_the_user_did_not_ask_for_has_its_maker(
    target: str, path: str, engine: str, expected: tuple[Origin, str | None]
) -> None:
    found = facts(
        bound(9, target), config=config(bind(target, path)), sources=(source(path, 9),),
        engine=Engine(engine), inspect={"HostsPath": "/of/another/container/hosts"},
    )  # fmt: skip
    assert origin(found, 9) == expected


def test_no_container_id_means_no_directory_of_the_containers() -> None:
    found = facts(
        bound(9, "/x", root="/d//f"),
        config=config(bind("/x", "/d//f")),
        sources=(source("/d//f", 9),),
    )
    nameless = replace(found, container=replace(found.container, id=""))
    assert origin(nameless, 9) == (Origin.HOOK_OR_TOOL, None)


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
    found = facts(
        bound(9, "/data", root="/src"),
        config=config(bind("/data", "/src")),
        inspect={"Mounts": [wish], "HostConfig": host_config},
        image=Image(config={"config": {"Volumes": volumes}}),
    )
    first = causes(found)[9].evidence[0]
    assert (first.kind, first.detail) == ("inspect", detail)


# Mounts below a user's bind: the host's, or made inside.


def below(number: int = 11, target: str = "/data/sub", **changes: Any) -> Mount:
    return mount(number, target, **({"parent": 10} | changes))


HOSTS = mount(99, "/src/sub", device=(0, 11), parent=98)


def test_a_mount_that_the_host_has_below_the_source_came_with_the_bind() -> None:
    found = with_volume(below(), host_mounts=(HOSTS,))
    assert origin(found, 11) == USERS
    assert causes(found)[11].evidence[1].detail == "the host has the same mount on /src/sub"


def test_a_host_mount_is_found_through_another_name_of_the_source() -> None:
    found = with_volume(below(), host_mounts=(replace(HOSTS, target="/other/name/sub"),))
    assert origin(found, 11) == USERS


@pytest.mark.parametrize(
    "other",
    [
        replace(HOSTS, device=(0, 12)),
        replace(HOSTS, root="/inner"),
        replace(HOSTS, target="/src/elsewhere"),
        replace(HOSTS, target="/src/xsub"),
    ],
)
def test_a_mount_that_the_host_does_not_have_was_made_inside(other: Mount) -> None:
    found = with_volume(below(), host_mounts=(other,))
    assert origin(found, 11) == INSIDE
    details = [item.detail for item in causes(found)[11].evidence]
    assert "the host has no such mount below the source of a bind" in details


def test_a_mount_of_the_host_that_came_after_the_start_is_told_apart() -> None:
    found = with_volume(*MASKS, below(30), host_mounts=(replace(HOSTS, device=(0, 30)),))
    assert origin(found, 30) == (Origin.HOST_MOUNT, "host-mount")
    assert origin(with_volume(*MASKS, below(30)), 30) == INSIDE


def test_a_bind_without_rbind_brings_nothing_along() -> None:
    asked = config(bind("/data", "/src", "bind"))
    found = with_volume(below(), host_mounts=(HOSTS,), config=asked)
    assert origin(found, 11) == (Origin.HOST_MOUNT, "host-mount")


def test_a_mount_two_levels_below_a_users_bind_is_the_hosts_too() -> None:
    inner = below(12, "/data/sub/deep", parent=11)
    found = with_volume(
        below(), inner,
        host_mounts=(HOSTS, replace(HOSTS, id=97, target="/src/sub/deep", device=(0, 12))),
    )  # fmt: skip
    assert origin(found, 12) == USERS


@pytest.mark.parametrize("parent", [1, 2, 11, 12, 77])
def test_only_a_users_bind_brings_mounts_of_the_host(parent: int) -> None:
    """Its parent is the root, a filesystem of the runtime, itself, a loop, or not listed."""
    loop = below(12, "/data/other", parent=11)
    found = with_volume(below(parent=parent), loop, host_mounts=(HOSTS,))
    assert origin(found, 11) == INSIDE


def test_a_mount_beside_a_users_bind_is_not_brought_by_it() -> None:
    found = with_volume(below(target="/database"), host_mounts=(replace(HOSTS, target="/srcbase"),))
    assert origin(found, 11) == INSIDE


def test_a_users_tmpfs_brings_nothing_along() -> None:
    found = facts(
        mount(10, "/data"), below(), config=config(listed("/data")), host_mounts=(HOSTS,),
        inspect={"HostConfig": {"Tmpfs": {"/data": ""}}},
    )  # fmt: skip
    assert origin(found, 10) == USERS
    assert origin(found, 11) == INSIDE


@pytest.mark.parametrize(
    ("late", "slaves", "options", "expected"),
    [
        (False, (), "rbind", USERS),
        (False, (), "bind", INSIDE),
        (False, (10, 11), "bind", USERS),
        (True, (), "rbind", INSIDE),
        (True, (10,), "rbind", INSIDE),
        (True, (11,), "rbind", INSIDE),
        (True, (10, 11), "rbind", (Origin.HOST_MOUNT, "host-mount")),
    ],
)
def test_where_the_host_cannot_be_read_the_propagation_decides(
    late: bool, slaves: tuple[int, ...], options: str, expected: tuple[Origin, str]
) -> None:
    above = bound(10, "/data", root="/src", propagation=SLAVE if 10 in slaves else ("shared:1",))
    inner = below(propagation=SLAVE if 11 in slaves else ())
    found = with_volume(
        *(MASKS if late else ()), inner, data=above, host_mounts=None,
        config=config(bind("/data", "/src", options), maskedPaths=["/proc/m"],
                      readonlyPaths=["/sys/r"]),
    )  # fmt: skip
    assert origin(found, 11) == expected


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


# The order of the lines:


def test_what_stands_after_the_masks_came_after_the_start() -> None:
    asked = config(listed("/x"), maskedPaths=["/proc/m"], readonlyPaths=["/sys/r"])
    before = facts(PROC, SYS, mount(9, "/x"), *MASKS, config=asked)
    after = facts(PROC, SYS, *MASKS, mount(9, "/x"), config=asked)
    assert origin(before, 9) == (RUNTIME, "engine-filesystem")
    assert origin(after, 9) == INSIDE
    details = [item.detail for item in causes(after)[9].evidence]
    assert "its line stands after those of the masks, which the runtime mounts last" in details


@pytest.mark.parametrize(
    ("targets", "late"),
    [
        ((), None),
        (("/x",), None),
        (("/proc/a",), None),
        (("/proc/a", "/sys/b"), 2),
        (("/x", "/proc/a", "/sys/b"), 3),
        (("/proc/a", "/sys/b", "/x"), 2),
        (("/proc/a", "/x", "/sys/b"), None),  # a copied namespace has another order
        (("/proc/a", "/sys/b", "/x", "/proc/a"), 2),  # masked again later
        (("/proc/a", "/sys/b", "/x", "/proc/a", "/sys/b"), 5),
        (("/proc/a", "/proc/c"), None),
    ],
)
def test_the_last_run_of_masks_of_both_filesystems_ends_the_start(
    targets: tuple[str, ...], late: int | None
) -> None:
    mounts = [mount(number, target) for number, target in enumerate(targets)]
    assert _first_late(mounts, {"/proc/a", "/sys/b", "/proc/c"}) == late


# What a mount holds, and other questions:


def asked(found: Facts) -> MountOrigins:
    return MountOrigins(found, Ledger(), ROOT.id)


@pytest.mark.parametrize(
    ("shown", "mounts", "inspect", "expected"),
    [
        (mount(9, "/proc", "proc"), [listed("/proc", "proc")], {}, Content.KERNEL),
        (mount(9, "/x"), [listed("/x")], {}, Content.NEW),
        (mount(9, "/x"), [], {}, Content.NEW),
        (mount(9, "/x", root="/y"), [], {}, Content.ENGINES),
        (mount(9, "/x", device=(0, 1)), [], {}, Content.ENGINES),  # the root's own, once more
        (bound(9, "/data", root="/src"), [bind("/data", "/src")], {"Mounts": [BIND]},
         Content.USERS),
        (bound(9, "/x", root="/src"), [bind("/x", "/src")], {}, Content.ENGINES),
    ],
)  # fmt: skip
def test_what_a_mount_held_when_it_was_made(
    shown: Mount, mounts: list[dict[str, Any]], inspect: dict[str, Any], expected: Content
) -> None:
    found = facts(shown, config=config(*mounts), inspect=inspect)
    assert asked(found).content(shown) is expected


def test_what_a_mount_of_the_host_held_is_somebodys() -> None:
    inner = below()
    found = with_volume(inner, host_mounts=(HOSTS,))
    assert asked(found).content(inner) is Content.USERS


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("private", Content.NEW), ("shareable", Content.NEW), ("", Content.NEW),
        (None, Content.NEW), ("host", Content.USERS), ("container:x", Content.USERS),
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_shared_memory_was_empty_unless_it_is_shared(
    engine: str, mode: str | None, expected: Content
) -> None:
    shown = bound(9, "/dev/shm")
    found = facts(
        shown, config=config(bind("/dev/shm", "/x/shm")), sources=(source("/x/shm", 9),),
        inspect={"HostConfig": {"IpcMode": mode}}, engine=Engine(engine),
    )  # fmt: skip
    assert asked(found).content(shown) is expected


def test_a_bind_shows_a_path_of_another_filesystem() -> None:
    binding, root_of_it, filesystem = (
        bound(7, "/data", root="/src"), bound(8, "/all", root="/"), mount(9, "/x"),
    )  # fmt: skip
    found = facts(
        binding, root_of_it, filesystem,
        config=config(bind("/data", "/src"), bind("/all", "/all"), listed("/x")),
    )  # fmt: skip
    origins = asked(found)
    assert [origins.is_bind(item) for item in (binding, root_of_it, filesystem)] == [
        True, True, False,
    ]  # fmt: skip


def test_mountpoints_are_the_targets_and_what_lies_above_them() -> None:
    found = facts(
        config=config(listed("/a/b/c"), devices=[{"path": "/opt/d/e", "major": 1, "minor": 5}])
    )
    assert asked(found).mountpoints == {"/a", "/a/b", "/a/b/c", "/opt", "/opt/d"}


def test_origins_of_all_mounts_at_a_target_are_known() -> None:
    found = facts(mount(8, "/x"), mount(9, "/x", parent=8), config=config(listed("/x")))
    origins = asked(found)
    assert origins.origins_at("/x") == {RUNTIME, Origin.MOUNTED_INSIDE}
    assert origins.origins_at("/y") == frozenset()
    assert origins.is_covered_later("/x/below")
    assert not origins.is_covered_later("/y")
    assert origins.get(9) == mount(9, "/x", parent=8)
    assert origins.get(None) is None
    assert origins.get(77) is None
    requested = origins.requested("/x")
    assert requested is not None
    assert requested.target == "/x"
    assert origins.requested("/y") is None


def test_podmans_rules_are_podmans() -> None:
    found = with_volume(engine=PODMAN)
    assert origin(found, 10) == (Origin.USER_MOUNT, "podman-user-mount")
