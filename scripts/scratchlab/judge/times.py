"""When something was changed, against the start of the container.

A change after the start is nobody's who prepares a container. One before it is not proved to be
theirs: the first process runs a moment before its engine writes down that it was started.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scratchlab.model import Container
from scratchlab.moments import started_at

_NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_after_start(changed: int | None, container: Container) -> bool | None:
    """Whether ``changed`` (nanoseconds since 1970) lies after the start; None if not known."""
    start = started_at(container.inspect)
    return None if changed is None or start is None else changed > start


def changed_since_start(changed: int | None, container: Container) -> str:
    """``was made or changed at TIME, after the start at TIME``; empty where it was not, or where
    that is not known.
    """
    if changed is None or not is_after_start(changed, container):
        return ""
    start = (container.inspect.get("State") or {}).get("StartedAt")
    return f"was made or changed at {shown(changed)}, after the start at {start}"


def shown(moment: int) -> str:
    """``moment`` (nanoseconds since 1970) for people, in UTC."""
    found = _EPOCH + timedelta(seconds=moment // _NANOSECONDS)
    return f"{found:%Y-%m-%dT%H:%M:%S}.{moment % _NANOSECONDS:09d}Z"
