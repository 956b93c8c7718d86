"""Do something while the program waits for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def calling(prepare: Callable[[], object]) -> Iterator[None]:
    """Call ``prepare`` in a thread of its own during the block: an engine packs an image for
    seconds, and what is imported meanwhile costs no time.

    An error is not told: whoever needs what was not prepared gets it.
    """

    def target() -> None:
        with suppress(Exception):
            prepare()

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    yield
    thread.join()
