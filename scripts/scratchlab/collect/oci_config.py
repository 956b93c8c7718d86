"""The runtime's config.json of a container: where it lies, and what it says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from scratchlab.model import Engine, Json

_LIMIT = 64 << 20  # bytes; a real one has some ten thousand
_TASKS = "io.containerd.runtime.v2.task"
# containerd's own state folder, and that of the containerd that dockerd starts
# (moby v20.10.24 libcontainerd/supervisor/remote_daemon.go).
_STATES = ("/run/containerd", "/var/run/docker/containerd/daemon")


class OciConfig(NamedTuple):
    """A config.json. ``data`` is None when it could not be read; ``problem`` says why."""

    data: Json | None
    path: str
    problem: str | None


def find(inspect: Json, engine: Engine, info: Json, parent: int) -> OciConfig:
    """Find and read the config.json of the container that ``inspect`` describes.

    ``parent`` is the PID of its process's parent: the container's shim, whose working folder is
    the bundle (containerd v1.6.20 runtime/v2/binary.go Start()), whatever the folder's name.
    """
    problem = "no config.json of the runtime was found"
    for path in _candidates(inspect, engine, info, parent):
        try:
            data = _read(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            problem = f"the runtime's config.json {path} cannot be read: {error}"
            continue
        return OciConfig(data, _plain(path), None)
    return OciConfig(None, "", problem)


def _candidates(inspect: Json, engine: Engine, info: Json, parent: int) -> Iterator[str]:
    if inspect.get("OCIConfigPath"):  # podman
        yield inspect["OCIConfigPath"]
    container = inspect["Id"]
    bundle = f"/proc/{parent}/cwd"
    if parent > 1 and _target(bundle).endswith(f"/{container}"):
        yield f"{bundle}/config.json"
    # moby v27 and later tell the address: <state>/containerd.sock.
    address = (info.get("Containerd") or {}).get("Address", "")
    states = [os.path.dirname(address)] if address else []
    if engine.name == "docker":
        for state in (*states, *_STATES):
            yield f"{state}/{_TASKS}/moby/{container}/config.json"


def _read(path: str) -> Json:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as stream:
        data = json.loads(stream.read(_LIMIT))
    if not isinstance(data, dict) or "ociVersion" not in data:
        raise ValueError("it is not an OCI runtime configuration")
    return data


def _plain(path: str) -> str:
    """The path a person can open, for one that goes through ``/proc/PID/cwd``."""
    return os.path.join(_target(os.path.dirname(path)) or os.path.dirname(path), "config.json")


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
