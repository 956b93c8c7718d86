"""The process that reads one live root and writes its ledger.

It has no descriptor of its caller's but a connection, by which the root comes, and a session of its
own: if a filesystem never answers, nobody waits for it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

from scratchlab import codec
from scratchlab.collect.live import messages
from scratchlab.collect.live.file_status import mount_id_of
from scratchlab.collect.live.hash_process import HashProcess
from scratchlab.collect.live.hashing import HashPool
from scratchlab.collect.live.limits import WalkLimits
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.collect.live.walk import Walk
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger, is_full, no_space
from scratchlab.model import Mount
from scratchlab.reading import UserDataRead

BEAT = 1.0  # seconds between two messages that the reading goes on


def main(connection_fd: int) -> NoReturn:
    """Read the root that comes by the socket ``connection_fd``, as the messages there ask for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # a caller may ignore it; this one waits
    connection = socket.socket(fileno=connection_fd)
    try:
        _, (root_fd,), *_ = socket.recv_fds(connection, 1, 1)
        task = messages.receive(connection)
    except (EOFError, OSError, ValueError):  # the caller needs nothing read, or is gone
        os._exit(1)
    lock = threading.Lock()
    status = 0
    try:
        for answer in _answers(connection, lock, root_fd, task):
            with lock:
                messages.send(connection, answer)
    except (EOFError, OSError):  # the caller is gone
        shutil.rmtree(os.path.dirname(task["ledger"]), ignore_errors=True)
        status = 1
    os._exit(status)  # whatever the other threads wait for


def _answers(
    connection: socket.socket, lock: threading.Lock, root_fd: int, task: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """The messages: that the root is read, then the digest of its ledger; or the error."""
    try:
        ledger, user_data = _read(connection, lock, root_fd, task)
        with ledger:
            yield {"done": codec.encode(user_data)}
            yield {"digest": ledger.digest()}  # here, while the caller judges
    except LabError as error:
        yield {"error": [error.what, error.remedy]}
    except sqlite3.Error as error:
        full = no_space() if is_full(error) else LabError(f"the live root: {error}")
        yield {"error": [full.what, full.remedy]}
    except OSError as error:
        yield {"error": [f"the live root cannot be read: {error.strerror}", ""]}


def _read(
    connection: socket.socket, lock: threading.Lock, root_fd: int, task: dict[str, Any]
) -> tuple[Ledger, UserDataRead]:
    def plan() -> UserDataPlan:
        with lock:
            messages.send(connection, {"wanted": "plan"})
        return messages.receive_plan(connection)

    mounts = {mount.id: mount for mount in (codec.decode(Mount, item) for item in task["mounts"])}
    devices = task["devices"]
    counted = [0]
    with ExitStack() as stack:
        process = _hash_process(stack)  # before there are threads
        ledger = Ledger(path=task["ledger"])
        pool = stack.enter_context(HashPool(task["workers"], process, mount_id_of(root_fd)))
        beats = (connection, lock, pool, counted, os.path.dirname(task["ledger"]))
        threading.Thread(target=_beat, args=beats, daemon=True).start()
        walk = Walk(
            mounts,
            codec.decode(WalkLimits, task["limits"]),
            pool,
            ledger=ledger,
            progress=lambda count: counted.__setitem__(0, count),
            engine_devices=None if devices is None else {(item[0], item[1]) for item in devices},
            plan=plan,
        )
        walk.read(root_fd)
    ledger.finish()
    return ledger, walk.user_data


def _hash_process(stack: ExitStack) -> HashProcess | None:
    """A process that hashes beside this one; None where it has no processor of its own."""
    try:
        if len(os.sched_getaffinity(0)) == 1:
            return None
        return stack.enter_context(HashProcess())
    except OSError:
        return None


def _beat(
    connection: socket.socket,
    lock: threading.Lock,
    pool: HashPool,
    counted: list[int],
    directory: str,
) -> None:
    """Tell the caller that the reading goes on, while it does; end with the caller."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    last = -1
    while True:
        if poll.poll(BEAT * 1000):
            shutil.rmtree(directory, ignore_errors=True)
            os._exit(1)
        if pool.beats != last:
            last = pool.beats
            with lock:
                messages.send(connection, {"entries": counted[0]})
