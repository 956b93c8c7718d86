"""Read a root filesystem with nothing but the busybox of a debug container, without ambiguity.

Names are bytes and may hold newlines, so nothing is parsed from a listing with names in it: the
names come NUL-terminated from find, and two further lists in the same order bring what stat says
(one line each, no name in it) and the link target or content digest (NUL-terminated).
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scratchlab import mountinfo
from scratchlab.collect.live.limits import KERNEL
from scratchlab.errors import LabError
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.idmap import OVERFLOW, IdRanges, inside
from scratchlab.lab import listing
from scratchlab.lab.listing import KINDS, ListedLine
from scratchlab.lab.session import Laboratory
from scratchlab.model import Kind
from scratchlab.text import visible

# In a container that shares the PID namespace of the one looked at.
ROOT = "/proc/1/root"
SPACE = "/dev/shm"  # noqa: S108 - the debug container's own tmpfs, for the list of names
_SPECIAL = re.compile(r"[\\*?\[]")
# Each name is handed to the loop as an argument. A link is read, a regular file hashed through
# its standard input (its name never reaches sha256sum's output), anything else is never opened.
_LOOP = """for name; do
if [ -L "$name" ]; then readlink -n "$name"
elif [ -f "$name" ]; then sha256sum < "$name"
fi
printf '\\0'
done"""


def listing_script(pruned: Iterable[str], root: str = ROOT, space: str = SPACE) -> str:
    """The shell script that lists ``root``; ``pruned`` paths are listed and not entered.

    ``space`` is a directory that the script may write a list of names to.
    """
    tests = [f"-path {shlex.quote(_SPECIAL.sub(_escape, f'.{path}'))}" for path in pruned]
    prune = rf"\( {' -o '.join(tests)} \) -prune -print0 -o" if tests else ""
    names = shlex.quote(f"{space}/names")
    return f"""set -e
cd {shlex.quote(root)}
find . {prune} -print0 > {names}
cat {names}
printf '\\0'
xargs -0 stat -c '%f %u %g %s %t %T' < {names}
printf '\\0'
xargs -0 sh -c {shlex.quote(_LOOP)} sh < {names}
"""


def _escape(found: re.Match[str]) -> str:
    return f"\\{found.group()}"


def parse_listing(output: bytes) -> tuple[ListedLine, ...]:
    """The entries of a listing, by path; raises LabError where it does not add up."""
    head, found, rest = output.partition(b"\0\0")
    table, _, tail = rest.partition(b"\0")
    names, rows, extras = head.split(b"\0"), table.splitlines(), tail.split(b"\0")[:-1]
    if not found or not len(names) == len(rows) == len(extras):
        raise LabError(
            f"the listing does not add up ({len(names)} names, {len(rows)} rows, "
            f"{len(extras)} contents): the filesystem changed while it was listed",
            "run it again",
        )
    lines = (_line(*one) for one in zip(names, rows, extras, strict=True))
    return tuple(sorted(lines, key=lambda line: os.fsencode(line.path)))


def _line(name: bytes, row: bytes, extra: bytes) -> ListedLine:
    try:
        mode_text, *numbers, major, minor = row.split()
        uid, gid, size = map(int, numbers)
        mode = int(mode_text, 16)
        kind = KINDS[stat.S_IFMT(mode)]
        device = (int(major, 16), int(minor, 16)) if kind in (Kind.CHAR, Kind.BLOCK) else None
        return ListedLine(
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
        raise LabError(f"the listing holds a row that is not one: {os.fsdecode(row)}") from error


# E10: without access to the host, a debug container sees the same root filesystem.


_MOST_BYTES = 256 * 1024 * 1024  # of the listing
_FIELDS = ("kind", "mode", "uid", "gid", "size", "target", "device", "sha256")


@dataclass(frozen=True)
class Observation:
    """Both listings, by path. ``pruned`` are the kernel's filesystems: one entry, not entered."""

    found: bool
    exit_status: int = 0
    error: str = ""
    pruned: tuple[str, ...] = ()
    uid_map: IdRanges = ()
    host: tuple[ListedLine, ...] = ()
    debug: tuple[ListedLine, ...] = ()


