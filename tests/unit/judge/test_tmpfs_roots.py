"""The top of a tmpfs: its mode and owner are those that it was mounted with."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import (
    DEV,
    ID,
    bind,
    bound,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
    source,
)

from scratchlab.model import Entry, Finding, Origin, Runtime

RUNC, OLD_RUNC, CRUN = Runtime("runc", "1.1.8"), Runtime("runc", "1.1.7"), Runtime("crun", "1.21")
USERS = {"HostConfig": {"Tmpfs": {"/run": ""}}}
LATER = (Origin.WRITTEN_LATER, None)
THE_USERS = (Origin.USER_MOUNT, "docker-user-mount")


def of(
    live: Entry, *options: str, runtime: Runtime = RUNC, image: tuple[Entry, ...] = (),
    layers: dict[str, Any] | None = None, **changes: Any,
) -> Finding:  # fmt: skip
    """The finding for the top of a tmpfs on /run, with these options of the kernel's."""
    found = facts(
        mount(9, "/run", super_options=("rw", *options)),
        config=config(listed("/run")), inspect=USERS, runtime=runtime, **changes,
    )  # fmt: skip
    return finding(judged(found, live, image=image, **(layers or {})), "/run")


def shown(*arguments: Any, **changes: Any) -> tuple[Origin, str | None]:
    found = of(*arguments, **changes)
    return found.origin, found.rule


def top(mode: int = 0o1777, **changes: Any) -> Entry:
    return directory("/run", 9, mode=mode, **changes)


@pytest.mark.parametrize("runtime", [RUNC, OLD_RUNC, CRUN])
def test_what_the_kernel_shows_is_as_it_was_mounted(runtime: Runtime) -> None:
    assert shown(top(), runtime=runtime) == THE_USERS
    assert shown(top(0o750), "mode=750", "size=4k", runtime=runtime) == THE_USERS
    assert shown(top(uid=5, gid=6), "uid=5", "gid=6", runtime=runtime) == THE_USERS


@pytest.mark.parametrize("runtime", [RUNC, OLD_RUNC, CRUN])
@pytest.mark.parametrize(
    ("live", "options", "detail"),
    [
        (top(0o777), (), "mode 1777, and has 0777"),
        (top(0o4755), ("mode=755",), "mode 0755, and has 4755"),
        (top(uid=7), (), "uid 0, and has 7"),
        (top(gid=7), ("gid=6",), "gid 6, and has 7"),
        (top(0o700, uid=7), (), "mode 1777, and has 0700; with uid 0, and has 7"),
    ],
)
def test_a_change_of_the_top_was_made_later(
    live: Entry, options: tuple[str, ...], detail: str, runtime: Runtime
) -> None:
    found = of(live, *options, runtime=runtime)
    assert (found.origin, found.rule, found.prediction) == (*LATER, "none")
    assert found.evidence[0].kind == "mountinfo"
    assert found.evidence[0].detail == f"it was mounted with {detail}"


def test_the_containers_root_owns_a_users_tmpfs_only_where_it_was_mounted_so() -> None:
    mapped = {"uid_map": ((0, 100_000, 65_536),)}
    owned = top(uid=100_000, gid=100_000)
    assert shown(owned, **mapped) == LATER
    assert shown(owned, "uid=100000", "gid=100000", **mapped) == THE_USERS


def test_a_new_one_has_no_attributes() -> None:
    found = of(top(xattrs=(("trusted.a", b"1"), ("user.b", b""), ("security.selinux", b"x"))))
    assert (found.origin, found.rule, found.prediction) == (*LATER, "none")
    assert [(proof.kind, proof.detail) for proof in found.evidence[:1]] == [
        ("stat", "a new tmpfs has no attributes: trusted.a, user.b")
    ]
    assert shown(top(xattrs=(("security.selinux", b"x"),))) == THE_USERS


def test_a_changed_top_is_still_the_mount_that_was_predicted() -> None:
    found = facts(mount(9, "/run"), config=config(listed("/run")), inspect=USERS)
    (line,) = [item for item in judged(found, top(0o700)).mounts if item.mount.id == 9]
    assert (line.origin, line.entry) == (Origin.USER_MOUNT, True)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [(RUNC, LATER), (CRUN, LATER), (OLD_RUNC, THE_USERS), (Runtime("other", "9"), THE_USERS)],
)
@pytest.mark.parametrize("where", ["image", "init", "writable"])
def test_an_old_runc_gives_it_the_mode_of_the_directory_below(
    runtime: Runtime, expected: tuple[Origin, str | None], where: str
) -> None:
    below = directory("/run", mode=0o755)
    more: dict[str, Any] = {"image": (below,)} if where == "image" else {"layers": {where: [below]}}
    assert shown(top(0o755), runtime=runtime, **more) == expected
    assert shown(top(0o711), runtime=runtime, **more) == LATER


