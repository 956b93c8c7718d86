"""A mask that was made again stands among the runtime's, behind a covered mount of the user's."""

from __future__ import annotations

from tests.unit.judge.handmade import INSIDE, MASK, USERS, origin
from tests.unit.judge.test_order_of_masks import PATH, with_tmpfs


def test_all_lines_of_the_masks_are_compared_with_the_list() -> None:
    found = with_tmpfs(PATH, PATH, "/proc/acpi", "/sys/power")
    assert [origin(found, number) for number in (10, 11, 12, 13)] == [USERS, MASK, INSIDE, MASK]
