"""Ways to break an observation: a change, and the fault that a judge must name for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from scratchlab import codec
from scratchlab.experiments import namespaces
from scratchlab.experiments.elf import Elf
from scratchlab.experiments.listing import Line
from scratchlab.experiments.more_than_image import Added
from scratchlab.experiments.two_things import Counted

Change = Callable[[Any], Any]
SHA = "0" * 64
STRANGER = Line("/stranger", "file", 0o644, 0, 0, 5, SHA)
MARK = "stray"


def put(**fields: Any) -> Change:
    """The observation with these fields instead."""
    return lambda seen: replace(seen, **fields)


def first(field: str, **fields: Any) -> Change:
    """The observation with these fields in the first item of one of its tuples."""

    def change(seen: Any) -> Any:
        head, *rest = getattr(seen, field)
        return replace(seen, **{field: (replace(head, **fields), *rest)})

    return change


def named(field: str, key: str, name: str, **fields: Any) -> Change:
    """The observation with these fields in that item of a tuple whose ``key`` is ``name``."""

    def change(seen: Any) -> Any:
        items = getattr(seen, field)
        assert [item for item in items if getattr(item, key) == name]
        return replace(
            seen,
            **{
                field: tuple(
                    replace(item, **fields) if getattr(item, key) == name else item
                    for item in items
                )
            },
        )

    return change


def without(field: str, key: str, name: str) -> Change:
    """The observation without that item of a tuple."""

    def change(seen: Any) -> Any:
        items = getattr(seen, field)
        rest = tuple(item for item in items if getattr(item, key) != name)
        assert len(rest) < len(items)
        return replace(seen, **{field: rest})

    return change


def more(field: str, item: Any) -> Change:
    """The observation with one more item in a tuple, counted where it counts."""

    def change(seen: Any) -> Any:
        fields = {field: (*getattr(seen, field), item)}
        if hasattr(seen, "count"):
            fields["count"] = seen.count + 1
        return replace(seen, **fields)

    return change


def stage(index: int, **fields: Any) -> Change:
    """The observation of E11 with another stage."""

    def change(seen: Any) -> Any:
        stages = list(seen.stages)
        stages[index] = replace(stages[index], **fields)
        return replace(seen, stages=tuple(stages))

    return change


def added(**fields: Any) -> Added:
    """One more finding of E07."""
    base = Added(f"/{MARK}", "only-live", "kernel", 1, "host: seen", "agrees")
    return replace(base, **fields)


def on_podman(seen: Any) -> Any:
    """What podman shows: /run instead of /.dockerenv."""
    seen = without("top", "path", "/.dockerenv")(seen)
    return replace(seen, engine="podman", top=(*seen.top, replace(STRANGER, path="/run")))


def on_docker_24(seen: Any) -> Any:
    """What Docker 24 shows with the containerd image store."""
    seen = without("top", "path", "/.dockerenv")(seen)
    return replace(seen, version="24.0.9", containerd_store=True)


_FOLDER = Path(__file__).parent / "observed"
# E14 on a second engine of the same machine, with --userns-remap.
_REMAPPED = json.loads((_FOLDER / "docker-20.10.24-userns-remap.json").read_text())["E14"]


def remapped(change: Change = lambda seen: seen) -> Change:
    """The change, made to what was observed with userns-remap."""
    return lambda _: change(codec.decode(namespaces.Observation, _REMAPPED))


def twin(option: str, kind: str = "", link: str = "", **fields: Any) -> Change:
    """The observation of E14 with another namespace or other fields of that twin's process."""

    def change(seen: Any) -> Any:
        (found,) = (one for one in seen.twins if one.option == option)
        spaces = tuple((k, link if k == kind else old) for k, old in found.process.namespaces)
        process = replace(found.process, **{"namespaces": spaces, **fields})
        return named("twins", "option", option, process=process)(seen)

    return change


def shares(option: str, kind: str) -> Change:
    """The observation of E14 where that twin is in the namespace of its starter."""
    return lambda seen: twin(option, kind, dict(seen.starter.namespaces)[kind])(seen)


def refuses(option: str, error: str) -> Change:
    """The observation of E14 where that twin was refused."""
    return named("twins", "option", option, refused=error, process=None)


