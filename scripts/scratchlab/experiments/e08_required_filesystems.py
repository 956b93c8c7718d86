"""E08: the runtime mounts the filesystems that its spec requires.

The six are those of runc's libcontainer/SPEC.md ("Filesystem"). The OCI runtime-spec
(config-linux.md "Default Filesystems") has a SHOULD for four of them: /proc, /sys, /dev/pts and
/dev/shm.
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

_IN_SPEC = frozenset(path for path, _, _ in LIBCONTAINER_FILESYSTEMS)


@dataclass(frozen=True)
class VisibleMount:
    """One mount that the process can reach, with its mount and superblock options."""

    target: str
    fstype: str
    options: tuple[str, ...]
    super_options: tuple[str, ...]


@dataclass(frozen=True)
class Observation:
    """The mounts of the process, sorted by target, and the runtime that made them."""

    pid: int
    runtime: str
    mounts: tuple[VisibleMount, ...]


def probe(lab: Laboratory) -> Observation:
    """Read /proc/PID/mountinfo, on another machine through a debug container.

    Of several mounts on one path, only the topmost is kept.
    """
    running: Running = lab.observations["E06"]
    inspect = lab.container(lab.names.container)
    local = lab.engine_is_local
    runtime = lab.engine.runtime(inspect, local=local) if inspect is not None else None
    if local:
        with process.hold_process(running.pid) as held:
            mounts = mountinfo.visible_mounts(held.mounts, held.root_mount)
            held.recheck()
    else:
        evidence = lab.evidence()
        top = evidence.live.get("/")
        root_mount = top.mount if top is not None else None
        mounts = mountinfo.visible_mounts(evidence.facts.mounts, root_mount)
    return Observation(
        pid=running.pid,
        runtime=f"{runtime.name} {runtime.version}".strip() if runtime else "",
        mounts=tuple(
            VisibleMount(target, mount.fstype, mount.options, mount.super_options)
            for target, mount in sorted(mounts.items())
        ),
    )


def judge(observation: Observation) -> ExperimentOutcome:
    """Each of the six is mounted with its filesystem; differences from SPEC.md are reported."""
    mounts = {mount.target: mount for mount in observation.mounts}
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
    observed = "\n".join([*lines, *(f"{path} not mounted" for path in missing)])
    values = {
        "runtime": observation.runtime,
        "pid": str(observation.pid),
        "flags": "; ".join(flags),
    }
    if missing:
        values["missing"] = ", ".join(missing)
        return ExperimentOutcome(observed, fault="missing", placeholders=values)
    if other:
        values["other"] = "; ".join(other)
        return ExperimentOutcome(observed, fault="other-filesystem", placeholders=values)
    more = [path for path in mounts if path != "/" and path not in _IN_SPEC]
    known = [path for path in more if not path.startswith(("/etc/", "/sys/fs/cgroup/"))]
    lines += [f"and {visible(path)} {mounts[path].fstype}" for path in known]
    today = ("stale", "flags") if flags else ("stale",)
    lines.append(f"all six, mounted by {observation.runtime}, and {len(more)} more")
    return ExperimentOutcome("\n".join(lines), today=today, placeholders=values)
