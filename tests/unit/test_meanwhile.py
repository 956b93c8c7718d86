"""Something is prepared beside other work, and an error of it stays with who needs it."""

from __future__ import annotations

import threading

from scratchlab.meanwhile import calling


def test_it_is_called_while_the_block_runs_and_done_after_it() -> None:
    reached, done = threading.Event(), []

    def prepare() -> None:
        done.append(reached.wait(20))

    with calling(prepare):
        reached.set()  # too late for a call that came before the block
    assert done == [True]


def test_its_error_does_not_end_the_block() -> None:
    called = []

    def prepare() -> None:
        called.append(True)
        raise RuntimeError

    with calling(prepare):
        pass
    assert called == [True]