def everywhere(kind: str, but: str | None = None) -> Change:
    """The observation of E14 where every twin has a namespace of this kind of its own."""

    def change(seen: Any) -> Any:
        for one in seen.twins:
            if one.option != but:
                seen = twin(one.option, kind, f"{kind}:[7]")(seen)
        return seen

    return change


def on_cgroup_2(seen: Any) -> Any:
    """What Docker does by default where the machine has cgroup v2 (made up: v1 was measured)."""
    return everywhere("cgroup", "--cgroupns host")(replace(seen, cgroup=2))


def on_docker_29_5(seen: Any) -> Any:
    """What Docker 29.5 does by default (made up: 20.10 was measured)."""
    return everywhere("time")(replace(seen, version="29.5.0"))


def trial(controller: str, **fields: Any) -> Change:
    """The observation of E13 with these fields in that trial."""
    return named("trials", "controller", controller, **fields)


def spun(throttled: int, seconds: float) -> Change:
    """The observation of E13 where the program was so often throttled in that time."""

    def change(seen: Any) -> Any:
        (cpu,) = (one for one in seen.trials if one.controller == "cpu")
        stat, usage = cpu.before
        text = "\n".join(
            f"nr_throttled {int(line.split()[1]) + throttled}" if "nr_throttled" in line else line
            for line in stat[1].splitlines()
        )
        after = ((stat[0], text), (usage[0], str(int(usage[1]) + 10_000_000)))
        return trial("cpu", after=after, seconds=seconds)(seen)

    return change


def on_version_2(seen: Any) -> Any:
    """The observation of E13 as cgroup v2 words it (made up: v1 was measured)."""
    stat = "usage_usec {}\nnr_periods {}\nnr_throttled {}\nthrottled_usec 9"
    seen = trial("memory", limits=(("memory.max", "16777216"),))(seen)
    seen = trial(
        "cpu",
        limits=(("cpu.max", "10000 100000"),),
        before=(("cpu.stat", stat.format(25000, 2, 1)),),
        after=(("cpu.stat", stat.format(55000, 5, 4)),),
        seconds=0.3,
    )(seen)
    return replace(seen, version=2, controllers=("cpuset", "cpu", "io", "memory", "pids"))


