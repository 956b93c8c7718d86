"""One debug container: how closed it is, and the errors when it or the examined one ends."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.remote.debug_view import open_debug_container
from scratchlab.collect.remote.sources import source_paths
from scratchlab.errors import LabError
from tests.integration.conftest import Run
from tests.integration.debug_containers import (
    agents,
    assert_no_containers_left,
    assert_nothing_left,
    inspected,
    through_debug,
)
from tests.integration.live_roots import attacker, entry, pid

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(autouse=True)
def nothing_is_left(docker_client: docker.DockerClient) -> Iterator[None]:
    """After each test: no debug container, no image of one."""
    yield
    assert_nothing_left(docker_client)


def test_debug_container_has_no_network_mounts_or_spare_capabilities(
    engine: EngineClient, docker_client: docker.DockerClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with open_debug_container(engine, inspected(engine, container)):
        (listed,) = agents(docker_client)
        agent = docker_client.containers.get(listed["Id"])
    config = agent.attrs["HostConfig"]
    assert config["ReadonlyRootfs"]
    assert config["NetworkMode"] == "none"
    assert (config["CapDrop"], config["Privileged"]) == (["ALL"], False)
    # Nothing of the host but what the examined container has mounted, which it may only look at.
    assert config["Binds"] is None
    mounts = {mount["Source"]: mount["RW"] for mount in agent.attrs["Mounts"]}
    assert mounts == dict.fromkeys(source_paths(inspected(engine, container)), False)
    assert len(mounts) == 3
    assert config["PidMode"] == f"container:{container.id}"


_FIND_AGENT = "for p in /proc/[0-9]*; do [ $(cat $p/comm) = agent ] && break; done; "


def test_examined_container_cannot_read_the_agent(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    script = (
        "/bin/busybox --install -s /dev/shm; PATH=/dev/shm; " + _FIND_AGENT + "echo agent $p; "
        "ls $p/root; echo x > $p/fd/1; cat $p/environ $p/maps; echo x > $p/mem"
    )
    with open_debug_container(engine, inspected(engine, container)) as debug:
        _, output = container.exec_run(["/bin/sh", "-c", script])
        with debug.read()[0] as far:
            assert entry(far, "/bin/sh").sha256
    text = bytes(output).decode()  # type: ignore[arg-type]
    assert "agent /proc/" in text
    assert (text.count("Permission denied"), text.count("\n")) == (5, 6), text


def test_killed_agent_is_reported(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    script = (
        "/bin/busybox --install -s /dev/shm; PATH=/dev/shm; " + _FIND_AGENT + "kill -9 ${p#/proc/}"
    )
    with open_debug_container(engine, inspected(engine, container)) as debug:
        assert container.exec_run(["/bin/sh", "-c", script]).exit_code == 0
        with pytest.raises(LabError, match="container ended before the reading was complete"):
            debug.read()


def test_container_that_exits_meanwhile_is_reported(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    # When the init process of a PID namespace ends, so do all others in it: pid_namespaces(7).
    with open_debug_container(engine, inspected(engine, container)) as debug:
        container.kill()
        container.wait()
        with pytest.raises(LabError, match="ended before the reading was complete"):
            debug.read()


def test_mount_added_meanwhile_is_reported(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    enter = ["nsenter", "-m", "-t", str(pid(container)), "/bin/busybox", "mount", "-t", "tmpfs"]
    with open_debug_container(engine, inspected(engine, container)) as debug:
        subprocess.run([*enter, "late", "/srv"], check=True)
        with pytest.raises(LabError, match="mounts changed while it was read: \\+ tmpfs on /srv"):
            debug.read()


def test_error_for_a_stopped_container_names_the_start_command(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    container.kill()
    container.wait()
    with pytest.raises(LabError, match=f"docker start {container.name}"):
        through_debug(engine, container)


_HANGS = """
import sys, time
from scratchlab.collect.engines import connect
from scratchlab.collect.remote.debug_view import open_debug_container
with connect("docker") as client:
    with open_debug_container(client, client.inspect_container(sys.argv[1])):
        print("ready", flush=True)
        time.sleep(60)
"""


def test_killed_reader_leaves_no_container(
    engine: EngineClient, docker_client: docker.DockerClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with attacker(_HANGS, str(container.id)) as reader:
        assert len(agents(docker_client)) == 1
        reader.send_signal(signal.SIGKILL)
        reader.wait()
    assert_no_containers_left(docker_client)
    # The image stays: the next run uses and removes it.
    assert len(docker_client.images.list("scratchlab-agent")) == 1
    with through_debug(engine, container) as far:
        assert len(far) == 26


def test_error_without_agent_and_go_names_the_remedy(
    engine: EngineClient, sleep_image: Image, run_container: Run, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    container = run_container(sleep_image)
    monkeypatch.setattr("scratchlab.collect.remote.agent._cache", lambda: tmp_path)
    monkeypatch.setattr("scratchlab.collect.remote.agent.shutil.which", lambda *_, **__: None)
    with pytest.raises(LabError, match="Go is not installed to build it; install Go"):
        through_debug(engine, container)