def probe(lab: Laboratory) -> Observation:
    """List the root from a debug container, and take the ledger that was read on the host."""
    if lab.image(lab.names.debug) is None:
        return Observation(found=False)
    evidence = lab.evidence()
    mounts = mountinfo.visible(evidence.facts.mounts)
    kernels = {f"{path}/" for path, mount in mounts.items() if mount.fstype in KERNEL}
    below = tuple(p for p in sorted(kernels) if not p.startswith(tuple(kernels - {p})))
    pruned = tuple(path.removesuffix("/") for path in below)
    status, output, errors = _run(lab, listing_script(pruned))
    return Observation(
        found=True,
        exit_status=status,
        error=" ".join(errors.decode("utf-8", "surrogateescape").split()),
        pruned=pruned,
        uid_map=evidence.facts.container.uid_map,
        host=tuple(listing.listed_line(e) for e in evidence.live if not e.path.startswith(below)),
        debug=parse_listing(output) if status == 0 else (),
    )


def _run(lab: Laboratory, script: str) -> tuple[int, bytes, bytes]:
    container = lab.create(
        lab.names.debug,
        ["sh", "-c", script],
        pid_mode=f"container:{lab.names.container}",
        network_mode="none",
        # The engine's log would replace bytes that are not UTF-8; the attached stream does not.
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


def judge(seen: Observation) -> ExperimentOutcome:
    """The same paths, each with the same type, mode, owner, size, target, device and content."""
    if not seen.found:
        return ExperimentOutcome("no such image", fault="no-image")
    words = {"error": seen.error}
    if seen.exit_status:
        said = f"exit status {seen.exit_status}: {seen.error}"
        refused = "ermission denied" in seen.error
        return ExperimentOutcome(said, fault="permission" if refused else "no-listing", words=words)
    host = {line.path: _inside(line, seen.uid_map) for line in seen.host}
    debug = {line.path: line for line in seen.debug}
    differences = [f"{visible(path)} only on the host" for path in host if path not in debug]
    differences += [f"{visible(path)} only in the debug container" for path in debug.keys() - host]
    for path in host.keys() & debug.keys():
        differences += [f"{visible(path)}: {one}" for one in _compare(host[path], debug[path])]
    if differences:
        differences.sort()
        words["differences"] = f"{len(differences)}, for example: {differences[0]}"
        return ExperimentOutcome("\n".join(differences[:8]), fault="differs", words=words)
    hashed = sum(1 for line in host.values() if line.sha256)
    top = [line for path, line in sorted(debug.items()) if path.count("/") == 1 and path != "/"]
    text = listing.listed_text(len(top), tuple(top))
    return ExperimentOutcome(
        f"{text}\n{len(host)} entries alike, {hashed} contents by SHA-256; "
        f"{', '.join(seen.pruned)} compared as one entry each"
    )


def _compare(host: ListedLine, debug: ListedLine) -> list[str]:
    # A content that the host's reader does not open (a message queue) has no digest to compare.
    if host.sha256 is None:
        debug = replace(debug, sha256=None)
    return [
        f"{name} {getattr(host, name)} on the host, {getattr(debug, name)} in the debug container"
        for name in _FIELDS
        if getattr(host, name) != getattr(debug, name)
    ]


def _inside(line: ListedLine, uid_map: IdRanges) -> ListedLine:
    """An entry with the owner that the container's user namespace shows."""
    return replace(line, uid=_id(line.uid, uid_map), gid=_id(line.gid, uid_map))


def _id(number: int, uid_map: IdRanges) -> int:
    found = inside(number, uid_map) if uid_map else number
    return OVERFLOW if found is None else found
