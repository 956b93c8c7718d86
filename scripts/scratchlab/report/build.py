"""From evidence, judgement and checks to a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scratchlab import __version__
from scratchlab.judge.compare import NOT_COMPARED
from scratchlab.model import Check, Facts, Finding, Ghost, Json, MountFinding, Origin
from scratchlab.report import sections
from scratchlab.report.sections import rules_cited
from scratchlab.report.spool import EntrySpool

if TYPE_CHECKING:
    from scratchlab.evidence import EvidenceSet

SCHEMA = "scratchlab-report-1"


class _Judgement(Protocol):
    """What a judgement must have to be reported."""

    @property
    def findings(self) -> Iterable[Finding]: ...
    @property
    def ghosts(self) -> tuple[Ghost, ...]: ...
    @property
    def mounts(self) -> tuple[MountFinding, ...]: ...
    @property
    def problems(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Report:
    """A report: ``head`` is all of it but the entries, which may be too many for memory."""

    head: Json
    _entries: Iterable[Json]

    @property
    def entries(self) -> Iterator[Json]:
        """The entries in tree order, from the start at every call."""
        return iter(self._entries)


def build(
    evidence: EvidenceSet,
    judgement: _Judgement,
    checks: Iterable[Check] = (),
    *,
    ladder: Json | None = None,
    timelapse: Json | None = None,
    quiz: Json | None = None,
) -> Report:
    """The report of one verification. ``checks`` are the experiments and the spec's rows.

    ``ladder`` and ``timelapse`` are what scratchlab.ladder.shapes gives, None where not measured;
    ``quiz`` is the grading that scratchlab.course.state keeps, None where there is none.
    """
    facts = evidence.facts
    entries = EntrySpool(judgement.findings)
    head = {
        "schema": SCHEMA,
        "tool": {"name": "scratchlab", "version": __version__},
        "host": _host(facts),
        "engine": _engine(facts),
        "runtime": {"name": facts.runtime.name, "version": facts.runtime.version},
        "image": {
            "id": facts.image.id,
            "tags": list(facts.image.tags),
            "diff_ids": list(facts.image.diff_ids),
            "ledger_digest": evidence.image.digest(),
            "source": facts.image.source,
        },
        "container": {
            "id": facts.container.id,
            "name": facts.container.name,
            "pid": facts.container.pid,
            "vantage": facts.container.vantage,
            "ledger_digest": evidence.live.digest(),
        },
        "summary": _summary(evidence, judgement, entries),
        "mounts": [sections.mount_section(one) for one in judgement.mounts],
        "ghosts": [sections.ghost_section(ghost) for ghost in judgement.ghosts],
        "checks": [sections.check_section(one) for one in checks],
        "problems": list(judgement.problems),
        "not_compared": [{"what": what, "why": why} for what, why in NOT_COMPARED],
        "rules": rules_cited(
            entries.rules | {one.rule for one in judgement.mounts if one.rule}, facts
        ),
    }
    if ladder is not None:
        head["ladder"] = ladder
    if timelapse is not None:
        head["timelapse"] = timelapse
    if quiz is not None:
        head["quiz"] = quiz
    return Report(head, entries)


def _host(facts: Facts) -> Json:
    host = facts.host
    return {
        "name": host.name,
        "kernel": host.kernel,
        "distribution": host.distribution,
        "cgroup_version": host.cgroup_version,
    }


def _engine(facts: Facts) -> Json:
    engine = facts.engine
    return {
        "name": engine.name,
        "version": engine.version,
        "api_version": engine.api_version,
        "storage_driver": engine.storage_driver,
        "containerd_version": engine.containerd_version,
    }


def _summary(evidence: EvidenceSet, judgement: _Judgement, entries: EntrySpool) -> Json:
    # A mount with an entry is counted there; what hides inside a kernel filesystem only here.
    hidden = sum(one.origin is Origin.UNEXPLAINED for one in judgement.mounts if not one.entry)
    return {
        # The root directory itself is in no layer: what does not come from one is not counted.
        "image_entries": sum(1 for entry in evidence.image if entry.layer is not None),
        "live_entries": len(evidence.live),
        "explained": entries.explained,
        "unexplained": entries.unexplained + hidden,
        "missing": entries.missing,
        "altered": entries.altered,
        "ghosts": len(judgement.ghosts),
    }
