"""Lines of /etc/passwd that are no plain account, as podman reads them."""

from __future__ import annotations

import pytest
from tests.unit.judge.test_accounts import MADE, WRITTEN, passwd


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
