"""Does the live root hold what the specifications require? One check for each requirement."""

from __future__ import annotations

from collections.abc import Collection

from scratchlab import mountinfo
from scratchlab.evidence import EvidenceSet
from scratchlab.judge.paths import upwards
from scratchlab.judge.places import user_targets
from scratchlab.judge.rules.spec import CONSOLE, LIBCONTAINER_ROWS, SPEC_ROWS, STALE, SpecRow
from scratchlab.model import Check, Entry, Kind, Mount, Verdict
from scratchlab.remedy import advise


def checks(evidence: EvidenceSet) -> tuple[Check, ...]:
    """The rows of the runtime-spec and of libcontainer's table, judged on this container; none
    where the live root could not be read.
    """
    facts = evidence.facts
    top = evidence.live.get("/")
    if top is None:
        return ()
    mounts = mountinfo.visible_mounts(facts.mounts, top.mount)
    users = user_targets(facts, evidence.image)
    rows = [_check(row, evidence, mounts, users) for row in (*SPEC_ROWS, *LIBCONTAINER_ROWS)]
    rows.insert(len(SPEC_ROWS), _console(evidence))
    return tuple(rows)


def _check(
    row: SpecRow, evidence: EvidenceSet, mounts: dict[str, Mount], users: Collection[str]
) -> Check:
    live, mount = evidence.live.get(row.path), mounts.get(row.path)
    observed = _observed(live, mount if row.fstype else None)
    if _fulfils(row, live, mount):
        return _row(row, Verdict.PASS, observed, cause=_missing_flags(row, mount))
    excuse = _excuse(row, evidence, users)
    if excuse:
        return _row(row, Verdict.SKIP, observed, cause=excuse)
    return _row(
        row, Verdict.FAIL, observed,
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


def _excuse(row: SpecRow, evidence: EvidenceSet, users: Collection[str]) -> str:
    """Why the requirement does not apply to this container; empty where it does."""
    container = evidence.facts.container
    for path in upwards(row.path):
        if path in users:
            return f"the user's own mount on {path} replaces the runtime's"
    host_config = container.inspect.get("HostConfig") or {}
    if row.path == "/dev/shm" and host_config.get("IpcMode") == "none":  # noqa: S108
        return "--ipc none was asked for"
    config = container.oci_config or {}
    listed = {mount.get("destination") for mount in config.get("mounts") or []}
    if row.fstype is not None and config and row.path not in listed:
        return "the engine left it out of config.json (--ipc none does)"
    return ""


def _missing_flags(row: SpecRow, mount: Mount | None) -> str:
    if mount is None or not row.flags:
        return ""
    missing = [flag for flag in row.flags if flag not in mount.options]
    return f"mounted without {', '.join(missing)}. {STALE}." if missing else ""


def _console(evidence: EvidenceSet) -> Check:
    config = evidence.facts.container.inspect.get("Config") or {}
    live = evidence.live.get(CONSOLE.path)
    if not config.get("Tty"):
        return _row(CONSOLE, Verdict.PASS, "not needed: started without a terminal")
    verdict = Verdict.PASS if live is not None else Verdict.FAIL
    return _row(CONSOLE, verdict, _observed(live, None))


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
        observed=observed, expected=wanted, cause=cause, remedy=advise(help_),
    )  # fmt: skip


def _observed(live: Entry | None, mount: Mount | None) -> str:
    if mount is not None:
        return f"{mount.fstype} ({','.join(mount.options)})"
    if live is None:
        return "missing"
    if live.device is not None:
        return "{} {}:{} {:04o}".format(live.kind, *live.device, live.mode)
    return f"{live.kind} -> {live.target}" if live.target else f"{live.kind} {live.mode:04o}"
