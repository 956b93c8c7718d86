"""The group that podman adds for its caller, beside those that the image has."""

from __future__ import annotations

from typing import Any

from tests.unit.judge.test_accounts import GROUP, MADE, SAM, WRITTEN, groups

KEEPS: dict[str, Any] = {"command": ["--userns=keep-id"], "caller": SAM, "user": "1000:100"}
LINE = "spades:x:100:sam\n"


def test_group_of_the_caller_is_added_to_a_file_that_has_others() -> None:
    assert groups(GROUP, GROUP + LINE, **KEEPS) == MADE


def test_group_whose_name_or_number_the_image_has_is_not_added() -> None:
    for known in ("spades:x:9:\n", "users:x:100:\n"):
        assert groups(GROUP + known, GROUP + known + LINE, **KEEPS) == WRITTEN
