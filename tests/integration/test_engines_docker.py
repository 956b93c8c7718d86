"""The connection to this machine's Docker, and every way in which it can fail."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import docker
import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient, connect
from scratchlab.errors import LabError
from tests.integration.conftest import Run

pytestmark = [pytest.mark.engine, pytest.mark.root]


def test_facts_are_those_of_docker_info(engine: EngineClient) -> None:
    facts = engine.facts()
    shown = subprocess.run(
        ["docker", "info", "-f", "{{.ServerVersion}} {{.Driver}} {{.DockerRootDir}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert [facts.version, facts.storage_driver, facts.root_dir] == shown
    assert facts.name == "docker"


def test_the_runtime_of_a_container_has_the_version_that_it_prints(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    runtime = engine.runtime(engine.inspect_container(run_container(sleep_image).id or ""))
    output = subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True)
    assert f"{runtime.name} version {runtime.version}" == output.stdout.splitlines()[0]


def test_an_image_is_saved_as_a_stream(engine: EngineClient, sleep_image: Image) -> None:
    with (
        engine.save(sleep_image.id or "") as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        assert "manifest.json" in [member.name for member in tar]


def test_the_error_for_an_unknown_container_suggests_similar_names(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    name = run_container(sleep_image).name or ""
    with pytest.raises(LabError, match=f"no such container.*did you mean .*{name}") as caught:
        engine.inspect_container(name[:-1])
    assert "docker ps -a" in caught.value.remedy


@pytest.mark.parametrize("ref", ["", "/", "../info", "a b", "x?all=1", "é", "\udcff"])
def test_a_malformed_reference_is_not_a_container(engine: EngineClient, ref: str) -> None:
    with pytest.raises(LabError, match="no such container"):
        engine.inspect_container(ref)


@pytest.mark.parametrize("ref", ["", "sl-test-no-such-image", "../../info", "UPPER", "\udcff"])
def test_a_malformed_reference_is_not_an_image(engine: EngineClient, ref: str) -> None:
    with pytest.raises(LabError, match="image"), engine.save(ref) as stream:
        stream.read()


def test_the_error_for_a_missing_socket_names_the_command_that_starts_docker(
    tmp_path: Path,
) -> None:
    with pytest.raises(LabError, match=r"no docker engine at unix://.*no such socket.*systemctl"):
        connect("docker", f"unix://{tmp_path}/none.sock")


def test_a_socket_without_a_server_is_an_error(tmp_path: Path) -> None:
    path = f"{tmp_path}/dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with pytest.raises(LabError, match="connection refused"):
        connect("docker", f"unix://{path}")


def test_a_tcp_port_without_a_server_is_an_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(LabError, match="connection refused"):
        connect("docker", f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "url", ["nonsense://x", "tcp://", "unix", "ssh://", "ssh://-oProxyCommand=x"]
)
def test_a_malformed_url_is_an_error(url: str) -> None:
    with pytest.raises(LabError):
        connect("docker", url)


def test_a_server_that_is_not_an_engine_is_an_error(tmp_path: Path) -> None:
    path = f"{tmp_path}/web.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()

        def answer() -> None:
            for _ in range(2):  # the probe, then the question
                connection, _ = server.accept()
                with connection:
                    if connection.recv(65536):
                        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(LabError, match="docker engine"):
            connect("docker", f"unix://{path}")


def test_an_engine_that_dies_while_it_saves_is_an_error(
    docker_client: docker.DockerClient, sleep_image: Image, tmp_path: Path
) -> None:
    """The proxy for the real engine cuts every answer after 100,000 bytes."""
    path = f"{tmp_path}/cut.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        threading.Thread(target=_cut, args=(server, 100_000), daemon=True).start()
        with (
            connect("docker", f"unix://{path}") as engine,
            engine.save(sleep_image.id or "") as stream,
            pytest.raises(LabError, match="broke off while it sent the image"),
        ):
            stream.read()


def test_the_error_for_a_missing_permission_names_sudo(tmp_path: Path) -> None:
    code = (
        "from scratchlab.collect.engines import connect\n"
        "from scratchlab.errors import LabError\n"
        # Once as root: the user may not be able to read Python's own modules.
        "with connect('docker', 'unix:///var/run/docker.sock'): pass\n"
        "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: connect('docker', 'unix:///var/run/docker.sock')\n"
        "except LabError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)},
    )
    assert "no permission" in done.stdout, done.stderr
    assert "sudo" in done.stdout


def _cut(server: socket.socket, limit: int) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect("/var/run/docker.sock")
        threading.Thread(target=_copy, args=(near, far, None), daemon=True).start()
        threading.Thread(target=_copy, args=(far, near, limit), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    done = 0
    try:
        while data := source.recv(65536):
            sink.sendall(data)
            done += len(data)
            if limit is not None and done > limit:
                break
        source.shutdown(socket.SHUT_RDWR)
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
