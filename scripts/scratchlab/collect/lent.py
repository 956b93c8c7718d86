"""The mounts that a container has from others (``--volumes-from``), as these list them.

Docker's inspect lists them of the container itself; podman's leaves out all but named volumes
(podman v4.3 to v5.8 libpod/container_inspect.go GetMounts(); measured with 4.3.1).
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from scratchlab.errors import LabError
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_MOST = 32  # containers, since one may have its mounts from yet another


def lent_mounts(client: EngineClient, inspect: Json) -> tuple[Json, ...]:
    """The mounts of the containers that the one described by ``inspect`` has its volumes from, as
    their inspect lists them. Nothing of those that are gone.
    """
    found: list[Json] = []
    seen: set[str] = set()
    waiting = deque((name, False) for name in _lenders(inspect))
    while waiting and len(seen) < _MOST:
        lender, above = waiting.popleft()
        name, _, options = lender.partition(":")
        readonly = above or "ro" in options.split(",")
        if name in seen:
            continue
        seen.add(name)
        with suppress(LabError):
            other = client.inspect_container(name)
            mounts = other.get("Mounts") or []
            found += ({**mount, "RW": False} if readonly else dict(mount) for mount in mounts)
            waiting += ((lender, readonly) for lender in _lenders(other))
    return tuple(found)


def _lenders(inspect: Json) -> list[str]:
    return list(map(str, (inspect.get("HostConfig") or {}).get("VolumesFrom") or ()))
