"""Changes to E13's observation: faults, answers unlike the article's, and reasons to skip."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .broken import Change, named, put
from .conftest import observed_on


def trial(controller: str, **fields: Any) -> Change:
    """Replace fields of one trial."""
    return named("trials", "controller", controller, **fields)


def spun(throttled: int, seconds: float) -> Change:
    """Set how often the program was throttled, in how many seconds."""

    def change(observation: Any) -> Any:
        (cpu,) = (item for item in observation.trials if item.controller == "cpu")
        stat, usage = cpu.before
        text = "\n".join(
            f"nr_throttled {int(line.split()[1]) + throttled}" if "nr_throttled" in line else line
            for line in stat[1].splitlines()
        )
        after = ((stat[0], text), (usage[0], str(int(usage[1]) + 10_000_000)))
        return trial("cpu", after=after, seconds=seconds)(observation)

    return change


# Docker 26.1.5 in a virtual machine with Debian 13's kernel, where cgroup v2 has the controllers.
on_version_2 = observed_on("docker-26.1.5-cgroup2-vm", "E13")

BROKEN: list[tuple[str, str, Change]] = [
    ("E13", "no-image", put(found=False)),
    (
        "E13",
        "other-limit",
        trial("memory", limits=(("memory.limit_in_bytes", "9223372036854771712"),)),
    ),
    ("E13", "other-limit", trial("cpu", limits=(("cpu.cfs_quota_us", "-1"),))),
    ("E13", "other-limit", trial("pids", limits=(("pids.max", "max"),))),
    ("E13", "other-limit", lambda observation: trial("cpu", limits=())(on_version_2(observation))),
    ("E13", "not-killed", trial("memory", exit_status=0, said="allocated 1073741824 bytes")),
    ("E13", "not-killed", trial("memory", exit_status=2, said="out of memory")),
    ("E13", "other-kill", trial("memory", oom_killed=False, oom_kills=0)),
    ("E13", "not-throttled", spun(throttled=0, seconds=0.09)),
    ("E13", "not-throttled", trial("cpu", seconds=0.03)),
    ("E13", "not-throttled", trial("cpu", seconds=0.0)),
    ("E13", "not-refused", trial("pids", said="refused after 17: out of memory (errno 12)")),
    ("E13", "not-refused", trial("pids", said="")),
    ("E13", "not-refused", trial("pids", after=(("pids.current", "25"), ("pids.events", "max 1")))),
    ("E13", "not-refused", trial("pids", after=(("pids.current", "24"), ("pids.events", "max 0")))),
]

SKIPPED: list[tuple[str, str, Change]] = [
    ("E13", "busy", spun(throttled=0, seconds=8.0)),
    ("E13", "no-controller", observed_on("docker-28.5.2-cgroup2", "E13")),
    (
        "E13",
        "no-controller",
        lambda observation: replace(
            observation, lacking=("memory",), trials=observation.trials[1:]
        ),
    ),
]

TODAY: list[tuple[str, str, Change]] = [
    ("E13", "version-1", put()),
    ("E13", "version-2", on_version_2),
    ("E13", "no-flag", trial("memory", oom_killed=False)),
]
