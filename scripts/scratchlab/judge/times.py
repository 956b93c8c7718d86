"""When something was changed, against the start of the container.

A change after the start is nobody's who prepares a container. One before it is not proved to be
theirs: the first process runs a moment before its engine writes down that it was started.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scratchlab.judge.versions import numbers
from scratchlab.model import Facts
from scratchlab.moments import started_at

_NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLY = (27,)  # see reported_early()


def start_of(facts: Facts) -> int | None:
    """When runtime and engine were done with what the container's process begins with, in
    nanoseconds since 1970; None if not known.
    """
    reported, made = started_at(facts.container.inspect), facts.container.made
    if reported is None or (made is None and reported_early(facts)):
        return None
    return max(reported, made or 0)


def reported_early(facts: Facts) -> bool:
    """Whether the start that the engine reports lies before the runtime's work.

    Docker up to 24 takes the time when the process was started, later ones before (moby pull
    request 47003). Measured: with 26.1.5 it lies after the runtime's mounts, with 28.5.2 before
    its config.json is written. From 27 on it is taken to be early where nothing shows it.
    """
    reported, made = started_at(facts.container.inspect), facts.container.made
    if reported is None or facts.engine.name != "docker":
        return False
    return numbers(facts.engine.version) >= _EARLY if made is None else reported < made


def changed_since(changed: int | None, start: int | None) -> str:
    """``was made or changed at TIME, after the start at TIME``; empty where it was not, or where
    that is not known. Both in nanoseconds since 1970.
    """
    if changed is None or start is None or changed <= start:
        return ""
    return f"was made or changed at {shown(changed)}, after the start at {shown(start)}"


def shown(moment: int) -> str:
    """``moment`` (nanoseconds since 1970) for people, in UTC."""
    found = _EPOCH + timedelta(seconds=moment // _NANOSECONDS)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{moment % _NANOSECONDS:09d}Z"
