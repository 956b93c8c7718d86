"""The way to an engine: its socket, or ssh; and the errors on it, each with a remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import docker.errors
import requests

from scratchlab.deadlines import Deadline, LateError, allowed
from scratchlab.errors import LabError

_TIMEOUT = 30.0  # seconds until a program that serves a socket must be ready
ANSWER_SECONDS = 60.0  # until an engine must answer a request
_CONNECT_SECONDS = 10.0  # until a socket must take a connection
_START_ENGINE = {
    "docker": "start Docker (`sudo systemctl start docker`), or name its socket with --url",
    "podman": "start podman's service (`sudo systemctl start podman.socket`), "
    "or name its socket with --url",
}
_SOCKETS = {"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"}
_Raised = TypeVar("_Raised", bound=BaseException)
# What OpenSSL reports when the other side does not speak TLS ...
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# ... and Go's crypto/tls, when TLS is required: net/http server.go, 400 Bad Request.
_WANTS_TLS = "HTTP request to an HTTPS server"


def check_socket(path: str, engine: str) -> None:
    """Raise LabError with the reason if nothing answers at the engine's socket ``path``."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(allowed(_CONNECT_SECONDS))
            probe.connect(path)
    except OSError as error:
        raise unreachable(f"unix://{path}", engine, error) from error


def unreachable(url: str, engine: str, error: BaseException | None) -> LabError:
    """The LabError for an engine that does not answer at ``url``; its reason is in ``error``."""
    if tls := _inner_error(error, ssl.SSLError):
        return _tls_refused(url, engine, tls)
    if isinstance(error, requests.Timeout | TimeoutError):
        return LateError(f"the {engine} engine at {url} did not answer", allowed(ANSWER_SECONDS))
    cause = _inner_error(error, OSError)
    if cause is not None and cause.errno in {errno.EACCES, errno.EPERM}:
        remedy = "run the same command with sudo"
        return LabError(f"no permission to use the {engine} engine at {url}", remedy)
    if cause is not None and cause.errno == errno.ENOENT:
        return LabError(f"no {engine} engine at {url}: no such socket", _START_ENGINE[engine])
    if program := _other_server(url):
        return LabError(
            f"no {engine} engine answers at {url}: it is the socket of {program}, which does not"
            f" speak {engine.capitalize()}'s API",
            f"name the engine's own socket, such as --url unix://{_SOCKETS[engine]}",
        )
    remedy = _START_ENGINE[engine]
    if urlsplit(url).scheme in {"tcp", "http"} and cause and cause.errno == errno.ECONNRESET:
        remedy = _set_tls()
    if cause is None:
        return LabError(f"no {engine} engine answers at {url}", remedy)
    reason = os.strerror(cause.errno).lower() if cause.errno else (cause.strerror or str(cause))
    return LabError(f"no {engine} engine answers at {url}: {reason}", remedy)


