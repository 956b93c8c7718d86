"""E14: which namespaces a container has of its own and which it shares, by option of `docker run`.

/proc/PID/ns/KIND names a namespace by its inode (namespaces(7)): two processes are in the same
one if and only if the numbers are the same. The container is compared with the process that
started it, because a namespace that was not asked for is inherited (runtime-spec config-linux.md).
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import APIError

from scratchlab import idmap
from scratchlab.collect import process
from scratchlab.collect.facts import host as read_host
from scratchlab.collect.live import read_root
from scratchlab.errors import LabError
from scratchlab.experiments import e14_namespace_table as table
from scratchlab.experiments.e14_namespace_table import Option
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.session import Laboratory
from scratchlab.model import Entry, Kind
from scratchlab.text import visible

if TYPE_CHECKING:
    from docker.models.containers import Container

_DEVICES = {Kind.CHAR, Kind.BLOCK}
_MOST = 8  # entries that are named one by one

Spaces = tuple[tuple[str, str], ...]  # kind, "kind:[inode]"


@dataclass(frozen=True)
class Owner:
    """An entry of a remapped root with an owner that is no id of the container's.

    ``bound_device``: a device node that is a mount of its own.
    """

    path: str
    uid: int
    gid: int
    bound_device: bool


@dataclass(frozen=True)
class SpacesSeen:
    """A process and its namespaces."""

    pid: int
    name: str
    namespaces: Spaces
    uid_map: idmap.IdRanges


@dataclass(frozen=True)
class NamespaceProbe:
    """A container with one option of the table. ``refused`` is why it does not run."""

    option: str
    refused: str = ""
    process: SpacesSeen | None = None


@dataclass(frozen=True)
class Observation:
    """``starter`` is the parent of the containers' processes; ``host`` is the machine's PID 1, or
    this program where PID 1 may not be looked at. ``owned`` counts the entries of the remapped
    root with an owner of the container's, ``unmapped`` lists the others.
    """

    engine: str
    version: str
    security: tuple[str, ...]
    cgroup: int
    host: SpacesSeen
    starter: SpacesSeen | None
    twins: tuple[NamespaceProbe, ...]
    owned: int = 0
    unmapped: tuple[Owner, ...] = ()


def probe(lab: Laboratory) -> Observation:
    """Start a twin of the container with each option, and read its namespaces and its uid_map."""
    facts = lab.engine.facts()
    starter: SpacesSeen | None = None
    owned: int = 0
    unmapped: tuple[Owner, ...] = ()
    twins = []
    for option in table.options(facts.name, facts.security_options):
        try:
            container, pid = _start(lab, option)
        except APIError as error:
            twins.append(
                NamespaceProbe(option.text, refused=" ".join(str(error.explanation).split()))
            )
            continue
        with process.hold(pid) as held:
            twins.append(NamespaceProbe(option.text, process=_look(pid)))
            if starter is None:
                starter = _look(_parent(pid))
                if table.remaps(facts.security_options):
                    ledger = read_root(held.root_fd, held.mounts)
                    points = {mount.target for mount in held.mounts}
                    strangers = [e for e in ledger if not _is_inside(e, held.uid_map)]
                    owned = sum(1 for _ in ledger) - len(strangers)
                    unmapped = tuple(
                        Owner(e.path, e.uid, e.gid, e.kind in _DEVICES and e.path in points)
                        for e in strangers
                    )
            held.recheck()
        lab.discard(container)  # each shares with the host, never with another twin
    return Observation(
        engine=facts.name,
        version=facts.version,
        security=facts.security_options,
        cgroup=read_host(()).cgroup_version,
        host=_host(),
        starter=starter,
        twins=tuple(twins),
        owned=owned,
        unmapped=unmapped,
    )


def _start(lab: Laboratory, option: Option) -> tuple[Container, int]:
    """A new container with this option, and its PID; raises what the engine says."""
    container = lab.create(
        lab.names.image, name=f"scratchlab-twin-{secrets.token_hex(4)}", **option.sdk
    )
    container.start()
    state = lab.api.inspect_container(container.id)["State"]
    if not state["Pid"]:
        raise LabError(
            f"a container from {lab.names.image} ended at once (exit status {state['ExitCode']})",
            f"try it: docker run --rm {option.text} {lab.names.image}",
        )
    return container, int(state["Pid"])


def _look(pid: int) -> SpacesSeen:
    proc = Path("/proc", str(pid))
    kinds = (link for link in sorted(os.listdir(proc / "ns")) if not link.endswith("_children"))
    return SpacesSeen(
        pid=pid,
        name=(proc / "comm").read_text("utf-8", "surrogateescape").strip(),
        namespaces=tuple((kind, os.readlink(proc / "ns" / kind)) for kind in kinds),
        uid_map=idmap.parse((proc / "uid_map").read_bytes()),
    )


def _parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("utf-8", "surrogateescape")
    return int(dict(line.split(":\t", 1) for line in status.splitlines())["PPid"])


def _host() -> SpacesSeen:
    try:
        return _look(1)
    except PermissionError:  # PID 1 has a capability that this program lacks (ptrace(2))
        return _look(os.getpid())


def _is_inside(entry: Entry, uid_map: idmap.IdRanges) -> bool:
    # The engine gives groups the numbers that it gives users (moby pkg/idtools, "subgid").
    return all(idmap.inside(number, uid_map) is not None for number in (entry.uid, entry.gid))


def judge(seen: Observation) -> ExperimentOutcome:
    """Private and shared as promised for each option, refused where userns-remap forbids it."""
    lines, promises = [_started(seen)], []
    default = _own(seen, seen.twins[0])
    for twin in seen.twins:
        option = next(option for option in table.OPTIONS if option.text == twin.option)
        own, wish = _own(seen, twin), _promise(seen, option)
        head = f"docker run {option.text}".strip()
        before = default if option.text else {}
        refused = f"refused: {visible(twin.refused)}"
        lines.append(f"{head}: {_text(own, before) if own else refused}")
        promises.append(f"{head}: {_text(wish, before) if wish else 'refused'}")
        if fault := _fault(seen, twin, own, wish):
            words = {
                "option": f" {option.text}" if option.text else "",
                "error": visible(twin.refused),
                "refusal": option.refusal,
                "kinds": " ".join(kind for kind in own if own[kind] is not wish.get(kind)),
                "uid_map": _numbers(twin.process.uid_map) if twin.process else "",
            }
            return ExperimentOutcome(
                "\n".join(lines), fault, expected="\n".join(promises), words=words
            )
        if not option.text and twin.process:
            lines.append(f"uid_map {_numbers(twin.process.uid_map)}")
    today = ["inherited", *(kind for kind in ("cgroup", "time") if default.get(kind))]
    uid_map = seen.twins[0].process.uid_map if seen.twins[0].process else ()
    words = {"uid_map": _sentence(uid_map), "root": str(uid_map[0][1]) if uid_map else "nobody"}
    expected = "\n".join(promises)
    summary = f"{_text(default, {})}; {len(promises)} ways to run it, each as promised"
    if not table.remaps(seen.security):
        lines.append(summary)
        return ExperimentOutcome(
            "\n".join(lines), today=tuple(today), expected=expected, words=words
        )
    lines.append(f"{seen.owned} entries belong to ids of the container")
    lines += [f"not: {visible(one.path)} {one.uid}:{one.gid}" for one in seen.unmapped]
    strange = [o for o in seen.unmapped if not (o.bound_device or o.path in table.UNMAPPED)]
    if strange or not seen.owned:
        shown = ", ".join(f"{visible(one.path)} {one.uid}:{one.gid}" for one in strange[:_MOST])
        return ExperimentOutcome(
            "\n".join(lines), "owners", expected=expected, words={"paths": shown or "/"}
        )
    lines.append(f"{summary}; root inside is {words['root']} outside")
    return ExperimentOutcome(
        "\n".join(lines), today=(*today, "remap"), expected=expected, words=words
    )


def _own(seen: Observation, twin: NamespaceProbe) -> dict[str, bool]:
    """For each kind whether it is another namespace than the starter's; {} for no process."""
    if twin.process is None or seen.starter is None:
        return {}
    inherited = dict(seen.starter.namespaces)
    return {kind: link != inherited.get(kind) for kind, link in twin.process.namespaces}


