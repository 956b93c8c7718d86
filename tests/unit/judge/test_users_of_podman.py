"""The user that podman adds to /etc/passwd: its number decides, and who owns a file it makes."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import PODMAN, ROOT, facts, finding, judged
from tests.unit.judge.test_accounts import ADDED, MADE, START, WRITTEN, passwd, text_file


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
