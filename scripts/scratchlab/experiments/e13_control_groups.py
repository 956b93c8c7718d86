"""E13: a limit that was set is the limit in force: read from the kernel, and run into.

The program of the lab's third image allocates, spins or forks without end. What the kernel
promises: a group over its memory limit is killed (memory.rst), one over its CPU quota waits for
the next period (sched-bwc.rst), and a fork over the process limit fails with EAGAIN (pids.rst).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scratchlab import mountinfo
from scratchlab.collect import facts
from scratchlab.errors import LabError
from scratchlab.experiments import e13_limit_files as kernel
from scratchlab.experiments.e13_limit_files import LIMITS, Files, Limit
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.text import visible

_KILLED = 128 + 9  # as a shell and an engine say it: ended by SIGKILL
_EAGAIN = 11  # <asm-generic/errno-base.h>
_THROTTLED = 3  # periods to wait for, each a tenth of a second
_SECONDS = 8.0  # to wait for them on a busy machine
_BUSY = "busy"  # no fault: the key of a reason to skip
_SLACK = 2.0  # a measured interval begins and ends inside of a period


@dataclass(frozen=True)
class Trial:
    """One limit: the kernel's files as they were set, and what came of running into it.

    ``before`` and ``after`` are counters; ``seconds`` of wall clock lie between them.
    ``oom_killed`` is the engine's word on the container, ``oom_kills`` how many the kernel
    counted on the whole machine meanwhile (/proc/vmstat).
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


@dataclass(frozen=True)
class Observation:
    """The trials of the limits that can be set here; ``lacking`` are controllers that cannot."""

    found: bool
    version: int = 0
    controllers: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()


def probe(lab: Laboratory) -> Observation:
    """One container a limit: read its files, let it run into it, read what the kernel counted."""
    if lab.image(lab.names.limits) is None:
        return Observation(found=False)
    mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
    version, controllers = facts.cgroups(mounts)
    here = {name for names in controllers for name in names.split(",")}
    info = lab.engine.info()
    able = [limit for limit in LIMITS if limit.controller in here and info.get(limit.told)]
    return Observation(
        found=True,
        version=version,
        controllers=controllers,
        lacking=tuple(limit.controller for limit in LIMITS if limit not in able),
        trials=tuple(_Trial(lab, limit, version).run() for limit in able),
    )


class _Trial:
    """One container with one limit, from create to remove."""

    def __init__(self, lab: Laboratory, limit: Limit, version: int) -> None:
        self._limit = limit
        self._version = version
        self._container = lab.create(
            lab.names.limits,
            ["await", limit.verb],
            name=f"scratchlab-limit-{limit.controller}-{secrets.token_hex(4)}",
            network_mode="none",
            log_config={"Type": "none"},  # whatever the engine's own driver is
            **limit.options,
        )

    def run(self) -> Trial:
        output = self._container.attach(stdout=True, stderr=True, stream=True)
        self._container.start()
        lines = _lines(output)
        if next(lines, "") != "ready":
            raise LabError(f"the program of {self._container.name} did not start")
        self._container.reload()
        group, directories = self._groups(int(self._container.attrs["State"]["Pid"]))
        own, promised = self._limit.controller, self._limit.promised[self._version]
        limits = kernel.read(directories, [(own, name) for name, _ in promised])
        trial = Trial(own, group, directories[own], limits)
        if limits == promised:  # nothing is let loose that the kernel would not stop
            trial = self._run_into(trial, directories, lines)
        self._container.remove(force=True)
        return trial

    def _run_into(self, trial: Trial, directories: dict[str, str], lines: Iterator[str]) -> Trial:
        before, kills, begin = self._count(directories), _oom_kills(), time.monotonic()
        self._container.kill(signal="SIGUSR1")
        said, status = "", None
        if trial.controller == "memory":
            status = int(self._container.wait()["StatusCode"])
            said = next(lines, "")
        elif trial.controller == "pids":
            said = next(lines, "")
        else:
            self._throttled(directories)
        seconds = time.monotonic() - begin
        after = self._count(directories) if status is None else ()
        self._container.reload()
        return replace(
            trial,
            before=before,
            after=after,
            seconds=round(seconds, 3),
            exit_status=status,
            oom_killed=bool(self._container.attrs["State"].get("OOMKilled")),
            oom_kills=_oom_kills() - kills,
            said=said,
        )

    def _groups(self, pid: int) -> tuple[str, dict[str, str]]:
        try:
            found = kernel.groups(Path(f"/proc/{pid}/cgroup").read_text("utf-8", "surrogateescape"))
        except FileNotFoundError as error:
            raise LabError(
                f"process {pid} of {self._container.name} is not on this host"
            ) from error
        mounts = mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())
        wanted = {self._limit.controller, *(c for c, _ in self._limit.counters[self._version])}
        paths = {name: found.get("" if self._version == 2 else name, "/") for name in wanted}
        directories = {
            name: kernel.directory(self._version, name, path, mounts)
            for name, path in paths.items()
        }
        return paths[self._limit.controller], directories

    def _count(self, directories: dict[str, str]) -> Files:
        return kernel.read(directories, self._limit.counters[self._version])

    def _throttled(self, directories: dict[str, str]) -> None:
        until = time.monotonic() + _SECONDS
        start = kernel.number(self._count(directories), "cpu.stat", "nr_throttled")
        while time.monotonic() < until:
            time.sleep(0.1)
            now = kernel.number(self._count(directories), "cpu.stat", "nr_throttled")
            if now >= start + _THROTTLED:
                return


