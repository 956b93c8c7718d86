"""E10: without access to the host, a debug container sees the same root filesystem.

A container that shares the PID namespace reaches the other's root through /proc/1/root:
proc_pid_root(5) asks for ptrace access in mode PTRACE_MODE_READ_FSCREDS, which two containers
with the same capabilities and the same user namespace grant each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from scratchlab.collect import mountinfo
from scratchlab.collect.live.filesystems import KERNEL
from scratchlab.errors import LabError
from scratchlab.experiments import debug_listing, listing
from scratchlab.experiments.laboratory import Laboratory
from scratchlab.experiments.listing import Line
from scratchlab.experiments.table import Outcome
from scratchlab.text import visible

_MOST_BYTES = 256 * 1024 * 1024  # of the listing
_OVERFLOW = 65534  # /proc/sys/kernel/overflowuid: an id without a mapping
_FIELDS = ("kind", "mode", "uid", "gid", "size", "target", "device", "sha256")


@dataclass(frozen=True)
class Observation:
    """Both listings, by path. ``pruned`` are the kernel's filesystems: one entry, not entered."""

    found: bool
    exit_status: int = 0
    error: str = ""
    pruned: tuple[str, ...] = ()
    uid_map: tuple[tuple[int, int, int], ...] = ()
    host: tuple[Line, ...] = ()
    debug: tuple[Line, ...] = ()


def probe(lab: Laboratory) -> Observation:
    """List the root from a debug container, and take the ledger that was read on the host."""
    if lab.image(lab.names.debug) is None:
        return Observation(found=False)
    evidence = lab.evidence()
    mounts = mountinfo.visible(evidence.facts.mounts)
    kernels = {f"{path}/" for path, mount in mounts.items() if mount.fstype in KERNEL}
    below = tuple(p for p in sorted(kernels) if not p.startswith(tuple(kernels - {p})))
    pruned = tuple(path.removesuffix("/") for path in below)
    status, output, errors = _run(lab, debug_listing.script(pruned))
    return Observation(
        found=True,
        exit_status=status,
        error=" ".join(errors.decode("utf-8", "surrogateescape").split()),
        pruned=pruned,
        uid_map=evidence.facts.container.uid_map,
        host=tuple(listing.line(e) for e in evidence.live if not e.path.startswith(below)),
        debug=debug_listing.parse(output) if status == 0 else (),
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


def judge(seen: Observation) -> Outcome:
    """The same paths, each with the same type, mode, owner, size, target, device and content."""
    if not seen.found:
        return Outcome("no such image", fault="no-image")
    words = {"error": seen.error}
    if seen.exit_status:
        said = f"exit status {seen.exit_status}: {seen.error}"
        refused = "ermission denied" in seen.error
        return Outcome(said, fault="permission" if refused else "no-listing", words=words)
    host = {line.path: _inside(line, seen.uid_map) for line in seen.host}
    debug = {line.path: line for line in seen.debug}
    differences = [f"{visible(path)} only on the host" for path in host if path not in debug]
    differences += [f"{visible(path)} only in the debug container" for path in debug.keys() - host]
    for path in host.keys() & debug.keys():
        differences += [f"{visible(path)}: {one}" for one in _compare(host[path], debug[path])]
    if differences:
        differences.sort()
        words["differences"] = f"{len(differences)}, for example: {differences[0]}"
        return Outcome("\n".join(differences[:8]), fault="differs", words=words)
    hashed = sum(1 for line in host.values() if line.sha256)
    top = [line for path, line in sorted(debug.items()) if path.count("/") == 1 and path != "/"]
    text = listing.text(len(top), tuple(top))
    return Outcome(
        f"{text}\n{len(host)} entries alike, {hashed} contents by SHA-256; "
        f"{', '.join(seen.pruned)} compared as one entry each"
    )


def _compare(host: Line, debug: Line) -> list[str]:
    # A content that the host's reader does not open (a message queue) has no digest to compare.
    if host.sha256 is None:
        debug = replace(debug, sha256=None)
    return [
        f"{name} {getattr(host, name)} on the host, {getattr(debug, name)} in the debug container"
        for name in _FIELDS
        if getattr(host, name) != getattr(debug, name)
    ]


def _inside(line: Line, uid_map: tuple[tuple[int, int, int], ...]) -> Line:
    """An entry with the owner that the container's user namespace shows."""
    return replace(line, uid=_id(line.uid, uid_map), gid=_id(line.gid, uid_map))


def _id(number: int, uid_map: tuple[tuple[int, int, int], ...]) -> int:
    for inside, outside, count in uid_map:
        if outside <= number < outside + count:
            return inside + number - outside
    return _OVERFLOW if uid_map else number
