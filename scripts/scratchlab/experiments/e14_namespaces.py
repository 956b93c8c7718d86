"""E14: which namespaces a container has of its own and which it shares, by option of `docker run`.

/proc/PID/ns/KIND is a link to "KIND:[inode]" (namespaces(7)): two processes share a namespace if
and only if the inodes are equal. The container is compared with the process that started it, from
which it inherits the namespaces that its configuration does not list (runtime-spec
config-linux.md).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from docker.errors import APIError

from scratchlab import idmap, mountinfo
from scratchlab.collect.kernel_files import KernelFiles, content
from scratchlab.collect.vantage import open_view
from scratchlab.errors import LabError
from scratchlab.experiments.e14_namespace_table import (
    OPTIONS,
    UNMAPPED,
    Option,
    expected_namespaces,
    options_to_try,
    remaps_users,
)
from scratchlab.experiments.table import ExperimentOutcome
from scratchlab.lab.kernel import cgroups, open_processes
from scratchlab.lab.session import Laboratory
from scratchlab.model import Entry, Kind
from scratchlab.procfs import parse_stat
from scratchlab.progress import Progress
from scratchlab.text import visible

if TYPE_CHECKING:
    from docker.models.containers import Container

_DEVICES = {Kind.CHAR, Kind.BLOCK}
_MOST_NAMED = 8  # entries

NamespaceLinks = tuple[tuple[str, str], ...]  # kind, "kind:[inode]"


@dataclass(frozen=True)
class UnmappedEntry:
    """An entry of a remapped root whose owner is not an id of the container.

    ``bound_device``: a device node that is a mount of its own.
    """

    path: str
    uid: int
    gid: int
    bound_device: bool


@dataclass(frozen=True)
class ProcessNamespaces:
    """A process, its namespaces, and the id map of its user namespace."""

    pid: int
    name: str
    namespaces: NamespaceLinks
    uid_map: idmap.IdRanges


@dataclass(frozen=True)
class OptionTrial:
    """A container with one option of the table; ``refused`` is the error if it does not run.

    ``network``: what also followed ``--network``, where the option has nothing to do with it. Then
    the network namespace is not compared.
    """

    option: str
    refused: str = ""
    process: ProcessNamespaces | None = None
    network: str = ""

    @property
    def options(self) -> str:
        """All that followed ``docker run``."""
        return f"{self.option} --network {self.network}" if self.network else self.option


@dataclass(frozen=True)
class Observation:
    """The namespaces of the containers, of the process that started them, and of the host.

    ``host`` is PID 1, or this program if PID 1 may not be read. ``starter`` is the parent of the
    containers' processes. ``twins`` (a key of saved observations) has a container for each option.
    On an engine that remaps users, ``owned`` counts the entries of a container's root that belong
    to its ids, and ``unmapped`` lists the others. ``elsewhere`` says why the processes of the
    engine's machine could not be read; then there is nothing else.
    """

    engine: str = ""
    version: str = ""
    security: tuple[str, ...] = ()
    cgroup: int = 0
    host: ProcessNamespaces = ProcessNamespaces(0, "", (), ())
    starter: ProcessNamespaces | None = None
    twins: tuple[OptionTrial, ...] = ()
    owned: int = 0
    unmapped: tuple[UnmappedEntry, ...] = ()
    elsewhere: str = ""


def probe(lab: Laboratory) -> Observation:
    """Start a container with each option; read its namespaces and its uid_map."""
    if not lab.engine_is_local and not lab.host_view:
        what = f"the engine at {lab.engine.url} runs its containers on another machine"
        return Observation(elsewhere=what)
    with open_processes(lab) as kernel:
        return _observe(lab, kernel)


def _observe(lab: Laboratory, kernel: KernelFiles) -> Observation:
    facts = lab.engine.facts()
    remapped = remaps_users(facts.security_options)
    starter: ProcessNamespaces | None = None
    owned: int = 0
    unmapped: tuple[UnmappedEntry, ...] = ()
    trials = []
    for option in options_to_try(facts.name, facts.security_options):
        trial = OptionTrial(option.text, network="" if remapped else _other_network(option))
        try:
            container, pid = _start(lab, option, trial)
        except APIError as error:
            refusal = " ".join(str(error.explanation).split())
            trials.append(replace(trial, refused=refusal))
            continue
        parent, begin = _identity(kernel, pid)
        trials.append(replace(trial, process=_read_namespaces(kernel, pid)))
        if starter is None:
            starter = _read_namespaces(kernel, parent)
            if remapped:
                owned, unmapped = _read_owners(lab, container, kernel, pid)
        if _identity(kernel, pid) != (parent, begin):
            raise LabError(f"process {pid} was replaced while it was read", "run it again")
        lab.discard(container)  # the next one must not find this one's namespaces
    return Observation(
        engine=facts.name,
        version=facts.version,
        security=facts.security_options,
        cgroup=cgroups(kernel)[0],
        host=_read_host_namespaces(lab, kernel),
        starter=starter,
        twins=tuple(trials),
        owned=owned,
        unmapped=unmapped,
    )


def _other_network(option: Option) -> str:
    """What follows ``--network`` where the option has nothing to do with it; else empty.

    A network namespace takes engine and kernel nearly as long as all else of a container. (That of
    another container must not be used: Docker then writes its resolv.conf anew.)
    """
    return "host" if option.moves and "net" not in option.moves else ""


def _start(lab: Laboratory, option: Option, trial: OptionTrial) -> tuple[Container, int]:
    """A new container for this trial, and its PID. Raises APIError if the engine refuses it."""
    name = f"scratchlab-probe-{secrets.token_hex(4)}"
    options = {**option.sdk, "network_mode": trial.network} if trial.network else option.sdk
    container = lab.create(lab.names.image, name=name, **options)
    lab.start(container)
    state = lab.api.inspect_container(container.id)["State"]
    if not state["Pid"]:
        what = f"a container from {lab.names.image} ended at once (exit status {state['ExitCode']})"
        raise LabError(what, f"try it: docker run --rm {trial.options} {lab.names.image}")
    return container, int(state["Pid"])


def _read_namespaces(kernel: KernelFiles, pid: int) -> ProcessNamespaces:
    """Raises LabError if that process may not be read, or has ended."""
    proc = f"/proc/{pid}"
    namespaces = []
    for kind in kernel.names(f"{proc}/ns") or ():
        if not kind.endswith("_children"):
            link = kernel.link(f"{proc}/ns/{kind}")
            if link is None:
                raise LabError(f"{proc}/ns/{kind} cannot be read on the engine's machine")
            namespaces.append((kind, link))
    return ProcessNamespaces(
        pid=pid,
        name=content(kernel, f"{proc}/comm").decode("utf-8", "surrogateescape").strip(),
        namespaces=tuple(namespaces),
        uid_map=idmap.parse(content(kernel, f"{proc}/uid_map")),
    )


def _read_host_namespaces(lab: Laboratory, kernel: KernelFiles) -> ProcessNamespaces:
    # PID 1 may have a capability that this program lacks (ptrace(2)).
    hidden = kernel.link("/proc/1/ns/pid") is None
    return _read_namespaces(kernel, os.getpid() if hidden and lab.engine_is_local else 1)


def _identity(kernel: KernelFiles, pid: int) -> tuple[int, int]:
    """The parent of process ``pid`` and when it was started."""
    stat = parse_stat(content(kernel, f"/proc/{pid}/stat"))
    return stat.parent, stat.start_time


def _read_owners(
    lab: Laboratory, container: Container, kernel: KernelFiles, pid: int
) -> tuple[int, tuple[UnmappedEntry, ...]]:
    """How many entries of the root belong to ids of the container, and the other entries."""
    inspect = lab.engine.inspect_container(str(container.id))
    mounts = mountinfo.parse(content(kernel, f"/proc/{pid}/mountinfo"))
    mountpoints = {mount.target for mount in mounts}
    uid_map = idmap.parse(content(kernel, f"/proc/{pid}/uid_map"))
    owned, unmapped = 0, []
    with open_view(lab.engine, inspect, "auto") as view, view.live(Progress()) as ledger:
        for entry in ledger:
            if _is_inside(entry, uid_map):
                owned += 1
            else:
                bound_device = entry.kind in _DEVICES and entry.path in mountpoints
                unmapped.append(UnmappedEntry(entry.path, entry.uid, entry.gid, bound_device))
    return owned, tuple(unmapped)


def _is_inside(entry: Entry, uid_map: idmap.IdRanges) -> bool:
    # The engine gives groups the same ranges as users (moby pkg/idtools, "subgid").
    return all(idmap.inside(number, uid_map) is not None for number in (entry.uid, entry.gid))


def judge(observation: Observation) -> ExperimentOutcome:
    """Private and shared as expected for each option, refused where userns-remap forbids it."""
    if observation.elsewhere:
        return ExperimentOutcome(observation.elsewhere, skip="elsewhere")
    lines, expectations = [_starter_text(observation)], []
    default = _private_kinds(observation, observation.twins[0])
    for trial in observation.twins:
        option = next(option for option in OPTIONS if option.text == trial.option)
        private, expected = _compared(observation, trial, option)
        command = f"docker run {visible(trial.options)}".strip()
        before = default if option.text else {}
        refusal = f"refused: {visible(trial.refused)}"
        left_out = " (net is not compared)" if trial.network else ""
        changes = f"{_changes_text(private, before)}{left_out}"
        lines.append(f"{command}: {changes if private else refusal}")
        expectation = _changes_text(expected, before) if expected else "refused"
        expectations.append(f"{command}: {expectation}")
        if fault := _fault(observation, trial, option):
            values = {
                "option": f" {visible(trial.options)}" if trial.options else "",
                "error": visible(trial.refused),
                "refusal": option.refusal,
                "kinds": " ".join(kind for kind in private if private[kind] != expected.get(kind)),
                "uid_map": _uid_map_text(trial.process.uid_map) if trial.process else "",
            }
            return _outcome(lines, expectations, values, fault=fault)
        if not option.text and trial.process:
            lines.append(f"uid_map {_uid_map_text(trial.process.uid_map)}")
    today = ["inherited", *(kind for kind in ("cgroup", "time") if default.get(kind))]
    first = observation.twins[0].process
    uid_map = first.uid_map if first else ()
    root = str(uid_map[0][1]) if uid_map else "nobody"
    values = {"uid_map": _uid_map_sentence(uid_map), "root": root}
    summary = f"{_changes_text(default, {})}; {len(expectations)} ways to run it, each as expected"
    if not remaps_users(observation.security):
        return _outcome([*lines, summary], expectations, values, today=today)
    lines.append(f"{observation.owned} entries belong to ids of the container")
    lines += [f"not: {visible(e.path)} {e.uid}:{e.gid}" for e in observation.unmapped]
    wrong = [e for e in observation.unmapped if not (e.bound_device or e.path in UNMAPPED)]
    if wrong or not observation.owned:
        paths = ", ".join(f"{visible(e.path)} {e.uid}:{e.gid}" for e in wrong[:_MOST_NAMED])
        return _outcome(lines, expectations, {"paths": paths or "/"}, fault="owners")
    lines.append(f"{summary}; root inside is {root} outside")
    return _outcome(lines, expectations, values, today=[*today, "remap"])


def _outcome(
    lines: Sequence[str],
    expectations: Sequence[str],
    values: Mapping[str, str],
    *,
    fault: str | None = None,
    today: Sequence[str] = (),
) -> ExperimentOutcome:
    observed, expected = "\n".join(lines), "\n".join(expectations)
    return ExperimentOutcome(observed, fault, tuple(today), expected, values)


def _compared(
    observation: Observation, trial: OptionTrial, option: Option
) -> tuple[dict[str, bool], dict[str, bool]]:
    """:func:`_private_kinds` and :func:`_expected`, without a network that is not the option's."""
    both = _private_kinds(observation, trial), _expected(observation, option)
    if trial.network:
        for kinds in both:
            kinds.pop("net", None)
    return both


