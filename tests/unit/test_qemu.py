"""What a virtual machine's QEMU is told while it runs, by a QEMU that only listens."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machines.model import Kind, Machine, MachineError
from machines.place import Place
from machines.qemu import Qemu

GREETING: dict[str, Any] = {"QMP": {"version": {}, "capabilities": []}}
EVENT: dict[str, Any] = {"event": "RTC_CHANGE", "data": {"offset": 1}}


class Listener:
    """The socket of a QEMU: notes each request, and sends an event before each answer."""

    def __init__(self, path: Path) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.socket.accept()
        with connection, connection.makefile("rwb", buffering=0) as lines:
            lines.write(json.dumps(GREETING).encode() + b"\n")
            while line := lines.readline():
                request = json.loads(line)
                self.requests.append(request)
                answer = self.answers.get(request["execute"], {"return": {}})
                for message in (EVENT, answer):
                    lines.write(json.dumps(message).encode() + b"\n")


@pytest.fixture
def machine() -> Machine:
    """A virtual machine that nobody made."""
    return Machine("fresh1", "fresh1", "qemu", Kind.VM, "trixie", port=22)


@pytest.fixture
def qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Qemu:
    """A backend whose machine lets its user log in at once."""
    chosen = Qemu(Place(tmp_path, tmp_path))
    monkeypatch.setattr(chosen, "answers", lambda _: True)
    (tmp_path / "fresh1").mkdir()
    return chosen


@pytest.fixture
def listener(qemu: Qemu, machine: Machine) -> Iterator[Listener]:
    """Its QEMU."""
    made = Listener(qemu.place.directory(machine.name) / "qmp")
    yield made
    made.socket.close()


def test_machine_that_answers_may_reboot(qemu: Qemu, machine: Machine, listener: Listener) -> None:
    qemu.wait(machine, 1)
    listener.thread.join(10)
    assert listener.requests[-1] == {"execute": "set-action", "arguments": {"reboot": "reset"}}


def test_qemu_that_refuses_is_named(qemu: Qemu, machine: Machine, listener: Listener) -> None:
    listener.answers["set-action"] = {"error": {"desc": "The command is unknown"}}
    with pytest.raises(MachineError, match=r"fresh1: its QEMU did not take .* is unknown"):
        qemu.wait(machine, 1)
