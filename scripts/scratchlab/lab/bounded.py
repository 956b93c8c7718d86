"""Act within a time limit, whatever the act waits for, and several acts side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

from scratchlab.errors import LabError

T = TypeVar("T")


def bounded(act: Callable[[], T], seconds: float) -> T:
    """The result of ``act``; raises what it raises, and LabError after ``seconds``.

    The thread of an act that ran out of time is left behind: nothing can interrupt a system call
    that hangs, and a daemon thread does not keep the program from ending.
    """
    result: list[T] = []
    errors: list[Exception] = []

    def target() -> None:
        try:
            result.append(act())
        except Exception as error:  # handed to the caller
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not result:
        raise LabError(f"no answer within {seconds:g} s", "see whether `docker info` answers")
    return result[0]


def side_by_side(acts: Sequence[Callable[[], T]]) -> Iterator[T]:
    """The results of ``acts``, which raise nothing, in their order, each as soon as it is there.

    Whoever stops waiting leaves the rest behind, as :func:`bounded` does.
    """
    results: list[T | None] = [None] * len(acts)

    def act(number: int) -> None:
        results[number] = acts[number]()

    threads = [
        threading.Thread(target=act, args=(number,), daemon=True) for number in range(len(acts))
    ]
    for thread in threads:
        thread.start()
    for number, thread in enumerate(threads):
        thread.join()
        yield cast(T, results[number])
