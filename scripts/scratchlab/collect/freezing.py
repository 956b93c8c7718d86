"""Pause a container while it is read, so that nothing in it hides from the reader.

Whatever ends this program, the container goes on: a guard process, in a session of its own, waits
for the end and unpauses it. If both were killed, a file names the container for the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scratchlab.atomic import write_bytes
from scratchlab.deadlines import allowed
from scratchlab.errors import LabError
from scratchlab.model import Json
from scratchlab.procfs import started

if TYPE_CHECKING:
    from scratchlab.collect.engines import EngineClient

_START = 30.0  # seconds until the guard must be ready
_TRIES = 3
_FUSE = "/dev/fuse"
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from scratchlab.collect.freezing import guard; guard(*sys.argv[2:])"
)


@contextlib.contextmanager
def frozen(client: EngineClient, inspect: Json, server: str) -> Iterator[bool]:
    """Pause the container that ``inspect`` describes during the block; yields whether it was done.

    A container that is paused already stays as it is. ``server`` is the reason why nothing of the
    container may be paused, if there is one (:func:`filesystem_server`). Raises LabError.
    """
    name = str(inspect.get("Name", "")).lstrip("/")
    if server:
        raise LabError(f"container {name} is not paused: {server}", "verify it without --freeze")
    if _is_paused(client, inspect["Id"]):
        yield False
        return
    with _Guard(client, inspect["Id"], name) as guarding:
        guarding.pause()
        yield True


class _Guard:
    """The guard process of one container, and the file that names the container."""

    def __init__(self, client: EngineClient, container: str, name: str) -> None:
        self._client = client
        self._container = container
        self._name = name
        url = client.url if "://" in client.url else ""  # else of a service that ends with us
        arguments = [json.dumps(sys.path), client.name, url, container]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        self._file = ""

    def __enter__(self) -> _Guard:
        try:
            self._wait_until_ready()
            self._file = _remember(self._client.name, self._container, self._name,
                                   (os.getpid(), self._process.pid))  # fmt: skip
        except BaseException:
            self._process.kill()
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._file and _is_paused(self._client, self._container):
                self._client.client.api.unpause(self._container)
        except OSError as error:
            raise LabError(
                f"container {self._name} could not be unpaused: {_reason(error)}",
                f"{self._client.name} unpause {self._name}",
            ) from error
        finally:
            self._tell(b"done\n")
            self._end()
            _forget(self._file)

    def _wait_until_ready(self) -> None:
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            raise LabError(
                "the process that would unpause the container did not start",
                "verify it without --freeze",
            )

    def pause(self) -> None:
        """Pause the container. Raises LabError."""
        self._tell(b"pausing\n")
        try:
            self._try_to_pause()
        except OSError as error:  # the SDK's errors are all of this type
            self._tell(b"not\n")
            _forget(self._file)
            self._file = ""  # if it is paused, then by somebody else
            raise LabError(
                f"container {self._name} cannot be paused: {_reason(error)}",
                "verify it without --freeze",
            ) from error

    def _try_to_pause(self) -> None:
        for left in range(_TRIES, 0, -1):
            try:
                self._client.client.api.pause(self._container)
            except OSError:
                # runc 1.1 fs/freezer.go (cgroup v1) gives up on one that forks all the time.
                if left == 1 or _is_paused(self._client, self._container):
                    raise
            else:
                return

    def _tell(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(allowed(_START))


def guard(engine: str, url: str, container: str) -> None:
    """Unpause ``container`` when standard input ends before the caller says that it has done so.

    The guard's own program.
    """
    from scratchlab.collect.engines import connect  # late: only the guard connects here

    with connect(engine, url or None) as client:
        print("ready", flush=True)
        last = b""
        for line in iter(sys.stdin.buffer.readline, b""):
            last = line
        if last != b"pausing\n":
            return
        with contextlib.suppress(LabError, OSError):
            # The engine may still be at it.
            for _ in range(20):
                if _is_paused(client, container):
                    client.client.api.unpause(container)
                    break
                time.sleep(0.25)
        _forget(_marker(container))


def left_paused(client: EngineClient) -> list[str]:
    """A sentence for each container that is paused since a run and its guard were killed."""
    sentences = []
    with contextlib.suppress(OSError):
        for file in sorted(os.listdir(_directory())):
            path = os.path.join(_directory(), file)
            with contextlib.suppress(OSError, ValueError, KeyError):
                with open(path, encoding="utf-8") as text:
                    known = json.load(text)
                if known["engine"] != client.name or any(map(_lives, known["processes"])):
                    continue
                if _still_paused(client, str(known["id"])):
                    sentences.append(
                        f"container {known['name']} is still paused by a run that was killed:"
                        f" {client.name} unpause {known['name']}"
                    )
                else:
                    _forget(path)
    return sentences


def filesystem_server(container: str, pid_namespace: str) -> str:
    """Why no process of ``container`` may be paused: one serves a FUSE filesystem; empty if none.

    Who uses that filesystem would wait for it, on the host as well. ``pid_namespace`` is the link
    of the container's PID namespace; processes of nested ones are in its control group.
    """
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/pid") != pid_namespace:
                with open(f"/proc/{pid}/cgroup", encoding="utf-8") as groups:
                    if container not in groups.read():
                        continue
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}").endswith(_FUSE):
                    return f"its process {pid} serves a filesystem (FUSE), whose users would wait"
    return ""


def _is_paused(client: EngineClient, container: str) -> bool:
    return bool((client.inspect_container(container).get("State") or {}).get("Paused"))


def _still_paused(client: EngineClient, container: str) -> bool:
    with contextlib.suppress(LabError):  # it is gone
        return _is_paused(client, container)
    return False


def _directory() -> str:
    runtime = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")
    return os.path.join(runtime, "scratchlab", "paused")


def _marker(container: str) -> str:
    return os.path.join(_directory(), container)


def _remember(engine: str, container: str, name: str, pids: tuple[int, ...]) -> str:
    """Write the file that names the container; returns its path, also where there can be none."""
    known = {
        "engine": engine,
        "id": container,
        "name": name,
        "processes": [[pid, started(pid)] for pid in pids],
    }
    with contextlib.suppress(OSError):
        os.makedirs(_directory(), mode=0o755, exist_ok=True)
        write_bytes(_marker(container), json.dumps(known).encode(), mode=0o600)
    return _marker(container)


def _forget(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
        os.removedirs(os.path.dirname(path))  # as far as they are empty


def _lives(process: tuple[int, int | None]) -> bool:
    pid, start = process
    return start is not None and started(pid) == start


def _reason(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)