def _tls_refused(url: str, engine: str, error: ssl.SSLError) -> LabError:
    directory = os.environ.get("DOCKER_CERT_PATH") or "DOCKER_CERT_PATH"
    what = f"no TLS connection to the {engine} engine at {url}"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = str(error.verify_message).rstrip(".")
        if "certificate is not valid for" in reason:  # its host name or IP address
            return LabError(f"{what}: {reason}", "name the engine by a name in its certificate")
        return LabError(
            f"{what}: its certificate is not trusted ({reason})",
            f"put the certificate of the authority that signed it into {directory}/ca.pem",
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if error.reason in _NOT_TLS:
        return LabError(f"{what}: it does not speak TLS", "unset DOCKER_TLS_VERIFY")
    if "alert" in reason:  # the engine refused what this program sent
        return LabError(
            f"{what}: the engine does not accept this client's certificate ({reason})",
            f"put one that its authority signed into {directory}/cert.pem, its key into key.pem",
        )
    return LabError(f"{what}: {reason}", f"check the certificates in {directory}")


def _set_tls() -> str:
    return (
        "if it requires TLS, set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory of"
        " ca.pem, cert.pem and key.pem"
    )


def _other_server(url: str) -> str | None:
    """The name of the program that listens at ``url`` if it is containerd, else None.

    The kernel names the process that listens (unix(7), SO_PEERCRED); where it cannot be seen, the
    socket's name decides.
    """
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return None
    name = ""
    with contextlib.suppress(OSError, AttributeError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(allowed(_CONNECT_SECONDS))
        probe.connect(parts.path)
        size = struct.calcsize("3i")
        peer = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        with open(f"/proc/{struct.unpack('3i', peer)[0]}/comm", "rb") as comm:
            name = comm.read().decode("ascii", "replace").strip()
    if name in ("", "systemd"):  # not visible; or a socket that systemd opened for a service
        name = os.path.basename(parts.path).partition(".")[0]
    return "containerd" if name.startswith("containerd") else None


def _inner_error(error: BaseException | None, kind: type[_Raised]) -> _Raised | None:
    """The error of type ``kind``, with an errno, inside those that the HTTP libraries wrapped."""
    visited: list[BaseException] = []
    queue = [error] if error is not None else []
    while queue:
        current = queue.pop()
        if any(current is other for other in visited):
            continue
        visited.append(current)
        reason = getattr(current, "reason", None)
        inner = [*current.args, current.__cause__, current.__context__, reason]
        queue += [item for item in inner if isinstance(item, BaseException)]
    # requests' own exceptions are OSErrors too, without an errno.
    found = (item for item in visited if isinstance(item, kind))
    return next((item for item in found if getattr(item, "errno", None)), None)


@contextlib.contextmanager
def engine_errors(url: str, engine: str) -> Iterator[None]:
    """Turn the exceptions that the SDK raises inside the block into LabErrors."""
    try:
        yield
    except docker.errors.APIError as error:
        reason = str(error.explanation or error)
        remedy = _set_tls() if _WANTS_TLS in reason else ""
        raise LabError(f"the {engine} engine at {url} refused: {reason}", remedy) from error
    except (requests.RequestException, docker.errors.DockerException) as error:
        raise unreachable(url, engine, error) from error


def open_ssh_tunnel(url: str, default_socket: str) -> tuple[str, Callable[[], None]]:
    """Forward the engine's socket at ``ssh://[user@]host[:port][/socket]`` to this machine.

    Returns the local ``unix://`` URL and the function that ends the tunnel. Raises LabError when
    ssh cannot connect (it never asks for a password).
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname.startswith("-"):
        raise LabError(f"not an ssh URL: {url}", "write it as ssh://user@host")
    options = ["-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]
    options += ["-o", "ControlPath=none"]
    options += ["-p", str(parts.port)] if parts.port else []
    options += ["-l", parts.username] if parts.username else []
    remote, host = parts.path or default_socket, parts.hostname
    try:
        return provide_socket(
            lambda local: ["ssh", *options, "-L", f"{local}:{remote}", "--", host],
            prefix="scratchlab-ssh-",
            ready=os.path.exists,
            failed=f"ssh cannot reach {url}",
            late=f"ssh to {url} did not connect",
            remedy=f"try it by hand: ssh {url} true",
        )
    except OSError as error:
        raise LabError(f"cannot run ssh for {url}", "apt-get install openssh-client") from error


def provide_socket(
    command: Callable[[str], Sequence[str]],
    *,
    prefix: str,
    ready: Callable[[str], bool],
    failed: str,
    late: str,
    remedy: str,
    own_session: bool = False,
) -> tuple[str, Callable[[], None]]:
    """Run a program that serves a socket in a private directory, and wait until it is ``ready``.

    ``command`` returns the program's arguments for the socket's path. ``failed`` and ``late`` begin
    the message when the program ends, or is not ready in time. ``own_session``: Ctrl-C does not
    reach it. Returns the socket's ``unix://`` URL, and the function that ends the program and
    removes the directory. Raises LabError, and OSError when the program cannot be run.
    """
    directory = tempfile.mkdtemp(prefix=prefix)
    path = os.path.join(directory, "engine.sock")
    try:
        child = subprocess.Popen(
            command(path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=own_session,
        )
    except OSError:
        shutil.rmtree(directory, ignore_errors=True)
        raise

    def end() -> None:
        _stop(child)
        shutil.rmtree(directory, ignore_errors=True)

    try:
        _wait(child, lambda: ready(path), failed, late, remedy)
    except BaseException:
        end()
        raise
    return f"unix://{path}", end


def _wait(
    child: subprocess.Popen[bytes],
    ready: Callable[[], bool],
    failed: str,
    late: str,
    remedy: str,
) -> None:
    deadline = Deadline(_TIMEOUT)
    while not ready():
        if child.poll() is not None:
            output = child.stderr.read().decode(errors="replace") if child.stderr else ""
            raise LabError(f"{failed}: {output.strip()}", remedy)
        if deadline.passed():
            raise deadline.late(late)
        time.sleep(0.02)


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stderr:
        child.stderr.close()
