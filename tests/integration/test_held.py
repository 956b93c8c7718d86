"""The process of a real container is held in each state, and never taken for another process."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient, connect
from scratchlab.collect.holding import belongs_to, hold_container, parent_pid
from scratchlab.errors import LabError
from scratchlab.model import Json
from tests.integration.conftest import Run

pytestmark = [pytest.mark.engine, pytest.mark.root]


def refused(engine: EngineClient, inspect: Json) -> str:
    with pytest.raises(LabError) as caught, hold_container(engine, inspect):
        pass
    return str(caught.value)


def test_a_running_container_is_held(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    inspect = engine.inspect_container(run_container(sleep_image).id or "")
    with hold_container(engine, inspect) as process:
        assert process.pid == inspect["State"]["Pid"]
        process.recheck()


def test_a_paused_container_is_held(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    container.pause()
    with hold_container(engine, engine.inspect_container(container.id or "")) as process:
        process.recheck()


def test_a_container_with_the_hosts_namespaces_is_held(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image, pid_mode="host", network_mode="host", ipc_mode="host")
    with hold_container(engine, engine.inspect_container(container.id or "")) as process:
        process.recheck()


def test_a_stopped_container_names_the_command_that_starts_it(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    container.kill()
    container.wait()
    inspect = engine.inspect_container(container.id or "")
    assert f"is stopped (exit code 137); start it: docker start {container.name}" in refused(
        engine, inspect
    )


def test_a_created_container_names_the_command_that_starts_it(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image, start=False)
    assert "never started; start it" in refused(
        engine, engine.inspect_container(container.id or "")
    )


def test_a_container_that_keeps_crashing_names_its_logs(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(
        sleep_image, entrypoint=["/sleep", "not-a-number"], restart_policy={"Name": "always"}
    )
    for _ in range(200):
        inspect = engine.inspect_container(container.id or "")
        if inspect["State"]["Status"] == "restarting":
            break
        time.sleep(0.02)
    assert f"is restarting (exit code 1); see why: docker logs {container.name}" in refused(
        engine, inspect
    )


def test_a_container_that_exits_after_its_description_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    inspect = engine.inspect_container(container.id or "")
    container.kill()
    container.wait()
    assert "is stopped" in refused(engine, inspect)


def test_a_container_that_was_restarted_meanwhile_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    inspect = engine.inspect_container(container.id or "")
    container.restart(timeout=0)
    assert "was restarted meanwhile" in refused(engine, inspect)


def test_a_pid_that_another_run_reuses_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    inspect = engine.inspect_container(run_container(sleep_image).id or "")
    earlier = {**inspect["State"], "StartedAt": "2017-11-21T00:00:00Z"}
    assert "was restarted meanwhile" in refused(engine, {**inspect, "State": earlier})


@pytest.mark.parametrize("proof", ["cgroup", "mounts", "parent"])
def test_each_proof_that_a_process_belongs_to_a_container_is_enough(
    engine: EngineClient, sleep_image: Image, run_container: Run, proof: str
) -> None:
    inspect = engine.inspect_container(run_container(sleep_image).id or "")
    with hold_container(engine, inspect) as process, open("/dev/null") as nothing:
        reduced = replace(
            process,
            proc_fd=process.proc_fd if proof == "cgroup" else nothing.fileno(),
            mounts=process.mounts if proof == "mounts" else (),
        )
        parent = parent_pid(process) if proof == "parent" else 0
        assert belongs_to(reduced, inspect["Id"], parent)
        assert not belongs_to(reduced, "f" * 64, parent)


def test_a_container_that_exits_while_it_is_read_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with hold_container(engine, engine.inspect_container(container.id or "")) as process:
        container.kill()
        container.wait()
        with pytest.raises(LabError, match="ended while it was read"):
            process.recheck()


class Elsewhere:
    """The real engine, with a PID as if it ran on another machine."""

    def __init__(self, engine: EngineClient, url: str, pid: int) -> None:
        self.name, self.url = engine.name, url
        self._engine, self._pid = engine, pid

    def inspect_container(self, ref: str) -> Json:
        answer = self._engine.inspect_container(ref)
        return {**answer, "State": {**answer["State"], "Pid": self._pid}}


@pytest.mark.parametrize("url", ["tcp://lab.example:2376", "unix:///var/run/docker.sock"])
def test_a_pid_that_is_another_process_on_this_machine_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run, url: str
) -> None:
    other = run_container(sleep_image).attrs["State"]["Pid"]
    remote = Elsewhere(engine, url, other)
    inspect = remote.inspect_container(run_container(sleep_image, name=None).id or "")
    message = refused(remote, inspect)  # type: ignore[arg-type]
    expected = f"the container's process, {other} for the engine at {url}, is not on this machine"
    assert expected in message
    assert "--vantage debug" in message


def test_a_remote_pid_that_does_not_exist_on_this_machine_is_an_error(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    remote = Elsewhere(engine, "tcp://lab.example:2376", 2**22 - 1)
    inspect = remote.inspect_container(run_container(sleep_image).id or "")
    assert "--vantage host is impossible" in refused(remote, inspect)  # type: ignore[arg-type]


def test_a_local_engine_reached_by_tcp_is_as_good_as_its_socket(
    sleep_image: Image, run_container: Run, tmp_path: Path
) -> None:
    container = run_container(sleep_image)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_forward, args=(server,), daemon=True).start()
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with connect("docker", url) as engine:
            inspect = engine.inspect_container(container.id or "")
            with hold_container(engine, inspect) as process:
                assert process.pid == inspect["State"]["Pid"]


def _forward(server: socket.socket) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect("/var/run/docker.sock")
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
