"""The home that podman writes for a user of the host: one that is mounted, or the working one."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import PODMAN, ROOT, facts, finding, judged
from tests.unit.judge.test_accounts import MADE, SAM, START, WRITTEN, text_file

from scratchlab.accounts import Accounts


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