def test_of_the_layers_the_topmost_has_the_directory_below() -> None:
    modes = iter((0o700, 0o710, 0o711))
    layers = {name: [directory("/run", mode=next(modes))] for name in ("writable", "init")}
    image = (directory("/run", mode=next(modes)),)
    assert shown(top(0o700), runtime=OLD_RUNC, image=image, layers=layers) == THE_USERS
    assert shown(top(0o710), runtime=OLD_RUNC, image=image, layers=layers) == LATER
    unknown = {"writable": None, "init": None}
    assert shown(top(0o711), runtime=OLD_RUNC, image=image, layers=unknown) == THE_USERS


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        ((mount(8, "/run"), listed("/run")), LATER),
        ((mount(8, "/run"), listed("/run", "tmpfs", "tmpfs", "tmpcopyup")), THE_USERS),
        ((bound(8, "/run", root="/src"), bind("/run", "/src")), THE_USERS),
    ],
)
def test_what_lies_below_on_another_mount(outer: Any, expected: tuple[Origin, str | None]) -> None:
    below, asked = outer
    bound_there = {"Type": "bind", "Destination": "/run", "Source": "/src"}
    inspect = {
        "HostConfig": {"Tmpfs": {"/run/x": ""}},
        "Mounts": [bound_there] if asked["type"] == "bind" else [],
    }
    found = facts(
        below, mount(9, "/run/x", parent=8), config=config(asked, listed("/run/x")),
        inspect=inspect, runtime=OLD_RUNC, sources=(source("/src", 8),),
    )  # fmt: skip
    live = (directory("/run", 8, mode=0o1777), directory("/run/x", 9, mode=0o700))
    judgement = judged(found, *live)
    assert (finding(judgement, "/run/x").origin, finding(judgement, "/run/x").rule) == expected
    orphan = facts(
        mount(9, "/run/x", parent=77), config=config(listed("/run/x")), inspect=inspect,
        runtime=OLD_RUNC,
    )  # fmt: skip
    assert finding(judged(orphan, live[1]), "/run/x").origin is Origin.USER_MOUNT


def test_ids_of_the_kernel_are_those_of_the_initial_namespace() -> None:
    """The reader may live in the container's namespace, as in an unprivileged system container."""
    mapped = ((0, 100000, 65536),)
    own = ("uid=100000", "gid=100000")
    for number in (0, 100000):
        assert shown(top(uid=number, gid=number), *own, uid_map=mapped) == THE_USERS
    assert shown(top(uid=5, gid=0), *own, uid_map=mapped) == LATER


def test_an_engine_gives_its_own_to_the_containers_root() -> None:
    path = f"/var/lib/docker/containers/{ID}/mounts/shm"
    shm = mount(9, "/dev/shm", parent=DEV.id, super_options=("rw", "mode=1777"))
    mapped = ((0, 100000, 65536),)

    def origin_of(uid: int, gid: int, asked: Any) -> Origin:
        found = facts(
            DEV, shm, config=config(listed("/dev"), asked), sources=(source(path, 9),),
            inspect={"HostConfig": {"IpcMode": "shareable"}}, uid_map=mapped,
        )  # fmt: skip
        live = directory("/dev/shm", 9, mode=0o1777, uid=uid, gid=gid)
        return finding(judged(found, directory("/dev", DEV.id), live), "/dev/shm").origin

    engines, runtimes = bind("/dev/shm", path), listed("/dev/shm")
    assert origin_of(100000, 100000, engines) is Origin.ENGINE_MOUNT
    assert origin_of(100005, 100000, engines) is Origin.WRITTEN_LATER
    assert origin_of(100000, 100005, engines) is Origin.WRITTEN_LATER
    assert origin_of(5, 5, runtimes) is Origin.WRITTEN_LATER


def test_ids_of_a_reader_in_another_namespace() -> None:
    """As in an unprivileged system container: engine, lab and container share its namespace."""
    own = ("uid=1000000", "gid=1000000")
    seen: dict[str, Any] = {"uid_map": ((0, 0, 65536),), "reader_ids": ((0, 1000000, 65536),)}
    assert shown(top(), *own, **seen) == THE_USERS
    assert shown(top(uid=5), *own, **seen) == LATER
    # Where its ids are not those of the initial namespace either, nothing is known.
    seen["reader_ids"] = ((0, 70000, 65536),)
    assert shown(top(uid=5), *own, **seen) == THE_USERS


def test_what_is_not_new_or_not_a_tmpfs_keeps_its_mode() -> None:
    users = {"Mounts": [{"Type": "bind", "Destination": "/run", "Source": "/src"}]}
    shared = mount(9, "/run", super_options=("rw", "mode=755"))
    found = facts(
        shared, config=config(bind("/run", "/src")), inspect=users, sources=(source("/src", 9),)
    )
    assert finding(judged(found, top(0o700)), "/run").origin is Origin.USER_MOUNT
    other = {"Mounts": [{"Type": "ramfs", "Destination": "/run"}]}
    ramfs = facts(mount(9, "/run", "ramfs"), config=config(listed("/run", "ramfs")), inspect=other)
    assert finding(judged(ramfs, top(0o700)), "/run").origin is Origin.USER_MOUNT
    inside = facts(mount(9, "/run"), config=config())
    assert finding(judged(inside, top(0o700)), "/run").origin is Origin.MOUNTED_INSIDE
    mask = facts(mount(9, "/run"), config=config(listed("/run")), inspect=USERS)
    assert finding(judged(mask, file("/run", 9)), "/run").origin is Origin.USER_MOUNT


def test_the_engines_own_filesystems_are_asked_too() -> None:
    shm = mount(9, "/dev/shm", parent=DEV.id)
    found = facts(DEV, shm, config=config(listed("/dev"), listed("/dev/shm")))
    live = directory("/dev/shm", 9, mode=0o777)
    judgement = judged(found, directory("/dev", DEV.id), live)
    assert finding(judgement, "/dev/shm").origin is Origin.WRITTEN_LATER
    assert finding(judgement, "/dev").origin is Origin.RUNTIME_FILESYSTEM
