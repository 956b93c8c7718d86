"""Faults end with a clear message; the scenario's converge is the next run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import lab_command

from machines.model import Kind, Machine, MachineError
from machines.place import Place
from machines.ports import free_ports
from machines.qemu import Qemu

SCENARIO = Path(__file__).parents[1]
BAD_ROOT = "root=/dev/nowhere rw console=ttyS0 rootdelay=1"
CACHE = Place().cache


@pytest.fixture
def doomed() -> Iterator[Machine]:
    """A recorded virtual machine that is not made yet."""
    place = Place(state=CACHE / "doomed")
    name = place.instance("doomed")
    machine = Machine("doomed", name, "qemu", Kind.VM, "trixie", port=free_ports(1)[0])
    place.record(machine)
    yield machine
    Qemu(place).remove(machine)
    place.forget(machine)
    place.state.rmdir()


def error_of(machine: Machine, kernel: str, seconds: float) -> str:
    """What is said of a machine that does not boot."""
    qemu = Qemu(Place(state=CACHE / "doomed"), kernel)
    qemu.create(machine)
    with pytest.raises(MachineError) as caught:
        qemu.wait(machine, seconds)
    assert qemu.pid(machine) == 0
    return str(caught.value)


def test_kernel_panic_is_reported_with_its_last_lines(doomed: Machine) -> None:
    message = error_of(doomed, f"{BAD_ROOT} panic=-1", 600)
    assert "doomed stopped before ssh answered" in message
    assert "/dev/nowhere does not exist" in message
    assert "\n" not in message


def test_machine_that_never_answers_is_switched_off(doomed: Machine) -> None:
    message = error_of(doomed, BAD_ROOT, 45)
    assert "doomed did not answer ssh in 45 s" in message
    assert f"{CACHE}/doomed/doomed/console.log" in message


def test_connection_cut_during_installation_is_reported_in_time() -> None:
    place = Place(state=CACHE / "molecule" / "vm")
    (machine,) = (one for one in place.machines() if one.name == "fresh1")
    qemu = Qemu(place)
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("ansible-playbook")), "lab.yml", "--limit", "fresh1",
         "-i", str(SCENARIO / "inventory")],
        cwd=lab_command.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env=lab_command.environment({"PYTHONUNBUFFERED": "1"}),
    )  # fmt: skip
    assert process.stdout is not None
    lines, cut = [], 0.0
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("TASK [scratchlab.lab.docker_host : Install]"):
                time.sleep(15)
                qemu.plug(machine, up=False)
                cut = time.monotonic()
        status = process.wait(timeout=240)
    finally:
        qemu.plug(machine, up=True)
    text = "".join(lines)
    assert cut, text
    assert time.monotonic() - cut < 300  # a minute of silence, and a busy machine
    assert status != 0
    assert "UNREACHABLE!" in text
    assert "over ssh" in text or "via ssh" in text
    assert "Traceback" not in text
