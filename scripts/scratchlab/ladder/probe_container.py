"""A temporary container of the lab's engine: the learner's own container is left alone."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchlab.collect import live, storage
from scratchlab.collect.engines.connection import engine_errors
from scratchlab.deadlines import Deadline, allowed
from scratchlab.errors import LabError
from scratchlab.lab.session import Laboratory
from scratchlab.lab.verification import verify
from scratchlab.ladder.workspace import NAME, run_program
from scratchlab.ledger import Ledger
from scratchlab.model import Json, Layers

if TYPE_CHECKING:
    from docker.models.containers import Container

    from scratchlab.collect.engines import EngineClient
    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement

_WAIT = 20.0  # seconds


class ElsewhereError(LabError):
    """The engine runs its containers on another machine."""


@dataclass(slots=True)
class ProbeContainer:
    """One container, from created to removed. ``layers`` are its directories, known once started.

    Every method raises LabError if the engine refuses or does not answer.
    """

    lab: Laboratory
    container: Container
    layers: Layers = field(default_factory=Layers)

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self.container.id)

    def inspect(self) -> Json:
        """The engine's description of it (``docker inspect``)."""
        return self.lab.engine.inspect_container(self.id)

    def _engine_errors(self) -> AbstractContextManager[None]:
        return engine_errors(self.lab.engine.url, self.lab.engine.name)

    def copy_layers(self, directory: str) -> Ledger:
        """Copy what its layers add up to, while it does not run, to ``directory``.

        ``directory`` must not exist. Returns the ledger of the copy. Raises LabError if the layers
        cannot be read.
        """
        _copy_joined_layers(self.lab.engine, self.inspect(), directory)
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return live.read_tree(fd)
        finally:
            os.close(fd)

    def start(self) -> tuple[EvidenceSet, Judgement]:
        """Start it and verify it. Raises ElsewhereError if its process is on another machine."""
        with self._engine_errors():
            self.lab.start(self.container)
        evidence, judgement = verify(self.lab.engine, self.id)
        if evidence.facts.container.vantage != "host":
            raise _elsewhere(self.lab)
        self.layers = evidence.facts.layers
        return evidence, judgement

    def execute(self, argv: tuple[str, ...]) -> int:
        """Run ``argv`` in it in the background, on a terminal of its own; return the PID.

        Raises LabError if it ends at once.
        """
        with self._engine_errors():
            exec_id = self.lab.api.exec_create(self.id, list(argv), stdin=True, tty=True)["Id"]
            self.lab.api.exec_start(exec_id, detach=True, tty=True)
        deadline = Deadline(_WAIT)
        while not deadline.passed():
            state = self.lab.api.exec_inspect(exec_id)
            if state["Running"] and state.get("Pid"):
                return int(state["Pid"])
            if state.get("ExitCode") is not None and not state["Running"]:
                break
            time.sleep(0.02)
        else:
            raise deadline.late(f"{argv[0]} did not start in the container")
        raise LabError(f"{argv[0]} did not keep running in the container")

    def stop(self) -> None:
        """Kill its process and wait for its end."""
        with self._engine_errors():
            self.container.kill()
            self.container.wait(timeout=allowed(_WAIT))

    def remove(self) -> tuple[str, ...]:
        """Remove it; return the directories of its layer that still exist later."""
        with self._engine_errors():
            self.container.remove(v=True, force=True)
        directories = [path for path in (self.layers.upper, self.layers.init) if path]
        deadline = Deadline(_WAIT)
        while left := tuple(path for path in directories if os.path.exists(path)):
            if deadline.passed():
                return left
            time.sleep(0.02)
        return ()


def create(lab: Laboratory, image: str) -> ProbeContainer:
    """Create a container of ``image``, after removing leftovers of interrupted runs."""
    lab.remove_leftovers()
    # podman writes its files in /etc only for a container with a network; Docker always does.
    network = "host" if lab.engine.name == "podman" else "none"
    name = f"{NAME}-{secrets.token_hex(4)}"
    with engine_errors(lab.engine.url, lab.engine.name):
        return ProbeContainer(lab, lab.create(image, name=name, network_mode=network))


def check_local(lab: Laboratory) -> None:
    """Raise ElsewhereError if the engine's processes are not those of this machine."""
    if not lab.engine_is_local:
        raise _elsewhere(lab)


def _elsewhere(lab: Laboratory) -> ElsewhereError:
    return ElsewhereError(
        f"the engine at {lab.engine.url} runs its containers on another machine",
        "run scratchlab where the engine runs",
    )


def _copy_joined_layers(client: EngineClient, inspect: Json, directory: str) -> None:
    # Not `docker export`: since Docker 25 it never releases the layers of a container that does
    # not run, and they stay when the container is removed (moby#48516; measured on 26.1.5).
    data = (inspect.get("GraphDriver") or {}).get("Data") or {}
    if data.get("LowerDir") and data.get("UpperDir"):
        _copy_overlay(f"{data['UpperDir']}:{data['LowerDir']}", directory)
        return
    engine = client.facts()
    diff_ids = client.inspect_image(inspect["Image"])["RootFS"].get("Layers") or ()
    layers, problem = storage.find_layers(inspect, engine, diff_ids, (), 0)
    if layers.driver != "vfs" or layers.upper is None:
        raise LabError(problem or f"cannot join the layers of the storage driver {layers.driver}")
    run_program(_copy_command(layers.upper, directory))


def _copy_overlay(lower: str, directory: str) -> None:
    """Let the kernel join the layers, read-only, in a mount namespace that ends with cp."""
    mountpoint = f"{directory}.merged"
    os.mkdir(mountpoint, mode=0o700)
    options = f"-o {shlex.quote(f'ro,lowerdir={lower}')} overlay {shlex.quote(mountpoint)}"
    # mount of util-linux 2.39 and later uses fsconfig(2), which takes 255 bytes of an option.
    mount = f"LIBMOUNT_FORCE_MOUNT2=always mount -t overlay {options}"
    copy = shlex.join(_copy_command(mountpoint, directory))
    run_program(["unshare", "--mount", "sh", "-c", f"{mount} && exec {copy}"])
    os.rmdir(mountpoint)


def _copy_command(source: str, directory: str) -> list[str]:
    return ["cp", "--archive", "--no-target-directory", source, directory]
