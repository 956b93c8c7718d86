"""The way to an engine: its socket, or ssh; and the errors on it, each with a remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import docker.errors
import requests

from scratchlab.errors import LabError

_TIMEOUT = 30.0  # seconds until a program that serves a socket must be ready
_START_ENGINE = {
    "docker": "start Docker (`sudo systemctl start docker`), or name its socket with --url",
    "podman": "start podman's service (`sudo systemctl start podman.socket`), "
    "or name its socket with --url",
}


def check_socket(path: str, engine: str) -> None:
    """Raise LabError with the reason if nothing answers at the engine's socket ``path``."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(10)
            probe.connect(path)
    except OSError as error:
        raise unreachable(f"unix://{path}", engine, error) from error


def unreachable(url: str, engine: str, error: BaseException | None) -> LabError:
    """The LabError for an engine that does not answer at ``url``; its reason is in ``error``."""
    cause = _os_error(error)
    if cause is None:
        return LabError(f"no {engine} engine answers at {url}", _START_ENGINE[engine])
    if cause.errno in {errno.EACCES, errno.EPERM}:
        remedy = "run the same command with sudo"
        return LabError(f"no permission to use the {engine} engine at {url}", remedy)
    if cause.errno == errno.ENOENT:
        return LabError(f"no {engine} engine at {url}: no such socket", _START_ENGINE[engine])
    reason = os.strerror(cause.errno).lower() if cause.errno else (cause.strerror or str(cause))
    return LabError(f"no {engine} engine answers at {url}: {reason}", _START_ENGINE[engine])


def _os_error(error: BaseException | None) -> OSError | None:
    """The system's error inside the exceptions that the HTTP libraries wrapped around it."""
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
    return next((item for item in visited if isinstance(item, OSError) and item.errno), None)


@contextlib.contextmanager
def engine_errors(url: str, engine: str) -> Iterator[None]:
    """Turn the exceptions that the SDK raises inside the block into LabErrors."""
    try:
        yield
    except docker.errors.APIError as error:
        reason = error.explanation or str(error)
        raise LabError(f"the {engine} engine at {url} refused: {reason}") from error
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
    limit = time.monotonic() + _TIMEOUT
    while not ready():
        if child.poll() is not None:
            output = child.stderr.read().decode(errors="replace") if child.stderr else ""
            raise LabError(f"{failed}: {output.strip()}", remedy)
        if time.monotonic() > limit:
            raise LabError(f"{late} within {_TIMEOUT:.0f} s")
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
