"""The process of a container, held, and proved to be that container's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scratchlab.collect.process import Process, hold
from scratchlab.collect.state import (
    belongs,
    is_first,
    parent_pid,
    running_pid,
    same_run,
    started_then,
)
from scratchlab.errors import LabError
from scratchlab.model import Json

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient


@contextmanager
def held(client: EngineClient, inspect: Json, *, strict: bool = False) -> Iterator[Process]:
    """Hold the process of the container that ``inspect`` describes, proved to be that one.

    ``strict``: the start that the engine tells must be the process's, too (an engine's clock may
    have been set since, so that a wish for this vantage does not ask for it). Raises LabError
    unless the container runs and its process is visible from here.
    """
    pid = running_pid(inspect, client.name)
    with ExitStack() as stack:
        try:
            process = stack.enter_context(hold(pid))
        except LabError:
            _still(client, inspect)
            _refuse_if_elsewhere(client, pid)
            raise
        # Once held, the number cannot be reused unnoticed: now the engine's word is binding.
        _still(client, inspect)
        ours = belongs(process, inspect["Id"], parent_pid(process)) and is_first(process, inspect)
        if not ours or (strict and not started_then(process, inspect)):
            raise _elsewhere(client, pid)
        yield process


def _still(client: EngineClient, inspect: Json) -> None:
    now = client.inspect_container(inspect["Id"])
    running_pid(now, client.name)
    if not same_run(inspect, now):
        name = str(inspect.get("Name", "")).lstrip("/")
        raise LabError(f"container {name} was restarted meanwhile", "run it again")


def _refuse_if_elsewhere(client: EngineClient, pid: int) -> None:
    if not client.url.startswith("unix://"):
        raise _elsewhere(client, pid)


def _elsewhere(client: EngineClient, pid: int) -> LabError:
    return LabError(
        f"process {pid} of the engine at {client.url} is no process of that container here: the"
        " engine counts its processes on another machine or in another PID namespace, and"
        " --vantage host is impossible",
        "run scratchlab where the engine runs (in a container: with --pid host), or use"
        " --vantage debug",
    )
