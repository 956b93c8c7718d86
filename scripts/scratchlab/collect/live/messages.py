"""Messages between this program and the process that reads a live root: JSON, with its length."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from scratchlab import codec
from scratchlab.collect.live.user_data import UserDataPlan
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
from scratchlab.reading import UserData, UserMount

_LENGTH = struct.Struct("<I")
_MOST = 256 << 20  # bytes
_BATCH = 1000


def send(connection: socket.socket, message: Any) -> None:
    """Send ``message``. Raises OSError."""
    body = json.dumps(message).encode("ascii")
    connection.sendall(_LENGTH.pack(len(body)) + body)


def receive(connection: socket.socket) -> Any:
    """The next message. Raises EOFError where the other side is gone, TimeoutError and OSError."""
    (size,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if size > _MOST:
        raise OSError(0, f"a message of {size} bytes")
    return json.loads(_exactly(connection, size))


def _exactly(connection: socket.socket, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return data


def send_plan(connection: socket.socket, plan: UserDataPlan, image: Ledger | None) -> None:
    """Send ``plan``, with the files of ``image`` that lie where the user has volumes."""
    mounts = [codec.encode(mount) for mount in plan.mounts]
    send(connection, {"mode": str(plan.mode), "most": plan.most, "mounts": mounts})
    if plan.mode is UserData.LIST and image is not None:
        batch: list[tuple[str, int]] = []
        for mount in plan.mounts:
            for entry in image.below(mount.target) if mount.is_volume else ():
                if entry.kind is Kind.FILE:
                    batch.append((entry.path, entry.size))
                if len(batch) == _BATCH:
                    send(connection, batch)
                    batch = []
        if batch:
            send(connection, batch)
    send(connection, [])


def receive_plan(connection: socket.socket) -> UserDataPlan:
    """The plan that :func:`send_plan` sends."""
    head = receive(connection)
    mounts = tuple(codec.decode(UserMount, mount) for mount in head["mounts"])
    image = Ledger()
    while batch := receive(connection):
        image.update(Entry(path, Kind.FILE, 0, size=size) for path, size in batch)
    return UserDataPlan(UserData(head["mode"]), mounts, head["most"], FilesOfImage(image))


class FilesOfImage:
    """The regular files of an image; see ``user_data.OfImage``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def has_file(self, path: str, size: int) -> bool:
        """Whether the image has a regular file of ``size`` bytes at ``path``."""
        entry = self._ledger.get(path)
        return entry is not None and entry.kind is Kind.FILE and entry.size == size
