"""verify --freeze: the container is paused while it is read, and goes on whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect import freezing
from scratchlab.collect.engines import EngineClient
from scratchlab.errors import LabError
from scratchlab.lab import verification
from tests.integration.conftest import Run
from tests.integration.live_roots import attacker, comes_true, pid

pytestmark = [pytest.mark.engine, pytest.mark.root]

_LOOP = "while :; do echo x >> /srv/busy; /bin/busybox sleep 0.02; done"
_BUSY = ["/bin/busybox", "sh", "-c", _LOOP]
# Pauses the container, says so, and waits.
_PAUSED = """
import sys, time
from scratchlab.collect.engines import connect
from scratchlab.collect.freezing import frozen
with connect("docker") as client:
    inspect = client.inspect_container(sys.argv[1])
    with frozen(client, inspect, ""):
        print("paused", flush=True)
        time.sleep(600)
"""
# Serves a FUSE filesystem as a process of the container's PID namespace would: holds the device.
_SERVER = "import os, sys; os.open('/dev/fuse', os.O_RDWR); print('ready', flush=True);\
 sys.stdin.read()"


@pytest.fixture
def busy(shell_image: Image, run_container: Run) -> Container:
    """A container that writes all the time."""
    return run_container(shell_image, command=_BUSY)


def is_paused(container: Container) -> bool:
    container.reload()
    return bool(container.attrs["State"]["Paused"])


@pytest.fixture
def pausing(busy: Container) -> Iterator[subprocess.Popen[str]]:
    """A process that has paused the container."""
    with subprocess.Popen(
        [sys.executable, "-c", _PAUSED, busy.id or ""],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "scripts"},
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "paused\n"
        assert is_paused(busy)
        yield process
        process.kill()


def guard_of(caller: int) -> int:
    children = Path(f"/proc/{caller}/task/{caller}/children").read_text().split()
    (found,) = (int(child) for child in children if b"guard" in _cmdline(child))
    return found


def _cmdline(number: str) -> bytes:
    return Path(f"/proc/{number}/cmdline").read_bytes()


@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_nothing_changes_while_it_is_read(
    engine: EngineClient, busy: Container, vantage: str
) -> None:
    evidence, judgement = verification.verify(engine, busy.name or "", vantage=vantage, freeze=True)
    with evidence:
        (found,) = (item for item in judgement.findings if item.path == "/srv/busy")
        assert found.live
        assert (found.live.note, bool(found.live.sha256)) == (None, True)
    assert not is_paused(busy)
    assert not os.path.exists(freezing._marker(busy.id or ""))


def test_a_paused_container_stays_paused(engine: EngineClient, busy: Container) -> None:
    busy.pause()
    evidence, _ = verification.verify(engine, busy.name or "", freeze=True)
    evidence.close()
    assert is_paused(busy)
    busy.unpause()


def test_it_goes_on_when_the_reader_fails(engine: EngineClient, busy: Container) -> None:
    inspect = engine.inspect_container(busy.id or "")
    with pytest.raises(RuntimeError), freezing.frozen(engine, inspect, ""):  # noqa: PT012
        assert is_paused(busy)
        raise RuntimeError
    assert not is_paused(busy)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_guard_unpauses_when_the_reader_is_killed(
    pausing: subprocess.Popen[str], busy: Container, number: signal.Signals
) -> None:
    pausing.send_signal(number)
    pausing.wait()
    assert comes_true(lambda: not is_paused(busy))
    assert comes_true(lambda: not os.path.exists(freezing._marker(busy.id or "")))


def test_the_next_run_names_what_both_left(
    engine: EngineClient, pausing: subprocess.Popen[str], busy: Container, run_container: Run,
    sleep_image: Image,
) -> None:  # fmt: skip
    assert freezing.left_paused(engine) == []  # both live
    os.kill(guard_of(pausing.pid), signal.SIGKILL)
    pausing.kill()
    pausing.wait()
    other = run_container(sleep_image)
    command = [sys.executable, "-m", "scratchlab", "verify", other.name or ""]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": "scripts"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == (
        f"scratchlab: container {busy.name} is still paused by a run that was killed:"
        f" docker unpause {busy.name}\n"
    )
    assert is_paused(busy)
    busy.unpause()
    assert freezing.left_paused(engine) == []
    assert not os.path.exists(freezing._marker(busy.id or ""))


def test_a_container_that_serves_a_filesystem_is_not_paused(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    group = Path(f"/proc/{pid(container)}/cgroup").read_text()
    with attacker(_SERVER) as server:
        name = next(line for line in group.splitlines() if ":pids:" in line or line[:3] == "0::")
        controller, path = name.split(":", 2)[1:]
        procs = Path("/sys/fs/cgroup", controller, path.lstrip("/"), "cgroup.procs")
        procs.write_text(str(server.pid))  # now it is one of the container's processes
        with pytest.raises(LabError, match=f"process {server.pid} serves a filesystem"):
            verification.verify(engine, container.name or "", vantage="host", freeze=True)
    assert not is_paused(container)


def test_a_debug_container_does_not_know_who_serves_a_filesystem(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image, devices=["/dev/fuse:/dev/fuse:rwm"])
    with pytest.raises(LabError, match="not known from a debug container"):
        verification.verify(engine, container.name or "", vantage="debug", freeze=True)


def test_it_is_for_one_container() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", "verify", "--freeze", "a", "b"],
        env={"PYTHONPATH": "scripts"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--freeze is for one container" in done.stderr
