"""A file of accounts that holds nothing, and whose text was not read: its digest is enough."""

from __future__ import annotations

from tests.unit.judge.test_accounts import ADDED, of


def test_empty_file_is_told_as_such() -> None:
    found = of("/etc/passwd", None, "", texts={})
    assert found.evidence[0].detail == f"podman adds {ADDED!r} for the user, and it has ''"