BROKEN: list[tuple[str, str, Change]] = [
    ("E01", "pulled", put(refused=False, status=200, message="Download complete")),
    ("E01", "other-refusal", put(status=500, message="no route to host")),
    ("E02", "no-image", put(found=False)),
    ("E02", "content", put(size=7, content=7)),
    ("E02", "size", put(size=4096)),
    ("E03", "damaged", put(problems=("index.json names another layer",))),
    ("E03", "entries", put(count=0, entries=())),
    ("E03", "entries", more("entries", STRANGER)),
    ("E03", "entries", first("entries", path="/tests")),
    ("E03", "content", first("entries", size=1)),
    ("E03", "content", first("entries", kind="directory")),
    ("E03", "mode", first("entries", mode=0o600)),
    ("E03", "mode", first("entries", uid=1000)),
    ("E04", "no-elf", put(elf=None, problem="no ELF file: it begins with 23 21 2f 62")),
    ("E04", "interpreter", put(elf=Elf(64, "x86-64", "/lib64/ld-linux-x86-64.so.2", True))),
    ("E04", "dynamic", put(elf=Elf(64, "x86-64", None, True))),
    ("E05", "no-image", put(found=False, count=0, entries=())),
    ("E05", "damaged", put(problems=("a layer is not what its diff_id says",))),
    ("E05", "entries", more("entries", STRANGER)),
    ("E05", "entries", put(entrypoint=("/bin/sleep",))),
    ("E05", "entries", put(count=0, entries=())),
    ("E05", "mode", first("entries", mode=0o644)),
    ("E05", "mode", first("entries", kind="symlink")),
    ("E05", "no-built-file", put(built_is_file=False)),
    ("E05", "other-bytes", put(built_sha256=SHA)),
    ("E05", "other-bytes", first("entries", sha256=None)),
    ("E06", "no-container", put(found=False)),
    ("E06", "foreign", put(ours=False)),
    ("E06", "not-running", put(status="exited", pid=0)),
    ("E06", "not-running", put(status="paused")),
    ("E06", "other-image", put(same_image=False)),
    ("E06", "other-program", put(exe="/sbin/docker-init")),
    ("E06", "no-namespace", lambda seen: replace(seen, ns_pids=(seen.pid,))),
    ("E06", "no-namespace", lambda seen: replace(seen, ns_pids=(seen.pid, 7))),
    ("E06", "no-namespace", lambda seen: replace(seen, ns_pids=(seen.pid + 1, 1))),
    ("E06", "shell", put(shell_exit=0, shell="")),
    ("E07", "names", more("top", STRANGER)),
    ("E07", "names", without("top", "path", "/.dockerenv")),
    ("E07", "names", without("top", "path", "/sleep")),
    ("E07", "unexplained", more("added", added(origin="unexplained"))),
    ("E07", "missing", more("added", added(status="missing"))),
    ("E07", "written", more("added", added(origin="process-write"))),
    ("E07", "no-evidence", more("added", added(proofs=0, proof=""))),
    ("E07", "disagrees", more("added", added(prediction="mode 0755 was predicted"))),
    ("E08", "missing", without("mounts", "target", "/dev/shm")),
    ("E08", "missing", without("mounts", "target", "/proc")),
    ("E08", "other-filesystem", named("mounts", "target", "/dev", fstype="devtmpfs")),
    ("E09", "names", put(entries=())),
    ("E09", "names", without("entries", "path", "/etc/mtab")),
    ("E09", "names", more("entries", replace(STRANGER, path="/etc/zz"))),
    ("E09", "not-bound", named("bound", "path", "/etc/hosts", behind=())),
    ("E09", "not-bound", named("bound", "path", "/etc/hostname", behind=("/etc/passwd",))),
    ("E09", "not-bound", named("bound", "path", "/etc/resolv.conf", told="")),
    ("E09", "not-bound", named("bound", "path", "/etc/hosts", told="/h", behind=("/h",))),
    ("E09", "mtab", named("entries", "path", "/etc/mtab", target="/etc/passwd")),
    ("E09", "no-init-layer", put(init_mtab=None, init=None)),
    (
        "E09",
        "no-init-layer",
        lambda seen: replace(seen, init_mtab=replace(seen.init_mtab, target="/x")),
    ),
    ("E10", "no-image", put(found=False)),
    (
        "E10",
        "permission",
        put(exit_status=2, error="sh: can't cd to /proc/1/root: Permission denied"),
    ),
    ("E10", "no-listing", put(exit_status=127, error="sh: find: not found")),
    ("E10", "differs", without("debug", "path", "/.dockerenv")),
    ("E10", "differs", without("host", "path", "/.dockerenv")),
    ("E10", "differs", named("debug", "path", "/etc/hosts", sha256=SHA)),
    ("E10", "differs", named("debug", "path", "/etc/hosts", sha256=None)),
    ("E10", "differs", named("debug", "path", "/dev/null", device=(1, 5))),
    ("E10", "differs", named("debug", "path", "/sleep", mode=0o777)),
    ("E10", "differs", named("debug", "path", "/sleep", uid=1)),
    ("E10", "differs", named("debug", "path", "/etc/mtab", target="/proc/self/mounts")),
    ("E10", "differs", put(uid_map=((0, 100000, 65536),))),
    ("E11", "no-twin", put(stages=(), exit_status=127)),
    ("E11", "nothing-seen", stage(0, host_mounts=())),
    ("E11", "nothing-seen", stage(0, namespaces=())),
    ("E11", "nothing-seen", stage(0, folders=())),
    ("E11", "nothing-seen", stage(0, process=False)),
    ("E11", "process", stage(1, process=True)),
    ("E11", "process", stage(2, own_mounts=1)),
    ("E11", "mounts", stage(1, host_mounts=("overlay on /merged",))),
    ("E11", "mounts", stage(2, host_mounts=("overlay on /merged",))),
    ("E11", "namespaces", stage(2, namespaces=("net:[4026532259]",))),
    ("E11", "folders", stage(2, folders=("/var/lib/docker/containers/x",))),
    ("E12", "sums", put(live_entries=7)),
    ("E12", "sums", put(image_entries=2)),
    ("E12", "sums", more("ghosts", Counted("shadowed", 1))),
    (
        "E12",
        "same",
        put(live_entries=1, statuses=(Counted("same", 1),), origins=()),
    ),
    (
        "E12",
        "unexplained",
        more("origins", Counted("unexplained", 1)),
    ),
    (
        "E12",
        "unexplained",
        lambda seen: put(image_entries=seen.image_entries + 1)(
            more("statuses", Counted("missing", 1))(seen)
        ),
    ),
    ("E13", "no-image", put(found=False)),
    (
        "E13",
        "other-limit",
        trial("memory", limits=(("memory.limit_in_bytes", "9223372036854771712"),)),
    ),
    ("E13", "other-limit", trial("cpu", limits=(("cpu.cfs_quota_us", "-1"),))),
    ("E13", "other-limit", trial("pids", limits=(("pids.max", "max"),))),
    ("E13", "other-limit", lambda seen: trial("cpu", limits=())(on_version_2(seen))),
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
    ("E14", "refused", refuses("--pid host", "permission denied")),
    ("E14", "refused", lambda seen: replace(refuses("", "no space left")(seen), starter=None)),
    ("E14", "refused", remapped(refuses("--uts host", "cannot share the host's UTS namespace"))),
    ("E14", "refused", remapped(refuses("--pid host", "no space left on device"))),
    (
        "E14",
        "not-refused",
        remapped(
            lambda seen: replace(
                seen, twins=(*seen.twins[:1], replace(seen.twins[0], option="--pid host"))
            )
        ),
    ),
    ("E14", "not-private", shares("", "net")),
    ("E14", "not-private", shares("--network host", "ipc")),
    ("E14", "not-private", shares("--cgroupns private", "cgroup")),
    ("E14", "not-private", put(version="29.5.0")),
    ("E14", "not-private", remapped(shares("", "user"))),
    ("E14", "not-shared", twin("--network host", "net", "net:[7]")),
    ("E14", "not-shared", everywhere("time")),
    ("E14", "not-shared", everywhere("cgroup")),
    ("E14", "not-shared", remapped(put(security=()))),
    ("E14", "uid-map", twin("", uid_map=((0, 100000, 65536),))),
    ("E14", "uid-map", remapped(twin("", uid_map=((0, 0, 2**32 - 1),)))),
    ("E14", "owners", remapped(more("unmapped", namespaces.Owner("/sleep", 0, 0, False)))),
    ("E14", "owners", remapped(named("unmapped", "path", "/dev/null", bound_device=False))),
    ("E14", "owners", remapped(put(owned=0))),
]

