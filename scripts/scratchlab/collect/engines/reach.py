"""What can go wrong between this program and an engine, each with the act that mends it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import docker.errors
import requests

from scratchlab.errors import LabError

_NO_ENGINE = {
    "docker": "start Docker (`sudo systemctl start docker`), or name its socket with --url",
    "podman": "start podman's service (`sudo systemctl start podman.socket`), "
    "or name its socket with --url",
}


def reach(path: str, engine: str) -> None:
    """Raise the LabError that says why the engine's socket at ``path`` cannot be used."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(10)
            probe.connect(path)
    except OSError as error:
        raise unreachable(f"unix://{path}", engine, error) from error


def unreachable(url: str, engine: str, error: BaseException | None) -> LabError:
    """The LabError for an engine that does not answer at ``url``, by what ``error`` is."""
    cause = _os_error(error)
    if cause is None:
        return LabError(f"no {engine} engine answers at {url}", _NO_ENGINE[engine])
    if cause.errno in {errno.EACCES, errno.EPERM}:
        remedy = "run the same command with sudo"
        return LabError(f"no permission to talk to the {engine} engine at {url}", remedy)
    if cause.errno == errno.ENOENT:
        return LabError(f"no {engine} engine at {url}: no such socket", _NO_ENGINE[engine])
    words = os.strerror(cause.errno).lower() if cause.errno else (cause.strerror or str(cause))
    return LabError(f"no {engine} engine answers at {url}: {words}", _NO_ENGINE[engine])


def _os_error(error: BaseException | None) -> OSError | None:
    """The system's own error at the bottom of what the HTTP libraries wrapped around it."""
    seen: list[BaseException] = []
    queue = [error] if error is not None else []
    while queue:
        one = queue.pop()
        if any(one is other for other in seen):
            continue
        seen.append(one)
        more = [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
        queue += [item for item in more if isinstance(item, BaseException)]
    # requests' own exceptions are OSErrors too, without an errno.
    return next((one for one in seen if isinstance(one, OSError) and one.errno), None)


@contextlib.contextmanager
def mended(url: str, engine: str) -> Iterator[None]:
    """Turn what the SDK raises inside the block into LabErrors."""
    try:
        yield
    except docker.errors.APIError as error:
        words = error.explanation or str(error)
        raise LabError(f"the {engine} engine at {url} refused: {words}") from error
    except (requests.RequestException, docker.errors.DockerException) as error:
        raise unreachable(url, engine, error) from error


# Engines behind ssh: OpenSSH forwards their socket to a private one here.


_TIMEOUT = 30.0  # seconds until a remote machine must have let us in


def tunnel(url: str, default_socket: str) -> tuple[str, Callable[[], None]]:
    """Forward the engine's socket at ``ssh://[user@]host[:port][/socket]`` to this machine.

    Gives the local ``unix://`` URL and the act that ends the tunnel; raises LabError when ssh
    cannot connect (it never asks for a password).
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname.startswith("-"):
        raise LabError(f"not an ssh URL: {url}", "write it as ssh://user@host")
    directory = tempfile.mkdtemp(prefix="scratchlab-ssh-")
    local = os.path.join(directory, "engine.sock")
    command = ["ssh", "-N", "-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes"]
    command += ["-o", "ControlPath=none", "-L", f"{local}:{parts.path or default_socket}"]
    command += ["-p", str(parts.port)] if parts.port else []
    command += ["-l", parts.username] if parts.username else []
    command += ["--", parts.hostname]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise LabError(f"cannot run ssh for {url}", "apt-get install openssh-client") from error

    def end() -> None:
        stop(child)
        shutil.rmtree(directory, ignore_errors=True)

    try:
        _wait(child, local, url)
    except BaseException:
        end()
        raise
    return f"unix://{local}", end


def _wait(child: subprocess.Popen[bytes], local: str, url: str) -> None:
    limit = time.monotonic() + _TIMEOUT
    while not os.path.exists(local):
        if child.poll() is not None:
            said = child.stderr.read().decode(errors="replace").strip() if child.stderr else ""
            raise LabError(f"ssh cannot reach {url}: {said}", f"try it by hand: ssh {url} true")
        if time.monotonic() > limit:
            raise LabError(f"ssh to {url} did not connect within {_TIMEOUT:.0f} s")
        time.sleep(0.02)


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a child that this program started, and wait for it."""
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    if child.poll() is None:
        child.kill()
        child.wait()
    if child.stderr:
        child.stderr.close()
