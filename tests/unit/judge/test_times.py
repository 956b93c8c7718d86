"""When a container began: by its engine's word, and by what its runtime wrote when it was done."""

from __future__ import annotations

import pytest

from scratchlab.judge.times import changed_since, reported_early, shown, start_of
from scratchlab.model import Container, Engine, Facts

REPORTED = 1_795_856_400_500_000_000  # ns


def began(name: str, version: str, made: int | None, started: str = "") -> Facts:
    state = {"State": {"StartedAt": started or "2026-11-28T09:00:00.5Z"}}
    return Facts(
        engine=Engine(name=name, version=version), container=Container(inspect=state, made=made)
    )


@pytest.mark.parametrize(
    ("name", "version", "made", "start", "early"),
    [
        ("docker", "20.10.24", None, REPORTED, False),
        ("docker", "20.10.24", REPORTED - 1, REPORTED, False),
        ("docker", "26.1.5", None, REPORTED, False),
        ("docker", "27", None, None, True),
        ("docker", "27.0.0", None, None, True),
        ("docker", "28.5.2", None, None, True),
        ("docker", "28.5.2", REPORTED + 1, REPORTED + 1, True),
        ("docker", "28.5.2", REPORTED, REPORTED, False),
        ("docker", "26.1.5", REPORTED + 1, REPORTED + 1, True),
        ("podman", "28.0", None, REPORTED, False),
    ],
)
def test_start(name: str, version: str, made: int | None, start: int | None, early: bool) -> None:
    facts = began(name, version, made)
    assert (start_of(facts), reported_early(facts)) == (start, early)


def test_without_a_reported_start_nothing_is_known() -> None:
    facts = began("docker", "28.5.2", REPORTED, "never")
    assert start_of(facts) is None
    assert not reported_early(facts)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (REPORTED, "2026-11-28T09:00:00.500000000Z"),
        (1_999_999_999, "1970-01-01T00:00:01.999999999Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_a_moment_is_told_to_the_nanosecond(moment: int, words: str) -> None:
    assert shown(moment) == words


def test_what_is_not_later_is_not_told() -> None:
    assert changed_since(1, 1) == changed_since(None, 1) == changed_since(1, None) == ""
    assert changed_since(2, 1) == (
        "was made or changed at 1970-01-01T00:00:00.000000002Z, after the start at "
        "1970-01-01T00:00:00.000000001Z"
    )
