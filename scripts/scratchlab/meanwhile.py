"""Do something while the program waits for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def calling(prepare: Callable[[], object] | None) -> Iterator[None]:
    """Call ``prepare`` in a thread of its own during the block, and wait for its end: an engine
    packs an image for seconds, and what is imported meanwhile costs no time.

    The block must not import from the same packages: two threads that do can block each other
    (CPython 3.11 Lib/importlib/_bootstrap.py, _DeadlockError). An error is not told: whoever needs
    what was not prepared gets it.
    """
    if prepare is None:
        yield
        return

    def target() -> None:
        with suppress(Exception):
            prepare()

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
