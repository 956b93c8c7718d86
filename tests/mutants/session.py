"""Runs the tests on each fault: one session of pytest that is collected once, and a forked child
for each fault that runs the tests that reach its function, until one fails.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import math
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from tests.mutants import DECIDING, kept, switch
from tests.mutants.faults import Fault, is_of

_NOTICED, _SURVIVED, _BROKEN = 1, 0, 99
_UNKNOWN = b"-"  # in the place of the number of a test
# A test may take this many times what it takes without a fault, and this many seconds of processor
# time at least; else the child is ended: noticed.
_TIMES, _LEAST_SECONDS = 6.0, 1.0
_MOST_SECONDS = 300.0  # of all tests in a process of their own
# A child that uses less of the processor in this time waits for what never comes, however busy the
# machine is: ended, and noticed.
_IDLE_SECONDS, _IDLE_TICKS, _BETWEEN_LOOKS = 60.0, 0.5 * os.sysconf("SC_CLK_TCK"), 5.0
_OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:timeout", "--capture=sys")
_PYTEST = (sys.executable, "-m", "pytest", *_OPTIONS)
_PROGRESS = 100  # faults between two lines
_TABLES = "tests/unit/judge/test_rules.py"  # first, for what runs at import: that makes the rules


@dataclass
class _Child:
    fault: Fault
    order: list[int]
    answer: int  # a descriptor: the child writes the number of each test that it begins
    looked: float = 0.0  # when, and how many ticks of the processor it had used when it went on
    ticks: float = -math.inf
    going: float = 0.0


class Session:
    """A plugin of pytest that runs the tests once for each of ``faults`` instead of once."""

    def __init__(
        self,
        faults: Sequence[Fault],
        at_import: Set[str],
        minutes: float,
        add: Callable[..., None],
    ) -> None:
        """``at_import`` are the functions that run when the program is imported. No fault is begun
        after ``minutes``. ``add`` keeps what is found: kept.add, with its first two arguments.
        """
        self._faults = faults
        self._most_minutes = minutes
        self._add = add
        self._at_import = at_import
        self._while_collected: Set[str] = frozenset()  # functions that made parameters of tests
        self._items: list[pytest.Item] = []
        self._seconds: list[float] = []
        self._reached_by: defaultdict[str, list[int]] = defaultdict(list)
        self._noticed_before: defaultdict[str, list[int]] = defaultdict(list)
        self._survivors = 0
        self.failed: list[str] = []  # tests that fail without a fault

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own loop."""
        hypothesis.settings.register_profile(
            "faults", derandomize=True, database=None, deadline=None,
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )  # fmt: skip
        hypothesis.settings.load_profile("faults")
        self._items = session.items
        self._while_collected = frozenset(switch.seen)
        self._without_fault()
        if not self.failed:
            gc.collect()
            gc.freeze()
            self._with_each()
        return True

    def _without_fault(self) -> None:
        for number, item in enumerate(self._items):
            switch.seen.clear()
            began = time.process_time()
            with switch.watched():
                if not _passes(item):
                    self.failed.append(item.nodeid)
            self._seconds.append(time.process_time() - began)
            for function in switch.seen:
                self._reached_by[function].append(number)

    def _with_each(self) -> None:
        children: dict[int, _Child] = {}
        began = time.monotonic()
        for done, fault in enumerate(self._faults):
            minutes = (time.monotonic() - began) / 60
            if minutes > self._most_minutes:
                break
            if done % _PROGRESS == 0:
                print(f"{done} of {len(self._faults)} faults, {self._survivors} not noticed, "
                      f"{minutes:.1f} min", file=sys.__stderr__, flush=True)  # fmt: skip
            order = self._order(fault)
            if not order and fault.function not in self._at_import | self._while_collected:
                self._survives(fault)
                continue
            while len(children) >= (os.cpu_count() or 1):
                self._end_one(children)
            pid, child = self._start(fault, order)
            children[pid] = child
        while children:
            self._end_one(children)

    def _order(self, fault: Fault) -> list[int]:
        """The numbers of the tests for ``fault``: first those that noticed others of its
        function, then the fast ones.
        """
        directories = _tests_for(fault)
        numbers = [
            number
            for number in self._reached_by[fault.function]
            if self._items[number].nodeid.startswith(directories)
        ]
        known = self._noticed_before[fault.function]
        rank = {number: place for place, number in enumerate(known)}
        return sorted(numbers, key=lambda n: (rank.get(n, len(rank)), self._seconds[n]))

    def _start(self, fault: Fault, order: list[int]) -> tuple[int, _Child]:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            os.setpgid(0, 0)
            _be_silent()
            self._child(fault, order, writer)
        os.close(writer)
        return pid, _Child(fault, order, reader)

    def _child(self, fault: Fault, order: Iterable[int], writer: int) -> None:
        status = _NOTICED  # an error of pytest's own counts as noticed, too
        if fault.function in self._at_import:
            _begin_anew(fault, writer)
        try:
            switch.choose(fault.function, fault.version)
        except BaseException:
            os._exit(_BROKEN)
        try:
            for number in order:
                most = max(_LEAST_SECONDS, _TIMES * self._seconds[number])
                os.write(writer, b"%d " % number)
                signal.setitimer(signal.ITIMER_PROF, most)  # its signal ends this process
                if not _passes(self._items[number]):
                    break
            else:
                status = _SURVIVED
                if fault.function in self._while_collected:
                    _begin_anew(fault, writer)
        finally:
            os._exit(status)

    def _end_one(self, children: dict[int, _Child]) -> None:
        pid, status = self._wait(children)
        child = children.pop(pid)
        with open(child.answer, "rb") as answer:
            begun = answer.read().split()
        ended = os.waitstatus_to_exitcode(status)
        if ended == _BROKEN:
            raise RuntimeError(f"{child.fault} cannot be put in")
        if ended == _SURVIVED:
            self._survives(child.fault)
            return
        test = None
        if begun and begun[-1] != _UNKNOWN:
            number = int(begun[-1])
            test = self._items[number].nodeid.partition("::")[0]
            known = self._noticed_before[child.fault.function]
            if number in known:
                known.remove(number)
            known.insert(0, number)
        self._add(child.fault, test, noticed=True)

    def _survives(self, fault: Fault) -> None:
        self._survivors += 1
        self._add(fault, None, noticed=False)

    @staticmethod
    def _wait(children: dict[int, _Child]) -> tuple[int, int]:
        while True:
            for pid, child in children.items():
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return pid, status
                if _is_idle(pid, child):
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGKILL)
            time.sleep(0.002)


