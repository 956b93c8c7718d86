"""Temporary containers of a run that was killed before it could remove them.

A run marks what it creates with who it is; a later run removes what nobody owns any more.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from docker.errors import APIError

from scratchlab.procfs import parse_stat

OWNER = "io.scratchlab.owner"
_OLD = 3600.0  # seconds: no experiment takes so long


def owner(pid: int | None = None) -> str:
    """Who a process (default: this one) is: boot, PID namespace, PID, start time; "" if gone."""
    pid = os.getpid() if pid is None else pid
    try:
        stat = parse_stat(Path(f"/proc/{pid}/stat").read_bytes())
    except (OSError, ValueError):
        return ""
    return f"{_here()}/{pid}/{stat.start_time}"


def remove(api: Any) -> tuple[str, ...]:
    """Remove the temporary containers without an owner; gives their ids.

    ``api`` is the SDK's low-level client; raises what it raises when the engine does not answer.
    """
    gone = []
    for container in api.containers(all=True, filters={"label": OWNER}):
        if _is_left(container["Labels"][OWNER], float(container["Created"])):
            try:
                api.remove_container(container["Id"], force=True, v=True)
            except APIError as error:  # another run removes it at this moment
                if error.status_code not in (404, 409):
                    raise
            gone.append(str(container["Id"]))
    return tuple(gone)


def _is_left(label: str, created: float) -> bool:
    where, _, process = label.rpartition("/")[0].rpartition("/")
    if where == _here() and process.isdecimal():
        return owner(int(process)) != label
    # Of another boot, or of a PID namespace in which this program cannot look a number up.
    return time.time() - created > _OLD


def _here() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
