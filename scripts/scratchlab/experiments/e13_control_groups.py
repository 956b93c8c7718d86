"""E13: a limit that was set is in force: read from the kernel, and then exceeded.

The program of the lab's limits image allocates, spins or forks without end. By the kernel's
documentation a group that exceeds its memory limit is killed (memory.rst), one that exceeds its CPU
quota waits for the next period (sched-bwc.rst), and a fork beyond the process limit fails with
EAGAIN (pids.rst).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scratchlab import deadlines
from scratchlab.collect.kernel_files import KernelFiles, content
from scratchlab.deadlines import Deadline, LateError
from scratchlab.errors import LabError
from scratchlab.experiments.e13_limit_files import (
    CPU_SHARE,
    LIMITS,
    PIDS,
    Files,
    Limit,
    group_directory,
    parse_groups,
    read_files,
    read_number,
)
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.concurrency import call_all
from scratchlab.lab.kernel import Beside, cgroups, open_beside, open_machine
from scratchlab.lab.session import Laboratory
from scratchlab.text import visible

_KILLED = 128 + 9  # the exit status that shells and engines report for SIGKILL
_EAGAIN = 11  # <asm-generic/errno-base.h>
_AT_ONCE = 2  # trials: the program that is throttled waits most of the time
_THROTTLED_PERIODS = 3  # to wait for, a tenth of a second each
_THROTTLE_SECONDS = 8.0  # to wait for them, and for the share of the CPUs that the limit allows
_SHARE_SECONDS = 4.0  # to wait for them at the first limit; then the limit is lowered
_LOWER = 10_000_000  # billionths of a CPU: the least that Docker sets (moby daemon/daemon_unix.go)
_BUSY = "busy"  # the key of a reason to skip, not of a fault
_SLACK = 2.0  # of a share: an interval begins and ends within a period


@dataclass(frozen=True)
class LimitTrial:
    """One limit: the kernel's files as they were set, and what happened when it was exceeded.

    ``before`` and ``after`` are the kernel's counters, ``seconds`` the time from before the first
    reading to after the second. ``oom_killed`` is the engine's report on the container,
    ``oom_kills`` (where the limit is one of memory) the kernel's count for the whole machine
    meanwhile (/proc/vmstat). ``said`` is the program's last line. ``lowered``: the machine gave the
    program less CPU time than its limit, so the limit was lowered while it ran. The names
    ``folder`` (the group's directory) and ``said`` are keys of saved observations.
    """

    controller: str
    group: str = ""
    folder: str = ""
    limits: Files = ()
    before: Files = ()
    after: Files = ()
    seconds: float = 0.0
    exit_status: int | None = None
    oom_killed: bool = False
    oom_kills: int = 0
    said: str = ""
    lowered: bool = False


@dataclass(frozen=True)
class Observation:
    """The trials of the limits that can be set; ``lacking`` are controllers without any."""

    found: bool
    version: int = 0
    controllers: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    trials: tuple[LimitTrial, ...] = ()


def probe(lab: Laboratory) -> Observation:
    """For each limit start a container, read its files, exceed the limit, read the counters.

    Two limits at a time, where the machine carries that.
    """
    if lab.image(lab.names.limits) is None:
        return Observation(found=False)
    with open_machine(lab) as machine:
        version, controllers = cgroups(machine)
        present = {name for names in controllers for name in names.split(",")}
        info = lab.engine.info()
        able = [one for one in LIMITS if one.controller in present and info.get(one.info_key)]
        trials = [_TrialContainer(lab, machine, limit, version).run for limit in able]
        return Observation(
            found=True,
            version=version,
            controllers=controllers,
            lacking=tuple(limit.controller for limit in LIMITS if limit not in able),
            trials=call_all(trials, min(_AT_ONCE, deadlines.PACE.at_once())),
        )


@dataclass(frozen=True, slots=True)
class _Groups:
    """The control groups of a container's process: the ``path`` of the one with the limit, and the
    directories by controller in which ``beside`` shows them.
    """

    beside: Beside
    path: str
    shown: dict[str, str]

    def read(self, names: Sequence[tuple[str, str]]) -> Files:
        """See ``read_files``."""
        below = {name: f"{self.beside.root}{path}" for name, path in self.shown.items()}
        return read_files(self.beside.files, below, names)


class _Reading(NamedTuple):
    """The counters of a group, and when their reading began and ended (monotonic seconds)."""

    counters: Files
    begin: float
    end: float


class _TrialContainer:
    """One container with one limit, from create to remove."""

    def __init__(self, lab: Laboratory, machine: KernelFiles, limit: Limit, version: int) -> None:
        self._lab = lab
        self._machine = machine
        self._limit = limit
        self._version = version
        self._container = lab.create(
            lab.names.limits,
            ["await", limit.verb],
            name=f"scratchlab-limit-{limit.controller}-{secrets.token_hex(4)}",
            network_mode="none",
            log_config={"Type": "none"},  # instead of the engine's own log driver
            **limit.options,
        )

    def run(self) -> LimitTrial:
        lines = _lines(self._lab.start(self._container, attach=True))
        if next(lines, "") != "ready":
            raise LabError(f"the program of {self._container.name} did not start")
        inspect = self._lab.engine.inspect_container(str(self._container.id))
        with open_beside(self._lab, inspect) as beside:
            groups = self._groups(beside)
            controller, expected = self._limit.controller, self._limit.expected[self._version]
            limits = groups.read([(controller, name) for name, _ in expected])
            trial = LimitTrial(controller, groups.path, groups.shown[controller], limits)
            if limits == expected:  # otherwise nothing would stop the program
                trial = self._exceed(trial, groups, lines)
        self._container.remove(force=True)
        return trial

    def _exceed(self, trial: LimitTrial, groups: _Groups, lines: Iterator[str]) -> LimitTrial:
        kills = self._oom_kills()
        first, last = self._count(groups), None
        self._container.kill(signal="SIGUSR1")
        last_line, status, lowered = "", None, False
        if trial.controller == "memory":
            status = int(self._container.wait()["StatusCode"])
            last_line = next(lines, "")
        elif trial.controller == "pids":
            last_line = next(lines, "")
            last = self._count(groups)
        else:
            first, last, lowered = self._wait_until_throttled(groups, first)
        seconds = (last.end if last else time.monotonic()) - first.begin
        after = last.counters if last else ()
        if _gone(after):
            what = f"{self._limit.verb} ended, after a time limit of its own, and its limit was not"
            raise LateError(f"{what} reached", seconds)
        self._container.reload()
        return replace(
            trial,
            before=first.counters,
            after=after,
            seconds=round(seconds, 3),
            exit_status=status,
            oom_killed=bool(self._container.attrs["State"].get("OOMKilled")),
            oom_kills=self._oom_kills() - kills,
            said=last_line,
            lowered=lowered,
        )

    def _groups(self, beside: Beside) -> _Groups:
        text = content(beside.files, f"/proc/{beside.pid}/cgroup")
        groups = parse_groups(text.decode("utf-8", "surrogateescape"))
        counters = self._limit.counters[self._version]
        wanted = {self._limit.controller, *(controller for controller, _ in counters)}
        paths = {name: groups.get("" if self._version == 2 else name, "/") for name in wanted}
        shown = {
            name: group_directory(self._version, name, path, beside.mounts)
            for name, path in paths.items()
        }
        return _Groups(beside, paths[self._limit.controller], shown)

    def _oom_kills(self) -> int:
        """Those of the machine, which only one trial asks: they may run at the same time."""
        return _oom_kills(self._machine) if self._limit.controller == "memory" else 0

    def _count(self, groups: _Groups) -> _Reading:
        begin = time.monotonic()
        counters = groups.read(self._limit.counters[self._version])
        return _Reading(counters, begin, time.monotonic())

    def _wait_until_throttled(
        self, groups: _Groups, first: _Reading
    ) -> tuple[_Reading, _Reading, bool]:
        """Two readings between which the program was throttled, and whether the limit had to be
        lowered, since the machine is too busy to reach it.

        At first a program may use more than its share: what it had left, and what each CPU gave it
        until a timer interrupt took it away (Linux kernel/sched/fair.c). Then the share is that
        from the second reading on.
        """
        deadline, lowered, asked = Deadline(_THROTTLE_SECONDS), False, False
        since = time.monotonic()
        while True:
            time.sleep(0.1)
            last = self._count(groups)
            growth = _growth(first.counters, last.counters, "cpu.stat", "nr_throttled")
            throttled = growth >= _THROTTLED_PERIODS
            within = _within(_share(first.counters, last.counters, last.end - first.begin))
            if (throttled and within) or _gone(last.counters) or deadline.passed():
                return first, last, lowered
            if throttled:
                first = last
            elif not asked and time.monotonic() > since + _SHARE_SECONDS:
                asked, lowered = True, self._lower()
                deadline = Deadline(_THROTTLE_SECONDS)

    def _lower(self) -> bool:
        """Lower the CPU limit; return True, or False if the engine cannot."""
        api, name = self._lab.api, self._container.id
        # The SDK's update has no NanoCpus, and quotas cannot replace them.
        answer = api._post_json(api._url("/containers/{0}/update", name), {"NanoCpus": _LOWER})
        return bool(answer.ok)


def _lines(output: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in output:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "surrogateescape") for line in whole)
    if rest:
        yield rest.decode("utf-8", "surrogateescape")


def _oom_kills(machine: KernelFiles) -> int:
    """OOM kills since boot (Linux mm/vmstat.c, 4.13 and later); 0 if they are not counted."""
    for line in content(machine, "/proc/vmstat").decode("ascii").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def judge(observation: Observation) -> ExperimentOutcome:
    """The kernel's files hold the limits that were set, and each limit stopped the program."""
    if not observation.found:
        return ExperimentOutcome("no such image", fault="no-image")
    version = observation.version
    lines, today = [], [f"version-{version}"] if version else []
    skip, reason = None, {}
    for trial in observation.trials:
        limit = next(limit for limit in LIMITS if limit.controller == trial.controller)
        expected = limit.expected[version]
        lines.append(f"{limit.option}: {visible(trial.folder)}: {_text(trial.limits)}")
        if trial.limits != expected:
            values = {
                "option": limit.option,
                "actual": _text(trial.limits),
                "requested": _text(expected),
            }
            return ExperimentOutcome("\n".join(lines), fault="other-limit", placeholders=values)
        fault, effect = _JUDGES[trial.controller](trial)
        lines.append(f"{limit.verb}: {effect}")
        values = {"option": limit.option, "effect": effect}
        if fault == _BUSY:
            skip, reason = fault, values
        elif fault:
            return ExperimentOutcome("\n".join(lines), fault=fault, placeholders=values)
        if trial.controller == "memory" and not trial.oom_killed:
            today.append("no-flag")
    if observation.lacking:
        present = " ".join(observation.controllers) or "none"
        lacking = ", ".join(observation.lacking)
        skip, reason = "no-controller", {"lacking": lacking, "present": present}
        lines.append(f"no {lacking} controller (cgroup v{version}: {present})")
    if skip is not None:
        values = {**reason, "version": str(version)}
        return ExperimentOutcome("\n".join(lines), skip=skip, placeholders=values)
    effects = ", ".join(f"{t.controller} {_EFFECTS[t.controller]}" for t in observation.trials)
    lines.append(f"limits of cgroup v{version} in force: {effects}")
    return ExperimentOutcome("\n".join(lines), today=tuple(today))


def _text(files: Files) -> str:
    return "; ".join(f"{name} {content}" for name, content in files)


# Each of these judges returns the key of a fault (None: passed) and a text of what happened.
def _judge_kill(trial: LimitTrial) -> tuple[str | None, str]:
    if trial.exit_status != _KILLED:
        return "not-killed", f"exit status {trial.exit_status} {visible(trial.said)}".strip()
    effect = (
        f"exit status {_KILLED}, OOMKilled {str(trial.oom_killed).lower()}, "
        f"OOM kills counted by the kernel: {trial.oom_kills}"
    )
    return (None if trial.oom_killed or trial.oom_kills else "other-kill"), effect


def _judge_throttling(trial: LimitTrial) -> tuple[str | None, str]:
    throttled, periods = (
        _growth(trial.before, trial.after, "cpu.stat", key)
        for key in ("nr_throttled", "nr_periods")
    )
    share = _share(trial.before, trial.after, trial.seconds)
    effect = f"throttled in {throttled} of {periods} periods, {share:.0%} of one CPU"
    if trial.lowered:
        effect += f" (with {_LOWER / 1e9:g} CPUs: the machine was too busy to reach {CPU_SHARE:g})"
    if not _within(share):
        return "not-throttled", effect
    if throttled < 1:
        return _BUSY if share < CPU_SHARE else "not-throttled", effect
    return None, effect


def _gone(counters: Files) -> bool:
    """Whether the group has been removed, since its last process ended."""
    return any(not content for _, content in counters)


def _growth(before: Files, after: Files, name: str, key: str = "") -> int:
    return read_number(after, name, key) - read_number(before, name, key)


def _share(before: Files, after: Files, seconds: float) -> float:
    """The CPUs that the group used on average in ``seconds``, of one CPU."""
    used = _growth(before, after, "cpuacct.usage") / 1e9  # nanoseconds
    used = used or _growth(before, after, "cpu.stat", "usage_usec") / 1e6
    return used / seconds if seconds else 0.0


def _within(share: float) -> bool:
    return 0 < share <= CPU_SHARE * _SLACK


def _judge_refusal(trial: LimitTrial) -> tuple[str | None, str]:
    current = read_number(trial.after, "pids.current")
    refusals = read_number(trial.after, "pids.events", "max")
    effect = f"{visible(trial.said)}; pids.current {current}, pids.events max {refusals}"
    if f"errno {_EAGAIN})" not in trial.said or current != PIDS or not refusals:
        return "not-refused", effect
    return None, effect


_JUDGES = {"memory": _judge_kill, "cpu": _judge_throttling, "pids": _judge_refusal}
_EFFECTS = {"memory": "kills", "cpu": "throttles", "pids": "refuses"}
