"""The floor of a reader in Python: status, attributes and SHA-256 of every entry, nothing else.

``python3 bare.py DIRECTORY``: names are opened as the lab's reader opens them, by descriptor and
without following a link, so that no path leads elsewhere meanwhile. It keeps nothing and judges
nothing. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore

_WAITING = BoundedSemaphore(8)  # batches that are not hashed yet
_BATCH = 32  # files: one at a time would cost a switch between threads for each
_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC
_MOST = 1 << 20  # bytes that are read at once
_OWN = os.open("/proc/self/fd", os.O_PATH | os.O_DIRECTORY)
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def read(root: str) -> int:
    """Read all below ``root`` on its filesystem; returns the number of entries."""
    count = 0
    batch: list[tuple[int, int]] = []
    hashed = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pending = [os.open(root, _PATH | os.O_DIRECTORY)]
        device = os.fstat(pending[0]).st_dev
        while pending:
            directory = pending.pop()
            listing = os.open(".", _LIST, dir_fd=directory)
            for item in os.scandir(listing):
                fd = os.open(item.name, _PATH, dir_fd=directory)
                status = os.fstat(fd)
                count += 1
                with suppress(OSError):
                    os.listxattr(f"/proc/self/fd/{fd}")
                if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    pending.append(fd)
                elif stat.S_ISREG(status.st_mode) and status.st_size:
                    batch.append((fd, status.st_size))
                else:
                    os.close(fd)
                if len(batch) == _BATCH:
                    _WAITING.acquire()
                    hashed.append(pool.submit(_hash_all, batch))
                    batch = []
            os.close(listing)
            os.close(directory)
        _WAITING.acquire()
        hashed.append(pool.submit(_hash_all, batch))
    for one in hashed:
        one.result()
    return count


def _hash_all(batch: list[tuple[int, int]]) -> None:
    try:
        for fd, size in batch:
            _hash(fd, size)
    finally:
        _WAITING.release()


def _hash(fd: int, size: int) -> str:
    file = os.open(str(fd), _READ, dir_fd=_OWN)
    os.close(fd)
    digest = hashlib.sha256()
    while size > 0 and (data := os.read(file, min(size, _MOST))):
        digest.update(data)
        size -= len(data)
    os.close(file)
    return digest.hexdigest()


if __name__ == "__main__":
    print(read(sys.argv[1]))
