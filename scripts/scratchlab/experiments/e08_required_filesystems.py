"""E08: the runtime mounts the filesystems that its spec requires.

The table is libcontainer's own (runc libcontainer/SPEC.md "Filesystem"); of these the OCI
runtime-spec (config-linux.md "Default Filesystems") asks for /proc, /sys, /dev/pts and /dev/shm
with SHOULD.
"""

from __future__ import annotations

from dataclasses import dataclass

from scratchlab import mountinfo
from scratchlab.collect import process
from scratchlab.experiments.e06_ordinary_process import Observation as Running
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.judge.rules.spec import LIBCONTAINER_FILESYSTEMS
from scratchlab.lab.session import Laboratory
from scratchlab.text import visible

_SPEC_KNOWS = frozenset(path for path, _, _ in LIBCONTAINER_FILESYSTEMS)


@dataclass(frozen=True)
class Mounted:
    """One mount that the process can reach."""

    target: str
    fstype: str
    options: tuple[str, ...]
    super_options: tuple[str, ...]


@dataclass(frozen=True)
class Observation:
    """The mounts of the process, sorted by target, and the runtime that made them."""

    pid: int
    runtime: str
    mounts: tuple[Mounted, ...]


def probe(lab: Laboratory) -> Observation:
    """Read /proc/PID/mountinfo: of stacked mounts the topmost. On another machine, in a debug
    container there.
    """
    running: Running = lab.observations["E06"]
    inspect = lab.container(lab.names.container)
    runtime = lab.engine.runtime(inspect, here=lab.here) if inspect is not None else None
    if lab.here:
        with process.hold(running.pid) as held:
            seen = mountinfo.visible(held.mounts, held.root_mount)
            held.recheck()
    else:
        evidence = lab.evidence()
        top = evidence.live.get("/")
        seen = mountinfo.visible(evidence.facts.mounts, top.mount if top is not None else None)
    return Observation(
        pid=running.pid,
        runtime=f"{runtime.name} {runtime.version}".strip() if runtime else "",
        mounts=tuple(
            Mounted(target, mount.fstype, mount.options, mount.super_options)
            for target, mount in sorted(seen.items())
        ),
    )


def judge(seen: Observation) -> ExperimentOutcome:
    """Each of the six is there with its filesystem; what SPEC.md says less or more is told."""
    mounts = {mount.target: mount for mount in seen.mounts}
    lines, missing, other, flags = [], [], [], []
    for path, fstype, wanted in LIBCONTAINER_FILESYSTEMS:
        mount = mounts.get(path)
        if mount is None:
            missing.append(path)
            continue
        lines.append(f"{path} {mount.fstype} {','.join(mount.options)}")
        if mount.fstype != fstype:
            other.append(f"{path} is {visible(mount.fstype)}, not {fstype}")
        lacking = [flag for flag in wanted if flag not in mount.options]
        if lacking:
            flags.append(f"{path} has no {' '.join(lacking)}")
    said = "\n".join([*lines, *(f"{path} not mounted" for path in missing)])
    words = {"runtime": seen.runtime, "pid": str(seen.pid), "flags": "; ".join(flags)}
    if missing:
        return ExperimentOutcome(said, "missing", words={**words, "missing": ", ".join(missing)})
    if other:
        return ExperimentOutcome(
            said, "other-filesystem", words={**words, "other": "; ".join(other)}
        )
    more = [path for path in mounts if path != "/" and path not in _SPEC_KNOWS]
    known = [path for path in more if not path.startswith(("/etc/", "/sys/fs/cgroup/"))]
    lines += [f"and {visible(path)} {mounts[path].fstype}" for path in known]
    today = ("stale", "flags") if flags else ("stale",)
    said = "\n".join([*lines, f"all six, mounted by {seen.runtime}, and {len(more)} more"])
    return ExperimentOutcome(said, today=today, words=words)
