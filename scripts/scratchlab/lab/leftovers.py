"""Temporary containers of a run that was killed before it could remove them.

A run labels what it creates with its own identity; a later run removes what no running process
owns.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from docker.errors import APIError

from scratchlab.procfs import started

OWNER = "io.scratchlab.owner"  # the label
_MAX_AGE = 3600.0  # seconds: no experiment takes longer


def owner(pid: int | None = None) -> str:
    """The identity of a process (default: this one): boot, PID namespace, PID and start time.

    Empty where there is no such process, or it has ended.
    """
    pid = os.getpid() if pid is None else pid
    start = started(pid)
    return "" if start is None else f"{_this_namespace()}/{pid}/{start}"


def remove_leftovers(api: Any) -> tuple[str, ...]:
    """Remove the temporary containers without a running owner. Returns their ids.

    ``api`` is the SDK's low-level client; raises what it raises when the engine does not answer.
    """
    removed = []
    for container in api.containers(all=True, filters={"label": OWNER}):
        if _is_leftover(container["Labels"][OWNER], float(container["Created"])):
            try:
                api.remove_container(container["Id"], force=True, v=True)
            except APIError as error:  # another run is removing it at this moment
                if error.status_code not in (404, 409):
                    raise
            removed.append(str(container["Id"]))
    return tuple(removed)


def _is_leftover(label: str, created: float) -> bool:
    namespace, _, pid = label.rpartition("/")[0].rpartition("/")
    if namespace == _this_namespace() and pid.isdecimal():
        return owner(int(pid)) != label
    # Of another boot, or of a PID namespace in which this program cannot look up a PID.
    return time.time() - created > _MAX_AGE


def _this_namespace() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
