"""Who made an entry of the root's own mount: which layer holds it, and what proves a maker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    DOCKER,
    ID,
    PODMAN,
    ROOT,
    bind,
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
)

from scratchlab.devices import HostDevice
from scratchlab.model import Entry, Layers, Origin, Status

WRITTEN = (Origin.WRITTEN_LATER, None)
LAYERS = Layers("overlay2", (), "/l/init", "/l/upper")
ON_ROOT = ROOT.id


def made(entry: Entry, **changes: Any) -> tuple[Origin, str | None]:
    """Origin and rule of an entry that the writable layer has as it is, and nothing else."""
    found = finding(judged(facts(**changes), entry, writable=[entry]), entry.path)
    return found.origin, found.rule


def test_what_is_as_in_the_image_is_the_images() -> None:
    judgement = judged(
        facts(), directory("/a", ON_ROOT), file("/a/f", ON_ROOT),
        image=[directory("/a"), file("/a/f", layer=3)],
    )  # fmt: skip
    implied, member = finding(judgement, "/a"), finding(judgement, "/a/f")
    assert (implied.origin, implied.status) == (Origin.IMAGE_LAYER, Status.SAME)
    assert implied.evidence[0].detail == "a directory above an entry of the image"
    assert member.evidence[0].detail == "layer 3 of the image has it"


def test_what_only_the_writable_layer_has_was_written_later() -> None:
    found = finding(judged(facts(layers=LAYERS), file("/f", ON_ROOT), writable=[file("/f")]), "/f")
    assert (found.origin, found.rule, found.status) == (*WRITTEN, Status.ONLY_LIVE)
    assert [(item.kind, item.detail) for item in found.evidence] == [
        ("writable-layer", "/l/upper/f")
    ]


def test_an_altered_entry_of_the_image_was_written_later_and_keeps_its_differences() -> None:
    live = file("/f", ON_ROOT, mode=0o600)
    found = finding(judged(facts(), live, image=[file("/f")], writable=[file("/f")]), "/f")
    assert (found.origin, found.status, found.differences) == (
        Origin.WRITTEN_LATER, Status.ALTERED, ("mode",),
    )  # fmt: skip


def test_another_type_of_entry_is_a_new_one_and_the_images_is_a_ghost() -> None:
    live = directory("/f", ON_ROOT)
    judgement = judged(facts(), live, image=[file("/f")], writable=[directory("/f")])
    found = finding(judgement, "/f")
    assert (found.origin, found.status) == (Origin.WRITTEN_LATER, Status.ONLY_LIVE)
    assert (found.image, found.differences) == (None, ())
    assert [(item.path, item.kind) for item in judgement.ghosts] == [("/f", Status.CHANGED)]


@pytest.mark.parametrize(
    ("writable", "image", "sentence"),
    [
        ((), (), "neither the image nor the init layer nor the writable layer has it"),
        (
            [directory("/f")],
            (),
            "neither the image nor the init layer nor the writable layer has it",
        ),
        ((), [file("/f", mode=0o600)], "it differs from the image, and no layer above has it"),
        (None, (), "the image does not have it, and what other layers hold is not known"),
    ],
)
def test_what_no_layer_has_is_unexplained(
    writable: list[Entry] | None, image: list[Entry], sentence: str
) -> None:
    found = finding(
        judged(facts(), file("/f", ON_ROOT), image=image, writable=writable, init=None), "/f"
    )
    assert found.origin is Origin.UNEXPLAINED
    assert found.evidence[0].detail == sentence


def test_an_entry_on_an_unlisted_mount_is_unexplained() -> None:
    found = finding(judged(facts(), file("/f", 77)), "/f")
    assert (found.origin, found.status) == (Origin.UNEXPLAINED, Status.ONLY_LIVE)
    assert found.evidence[0].detail == "on mount 77, which mountinfo does not list"


def test_the_root_is_unexplained_where_mountinfo_does_not_list_its_mount() -> None:
    found = finding(judged(replace(facts(), mounts=())), "/")
    assert (found.origin, found.status) == (Origin.UNEXPLAINED, Status.ONLY_LIVE)


def test_the_root_is_the_storage_drivers_with_the_images_status() -> None:
    assert finding(judged(facts()), "/").status is Status.ONLY_LIVE
    in_image = finding(judged(facts(), image=[directory("/")]), "/")
    assert (in_image.origin, in_image.status) == (Origin.STORAGE_DRIVER, Status.SAME)


# The init layer:


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (file("/.dockerenv", ON_ROOT), "docker-dockerenv"),
        (directory("/etc", ON_ROOT), "docker-init-folder"),
        (link("/etc/mtab", "/proc/mounts", ON_ROOT), "docker-mtab"),
        (file("/other", ON_ROOT), None),
    ],
)
def test_what_the_init_layer_has_is_the_engines(entry: Entry, rule: str | None) -> None:
    found = finding(judged(facts(layers=LAYERS), entry, init=[entry]), entry.path)
    assert (found.origin, found.rule) == (Origin.ENGINE_INIT_LAYER, rule)
    assert found.evidence[0].detail == f"/l/init{entry.path}"


def test_an_entry_of_the_init_layer_replaces_the_images() -> None:
    live = link("/etc/mtab", "/proc/mounts", ON_ROOT)
    judgement = judged(facts(), live, init=[live], image=[link("/etc/mtab", "/elsewhere")])
    found = finding(judgement, "/etc/mtab")
    assert (found.origin, found.status) == (Origin.ENGINE_INIT_LAYER, Status.ONLY_LIVE)
    assert [ghost.kind for ghost in judgement.ghosts] == [Status.REPLACED]


def test_an_entry_of_another_type_in_the_init_layer_proves_nothing() -> None:
    found = finding(judged(facts(), file("/x", ON_ROOT), init=[directory("/x")]), "/x")
    assert found.origin is Origin.UNEXPLAINED


COPIED_UP = file(
    "/.dockerenv", mode=0o755, uid=1, gid=2, size=3, sha256="a", xattrs=(("user.x", b""),)
)


@pytest.mark.parametrize(
    "change",
    [{}, {"mode": 0}, {"uid": 9}, {"gid": 9}, {"size": 9}, {"sha256": "b"}, {"target": "t"},
     {"device": (1, 1)}, {"xattrs": ()}],
    ids=str,
)  # fmt: skip
def test_a_copy_of_the_init_layers_entry_counts_as_the_init_layers_while_it_is_equal(
    change: dict[str, Any],
) -> None:
    live = COPIED_UP._replace(mount=ON_ROOT, **change)
    found = finding(
        judged(facts(), live, init=[COPIED_UP], writable=[COPIED_UP._replace(**change)]),
        live.path,
    )
    assert found.origin is (Origin.WRITTEN_LATER if change else Origin.ENGINE_INIT_LAYER)


# A directory that was removed and made again:


@pytest.mark.parametrize("name", ["trusted.overlay.opaque", "user.overlay.opaque"])
def test_a_directory_that_was_made_again_was_written_later(name: str) -> None:
    again = directory("/d", xattrs=((name, b"y"),))
    found = finding(
        judged(facts(), directory("/d", ON_ROOT), image=[directory("/d")], writable=[again]), "/d"
    )
    assert (found.origin, found.status) == (Origin.WRITTEN_LATER, Status.SAME)


@pytest.mark.parametrize(
    "writable", [None, [], [directory("/d")], [directory("/d", xattrs=(("user.x", b"y"),))]]
)
def test_a_directory_that_was_copied_up_is_still_the_images(writable: list[Entry] | None) -> None:
    found = finding(
        judged(facts(), directory("/d", ON_ROOT), image=[directory("/d")], writable=writable), "/d"
    )
    assert found.origin is Origin.IMAGE_LAYER


# What engine and runtime make in the writable layer, each with its proof:


def test_a_directory_above_a_mount_is_a_mountpoint() -> None:
    asked = config(listed("/a/b"))
    for path in ("/a", "/a/b"):
        expected = (Origin.RUNTIME_MOUNTPOINT, "runtime-mountpoint")
        assert made(directory(path, ON_ROOT), config=asked) == expected
    assert made(directory("/a/b/c", ON_ROOT), config=asked) == WRITTEN
    assert made(directory("/b", ON_ROOT), config=asked) == WRITTEN


def test_a_mountpoint_names_the_mount_that_needs_it() -> None:
    above, at = directory("/a", ON_ROOT), directory("/a/b", ON_ROOT)
    judgement = judged(
        facts(mount(9, "/a/b"), mount(8, "/a/c"), config=config(listed("/a/b"), listed("/a/c"))),
        above, at, writable=[above, at],
    )  # fmt: skip
    assert finding(judgement, "/a").evidence[0].detail == "/a/b, /a/c needs it"
    assert finding(judgement, "/a/b").evidence[0].detail == "tmpfs tmpfs on /a/b needs it"
    alone = judged(facts(config=config(listed("/a/b"))), above, writable=[above])
    assert finding(alone, "/a").evidence[0].detail == "a mount needs it"


@pytest.mark.parametrize(
    "entry",
    [file("/a", ON_ROOT), link("/a", "/x", ON_ROOT), node("/a", (1, 3), ON_ROOT)],
)
def test_only_a_directory_is_a_mountpoint(entry: Entry) -> None:
    assert made(entry, config=config(listed("/a"))) == WRITTEN


def test_a_mountpoint_of_the_image_that_was_changed_was_written_later() -> None:
    live = directory("/a", ON_ROOT, mode=0o700)
    found = finding(
        judged(facts(config=config(listed("/a"))), live, image=[directory("/a")],
               writable=[directory("/a", mode=0o700)]),
        "/a",
    )  # fmt: skip
    assert found.origin is Origin.WRITTEN_LATER


@pytest.mark.parametrize("path", ["/w", "/w/d"])
def test_the_working_directory_is_the_engines(path: str) -> None:
    inspect = {"Config": {"WorkingDir": "/w/d"}}
    expected = (Origin.ENGINE_CREATE, "docker-workdir")
    assert made(directory(path, ON_ROOT), inspect=inspect) == expected
    assert made(file(path, ON_ROOT), inspect=inspect) == WRITTEN
    assert made(directory("/w/e", ON_ROOT), inspect=inspect) == WRITTEN
    podmans = (Origin.ENGINE_CREATE, "podman-workdir")
    assert made(directory(path, ON_ROOT), inspect=inspect, engine=PODMAN) == podmans


def test_a_working_directory_lies_where_links_of_the_image_lead() -> None:
    live = directory("/usr/w", ON_ROOT)
    judgement = judged(
        facts(inspect={"Config": {"WorkingDir": "/lib/w"}}),
        live, image=[link("/lib", "usr")], writable=[live],
    )  # fmt: skip
    assert finding(judgement, "/usr/w").rule == "docker-workdir"


@pytest.mark.parametrize(
    ("entry", "user", "rule"),
    [
        (directory("/etc", ON_ROOT), "", "podman-etc"),
        (file("/etc", ON_ROOT), "", None),
        (link("/etc/mtab", "/proc/mounts", ON_ROOT), "", "podman-etc"),
        (link("/etc/mtab", "/x", ON_ROOT), "", None),
        (file("/etc/passwd", ON_ROOT), "1000", None),
        (file("/etc/shadow", ON_ROOT), "1000", None),
    ],
)
def test_podman_makes_etc_and_mtab(entry: Entry, user: str, rule: str | None) -> None:
    inspect = {"Config": {"User": user}}
    origin = Origin.ENGINE_CREATE if rule else Origin.WRITTEN_LATER
    assert made(entry, inspect=inspect, engine=PODMAN) == (origin, rule)
    assert made(entry, inspect=inspect, engine=DOCKER) == WRITTEN


DEVICES = config(devices=[{"path": "/opt/zero", "major": 1, "minor": 5}])


def test_a_configured_device_is_the_runtimes_wherever_it_lies() -> None:
    expected = (Origin.RUNTIME_DEVICE, "configured-device")
    asked = (HostDevice("/opt/zero", (1, 5)),)
    assert made(node("/opt/zero", (1, 5), ON_ROOT), config=DEVICES, devices=asked) == expected
    assert made(node("/opt/zero", (1, 6), ON_ROOT), config=DEVICES, devices=asked) == WRITTEN
    assert made(file("/opt/zero", ON_ROOT), config=DEVICES) == WRITTEN
    assert made(node("/opt/other", (1, 5), ON_ROOT), config=DEVICES) == WRITTEN
    assert made(directory("/opt", ON_ROOT), config=DEVICES)[1] == "runtime-mountpoint"


def test_a_device_that_was_asked_for_is_known_without_the_configuration() -> None:
    live = node("/opt/zero", (1, 5), ON_ROOT)
    asked = facts(inspect={"HostConfig": {"Devices": [{"PathInContainer": "/opt/zero"}, {}]}})
    found = finding(judged(asked, live, writable=[live]), live.path)
    assert (found.rule, found.evidence[0].kind) == ("configured-device", "inspect")
    assert "its number is not known from here" in found.evidence[0].detail


# On mounts other than the root's:


def test_on_an_unexplained_mount_all_is_unexplained() -> None:
    found = facts(mount(9, "/x", "ext4"), config=config(listed("/x")))
    judgement = judged(found, directory("/x", 9), file("/x/f", 9))
    assert finding(judgement, "/x/f").origin is Origin.UNEXPLAINED


def test_what_lies_on_a_bind_of_the_engines_came_with_it() -> None:
    found = facts(
        mount(9, "/run/secrets/d", root=f"/{ID}/s"),
        config=config(bind("/run/secrets/d", f"/{ID}/s", "rbind")),
    )
    judgement = judged(found, directory("/run/secrets/d", 9), file("/run/secrets/d/f", 9))
    assert finding(judgement, "/run/secrets/d/f").rule == "docker-secrets"


def test_terminals_are_the_kernels() -> None:
    found = facts(
        DEV, mount(9, "/dev/pts", "devpts"),
        config=config(listed("/dev"), listed("/dev/pts", "devpts")),
    )  # fmt: skip
    kernels = (Origin.KERNEL, "devpts-node")
    nodes = {(5, 2): kernels, (136, 0): kernels, (143, 9): kernels, (144, 0): WRITTEN,
             (135, 0): WRITTEN, (5, 1): WRITTEN}  # fmt: skip
    for device, expected in nodes.items():
        entry = node("/dev/pts/n", device, 9)
        shown = finding(judged(found, directory("/dev/pts", 9), entry), entry.path)
        assert (shown.origin, shown.rule) == expected
    for entry in (
        file("/dev/pts/n", 9),
        node("/dev/pts/n", (5, 2), 9)._replace(kind=file("/").kind),
    ):
        assert finding(judged(found, entry), entry.path).origin is Origin.WRITTEN_LATER


def test_an_entry_of_the_image_that_nothing_is_known_to_hide_stays_in_the_finding() -> None:
    judgement = judged(facts(), file("/f", 77, mode=0o600), image=[file("/f")])
    found = finding(judgement, "/f")
    assert (found.status, found.image, found.differences) == (
        Status.ONLY_LIVE, file("/f"), ("mode",),
    )  # fmt: skip
    assert list(judgement.ghosts) == []


# What the init layer had replaced:


@pytest.mark.parametrize(
    ("init", "writable", "origin"),
    [
        ("/proc/mounts", "../proc/self/mounts", Origin.WRITTEN_LATER),
        ("/proc/mounts", None, Origin.IMAGE_LAYER),
        (None, "../proc/self/mounts", Origin.IMAGE_LAYER),
        ("../proc/self/mounts", "../proc/self/mounts", Origin.IMAGE_LAYER),
    ],
)
def test_what_is_written_as_in_the_image_over_the_init_layers_was_written_later(
    init: str | None, writable: str | None, origin: Origin
) -> None:
    """systemd makes /etc/mtab as Debian's image has it."""
    own = "../proc/self/mounts"
    judgement = judged(
        facts(), link("/etc/mtab", own, ON_ROOT), image=[link("/etc/mtab", own, layer=0)],
        init=[link("/etc/mtab", init)] if init else [],
        writable=[link("/etc/mtab", writable)] if writable else [],
    )  # fmt: skip
    assert finding(judgement, "/etc/mtab").origin is origin
    nothing = judged(
        facts(changes={}), link("/etc/mtab", own, ON_ROOT), init=None, writable=None,
        image=[link("/etc/mtab", own, layer=0)],
    )  # fmt: skip
    assert finding(nothing, "/etc/mtab").origin is Origin.IMAGE_LAYER


# A directory that was made again, where the root is no overlay:

STARTED = {"State": {"StartedAt": "2026-11-28T09:00:00.5Z"}}
BEFORE, AFTER = 1_795_856_400_499_999_999, 1_795_856_400_500_000_001  # ns


@pytest.mark.parametrize(
    ("born", "origin"),
    [(AFTER, Origin.WRITTEN_LATER), (BEFORE, Origin.IMAGE_LAYER), (None, Origin.IMAGE_LAYER)],
)
def test_a_directory_that_was_made_since_the_start_is_not_the_images(
    born: int | None, origin: Origin
) -> None:
    made = {} if born is None else {"/d": born}
    found = finding(
        judged(
            facts(inspect=STARTED, made_again=made), directory("/d", ON_ROOT),
            image=[directory("/d", layer=0)], writable=None,
        ),
        "/d",
    )  # fmt: skip
    assert (found.origin, found.status) == (origin, Status.SAME)
    if born == AFTER:
        assert found.evidence[0].kind == "stat"
        assert found.evidence[0].detail.startswith("it was made or changed at 2026-")
