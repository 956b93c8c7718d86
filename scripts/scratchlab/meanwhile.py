"""Import modules while the program waits for something else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module


@contextmanager
def importing(*modules: str) -> Iterator[None]:
    """Import ``modules`` in a thread of its own during the block; an engine packs an image for
    seconds, and what is needed only afterwards then costs no time.

    An error is not told here: whoever needs the module gets it.
    """

    def load() -> None:
        for module in modules:
            with suppress(Exception):
                import_module(module)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    yield
    thread.join()
