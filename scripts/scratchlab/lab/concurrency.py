"""Call functions with a time limit, or several of them at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

from scratchlab.deadlines import Deadline

T = TypeVar("T")


def call_within(function: Callable[[], T], seconds: float) -> T:
    """The result of ``function``. Raises what it raises, and LateError after ``seconds``.

    The time limit follows this machine's pace (``deadlines``), also while ``function`` runs.

    A call that ran out of time is left behind in its thread: nothing can interrupt a system call
    that hangs, and a daemon thread does not keep the program from ending.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def target() -> None:
        try:
            results.append(function())
        except Exception as error:  # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    deadline = Deadline(seconds)
    while thread.is_alive() and not deadline.passed():
        thread.join(deadline.remaining())
    if errors:
        raise errors[0]
    if not results:
        raise deadline.late("no answer")
    return results[0]


def call_side_by_side(functions: Sequence[Callable[[], T]], at_once: int) -> Iterator[T]:
    """The results of ``functions`` (which must raise nothing), in order, each once it is ready.

    At most ``at_once`` of them run at the same time. A caller that stops iterating leaves the other
    calls behind, like :func:`call_within`.
    """
    results: list[T | None] = [None] * len(functions)
    free = threading.Semaphore(at_once)

    def call(number: int) -> None:
        with free:
            results[number] = functions[number]()

    threads = [
        threading.Thread(target=call, args=(number,), daemon=True)
        for number in range(len(functions))
    ]
    for thread in threads:
        thread.start()
    for number, thread in enumerate(threads):
        thread.join()
        yield cast(T, results[number])
