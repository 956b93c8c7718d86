"""Where an engine cannot be reached, one line names the true cause and its remedy."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from scratchlab.collect.engines import connect
from scratchlab.errors import LabError

pytestmark = [pytest.mark.engine, pytest.mark.root]


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Print nothing: a refused handshake is what the tests want."""


@contextmanager
def serve(certificate: Path | None = None, authority: Path | None = None) -> Iterator[str]:
    """A web server during the block; yields its address. With ``certificate`` it speaks TLS, with
    ``authority`` it requires a client's certificate of that authority.
    """
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
            if authority is not None:
                context.maximum_version = ssl.TLSVersion.TLSv1_2  # refused within the handshake
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(authority / "cert.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def certificate(directory: Path, names: str) -> Path:
    """Make a self-signed certificate, its own authority, for ``names``; returns its directory."""
    directory.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x",
         "-keyout", directory / "key.pem", "-out", directory / "cert.pem",
         "-addext", f"subjectAltName={names}"],
        check=True, capture_output=True,
    )  # fmt: skip
    (directory / "ca.pem").write_bytes((directory / "cert.pem").read_bytes())
    return directory


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return certificate(tmp_path / "ours", "IP:127.0.0.1")


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return certificate(tmp_path / "theirs", "DNS:elsewhere.example")


def refusal(monkeypatch: pytest.MonkeyPatch, url: str, directory: Path | None = None) -> str:
    """The message for the engine at ``url``; with TLS if ``directory`` has the certificates."""
    monkeypatch.setenv("DOCKER_HOST", url)
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    if directory is not None:
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(directory))
    with pytest.raises(LabError) as caught:
        connect()
    return str(caught.value)


def test_a_certificate_of_another_authority_is_named(
    monkeypatch: pytest.MonkeyPatch, ours: Path, theirs: Path
) -> None:
    with serve(ours) as url:
        message = refusal(monkeypatch, url, theirs)
    assert "its certificate is not trusted (self" in message
    assert message.endswith(f"that signed it into {theirs}/ca.pem")
    assert "sudo" not in message


def test_a_certificate_for_another_host_is_named(
    monkeypatch: pytest.MonkeyPatch, theirs: Path
) -> None:
    with serve(theirs) as url:
        message = refusal(monkeypatch, url, theirs)
    assert "certificate is not valid for '127.0.0.1'" in message
    assert message.endswith("; name the engine by a name in its certificate")


def test_a_refused_client_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, ours: Path, theirs: Path
) -> None:
    (theirs / "ca.pem").write_bytes((ours / "cert.pem").read_bytes())
    with serve(ours, authority=ours) as url:
        message = refusal(monkeypatch, url, theirs)
    assert "the engine does not accept this client's certificate" in message
    assert f"{theirs}/cert.pem" in message


def test_an_engine_without_tls_is_named(monkeypatch: pytest.MonkeyPatch, ours: Path) -> None:
    with serve() as url:
        message = refusal(monkeypatch, url, ours)
    assert message.endswith(": it does not speak TLS; unset DOCKER_TLS_VERIFY")


def test_an_engine_that_requires_tls_is_named(monkeypatch: pytest.MonkeyPatch, ours: Path) -> None:
    with serve(ours) as url:
        assert "if it requires TLS, set DOCKER_TLS_VERIFY=1" in refusal(monkeypatch, url)


def test_missing_certificates_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = refusal(monkeypatch, "tcp://127.0.0.1:1", tmp_path)
    assert message.startswith(f"DOCKER_TLS_VERIFY is set, and {tmp_path} does not hold all of")


_CONTAINERD = """\
import contextlib, socket, sys
open("/proc/self/comm", "w").write("containerd")
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
while True:
    client = server.accept()[0]
    with contextlib.suppress(OSError), client:
        client.sendall(bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 5, 0, 0, 64, 0]))  # HTTP/2 SETTINGS
"""


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_socket_of_containerd_is_named(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "some.sock"
    with subprocess.Popen([sys.executable, "-c", _CONTAINERD, str(path)]) as server:
        try:
            while not path.exists():
                time.sleep(0.02)
            with pytest.raises(LabError, match="it is the socket of containerd") as caught:
                connect(engine, f"unix://{path}")
        finally:
            server.kill()
    assert f"/{engine}.sock" in caught.value.remedy


def test_a_socket_without_permission_is_named() -> None:
    """Another user's: the file is mode 0600 and root's."""
    code = (
        "import os, socket, sys\n"
        "from scratchlab.collect.engines import connect\n"
        "from scratchlab.errors import LabError\n"
        "server = socket.socket(socket.AF_UNIX); server.bind(sys.argv[1]); server.listen()\n"
        "os.chmod(sys.argv[1], 0o600)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: connect('docker', 'unix://' + sys.argv[1])\n"
        "except LabError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory(prefix="sl-test-") as directory:
        os.chmod(directory, 0o755)
        done = subprocess.run(
            [sys.executable, "-c", code, f"{directory}/own.sock"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": "scripts"},
            cwd=Path(__file__).parents[2],
        )
    assert done.stdout == (
        f"no permission to use the docker engine at unix://{directory}/own.sock;"
        " run the same command with sudo\n"
    )
