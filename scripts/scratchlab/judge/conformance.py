"""Does the live root hold what the specifications require? One check for each row."""

from __future__ import annotations

from collections.abc import Collection

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.paths import upwards
from scratchlab.judge.requested_mounts import requested_places, user_mounts
from scratchlab.judge.rules.spec import CONSOLE, LIBCONTAINER_ROWS, SPEC_ROWS, STALE, SpecRow
from scratchlab.model import Check, Entry, Kind, Mount, Verdict


def checks(seen: EvidenceSet) -> tuple[Check, ...]:
    """The rows of the runtime-spec and of libcontainer's table, judged on this container."""
    facts = seen.facts
    top = seen.live.get("/")
    if top is None:  # nothing was read: there is nothing to hold against a specification
        return ()
    mounts = mountinfo.visible(facts.mounts, top.mount)
    users = user_mounts(facts.container.inspect, seen.image, requested_places(facts))
    found = [_check(row, seen, mounts, users) for row in (*SPEC_ROWS, *LIBCONTAINER_ROWS)]
    found.insert(len(SPEC_ROWS), _console(seen))
    return tuple(found)


def _check(
    row: SpecRow, seen: EvidenceSet, mounts: dict[str, Mount], users: Collection[str]
) -> Check:
    live, mount = seen.live.get(row.path), mounts.get(row.path)
    shown = _shown(live, mount if row.fstype else None)
    if _fulfils(row, live, mount):
        return _row(row, Verdict.PASS, shown, cause=_flags(row, mount))
    why = _excuse(row, seen, users)
    if why:
        return _row(row, Verdict.SKIP, shown, cause=why)
    return _row(
        row, Verdict.FAIL, shown,
        cause=f"{row.path} is not what the specification asks for",
        help_="Look at the mounts and devices of the runtime's config.json; start it again.",
    )  # fmt: skip


def _fulfils(row: SpecRow, live: Entry | None, mount: Mount | None) -> bool:
    if row.fstype is not None:
        return mount is not None and mount.fstype == row.fstype
    if live is None:
        return False
    if row.device is not None:
        return live.kind is Kind.CHAR and live.device == row.device
    return live.kind is Kind.SYMLINK and live.target == row.target


def _excuse(row: SpecRow, seen: EvidenceSet, users: Collection[str]) -> str:
    for place in upwards(row.path):
        if place in users:
            return f"the user's own mount on {place} stands instead of the runtime's"
    host_config = seen.facts.container.inspect.get("HostConfig") or {}
    if row.path == "/dev/shm" and host_config.get("IpcMode") == "none":  # noqa: S108
        return "--ipc none was asked for"
    config = seen.facts.container.oci_config or {}
    listed = {mount.get("destination") for mount in config.get("mounts") or []}
    if row.fstype is not None and row.level != "MUST" and config and row.path not in listed:
        return "the engine left it out of config.json (--ipc none does)"
    return ""


def _flags(row: SpecRow, mount: Mount | None) -> str:
    if mount is None or not row.flags:
        return ""
    lacking = [flag for flag in row.flags if flag not in mount.options]
    return f"mounted without {', '.join(lacking)}. {STALE}." if lacking else ""


def _console(seen: EvidenceSet) -> Check:
    config = seen.facts.container.inspect.get("Config") or {}
    live = seen.live.get(CONSOLE.path)
    if not config.get("Tty"):
        return _row(CONSOLE, Verdict.PASS, "no terminal was asked for, so none has to be there")
    verdict = Verdict.PASS if live is not None else Verdict.FAIL
    return _row(CONSOLE, verdict, _shown(live, None))


def _row(
    row: SpecRow, verdict: Verdict, observed: str, *, cause: str = "", help_: str = ""
) -> Check:
    wanted = (
        row.fstype
        or row.target
        or ("a pseudo-terminal" if row.device is None else "{}:{}".format(*row.device))
    )
    who = "the runtime" if row.level else "libcontainer's SPEC.md"
    claim = f"{who} {row.level or 'lists'} {wanted} at {row.path} ({row.clause})"
    return Check(
        id=row.id, title=f"{row.path} is {wanted}", verdict=verdict, claim=claim,
        command=f"ls -ld /proc/PID/root{row.path}; grep ' {row.path} ' /proc/PID/mountinfo",
        observed=observed, expected=wanted, cause=cause, help=help_,
    )  # fmt: skip


def _shown(live: Entry | None, mount: Mount | None) -> str:
    if mount is not None:
        return f"{mount.fstype} ({','.join(mount.options)})"
    if live is None:
        return "nothing is there"
    if live.device is not None:
        return "{} {}:{} {:04o}".format(live.kind, *live.device, live.mode)
    return f"{live.kind} -> {live.target}" if live.target else f"{live.kind} {live.mode:04o}"
