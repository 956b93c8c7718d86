"""Changes to observations, and the fault that a judge must name for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scratchlab.experiments.e04_static_program import Elf
from scratchlab.experiments.e07_more_than_image import AddedEntry
from scratchlab.experiments.e11_engine_lists import ListedStage
from scratchlab.experiments.e12_two_things import Counted
from scratchlab.lab.listing import ListedEntry

Change = Callable[[Any], Any]  # from an observation to a changed one
SHA = "0" * 64
STRANGER = ListedEntry("/stranger", "file", 0o644, 0, 0, 5, SHA)
MARK = "stray"


def put(**fields: Any) -> Change:
    """Replace fields of the observation."""
    return lambda observation: replace(observation, **fields)


def first(field: str, **fields: Any) -> Change:
    """Replace fields of the first item in one of its tuples."""

    def change(observation: Any) -> Any:
        head, *rest = getattr(observation, field)
        return replace(observation, **{field: (replace(head, **fields), *rest)})

    return change


def named(field: str, key: str, name: str, **fields: Any) -> Change:
    """Replace fields of the item whose ``key`` is ``name`` in one of its tuples."""

    def change(observation: Any) -> Any:
        items = getattr(observation, field)
        assert [item for item in items if getattr(item, key) == name]
        return replace(
            observation,
            **{
                field: tuple(
                    replace(item, **fields) if getattr(item, key) == name else item
                    for item in items
                )
            },
        )

    return change


def without(field: str, key: str, name: str) -> Change:
    """Remove the item whose ``key`` is ``name`` from one of its tuples."""

    def change(observation: Any) -> Any:
        items = getattr(observation, field)
        rest = tuple(item for item in items if getattr(item, key) != name)
        assert len(rest) < len(items)
        return replace(observation, **{field: rest})

    return change


def more(field: str, item: Any) -> Change:
    """Add an item to one of its tuples, and to its count if it has one."""

    def change(observation: Any) -> Any:
        fields = {field: (*getattr(observation, field), item)}
        if hasattr(observation, "count"):
            fields["count"] = observation.count + 1
        return replace(observation, **fields)

    return change


def stage(index: int, **fields: Any) -> Change:
    """Replace fields of one stage of E11."""

    def change(observation: Any) -> Any:
        stages = list(observation.stages)
        stages[index] = replace(stages[index], **fields)
        return replace(observation, stages=tuple(stages))

    return change


def listed(index: int = 0, **fields: bool) -> Change:
    """E11 by the lists of an engine elsewhere; one stage with other fields."""
    stages = [
        ListedStage("running", container=True, process=True, volume=True, endpoint=True),
        ListedStage("stopped", container=True, process=False, volume=True, endpoint=False),
        ListedStage("removed", container=False, process=False, volume=False, endpoint=False),
    ]
    stages[index] = replace(stages[index], **fields)  # type: ignore[arg-type]
    return put(stages=(), lists=tuple(stages))


def added(**fields: Any) -> AddedEntry:
    """An entry for E07 to find."""
    base = AddedEntry(f"/{MARK}", "only-live", "kernel", 1, "host: seen", "agrees")
    return replace(base, **fields)


def on_podman(observation: Any) -> Any:
    """E07 on podman: /run instead of /.dockerenv."""
    observation = without("top", "path", "/.dockerenv")(observation)
    return replace(
        observation, engine="podman", top=(*observation.top, replace(STRANGER, path="/run"))
    )


def on_docker_24(observation: Any) -> Any:
    """E07 on Docker 24 with the containerd image store."""
    observation = without("top", "path", "/.dockerenv")(observation)
    return replace(observation, version="24.0.9", containerd_store=True)


def hidden(kind: str) -> Change:
    """E12 with one more entry of the image, which the container does not see: a ghost."""

    def change(observation: Any) -> Any:
        observation = more("ghosts", Counted(kind, 1))(observation)
        return replace(observation, image_entries=observation.image_entries + 1)

    return change


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
    ("E04", "no-elf", put(elf=None, problem="not an ELF file: it begins with 23 21 2f 62")),
    ("E04", "interpreter", put(elf=Elf(64, "x86-64", "/lib64/ld-linux-x86-64.so.2", True))),
    ("E04", "dynamic", put(elf=Elf(64, "x86-64", None, True))),
    ("E05", "no-image", put(found=False, count=0, entries=())),
    ("E05", "damaged", put(problems=("a layer does not match its diff_id",))),
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
    ("E06", "no-namespace", lambda observation: replace(observation, ns_pids=(observation.pid,))),
    ("E06", "no-namespace", lambda observation: replace(observation, ns_pids=(observation.pid, 7))),
    (
        "E06",
        "no-namespace",
        lambda observation: replace(observation, ns_pids=(observation.pid + 1, 1)),
    ),
    ("E06", "shell", put(shell_exit=0, shell="")),
    ("E07", "names", more("top", STRANGER)),
    ("E07", "names", without("top", "path", "/.dockerenv")),
    ("E07", "names", without("top", "path", "/sleep")),
    ("E07", "unexplained", more("added", added(origin="unexplained"))),
    ("E07", "missing", more("added", added(status="missing"))),
    ("E07", "written", more("added", added(origin="written-later"))),
    ("E07", "written", more("added", added(origin="mounted-inside"))),
    ("E07", "written", more("added", added(origin="host-mount"))),
    ("E07", "written", more("added", added(origin="process-write"))),  # of a saved run of old
    ("E07", "written", more("added", added(origin="written-later", status="deleted"))),
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
        lambda observation: replace(
            observation, init_mtab=replace(observation.init_mtab, target="/x")
        ),
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
    ("E11", "ended-at-once", put(stages=(), exit_status=127)),
    ("E11", "nothing-seen", stage(0, host_mounts=())),
    ("E11", "nothing-seen", stage(0, namespaces=())),
    ("E11", "nothing-seen", stage(0, folders=())),
    ("E11", "nothing-seen", stage(0, process=False)),
    ("E11", "process", stage(1, process=True)),
    ("E11", "process", stage(2, own_mounts=1)),
    ("E11", "mounts", stage(1, host_mounts=("overlay on /merged",))),
    ("E11", "mounts", stage(2, host_mounts=("overlay on /merged",))),
    ("E11", "namespaces", stage(2, namespaces=("net:[4026532259]",))),
    ("E11", "nothing-listed", listed(0, container=False)),
    ("E11", "nothing-listed", listed(0, process=False)),
    ("E11", "nothing-listed", listed(0, volume=False)),
    ("E11", "still-listed", listed(1, process=True)),
    ("E11", "still-listed", listed(1, endpoint=True)),
    ("E11", "still-listed", listed(2, container=True)),
    ("E11", "still-listed", listed(2, volume=True)),
    ("E11", "still-listed", listed(2, endpoint=True)),
    ("E11", "directories", stage(2, folders=("/var/lib/docker/containers/x",))),
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
        lambda observation: put(image_entries=observation.image_entries + 1)(
            more("statuses", Counted("missing", 1))(observation)
        ),
    ),
    ("E12", "drift", more("origins", Counted("written-later", 1))),
    ("E12", "drift", more("origins", Counted("mounted-inside", 1))),
    ("E12", "drift", more("origins", Counted("host-mount", 1))),
    ("E12", "drift", more("origins", Counted("process-write", 1))),  # of a saved run of old
    ("E12", "drift", hidden("deleted")),
    ("E12", "drift", hidden("changed")),
]

# Passing answers that differ from the article's, and the key of the explanation.
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
    ("E10", "archive", put(archive=True)),
    ("E11", "lists", listed()),
    ("E11", "handle", stage(2, handle=True)),
]
