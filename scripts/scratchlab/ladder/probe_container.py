"""A container of the lab's engine, made for one look and sure to go: never the learner's own."""

from __future__ import annotations

import os
import secrets
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scratchlab.collect import live
from scratchlab.collect.engines.reach import mended
from scratchlab.errors import LabError
from scratchlab.lab.session import Laboratory
from scratchlab.lab.verification import verify
from scratchlab.ladder import lifecycle
from scratchlab.ladder.workspace import NAME
from scratchlab.ledger import Ledger
from scratchlab.model import Json, Layers

if TYPE_CHECKING:
    from docker.models.containers import Container

    from scratchlab.evidence import EvidenceSet
    from scratchlab.judge import Judgement

_WAIT = 20.0  # seconds, for a machine that is busy


class ElsewhereError(LabError):
    """The engine's processes are not this machine's."""


@dataclass(slots=True)
class ProbeContainer:
    """One container, from created to removed. ``layers``: where it was kept, once verified."""

    lab: Laboratory
    container: Container
    layers: Layers = field(default_factory=Layers)

    @property
    def id(self) -> str:
        """The engine's id of it."""
        return str(self.container.id)

    def inspect(self) -> Json:
        """What the engine says of it."""
        return self.lab.engine.inspect_container(self.id)

    def _mended(self) -> AbstractContextManager[None]:
        return mended(self.lab.engine.url, self.lab.engine.name)

    def layers_copy(self, directory: str) -> Ledger:
        """Copy its root, as the engine's layers have it while it does not run, to ``directory``.

        Gives its ledger. Raises LabError where the layers cannot be read.
        """
        lifecycle.copy_merged(self.lab.engine, self.inspect(), directory)
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return live.read_tree(fd)
        finally:
            os.close(fd)

    def start(self) -> tuple[EvidenceSet, Judgement]:
        """Start it and find out where everything in it comes from.

        Raises ElsewhereError where that cannot be seen from this machine's /proc.
        """
        with self._mended():
            self.container.start()
        evidence, judgement = verify(self.lab.engine, self.id)
        if evidence.facts.container.vantage != "host":
            raise _elsewhere(self.lab)
        self.layers = evidence.facts.layers
        return evidence, judgement

    def execute(self, argv: tuple[str, ...]) -> int:
        """Start ``argv`` in it on a terminal of its own, in the background: the PID.

        Raises LabError when it ends at once.
        """
        with self._mended():
            made = self.lab.api.exec_create(self.id, list(argv), stdin=True, tty=True)
            self.lab.api.exec_start(made["Id"], detach=True, tty=True)
        until = time.monotonic() + _WAIT
        while time.monotonic() < until:
            state = self.lab.api.exec_inspect(made["Id"])
            if state["Running"] and state.get("Pid"):
                return int(state["Pid"])
            if state.get("ExitCode") is not None and not state["Running"]:
                break
            time.sleep(0.02)
        raise LabError(f"{argv[0]} did not keep running in the container")

    def stop(self) -> None:
        """End its process."""
        with self._mended():
            self.container.kill()
            self.container.wait(timeout=_WAIT)

    def remove(self) -> tuple[str, ...]:
        """Remove it: gives the directories of its layer that are still there a while later."""
        with self._mended():
            self.container.remove(v=True, force=True)
        directories = [path for path in (self.layers.upper, self.layers.init) if path]
        until = time.monotonic() + _WAIT
        while left := tuple(path for path in directories if os.path.exists(path)):
            if time.monotonic() > until:
                return left
            time.sleep(0.02)
        return ()


def create(lab: Laboratory, image: str) -> ProbeContainer:
    """Create a twin; what killed runs left of their kind goes first. Raises LabError."""
    lab.clear()
    # Docker needs no network for its files in /etc, podman does.
    network = "host" if lab.engine.name == "podman" else "none"
    name = f"{NAME}-{secrets.token_hex(4)}"
    with mended(lab.engine.url, lab.engine.name):
        return ProbeContainer(lab, lab.create(image, name=name, network_mode=network))


def check_here(lab: Laboratory) -> None:
    """Raise ElsewhereError where the engine is asked over a network."""
    if lab.engine.url.startswith(("tcp://", "ssh://", "http")):
        raise _elsewhere(lab)


def _elsewhere(lab: Laboratory) -> ElsewhereError:
    return ElsewhereError(
        f"the engine at {lab.engine.url} runs its containers on another machine",
        "run scratchlab where the engine runs",
    )
