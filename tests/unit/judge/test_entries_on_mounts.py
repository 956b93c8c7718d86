"""Place and maker are two things: an entry never takes the cause of the mount it lies on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    BIND,
    DEV,
    ID,
    MASKS,
    PODMAN,
    PROC,
    ROOT,
    SYS,
    VOLUME,
    bind,
    bound,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    link,
    listed,
    mount,
    node,
    source,
    with_volume,
)

from scratchlab.devices import HostDevice
from scratchlab.model import Engine, EngineFile, Entry, Facts, Finding, Kind, Origin

WRITTEN = (Origin.WRITTEN_LATER, None)
USER_DATA = (Origin.USER_DATA, "user-data")
DATA = directory("/data", 10)


def on_volume(live: Entry, *image: Entry, wish: dict[str, Any] = VOLUME, **changes: Any) -> Finding:
    asked = with_volume(wish=wish, **changes)
    return finding(judged(asked, DATA, live, image=image), live.path)


def shown(found: Finding) -> tuple[Origin, str | None]:
    return found.origin, found.rule


def test_what_the_image_does_not_have_in_a_volume_is_the_users() -> None:
    assert shown(on_volume(file("/data/f", 10))) == USER_DATA


def test_an_equal_copy_of_the_image_in_a_volume_was_copied() -> None:
    copy = file("/data/f", layer=2)
    found = on_volume(file("/data/f", 10), copy)
    assert shown(found) == (Origin.VOLUME_COPY, "docker-volume-copy")
    assert found.evidence[0].detail == "layer 2 of the image has the same"
    podmans = on_volume(file("/data/f", 10), copy, engine=PODMAN)
    assert podmans.rule == "podman-volume-copy"


def test_a_changed_copy_in_a_volume_is_the_users_and_what_changed_is_told() -> None:
    found = on_volume(file("/data/f", 10, mode=0o600, uid=5), file("/data/f"))
    assert shown(found) == USER_DATA
    assert found.evidence[0].detail == "the image has it with other mode, uid"


def test_nothing_is_copied_into_a_bind() -> None:
    assert shown(on_volume(file("/data/f", 10), file("/data/f"), wish=BIND)) == USER_DATA


def test_what_lies_on_a_mount_of_the_hosts_is_the_users() -> None:
    inner = mount(11, "/data/sub", parent=10)
    asked = with_volume(inner, host_mounts=(replace(inner, target="/src/sub"),))
    judgement = judged(asked, DATA, file("/data/sub/f", 11), image=[file("/data/sub/f")])
    assert shown(finding(judgement, "/data/sub/f")) == USER_DATA


def test_a_configured_device_in_a_volume_is_the_runtimes() -> None:
    asked = config(bind("/data", "/v/_data"), devices=[{"path": "/data/z", "major": 1, "minor": 5}])
    devices = (HostDevice("/data/z", (1, 5)),)
    found = on_volume(node("/data/z", (1, 5), 10), config=asked, devices=devices)
    assert shown(found) == (Origin.RUNTIME_DEVICE, "configured-device")
    other = on_volume(node("/data/z", (1, 6), 10), config=asked, devices=devices)
    assert shown(other) == USER_DATA
    nobodys = on_volume(node("/data/z", (1, 5), 10), config=asked)
    assert shown(nobodys) == (Origin.UNEXPLAINED, None)


# In a filesystem that was empty when it was mounted:


def in_new(live: Entry, *image: Entry, at: str = "/run", options: tuple[str, ...] = (),
           more: tuple[dict[str, Any], ...] = (), **changes: Any) -> Finding:  # fmt: skip
    asked = config(listed(at, "tmpfs", "tmpfs", *options), *more, **changes.pop("linux", {}))
    changes.setdefault("inspect", {})["HostConfig"] = {"Tmpfs": {at: ""} if at == "/run" else {}}
    found = facts(mount(9, at), config=asked, **changes)
    judgement = judged(found, directory(at, 9), live, image=image)
    return finding(judgement, live.path)


def test_in_a_new_filesystem_all_else_was_written_later() -> None:
    found = in_new(file("/run/pid", 9))
    assert shown(found) == WRITTEN
    assert found.evidence[0].detail == (
        "/run was empty when it was mounted, and nothing else makes this"
    )
    assert shown(in_new(file("/run/pid", 9), file("/run/pid"))) == WRITTEN


def test_mountpoints_in_a_new_filesystem_are_the_runtimes() -> None:
    more = (listed("/run/a/b"),)
    expected = (Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint")
    assert shown(in_new(directory("/run/a", 9), more=more)) == expected
    assert shown(in_new(file("/run/a", 9), more=more)) == WRITTEN
    assert shown(in_new(directory("/run/c", 9), more=more)) == WRITTEN


def test_the_working_directory_in_a_new_filesystem_is_the_engines() -> None:
    inspect = {"Config": {"WorkingDir": "/run/w/d"}}
    expected = (Origin.ENGINE_CREATE, "docker-workdir")
    assert shown(in_new(directory("/run/w", 9), inspect=inspect)) == expected
    assert shown(in_new(directory("/run/w/d", 9), inspect=inspect)) == expected
    assert shown(in_new(file("/run/w", 9), inspect=inspect)) == WRITTEN
    assert shown(in_new(directory("/run/x", 9), inspect=inspect)) == WRITTEN


def test_what_tmpfs_copies_up_is_the_images_while_it_is_equal() -> None:
    up = ("tmpcopyup",)
    copy = file("/run/f", sha256="a", mtime=1)
    expected = (Origin.VOLUME_COPY, "runtime-tmpcopyup")
    equal = file("/run/f", 9, sha256="a", mtime=5_000_000_000)
    assert shown(in_new(equal, copy, options=up)) == expected
    assert shown(in_new(equal._replace(links="/x"), copy, options=up)) == expected
    assert shown(in_new(equal._replace(sha256="b"), copy, options=up)) == WRITTEN
    assert shown(in_new(equal, copy)) == WRITTEN
    assert shown(in_new(equal, options=up)) == WRITTEN


@pytest.mark.parametrize(
    ("live", "rule"),
    [
        (node("/dev/null", (1, 3), 9), "oci-device"),
        (node("/dev/null", (1, 5), 9), None),
        (node("/dev/kvm", (1, 3), 9), None),
        (link("/dev/fd", "/proc/self/fd", 9), "oci-dev-link"),
        (link("/dev/fd", "/elsewhere", 9), None),
        (link("/dev/ptmx", "pts/ptmx", 9), "oci-ptmx"),
        (link("/dev/core", "/proc/kcore", 9), "runtime-core"),
        (link("/dev/console", "/dev/pts/0", 9), "oci-console"),
        (link("/dev/console", "/elsewhere", 9), None),
        (link("/dev/terminal", "/dev/pts/0", 9), None),
        (file("/dev/null", 9), None),
        (node("/dev/null", (1, 3), 9)._replace(kind=Kind.BLOCK), None),
    ],
)
def test_devices_and_links_in_dev_are_the_runtimes(live: Entry, rule: str | None) -> None:
    origin = Origin.RUNTIME_DEVICE if rule else Origin.WRITTEN_LATER
    assert shown(in_new(live, at="/dev")) == (origin, rule)


def test_a_device_elsewhere_is_not_one_of_devs() -> None:
    assert shown(in_new(node("/run/null", (1, 3), 9))) == WRITTEN
    devices = {"devices": [{"path": "/run/z", "major": 1, "minor": 5}]}
    expected = (Origin.RUNTIME_DEVICE, "configured-device")
    asked = (HostDevice("/run/z", (1, 5)),)
    assert shown(in_new(node("/run/z", (1, 5), 9), linux=devices, devices=asked)) == expected


def test_in_a_filesystem_that_was_mounted_inside_nothing_is_the_runtimes() -> None:
    asked = config(listed("/dev"), listed("/dev/x/y"), maskedPaths=["/proc/m"],
                   readonlyPaths=["/sys/r"])  # fmt: skip
    again = mount(30, "/dev", parent=DEV.id)
    found = facts(PROC, SYS, DEV, *MASKS, again, config=asked)
    live = (directory("/dev", 30), node("/dev/null", (1, 3), 30), directory("/dev/x", 30))
    judgement = judged(found, *live)
    assert finding(judgement, "/dev").origin is Origin.MOUNTED_INSIDE
    assert shown(finding(judgement, "/dev/null")) == WRITTEN
    assert shown(finding(judgement, "/dev/x")) == WRITTEN


@pytest.mark.parametrize(
    ("mode", "expected"), [("shareable", Origin.WRITTEN_LATER), ("host", Origin.USER_DATA)]
)
def test_what_lies_in_shared_memory_was_written_later_or_is_others(
    mode: str, expected: Origin
) -> None:
    shared = "/dev/shm" if mode == "host" else f"/d/{ID}/mounts/shm"
    found = facts(
        bound(9, "/dev/shm"), config=config(bind("/dev/shm", shared)),
        sources=(source(shared, 9),), inspect={"HostConfig": {"IpcMode": mode}},
    )  # fmt: skip
    judgement = judged(found, directory("/dev/shm", 9), file("/dev/shm/f", 9))
    assert finding(judgement, "/dev/shm/f").origin is expected


# The engine's own files:


HOSTNAME = f"/d/{ID}/hostname"


def engines_file(text: str | None, engine: Engine | None = None, **changes: Any) -> Facts:
    fields: dict[str, Any] = {
        "inspect": {"HostnamePath": HOSTNAME, "Config": {"Hostname": "h"}},
        "engine_files": (EngineFile("/etc/hostname", HOSTNAME, text),),
        "config": config(bind("/etc/hostname", HOSTNAME)),
    }
    if engine is not None:
        fields["engine"] = engine
    return facts(
        bound(9, "/etc/hostname"),
        sources=(source(HOSTNAME, 9),), **(fields | changes),
    )  # fmt: skip


def test_an_engines_file_with_what_the_engine_writes_is_the_engines() -> None:
    found = finding(judged(engines_file("h\n"), file("/etc/hostname", 9)), "/etc/hostname")
    assert shown(found) == (Origin.ENGINE_MOUNT, "docker-network-files")
    assert found.evidence[-1].detail == f"{HOSTNAME} holds what the engine writes"


@pytest.mark.parametrize("text", ["h\n", "evil\n"])
def test_an_engines_file_on_a_mount_in_doubt_stays_in_doubt(text: str) -> None:
    asked = config(bind("/etc/hostname", HOSTNAME, "rbind", "ro"))
    found = finding(
        judged(engines_file(text, config=asked), file("/etc/hostname", 9)), "/etc/hostname"
    )
    assert found.prediction == "oci-config asks for ro, and mountinfo shows rw"


def test_an_engines_file_with_anything_else_was_written_later() -> None:
    found = finding(judged(engines_file("evil\n"), file("/etc/hostname", 9)), "/etc/hostname")
    assert shown(found) == WRITTEN
    assert (
        found.evidence[0].detail == f"{HOSTNAME}: it holds 'evil\\n', and the engine wrote 'h\\n'"
    )
    assert len(found.evidence) == 4


@pytest.mark.parametrize(
    "asked",
    [
        engines_file(None),
        engines_file("evil\n", engine_files=()),
        engines_file("evil\n", engine=PODMAN),
    ],
)
def test_an_engines_file_that_cannot_be_judged_is_the_engines(asked: Facts) -> None:
    found = finding(judged(asked, file("/etc/hostname", 9)), "/etc/hostname")
    assert found.origin is Origin.ENGINE_MOUNT
    assert len(found.evidence) == 3


def test_only_the_engines_mount_is_held_against_the_engines_file() -> None:
    """A file that something else covers is another file."""
    asked = engines_file("evil\n", inspect={"Config": {"Hostname": "h"}})
    other = replace(asked, container=replace(asked.container, id=""))
    found = finding(judged(other, file("/etc/hostname", 9)), "/etc/hostname")
    assert found.origin is Origin.UNEXPLAINED


def test_an_engines_file_is_judged_where_the_images_etc_leads() -> None:
    for text, origin in (("h\n", Origin.ENGINE_MOUNT), ("evil\n", Origin.WRITTEN_LATER)):
        asked = replace(
            engines_file(text, engine=Engine("docker", "24.0.9", containerd_store=True)),
            mounts=(ROOT, bound(9, "/conf/hostname")),
        )  # an engine that makes no init layer, which would replace the link
        live = (link("/etc", "/conf", ROOT.id), file("/conf/hostname", 9))
        image = (link("/etc", "/conf"), directory("/conf"))
        assert finding(judged(asked, *live, image=image), "/conf/hostname").origin is origin


def test_a_digest_is_a_sha256_of_the_bytes() -> None:
    text = "nameserver 192.0.2.1\n"
    recorded = hashlib.sha256(text.encode()).hexdigest()
    path = f"/d/{ID}/resolv.conf"
    for given, expected in ((recorded, Origin.ENGINE_MOUNT), ("0" * 64, Origin.WRITTEN_LATER)):
        asked = facts(
            bound(9, "/etc/resolv.conf"), config=config(bind("/etc/resolv.conf", path)),
            sources=(source(path, 9),), inspect={"ResolvConfPath": path},
            engine_files=(EngineFile("/etc/resolv.conf", path, text, given),),
        )  # fmt: skip
        found = finding(judged(asked, file("/etc/resolv.conf", 9)), "/etc/resolv.conf")
        assert found.origin is expected


def test_podman_makes_mtab_where_the_images_etc_leads() -> None:
    mtab = link("/conf/mtab", "/proc/mounts", ROOT.id)
    etc = link("/etc", "conf", ROOT.id)
    judgement = judged(
        facts(engine=PODMAN), mtab, etc, image=[directory("/conf"), etc], writable=[mtab]
    )
    assert finding(judgement, "/conf/mtab").rule == "podman-etc"
