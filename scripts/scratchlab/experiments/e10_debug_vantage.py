"""E10: without access to the host, a debug container shows the same root filesystem.

The debug container has only busybox. A file name may hold any byte, newlines too, so the listing
has three parts in the same order: the names from find (NUL-terminated), the fields from stat (one
line each, without the name), and the link targets or content digests (NUL-terminated).

Where the engine is elsewhere the host cannot be read. There the second view is the engine's own,
its archive of the container's files, which leaves out whatever is mounted.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scratchlab import mountinfo
from scratchlab.collect.live.limits import KERNEL_FILESYSTEMS
from scratchlab.errors import LabError
from scratchlab.experiments import e10_engine_archive
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.idmap import OVERFLOW, IdRanges, inside
from scratchlab.lab import listing
from scratchlab.lab.listing import ListedEntry
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind
from scratchlab.reading import UserData
from scratchlab.text import visible

# The root of PID 1 in a debug container that shares the PID namespace of the lab's container.
ROOT = "/proc/1/root"
SPACE = "/dev/shm"  # noqa: S108 - the debug container's own tmpfs
_GLOB_CHARACTERS = re.compile(r"[\\*?\[]")
_MOST_BYTES = 256 * 1024 * 1024  # of the listing
_LEFT_OUT = {False: "compared as one entry each", True: "not compared: mounts"}
_FIELDS = ("kind", "mode", "uid", "gid", "size", "target", "device", "sha256")
# Each name is an argument of the loop. Only regular files are opened, as the standard input of
# sha256sum, whose output then does not hold the name.
_LOOP = """for name; do
if [ -L "$name" ]; then readlink -n "$name"
elif [ -f "$name" ]; then sha256sum < "$name"
fi
printf '\\0'
done"""


def listing_script(
    pruned: Iterable[str], root: str = ROOT, space: str = SPACE, unread: Iterable[str] = ()
) -> str:
    """The shell script that lists ``root``. ``pruned`` paths are listed but not entered, and files
    at ``unread`` paths are listed but not opened.

    ``space`` is a directory that the script may write to.
    """
    patterns = "|".join(shlex.quote(f".{path}") for path in unread)
    skip = f'case "$name" in {patterns}) printf "\\0"; continue;; esac\n' if patterns else ""
    loop = _LOOP.replace("for name; do\n", f"for name; do\n{skip}")
    tests = [f"-path {shlex.quote(_GLOB_CHARACTERS.sub(_escape, f'.{path}'))}" for path in pruned]
    prune = rf"\( {' -o '.join(tests)} \) -prune -print0 -o" if tests else ""
    names = shlex.quote(f"{space}/names")
    return f"""set -e
cd {shlex.quote(root)}
find . {prune} -print0 > {names}
cat {names}
printf '\\0'
xargs -0 stat -c '%f %u %g %s %t %T' < {names}
printf '\\0'
xargs -0 sh -c {shlex.quote(loop)} sh < {names}
"""


def _escape(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def parse_listing(output: bytes) -> tuple[ListedEntry, ...]:
    """The entries of a listing, sorted by path. Raises LabError if its parts do not fit."""
    head, separator, rest = output.partition(b"\0\0")
    table, _, tail = rest.partition(b"\0")
    names, rows, extras = head.split(b"\0"), table.splitlines(), tail.split(b"\0")[:-1]
    if not separator or not len(names) == len(rows) == len(extras):
        raise LabError(
            f"the parts of the listing do not fit ({len(names)} names, {len(rows)} rows, "
            f"{len(extras)} contents): the filesystem changed while it was listed",
            "run it again",
        )
    entries = map(_parse_entry, names, rows, extras)
    return tuple(sorted(entries, key=lambda entry: os.fsencode(entry.path)))


def _parse_entry(name: bytes, row: bytes, extra: bytes) -> ListedEntry:
    try:
        mode_text, *numbers, major, minor = row.split()
        uid, gid, size = map(int, numbers)
        mode = int(mode_text, 16)
        kind = Kind.from_mode(mode)
        device = (int(major, 16), int(minor, 16)) if kind in (Kind.CHAR, Kind.BLOCK) else None
        return ListedEntry(
            path=os.fsdecode(name.removeprefix(b".")) or "/",
            kind=str(kind),
            mode=stat.S_IMODE(mode),
            uid=uid,
            gid=gid,
            size=size if kind is Kind.FILE else 0,
            sha256=(extra.split() or [b""])[0].decode() or None if kind is Kind.FILE else None,
            target=os.fsdecode(extra) if kind is Kind.SYMLINK else None,
            device=device,
        )
    except (ValueError, KeyError) as error:
        raise LabError(f"the listing holds a malformed row: {os.fsdecode(row)}") from error


@dataclass(frozen=True)
class Observation:
    """Both listings. ``pruned`` are mounts of kernel filesystems, and of the user's data where not
    all of that was read: listed as one entry each.

    ``archive``: ``host`` is the engine's archive, and ``pruned`` are all mounts.
    """

    found: bool
    exit_status: int = 0
    error: str = ""
    pruned: tuple[str, ...] = ()
    uid_map: IdRanges = ()
    host: tuple[ListedEntry, ...] = ()
    debug: tuple[ListedEntry, ...] = ()
    archive: bool = False


def probe(lab: Laboratory) -> Observation:
    """List the root from a debug container, and take the ledger read on the host."""
    if not lab.engine_is_local:
        return _probe_archive(lab)
    if lab.image(lab.names.debug) is None:
        return Observation(found=False)
    evidence = lab.evidence()
    mounts = mountinfo.visible_mounts(evidence.facts.mounts)
    read = evidence.facts.user_data
    bounded = read.mounts if read is not None and read.mode is not UserData.HASH else ()
    users = [mount.target for mount in bounded]
    kernel = [path for path, mount in mounts.items() if mount.fstype in KERNEL_FILESYSTEMS]
    unentered = {f"{path}/" for path in (*kernel, *users)}
    outermost = tuple(
        path for path in sorted(unentered) if not path.startswith(tuple(unentered - {path}))
    )
    pruned = tuple(path.removesuffix("/") for path in outermost)
    status, output, errors = _run_script(lab, listing_script(pruned, unread=users))
    return Observation(
        found=True,
        exit_status=status,
        error=" ".join(errors.decode("utf-8", "surrogateescape").split()),
        pruned=pruned,
        uid_map=evidence.facts.container.uid_map,
        host=tuple(ListedEntry.of(e) for e in evidence.live if not e.path.startswith(outermost)),
        debug=parse_listing(output) if status == 0 else (),
    )


def _probe_archive(lab: Laboratory) -> Observation:
    """Compare what the debug container shows with the engine's archive, but for mounts."""
    evidence = lab.evidence()
    targets = {f"{path}/" for path in mountinfo.visible_mounts(evidence.facts.mounts)} - {"//"}
    outermost = tuple(
        path for path in sorted(targets) if not path.startswith(tuple(targets - {path}))
    )
    uid_map = evidence.facts.container.uid_map
    archived = e10_engine_archive.entries(lab.api.export(lab.names.container))

    def outside(entry: ListedEntry) -> bool:
        return entry.path != "/" and not f"{entry.path}/".startswith(outermost)

    seen = (_as_inside(ListedEntry.of(entry), uid_map) for entry in evidence.live)
    return Observation(
        found=True,
        pruned=tuple(path.removesuffix("/") for path in outermost),
        host=tuple(filter(outside, archived)),
        debug=tuple(filter(outside, seen)),
        archive=True,
    )