def _lines(output: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in output:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "surrogateescape") for line in whole)
    if rest:
        yield rest.decode("utf-8", "surrogateescape")


def _oom_kills() -> int:
    """OOM kills since boot (Linux mm/vmstat.c, 4.13 and later), 0 where it is not counted."""
    for line in Path("/proc/vmstat").read_text("ascii").splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def judge(seen: Observation) -> ExperimentOutcome:
    """The kernel's files hold what was asked, and each limit stopped what ran into it."""
    if not seen.found:
        return ExperimentOutcome("no such image", fault="no-image")
    lines, today = [], [f"version-{seen.version}"] if seen.version else []
    skip, told = None, {}
    for trial in seen.trials:
        limit = next(limit for limit in LIMITS if limit.controller == trial.controller)
        here = "; ".join(f"{name} {content}" for name, content in trial.limits)
        lines.append(f"{limit.option}: {visible(trial.folder)}: {here}")
        promised = limit.promised[seen.version]
        if trial.limits != promised:
            asked = "; ".join(f"{name} {content}" for name, content in promised)
            words = {"option": limit.option, "here": here, "asked": asked}
            return ExperimentOutcome("\n".join(lines), "other-limit", words=words)
        fault, said = _PROVE[trial.controller](trial)
        lines.append(f"{limit.verb}: {said}")
        words = {"option": limit.option, "said": said}
        if fault == _BUSY:
            skip, told = fault, words
        elif fault:
            return ExperimentOutcome("\n".join(lines), fault, words=words)
        if trial.controller == "memory" and not trial.oom_killed:
            today.append("no-flag")
    if seen.lacking:
        there = " ".join(seen.controllers) or "none"
        lacking = ", ".join(seen.lacking)
        skip, told = "no-controller", {"lacking": lacking, "there": there}
        lines.append(f"no {lacking} controller (cgroup v{seen.version}: {there})")
    if skip is not None:
        words = {**told, "version": str(seen.version)}
        return ExperimentOutcome("\n".join(lines), skip=skip, words=words)
    proved = ", ".join(f"{one.controller} {_ENDS[one.controller]}" for one in seen.trials)
    lines.append(f"limits of cgroup v{seen.version} in force: {proved}")
    return ExperimentOutcome("\n".join(lines), today=tuple(today))


def _killed(trial: Trial) -> tuple[str | None, str]:
    if trial.exit_status != _KILLED:
        said = f"exit status {trial.exit_status} {visible(trial.said)}".strip()
        return "not-killed", said
    said = f"exit status {_KILLED}, OOMKilled {str(trial.oom_killed).lower()}"
    said = f"{said}, OOM kills counted by the kernel: {trial.oom_kills}"
    return (None if trial.oom_killed or trial.oom_kills else "other-kill"), said


def _waited(trial: Trial) -> tuple[str | None, str]:
    def grown(name: str, key: str = "") -> int:
        before, after = (kernel.number(f, name, key) for f in (trial.before, trial.after))
        return after - before

    throttled, periods = (grown("cpu.stat", key) for key in ("nr_throttled", "nr_periods"))
    used = grown("cpuacct.usage") / 1e9 or grown("cpu.stat", "usage_usec") / 1e6
    share = used / trial.seconds if trial.seconds else 0.0
    said = f"throttled in {throttled} of {periods} periods, {share:.0%} of one CPU"
    if not 0 < share <= kernel.CPU_SHARE * _SLACK:
        return "not-throttled", said
    if throttled < 1:
        return _BUSY if share < kernel.CPU_SHARE else "not-throttled", said
    return None, said


def _refused(trial: Trial) -> tuple[str | None, str]:
    current = kernel.number(trial.after, "pids.current")
    refusals = kernel.number(trial.after, "pids.events", "max")
    said = f"{visible(trial.said)}; pids.current {current}, pids.events max {refusals}"
    if f"errno {_EAGAIN})" not in trial.said or current != kernel.PIDS or not refusals:
        return "not-refused", said
    return None, said


_ENDS = {"memory": "kills", "cpu": "throttles", "pids": "refuses"}
_PROVE = {"memory": _killed, "cpu": _waited, "pids": _refused}
