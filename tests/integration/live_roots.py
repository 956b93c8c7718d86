"""Helpers of the tests of live roots: read one, and act inside one from outside."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from docker.models.containers import Container

from scratchlab.collect.live import WalkLimits, read_root
from scratchlab.collect.process import hold_process
from scratchlab.ledger import Ledger
from scratchlab.model import Entry

SECRET = b"only the host may know this\n"
_CLONE_NEWNS = 0x00020000


def comes_true(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether ``condition`` comes true within that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def pid(container: Container) -> int:
    return int(container.attrs["State"]["Pid"])


def root(container: Container) -> Path:
    """The container's root as a path of the host, for tests to act on (never for the product)."""
    return Path(f"/proc/{pid(container)}/root")


def live(
    container: Container,
    *,
    limits: WalkLimits | None = None,
    progress: Callable[[int], None] | None = None,
    recheck: bool = True,
) -> Ledger:
    before = len(os.listdir("/proc/self/fd"))
    with hold_process(pid(container)) as process:
        ledger = read_root(process.root_fd, process.mounts, limits=limits, progress=progress)
        if recheck:
            process.recheck()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the ledger's own file
    return ledger


def entry(ledger: Ledger, path: str) -> Entry:
    found = ledger.get(path)
    assert found is not None, f"{path} is not in the ledger"
    return found


@contextmanager
def attacker(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs ``script`` (which prints "ready" first) until the block ends."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": "scripts:."},
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def enter_mounts_of(target: int) -> None:
    """Move this (single-threaded) process into the mount namespace of process ``target``."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/proc/{target}/ns/mnt", os.O_RDONLY)
    if libc.setns(fd, _CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "setns")


def mount(source: str, target: str, fstype: str, options: str = "", flags: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = [text.encode() for text in (source, target, fstype)]
    if libc.mount(*arguments, flags, options.encode()):
        raise OSError(ctypes.get_errno(), f"mount {target}")
