"""E11 where the engine is elsewhere: what the engine itself lists of a container, and no longer.

Its mounts are the other machine's and cannot be seen from here; the container, its process, its
anonymous volume and its place in a network are in lists of the engine.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from docker.errors import NotFound

from scratchlab.deadlines import Deadline
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Json

_SETTLE_SECONDS = 5.0  # the engine still cleans up after its answer
_STOP_SECONDS = 2  # then the engine kills it; PID 1 ignores SIGTERM
_VOLUME = "/scratchlab-probe"  # where the anonymous volume is mounted


@dataclass(frozen=True)
class ListedStage:
    """Whether the engine lists these of the probe container at one moment."""

    name: str
    container: bool
    process: bool
    volume: bool
    endpoint: bool  # in a network; an engine may have none

    def __str__(self) -> str:
        listed = [what for what in _KINDS if getattr(self, what)]
        return f"{self.name}: the engine lists {', '.join(listed) or 'nothing of it'}"


_KINDS = ("container", "process", "volume", "endpoint")


def probe(lab: Laboratory) -> tuple[int | None, tuple[ListedStage, ...]]:
    """Create, start, stop and remove a container with a volume; ask the engine each time.

    Returns its exit status if it ended at once, else None and the stages.
    """
    name = f"scratchlab-probe-{secrets.token_hex(4)}"
    container = lab.create(lab.names.image, name=name, volumes=[_VOLUME])
    lab.start(container)
    inspect: Json = lab.api.inspect_container(container.id)
    if not inspect["State"].get("Pid"):
        status = int(inspect["State"]["ExitCode"])
        container.remove(v=True)
        return status, ()
    identity = str(inspect["Id"])
    volume = next(str(one["Name"]) for one in inspect["Mounts"] if one["Destination"] == _VOLUME)
    running = _look("running", lab.api, identity, volume)
    container.stop(timeout=_STOP_SECONDS)
    stopped = _settled("stopped", lab.api, identity, volume)
    container.remove(v=True)
    return None, (running, stopped, _settled("removed", lab.api, identity, volume))


def _look(name: str, api: Any, identity: str, volume: str) -> ListedStage:
    try:
        process = bool(api.inspect_container(identity)["State"].get("Pid"))
    except NotFound:
        process = False
    return ListedStage(
        name=name,
        container=any(one["Id"] == identity for one in api.containers(all=True)),
        process=process,
        volume=any(one["Name"] == volume for one in api.volumes()["Volumes"] or ()),
        endpoint=any(
            identity in (api.inspect_network(one["Id"]).get("Containers") or {})
            for one in api.networks()
        ),
    )


def _settled(name: str, api: Any, identity: str, volume: str) -> ListedStage:
    deadline = Deadline(_SETTLE_SECONDS)
    while True:
        stage = _look(name, api, identity, volume)
        left = stage.process or stage.endpoint
        if name == "removed":
            left = left or stage.container or stage.volume
        if not left or deadline.passed():
            return stage
        time.sleep(0.1)


def judge(stages: tuple[ListedStage, ...]) -> ExperimentOutcome:
    """All of it is listed while it runs, no process once stopped, nothing once removed."""
    running, stopped, removed = stages
    observed = "\n".join(map(str, stages))
    if not (running.container and running.process and running.volume):
        return ExperimentOutcome(observed, fault="nothing-listed")
    left = [what for what in ("process", "endpoint") if getattr(stopped, what)]
    left = left or [what for what in _KINDS if getattr(removed, what)]
    if left:
        values = {"left": ", ".join(left)}
        return ExperimentOutcome(observed, fault="still-listed", placeholders=values)
    return ExperimentOutcome(observed, today=("lists",))
