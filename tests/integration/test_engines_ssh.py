"""An engine reached through ssh, with a real sshd on a loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratchlab.collect.engines import connect
from scratchlab.errors import LabError

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``ssh://root@127.0.0.1:PORT``, with a key in a private configuration of ssh."""
    directory = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", directory / name], check=True
        )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (directory / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nPidFile none\n"
        f"AuthorizedKeysFile {directory}/user.pub\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    )
    (directory / "ssh_config").write_text(
        f"IdentityFile {directory}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\n"
        "UserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    )
    # The lab runs `ssh`; this one is Debian's, with the configuration above instead of root's.
    (directory / "ssh").write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {directory}/ssh_config "$@"\n')
    (directory / "ssh").chmod(0o755)
    os.makedirs("/run/sshd", exist_ok=True)
    daemon = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", directory / "sshd_config"])
    try:
        _wait(port)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
            yield f"ssh://root@127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait(10)


def test_the_engine_behind_ssh_is_the_same(server: str) -> None:
    with connect("docker", server) as far, connect("docker") as near:
        assert far.facts() == near.facts()


def test_nothing_is_left_when_the_connection_ends(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with connect("docker", server):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        assert os.listdir(tmp_path) != []
    assert os.listdir(tmp_path) == []
    ended = set(children) - set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    assert len(ended) == 1


def test_a_missing_socket_is_an_error(server: str) -> None:
    with pytest.raises(LabError, match="docker engine"):
        connect("docker", f"{server}/no/such.sock")


def test_the_error_for_a_refused_key_has_the_message_of_ssh(server: str) -> None:
    with pytest.raises(LabError, match=r"ssh cannot reach .*Permission denied"):
        connect("docker", server.replace("root@", "nobody@"))


def test_a_host_that_does_not_answer_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LabError, match=r"ssh cannot reach .*Connection refused"):
        connect("docker", f"ssh://root@127.0.0.1:{port}")


def _wait(port: int) -> None:
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
