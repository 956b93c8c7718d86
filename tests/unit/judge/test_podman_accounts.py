"""What podman writes into passwd and group: for whom, in which home, beside what."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.judge.handmade import PODMAN, ROOT, facts, finding, judged
from tests.unit.judge.test_accounts import (
    ADDED,
    GROUP,
    MADE,
    PASSWD,
    SAM,
    START,
    WRITTEN,
    groups,
    of,
    passwd,
    text_file,
)

from scratchlab.accounts import Accounts

# The group that podman adds for its caller, beside those that the image has.


KEEPS: dict[str, Any] = {"command": ["--userns=keep-id"], "caller": SAM, "user": "1000:100"}
LINE = "spades:x:100:sam\n"


def test_group_of_the_caller_is_added_to_a_file_that_has_others() -> None:
    assert groups(GROUP, GROUP + LINE, **KEEPS) == MADE


def test_group_whose_name_or_number_the_image_has_is_not_added() -> None:
    for known in ("spades:x:9:\n", "users:x:100:\n"):
        assert groups(GROUP + known, GROUP + known + LINE, **KEEPS) == WRITTEN


# The home that podman writes for a user of the host: one that is mounted, or the working one.


@pytest.mark.parametrize(("home", "made"), [("/home/sam", MADE), ("/", WRITTEN)])
def test_home_on_a_mount_of_another_container_is_the_users_own(
    home: str, made: tuple[str, str | None]
) -> None:
    """With --volumes-from, inspect does not list the mount: the other container's does."""
    lent = {"Type": "bind", "Source": "/srv/homes", "Destination": "/home"}
    found = facts(
        inspect={**START, "Config": {"CreateCommand": ["--hostuser", "sam"]}},
        engine=PODMAN, accounts=Accounts(users=(SAM,)), lent=(lent,),
    )  # fmt: skip
    line = f"sam:*:1000:100:Sam Spade:{home}:/bin/sh\n"
    live = text_file("/etc/passwd", line, mode=0o600, mount=ROOT.id)
    shown = finding(judged(found, live, writable=[live]), live.path)
    assert (shown.origin, shown.rule) == made


# The user that podman adds to /etc/passwd: its number decides, and who owns a file it makes.


def test_user_of_the_image_with_that_number_as_its_group_is_another_one() -> None:
    other, same = "app:x:5:1000:::\n", "app:x:1000:5:::\n"
    assert passwd(other, other + ADDED) == MADE
    assert passwd(same, same + ADDED) == WRITTEN


@pytest.mark.parametrize(("owner", "made"), [(100_000, MADE), (0, WRITTEN)])
def test_file_that_podman_makes_is_of_the_containers_root(
    owner: int, made: tuple[str, str | None]
) -> None:
    found = facts(
        inspect={**START, "Config": {"User": "1000"}}, engine=PODMAN,
        uid_map=((0, 100_000, 65_536),),
    )  # fmt: skip
    live = text_file("/etc/passwd", ADDED, mode=0o600, mount=ROOT.id, uid=owner, gid=owner)
    shown = finding(judged(found, live, writable=[live]), live.path)
    assert (shown.origin, shown.rule) == made


# Names in files of accounts: with blanks, and where there is none.


def test_full_name_of_several_words_is_no_other_account() -> None:
    known = "app:x:5:5:Full Name:/:/bin/sh\n"
    line = "0:*:0:0:container user:/:/bin/sh\n"
    assert passwd(known, known + line, user="0") == MADE


def test_without_a_user_podman_adds_no_group() -> None:
    """Not that of root either, which the image lacks here."""
    known = GROUP.removeprefix("root:x:0:\n")
    found = of("/etc/group", known, known + "other", user="", version="5.5.0")
    assert [proof.kind for proof in found.evidence] == ["changes"]


# Lines of /etc/passwd that are no plain account, as podman reads them.


@pytest.mark.parametrize(
    ("known", "user", "expected"),
    [
        ("#app:x:7:7:::\n", "7", MADE),  # a comment is no account
        ("  # app:x:7:7:::\n", "7", MADE),
        ("app\n", "0", WRITTEN),  # without a number it has the number 0
        ("app:x\n", "0", WRITTEN),
        ("app\n", "1", MADE),
    ],
)
def test_user_is_known_where_podman_reads_its_number(
    known: str, user: str, expected: tuple[str, str | None]
) -> None:
    line = f"{user}:*:{user}:0:container user:/:/bin/sh\n"
    assert passwd(known, known + line, user=user) == expected


# Much text in a file of accounts: no more of it than a line is told.


def test_two_hundred_characters_are_told() -> None:
    found = of("/etc/passwd", PASSWD, PASSWD + "x" * 300)
    assert found.evidence[0].detail.endswith(f"for the user, and it has '{'x' * 199}")


# A file of accounts that holds nothing, and whose text was not read: its digest is enough.


def test_empty_file_is_told_as_such() -> None:
    found = of("/etc/passwd", None, "", texts={})
    assert found.evidence[0].detail == f"podman adds {ADDED!r} for the user, and it has ''"