def _begin_anew(fault: Fault, writer: int) -> NoReturn:
    """Run all tests in the place of this process, with ``fault`` from the import on. Which of them
    notices it is not known.
    """
    os.write(writer, _UNKNOWN)
    environment = {**os.environ, switch.FAULT: f"{fault.function} {fault.version}"}
    files = dict.fromkeys((_TABLES, *_tests_for(fault)))
    signal.setitimer(signal.ITIMER_PROF, _MOST_SECONDS)
    os.execve(sys.executable, [*_PYTEST, "-x", *files], environment)


def _is_idle(pid: int, child: _Child) -> bool:
    now = time.monotonic()
    if now - child.looked < _BETWEEN_LOOKS:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(map(int, stat[11:15]))  # utime, stime, cutime, cstime (proc(5))
    if ticks - child.ticks >= _IDLE_TICKS:
        child.ticks, child.going = ticks, now
    child.looked = now
    return now - child.going > _IDLE_SECONDS


def _tests_for(fault: Fault) -> tuple[str, ...]:
    return next(tests for name, tests in DECIDING.items() if is_of(fault, name))


def _passes(item: pytest.Item) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=None)
    return not any(report.failed for report in reports)


def _be_silent() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nothing, fd)


def run(faults: Sequence[Fault], minutes: float, add: Callable[..., None]) -> list[str]:
    """Run the tests on each fault of the copy, which has to be the working directory; see Session.
    Returns the tests that fail without a fault.
    """
    directories = sorted({name for fault in faults for name in _tests_for(fault)})
    with switch.watched():
        for module in sorted({fault.module for fault in faults}):
            importlib.import_module(module)
    session = Session(faults, frozenset(switch.seen), minutes, add)
    switch.seen.clear()
    with (
        open(os.devnull, "w", encoding="utf-8") as nothing,
        contextlib.redirect_stdout(nothing),
        switch.watched(),
    ):
        pytest.main([*_OPTIONS, *directories], plugins=[session])
    return session.failed


if __name__ == "__main__":
    asked = json.loads(Path("asked.json").read_text())
    faulty = [Fault(**fault) for fault in asked["faults"]]
    keep = functools.partial(kept.add, Path(asked["kept"]), kept.Snapshot(asked["digests"]))
    Path("failed.json").write_text(json.dumps(run(faulty, asked["minutes"], keep)))