def _promise(seen: Observation, option: Option) -> dict[str, bool]:
    """What the table promises, of the kinds that this kernel has; {} for a refusal."""
    if seen.starter is None or (option.refused and table.remaps(seen.security)):
        return {}
    wish = table.promise(
        option,
        engine=seen.engine,
        version=seen.version,
        cgroup=seen.cgroup,
        security=seen.security,
    )
    return {kind: wish[kind] for kind, _ in seen.starter.namespaces}


def _fault(
    seen: Observation, twin: NamespaceProbe, own: dict[str, bool], wish: dict[str, bool]
) -> str | None:
    option = next(option for option in table.OPTIONS if option.text == twin.option)
    if not wish or seen.starter is None or twin.process is None:
        expected = not wish and option.refused and option.refused in twin.refused
        return None if expected else "refused" if twin.process is None else "not-refused"
    if any(wish[kind] and not own[kind] for kind in wish):
        return "not-private"
    if any(own[kind] and not wish[kind] for kind in wish):
        return "not-shared"
    return "uid-map" if (twin.process.uid_map != seen.starter.uid_map) is not own["user"] else None


def _text(own: dict[str, bool], default: dict[str, bool]) -> str:
    changed = {kind: private for kind, private in own.items() if default.get(kind) is not private}
    groups = [
        f"{word} {' '.join(kind for kind, private in changed.items() if private is wanted)}"
        for word, wanted in (("private", True), ("shared", False))
        if wanted in changed.values()
    ]
    return "; ".join(groups) or "the same"


def _sentence(uid_map: idmap.IdRanges) -> str:
    if uid_map == idmap.INITIAL:
        return "here every id is the same inside and outside"
    rows = (f"{inside} is {outside}, for {count} ids" for inside, outside, count in uid_map)
    return f"here {'; '.join(rows)}"


def _numbers(uid_map: idmap.IdRanges) -> str:
    return "; ".join(" ".join(map(str, row)) for row in uid_map) or "(empty)"


def _started(seen: Observation) -> str:
    if seen.starter is None:
        return "no container could be started"
    there = dict(seen.host.namespaces)
    others = [kind for kind, link in seen.starter.namespaces if there.get(kind) != link]
    other = f"another {' '.join(others)} than" if others else "the namespaces of"
    names = [f"{visible(one.name)} ({one.pid})" for one in (seen.starter, seen.host)]
    return f"started by {names[0]}, in {other} {names[1]}"