# What a machine cannot answer, and why.
SKIPPED: list[tuple[str, str, Change]] = [
    ("E13", "busy", spun(throttled=0, seconds=8.0)),
    (
        "E13",
        "no-controller",
        put(version=2, controllers=(), lacking=("memory", "cpu", "pids"), trials=()),
    ),
    (
        "E13",
        "no-controller",
        lambda seen: replace(seen, lacking=("memory",), trials=seen.trials[1:]),
    ),
]

# Passing answers that differ from the article's, and what then is told of it.
TODAY: list[tuple[str, str, Change]] = [
    ("E02", "containerd-store", put(containerd_store=True, size=4411, storage_driver="overlayfs")),
    ("E03", "blobs", put(format="oci")),
    ("E04", "size", put()),
    ("E07", "podman", on_podman),
    ("E07", "moby-46607", on_docker_24),
    ("E08", "stale", put()),
    ("E08", "flags", put()),
    ("E09", "sizes", put()),
    ("E09", "podman", put(engine="podman", init=None, init_mtab=None)),
    ("E11", "handle", stage(2, handle=True)),
    ("E13", "version-1", put()),
    ("E13", "version-2", on_version_2),
    ("E13", "no-flag", trial("memory", oom_killed=False)),
    ("E14", "inherited", put()),
    ("E14", "cgroup", on_cgroup_2),
    (
        "E14",
        "cgroup",
        lambda seen: everywhere("cgroup", "--cgroupns host")(
            replace(seen, security=("name=cgroupns",))
        ),
    ),
    ("E14", "time", on_docker_29_5),
    ("E14", "remap", remapped()),
]
