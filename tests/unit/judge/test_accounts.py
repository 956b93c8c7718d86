"""The accounts that podman adds to /etc/passwd and /etc/group: judged by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.judge.handmade import DOCKER, ROOT, facts, file, finding, judged

from scratchlab.accounts import Accounts, HostUser
from scratchlab.model import Engine, Entry, Finding, Origin, Status

PASSWD = "root:x:0:0:root:/root:/bin/sh\n# a comment\n\nodd\nbad:x:y:z:::\n"
GROUP = "root:x:0:\nstaff:x:50:\n"
ADDED = "1000:*:1000:0:container user:/:/bin/sh\n"
BEFORE_5_5, AFTER_5_5 = "1000:x:1000:1000\n", "0:x:0:1000\n"
OLD, NEW = 10**18, 2 * 10**18  # around the start
START = {"State": {"StartedAt": "2017-07-14T02:40:00Z"}}  # 15 * 10**17 and a little
SAM = HostUser("sam", 1000, 100, "Sam Spade", "/home/sam")
MADE = (Origin.ENGINE_CREATE, "podman-user-files")
WRITTEN = (Origin.WRITTEN_LATER, None)


def text_file(path: str, text: str, **changes: Any) -> Entry:
    content = text.encode(errors="surrogateescape")
    fields: dict[str, Any] = {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "mtime": OLD,
    }
    return file(path, **(fields | changes))


def of(
    path: str, before: str | None, after: str, *, texts: dict[str, str] | None = None,
    version: str = "5.4.2", user: str = "1000", command: Sequence[str] = (),
    users: tuple[HostUser, ...] = (), caller: HostUser | None = None, group: str | None = None,
    config: dict[str, Any] | None = None, **live: Any,
) -> Finding:  # fmt: skip
    """The finding for a file of the container; ``before`` is what the image has."""
    inspect = {
        **START,
        "Config": {"User": user, "CreateCommand": list(command), **(config or {})},
    }
    accounts = Accounts({path: after} if texts is None else texts, users, caller, "spades")
    found = facts(inspect=inspect, engine=Engine("podman", version), accounts=accounts)
    image = [] if before is None else [text_file(path, before, layer=0, mtime=OLD - 10**9)]
    if group is not None:
        image.append(text_file("/etc/group", group, layer=0))
    made: dict[str, Any] = {"mount": ROOT.id, "mode": 0o600 if before is None else 0o644, **live}
    entry = text_file(path, after, **made)
    also = [text_file("/etc/group", group, mount=ROOT.id)] if group is not None else []
    return finding(judged(found, entry, *also, image=image, writable=[entry]), path)


def passwd(before: str | None, after: str, **more: Any) -> tuple[Origin, str | None]:
    found = of("/etc/passwd", before, after, **more)
    return found.origin, found.rule


def groups(before: str | None, after: str, **more: Any) -> tuple[Origin, str | None]:
    found = of("/etc/group", before, after, **more)
    return found.origin, found.rule


def test_the_line_of_a_user_that_the_image_lacks_is_podmans() -> None:
    found = of("/etc/passwd", PASSWD, PASSWD + ADDED)
    assert (found.origin, found.rule, found.status) == (*MADE, Status.ALTERED)
    assert found.evidence[0].detail == (
        f"it has the image's content and what podman adds for the user: {ADDED!r}"
    )
    assert passwd(None, ADDED, texts={}) == MADE  # its digest is enough
    assert groups(GROUP, GROUP + BEFORE_5_5) == MADE


@pytest.mark.parametrize(
    "after",
    [
        PASSWD + ADDED + "evil:x:0:0:::\n",
        PASSWD + "1000:*:0:0:container user:/:/bin/sh\n",
        PASSWD.replace("root:x", "root:y") + ADDED,  # as long as before
        ADDED + PASSWD,
        PASSWD,
        "",
    ],
)
def test_any_other_content_was_written_later(after: str) -> None:
    assert passwd(PASSWD, after, mode=0o600) == WRITTEN


def test_a_file_of_the_images_may_hold_bytes_that_are_not_utf8() -> None:
    odd = "root:x:0:0:\udcff:/root:/bin/sh\n"
    assert passwd(odd, odd + ADDED) == MADE


def test_both_sides_are_told() -> None:
    found = of("/etc/passwd", PASSWD, PASSWD + "evil:x:0:0:::\n")
    assert found.evidence[0].detail == (
        f"podman adds {ADDED!r} for the user, and it has 'evil:x:0:0:::\\n'"
    )
    assert found.evidence[1].kind == "changes"
    found = of("/etc/passwd", None, "other", texts={"/etc/passwd": "read before"})
    assert found.evidence[0].detail.endswith("and it has other content")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"mode": 0o666}, "podman does not change its mode"),
        ({"uid": 5}, "podman does not change its uid"),
        ({"xattrs": (("user.x", b"1"),)}, "podman does not change its xattrs"),
        ({"mtime": NEW}, "after the start"),
    ],
)
@pytest.mark.parametrize("before", [PASSWD, None])
def test_what_podman_does_not_touch_was_changed_later(
    changes: dict[str, Any], detail: str, before: str | None
) -> None:
    found = of("/etc/passwd", before, (before or "") + ADDED, **changes)
    assert (found.origin, found.rule) == WRITTEN
    assert detail in found.evidence[0].detail


def test_a_label_of_the_security_module_is_no_change() -> None:
    assert passwd(None, ADDED, xattrs=(("security.selinux", b"x"),)) == MADE


def test_without_the_text_of_the_file_it_was_written_later() -> None:
    assert passwd(PASSWD, PASSWD + ADDED, texts={}) == WRITTEN


def test_podman_adds_nothing_for_a_user_that_the_image_has() -> None:
    for user in ("0", "root", "odd", "", "1000x", "4294967296"):
        assert passwd(PASSWD, PASSWD + ADDED, user=user) == WRITTEN
    assert passwd(None, ADDED, config={"Passwd": False}) == WRITTEN
    known = "1000:x:1000:\n"
    assert groups(known, known + BEFORE_5_5) == WRITTEN
    assert groups("root:x:0:\n", "root:x:0:\n0:x:0:0\n", user="0") == WRITTEN


def test_only_regular_files_of_these_names_are_podmans() -> None:
    assert of("/etc/shadow", None, ADDED).origin is Origin.WRITTEN_LATER
    live = Entry("/etc/passwd", **{**_fields(ADDED), "kind": "symlink"})
    inspect = {"Config": {"User": "1000"}}
    found = facts(inspect=inspect, engine=Engine("podman", "5.4.2"))
    judgement = judged(found, live, writable=[live])
    assert finding(judgement, "/etc/passwd").origin is Origin.WRITTEN_LATER


def _fields(text: str) -> dict[str, Any]:
    content = text.encode()
    return {
        "mode": 0o600, "size": len(content), "mount": ROOT.id,
        "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip


def test_docker_adds_no_accounts() -> None:
    live = text_file("/etc/passwd", ADDED, mode=0o600, mount=ROOT.id)
    found = facts(inspect={"Config": {"User": "1000"}}, engine=DOCKER)
    assert finding(judged(found, live, writable=[live]), live.path).origin is WRITTEN[0]


def test_what_is_added_depends_on_the_version() -> None:
    assert passwd(None, ADDED, version="4.1.1") == WRITTEN
    assert passwd(PASSWD, PASSWD + ADDED, version="4.1.1") == MADE
    assert groups(None, BEFORE_5_5, version="5.4.2") == MADE
    assert groups(None, BEFORE_5_5, version="5.5.0") == WRITTEN
    assert groups(None, AFTER_5_5, version="5.5.0") == MADE
    assert groups(GROUP, GROUP + AFTER_5_5, version="5.5.0") == WRITTEN  # it has a group 0
    named = "sam:*:1000:0:Sam Spade:/:/bin/sh\n"
    assert passwd(None, named, version="4.3.1", users=(SAM,)) == WRITTEN
    assert passwd(None, named, version="4.4.0", users=(SAM,)) == MADE
    other = HostUser("other", 1001, 1)
    assert passwd(None, named, users=(other, SAM)) == MADE
    assert passwd(None, ADDED, users=(other,)) == MADE


def test_the_group_of_the_user_is_a_number_or_one_of_the_images() -> None:
    line = "1000:*:1000:{}:container user:/:/bin/sh\n"
    assert passwd(PASSWD, PASSWD + line.format(7), user="1000:7") == MADE
    texts = {"/etc/passwd": PASSWD + line.format(50), "/etc/group": GROUP}
    named = {"user": "1000:staff", "group": GROUP}
    assert passwd(PASSWD, PASSWD + line.format(50), texts=texts, **named) == MADE
    assert passwd(PASSWD, PASSWD + line.format(50), user="1000:staff") == WRITTEN
    assert passwd(PASSWD, PASSWD + line.format(0), texts=texts, **named) == WRITTEN
    assert groups(GROUP, GROUP + "7:x:7:1000\n", user="1000:7") == MADE
    assert groups(GROUP, GROUP + "7:x:7:name\n", user="name:7") == MADE


def test_the_working_directory_is_the_users_home() -> None:
    assert passwd(None, ADDED.replace(":/:", ":/app:"), config={"WorkingDir": "/app"}) == MADE


def test_a_template_of_the_command_line_makes_the_line() -> None:
    template = "--passwd-entry=$USERNAME:x:$UID:$GID:$NAME:$HOME:/bin/ash"
    line = "1000:x:1000:0:container user:/:/bin/ash\n"
    assert passwd(None, line, command=[template]) == MADE
    assert passwd(None, line, command=[template], users=(SAM,)) == MADE
    assert passwd(None, ADDED, command=[template]) == WRITTEN
    sams = "sam:x:1000:100:Sam Spade:/:/bin/ash\n"
    asked = {"command": [template, "--hostuser=sam"], "users": (SAM,), "user": ""}
    assert passwd(None, sams, **asked) == MADE
    assert passwd(None, sams.replace(":x:", ":*:"), **asked) == WRITTEN
    entry = ["--group-entry", "g$GROUPNAME:x:$GID:$USERLIST"]
    assert groups(None, "g:x:1000:\n", command=entry) == MADE
    assert groups(None, "g:x:1000:\n", command=entry, version="4.4.0") == WRITTEN
    assert groups(None, "g:x:0:\n", command=entry, version="5.5.0", user="") == MADE
    assert groups(None, "g:x:0:\n", command=entry, user="") == WRITTEN


@pytest.mark.parametrize(
    ("mounts", "home"),
    [
        ([], "/"),
        ([{"Destination": "/home", "Type": "bind"}], "/home/sam"),
        ([{"Destination": "/home", "Type": "volume"}], "/"),
        ([{"Destination": "/home/sam", "Type": "volume"}], "/home/sam"),
        ([{"Destination": "/", "Type": "bind"}], "/"),
    ],
)
def test_a_user_of_the_host_gets_a_home_that_is_mounted(
    mounts: list[dict[str, str]], home: str
) -> None:
    line = f"sam:*:1000:100:Sam Spade:{home}:/bin/sh\n"
    inspect = {**START, "Config": {"CreateCommand": ["--hostuser", "sam"]}, "Mounts": mounts}
    found = facts(
        inspect=inspect, engine=Engine("podman", "5.4.2"), accounts=Accounts(users=(SAM,))
    )
    live = text_file("/etc/passwd", line, mode=0o600, mount=ROOT.id)
    assert finding(judged(found, live, writable=[live]), live.path).rule == MADE[1]


def test_users_of_the_host_come_before_the_containers() -> None:
    line = "sam:*:1000:100:Sam Spade:/:/bin/sh\n"
    asked = {"command": ["--hostuser=sam", "--hostuser=ghost"], "users": (SAM,), "user": "7"}
    own = "7:*:7:0:container user:/:/bin/sh\n"
    assert passwd(None, line + own, **asked) == MADE
    assert passwd(None, own + line, **asked) == WRITTEN
    known = "other:x:1000:::\n"
    assert passwd(known, known + own, **asked) == MADE
    known = "sam:x:1:::\n"
    assert passwd(known, known + own, **asked) == MADE


def test_the_caller_is_added_where_the_container_keeps_its_id() -> None:
    line, group = "sam:*:1000:100:Sam Spade:/:/bin/sh\n", "spades:x:100:sam\n"
    keeps = {"command": ["--userns=keep-id"], "caller": SAM, "user": "1000:100"}
    assert passwd(None, line, **keeps) == MADE
    assert groups(None, group, **keeps) == MADE
    assert groups(None, group + "100:x:100:1000\n", **keeps) == WRITTEN
    assert groups("spades:x:9:\n", "spades:x:9:\n" + group, **keeps) == WRITTEN
    assert groups(None, group, **(keeps | {"user": ""})) == MADE
    other = {**keeps, "user": "7"}
    assert passwd(None, line + "7:*:7:0:container user:/:/bin/sh\n", **other) == MADE
    assert passwd(None, line, **(keeps | {"command": []})) == WRITTEN
