"""Ports of the loopback interface: free ones, and who holds one that is not."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
LOOPBACK = "127.0.0.1"
LISTENS = "0A"  # TCP_LISTEN of include/net/tcp_states.h
TABLES = ("tcp", "tcp6")


def free_ports(count: int) -> list[int]:
    """As many different ports that nothing listens on."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def taken(port: int) -> bool:
    """Whether a program cannot listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def holder(port: int) -> str:
    """The program that listens on the port, as a person calls it."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    for directory in sorted(PROC.glob("[0-9]*")):
        with contextlib.suppress(OSError):  # it ended, or is another user's
            if not sockets.isdisjoint(_open_files(directory / "fd")):
                return f"{(directory / 'comm').read_text().strip()} (PID {directory.name})"
    return "another program, which only root may see"


def _open_files(directory: Path) -> Iterator[str]:
    """What the descriptors of a process lead to. Raises OSError for another user's process."""
    for link in directory.iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(link)


def _listening(port: int) -> set[str]:
    """The inodes of the sockets that listen on the port (proc_pid_net(5))."""
    found = set()
    for table in TABLES:
        try:
            lines = (PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
