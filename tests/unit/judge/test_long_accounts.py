"""Much text in a file of accounts: no more of it than a line is told."""

from __future__ import annotations

from tests.unit.judge.test_accounts import PASSWD, of


def test_two_hundred_characters_are_told() -> None:
    found = of("/etc/passwd", PASSWD, PASSWD + "x" * 300)
    assert found.evidence[0].detail.endswith(f"for the user, and it has '{'x' * 199}")
