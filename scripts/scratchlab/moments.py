"""Moments, as engines write them down: nanoseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def started_at(inspect: Mapping[str, Any]) -> int | None:
    """When, by the engine's word, it had started the container that ``inspect`` describes, in
    nanoseconds since 1970; None if not known.

    moby v20.10.24 daemon/start.go and podman v4.3 libpod/container_internal.go start() write it
    down as soon as the runtime has started the process: all mounts of the runtime are older. Later
    versions of moby take the time before (scratchlab.judge.times).
    """
    text = str((inspect.get("State") or {}).get("StartedAt") or "")
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, TypeError):  # TypeError: a time without its zone
        return None
    return since // timedelta(microseconds=1) * 1000
