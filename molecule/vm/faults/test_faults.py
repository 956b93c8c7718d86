"""Faults end with a clear message; the scenario's converge is the next run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import lab_command
from tests.machines.vm import VirtualMachine

SCENARIO = Path(__file__).parents[1]
BAD_ROOT = "root=/dev/nowhere rw console=ttyS0 rootdelay=1"


def vm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.machines.vm", *arguments],
        cwd=lab_command.ROOT, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


@pytest.fixture
def doomed() -> Iterator[VirtualMachine]:
    machine = VirtualMachine("vm-doomed")
    yield machine
    machine.stop()
    assert not machine.directory.exists()


def test_kernel_panic_is_reported_with_its_last_lines(doomed: VirtualMachine) -> None:
    done = vm("up", doomed.name, "--kernel", f"{BAD_ROOT} panic=-1", "--seconds", "600")
    assert done.returncode == 2
    assert "vm-doomed stopped before ssh answered" in done.stderr
    assert "/dev/nowhere does not exist" in done.stderr
    assert done.stderr.count("\n") == 1


def test_machine_that_never_answers_is_switched_off(doomed: VirtualMachine) -> None:
    done = vm("up", doomed.name, "--kernel", BAD_ROOT, "--seconds", "45")
    assert done.returncode == 2
    assert "vm-doomed did not answer ssh in 45 s" in done.stderr
    assert f"{doomed.directory}/console.log" in done.stderr
    assert doomed.pid() == 0


def test_connection_cut_during_installation_is_reported_in_time() -> None:
    machine = VirtualMachine("vm-fresh1")
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
                machine.qmp("set_link", name="card", up=False)
                cut = time.monotonic()
        status = process.wait(timeout=240)
    finally:
        machine.qmp("set_link", name="card", up=True)
    text = "".join(lines)
    assert cut, text
    assert time.monotonic() - cut < 300  # a minute of silence, and a busy machine
    assert status != 0
    assert "UNREACHABLE!" in text
    assert "over ssh" in text or "via ssh" in text
    assert "Traceback" not in text