def _private_kinds(observation: Observation, trial: OptionTrial) -> dict[str, bool]:
    """For each kind whether the container has its own namespace; {} if it does not run."""
    if trial.process is None or observation.starter is None:
        return {}
    inherited = dict(observation.starter.namespaces)
    return {kind: link != inherited.get(kind) for kind, link in trial.process.namespaces}


def _expected(observation: Observation, option: Option) -> dict[str, bool]:
    """The same by the table, for the kinds that this kernel has; {} if a refusal is expected."""
    if observation.starter is None or (option.refused and remaps_users(observation.security)):
        return {}
    private = expected_namespaces(
        option,
        engine=observation.engine,
        version=observation.version,
        cgroup=observation.cgroup,
        security=observation.security,
    )
    return {kind: private[kind] for kind, _ in observation.starter.namespaces}


def _fault(observation: Observation, trial: OptionTrial, option: Option) -> str | None:
    starter = observation.starter
    private, expected = _compared(observation, trial, option)
    if not expected or starter is None or trial.process is None:
        as_expected = not expected and option.refused and option.refused in trial.refused
        return None if as_expected else "refused" if trial.process is None else "not-refused"
    if any(expected[kind] and not private[kind] for kind in expected):
        return "not-private"
    if any(private[kind] and not expected[kind] for kind in expected):
        return "not-shared"
    own_map = trial.process.uid_map != starter.uid_map
    return "uid-map" if own_map is not private["user"] else None


