"""What can go wrong between this program and an engine, each with the act that mends it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

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
        mend = "run the same command with sudo"
        return LabError(f"no permission to talk to the {engine} engine at {url}", mend)
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
