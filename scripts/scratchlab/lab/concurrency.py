"""Call a function with a time limit, or beside what else is done; or several side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TypeVar

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


def call_beside(function: Callable[[], T], ended: Callable[[T | BaseException], None]) -> None:
    """Call ``function`` in a thread of its own, then ``ended`` with its result or what it raised.

    A program that ends leaves the call behind, like :func:`call_within`.
    """

    def target() -> None:
        result: T | BaseException
        try:
            result = function()
        except BaseException as error:  # for the thread that waits for the end
            result = error
        ended(result)

    threading.Thread(target=target, daemon=True).start()


def call_all(functions: Sequence[Callable[[], T]], at_once: int) -> tuple[T, ...]:
    """The results of ``functions`` in their order; at most ``at_once`` run at the same time.

    Raises the first error that one of them raised, once the others that run have ended; no other is
    begun then.
    """
    ended: SimpleQueue[tuple[int, T | BaseException]] = SimpleQueue()
    waiting = deque(enumerate(functions))
    running = 0
    results: dict[int, T] = {}
    error: BaseException | None = None

    def begin(number: int, function: Callable[[], T]) -> None:
        call_beside(function, lambda result: ended.put((number, result)))

    while running or waiting:
        while waiting and running < at_once:
            begin(*waiting.popleft())
            running += 1
        number, result = ended.get()
        running -= 1
        if isinstance(result, BaseException):
            error = error or result
            waiting.clear()
        else:
            results[number] = result
    if error is not None:
        raise error
    return tuple(results[number] for number in range(len(functions)))