def _changes_text(private: dict[str, bool], default: dict[str, bool]) -> str:
    changed = {kind: own for kind, own in private.items() if default.get(kind) is not own}
    groups = [
        f"{word} {' '.join(kind for kind, own in changed.items() if own is wanted)}"
        for word, wanted in (("private", True), ("shared", False))
        if wanted in changed.values()
    ]
    return "; ".join(groups) or "the same"


def _uid_map_sentence(uid_map: idmap.IdRanges) -> str:
    if uid_map == idmap.INITIAL:
        return "here every id is the same inside and outside"
    rows = (f"{inside} is {outside}, for {count} ids" for inside, outside, count in uid_map)
    return f"here {'; '.join(rows)}"


def _uid_map_text(uid_map: idmap.IdRanges) -> str:
    return "; ".join(" ".join(map(str, row)) for row in uid_map) or "(empty)"


def _starter_text(observation: Observation) -> str:
    if observation.starter is None:
        return "no container could be started"
    on_host = dict(observation.host.namespaces)
    others = [kind for kind, link in observation.starter.namespaces if on_host.get(kind) != link]
    relation = f"another {' '.join(others)} than" if others else "the namespaces of"
    pair = (observation.starter, observation.host)
    starter, host = (f"{visible(shown.name)} ({shown.pid})" for shown in pair)
    return f"started by {starter}, in {relation} {host}"