def _run_script(lab: Laboratory, script: str) -> tuple[int, bytes, bytes]:
    container = lab.create(
        lab.names.debug,
        ["sh", "-c", script],
        pid_mode=f"container:{lab.names.container}",
        network_mode="none",
        # Engine logs replace bytes that are not UTF-8; the attached stream does not.
        log_config={"Type": "none"},
    )
    stream = container.attach(stdout=True, stderr=True, stream=True, demux=True)
    container.start()
    output, errors = bytearray(), bytearray()
    for out, err in stream:
        output += out or b""
        errors += err or b""
        if len(output) > _MOST_BYTES:
            raise LabError(f"the listing is larger than {_MOST_BYTES} bytes")
    status = int(container.wait()["StatusCode"])
    container.remove()
    return status, bytes(output), bytes(errors)


def judge(observation: Observation) -> ExperimentOutcome:
    """The same paths, each with the same type, mode, owner, size, target, device and content."""
    if not observation.found:
        return ExperimentOutcome("no such image", fault="no-image")
    values = {"error": observation.error}
    if observation.exit_status:
        observed = f"exit status {observation.exit_status}: {observation.error}"
        denied = "ermission denied" in observation.error
        return ExperimentOutcome(
            observed, fault="permission" if denied else "no-listing", placeholders=values
        )
    host = {entry.path: _as_inside(entry, observation.uid_map) for entry in observation.host}
    debug = {entry.path: entry for entry in observation.debug}
    first = "in the engine's archive" if observation.archive else "on the host"
    differences = [f"{visible(path)} only {first}" for path in host if path not in debug]
    differences += [f"{visible(path)} only in the debug container" for path in debug.keys() - host]
    for path in host.keys() & debug.keys():
        differences += [
            f"{visible(path)}: {change}" for change in _compare(host[path], debug[path], first)
        ]
    if differences:
        differences.sort()
        values["differences"] = f"{len(differences)}, for example: {differences[0]}"
        return ExperimentOutcome("\n".join(differences[:8]), fault="differs", placeholders=values)
    hashed = sum(1 for entry in host.values() if entry.sha256)
    top = [entry for path, entry in sorted(debug.items()) if path.count("/") == 1 and path != "/"]
    text = listing.listing_text(len(top), tuple(top))
    return ExperimentOutcome(
        f"{text}\n{len(host)} entries alike, {hashed} contents by SHA-256; "
        f"{', '.join(observation.pruned)} {_LEFT_OUT[observation.archive]}",
        today=("archive",) if observation.archive else (),
    )


def _compare(host: ListedEntry, debug: ListedEntry, first: str) -> list[str]:
    # The host's reader does not open every file (not a message queue's): no digest to compare.
    if host.sha256 is None:
        debug = replace(debug, sha256=None)
    return [
        f"{name} {getattr(host, name)} {first}, {getattr(debug, name)} in the debug container"
        for name in _FIELDS
        if getattr(host, name) != getattr(debug, name)
    ]


def _as_inside(entry: ListedEntry, uid_map: IdRanges) -> ListedEntry:
    """``entry`` with the owner that the container's user namespace shows."""
    return replace(entry, uid=_id_inside(entry.uid, uid_map), gid=_id_inside(entry.gid, uid_map))


def _id_inside(number: int, uid_map: IdRanges) -> int:
    mapped = inside(number, uid_map) if uid_map else number
    return OVERFLOW if mapped is None else mapped
