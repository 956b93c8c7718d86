"""Several calls side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from scratchlab.lab.concurrency import call_all


def test_results_are_in_the_order_of_the_functions() -> None:
    first_may_end = threading.Event()

    def first() -> str:
        assert first_may_end.wait(10)
        return "first"

    def second() -> str:
        first_may_end.set()
        return "second"

    assert call_all([first, second], 2) == ("first", "second")
    assert call_all([], 2) == ()


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_as_many_run_at_the_same_time_as_are_allowed_and_no_more(at_once: int) -> None:
    lock, running, most = threading.Lock(), 0, 0
    all_began = threading.Barrier(at_once)

    def one(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if number < at_once:
            all_began.wait(10)
        time.sleep(0.02)  # a further one would begin meanwhile
        with lock:
            running -= 1
        return number

    functions: list[Callable[[], int]] = [partial(one, number) for number in range(7)]
    assert call_all(functions, at_once) == tuple(range(7))
    assert most == at_once


def test_error_is_raised_once_the_others_have_ended_and_no_other_begins() -> None:
    failed = threading.Event()
    seen: list[str] = []

    def fails() -> None:
        failed.set()
        raise ValueError("no answer")

    def ends_later() -> None:
        assert failed.wait(10)
        time.sleep(0.05)
        seen.append("ended")

    with pytest.raises(ValueError, match="no answer"):
        call_all([ends_later, fails, lambda: seen.append("began")], 2)
    assert seen == ["ended"]
