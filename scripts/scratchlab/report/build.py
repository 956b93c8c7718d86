"""From evidence, judgement and checks to a report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from scratchlab import __version__
from scratchlab.judge.blame import LayerSums, layer_sums
from scratchlab.judge.compare import NOT_COMPARED
from scratchlab.judge.weight import Scale
from scratchlab.ledger import HistoryReader
from scratchlab.model import Check, Origin, Status
from scratchlab.report.allowances import Allowances, Changes, Judged
from scratchlab.report.convert import (
    check_section,
    drift_section,
    ghost_section,
    layer_sections,
    mount_section,
    rules_cited,
)
from scratchlab.report.document import SCHEMA, Report
from scratchlab.report.entry_spool import EntrySpool
from scratchlab.report.user_data import covers, user_data_section
from scratchlab.report.verdict import decide

if TYPE_CHECKING:
    from scratchlab.evidence import EvidenceSet
    from scratchlab.report.policy.file import Policy
    from scratchlab.report.quiz_sections import QuizSection
    from scratchlab.report.sections import (
        ContainerSection,
        EngineSection,
        HeadFields,
        HostSection,
        ImageSection,
        LadderSection,
        SummarySection,
        TimelapseSection,
    )


class _Judgement(Judged, Protocol):
    """What a judgement must have to be reported."""

    @property
    def problems(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def build(
    evidence: EvidenceSet,
    judgement: _Judgement,
    checks: Iterable[Check] = (),
    *,
    ladder: LadderSection | None = None,
    timelapse: TimelapseSection | None = None,
    quiz: QuizSection | None = None,
    policy: Policy | None = None,
    layers: LayerSums | None = None,
) -> Report:
    """The report of one verification. ``checks`` are the experiments and the rows of the
    specifications. ``ladder``, ``timelapse`` (from scratchlab.ladder.shapes) and ``quiz`` (from
    scratchlab.course.grading_file) are None where there are none. ``policy`` says which changes
    do not count. ``layers``: the sums of the image's layers, where they are made already.
    """
    facts = evidence.facts
    allowances = Allowances(policy, Changes(evidence, judgement.mounts))
    scale = Scale(facts)
    entries = EntrySpool(judgement.findings, HistoryReader(evidence.image), scale, allowances.entry)
    histories = HistoryReader(evidence.image)
    ghosts = []
    for ghost in judgement.ghosts:  # after the findings: one comparison
        ghosts.append(ghost_section(ghost, histories.at(ghost.path)))
        if ghost.kind in (Status.DELETED, Status.CHANGED):
            ghosts[-1]["drift"] = drift_section(scale.weigh(ghost.path, None, ghost.image))
        allowances.ghost(ghost, ghosts[-1])
    mounts = []
    for mount in judgement.mounts:
        mounts.append(mount_section(mount))
        allowances.mount(mount, mounts[-1])
    layers = layers or layer_sums(evidence.image, len(facts.image.diff_ids))
    rule_ids = entries.rules | {mount.rule for mount in judgement.mounts if mount.rule}
    head: HeadFields = {
        "schema": SCHEMA,
        "tool": {"name": "scratchlab", "version": __version__},
        "host": _host(evidence),
        "engine": _engine(evidence),
        "runtime": {"name": facts.runtime.name, "version": facts.runtime.version},
        "image": _image(evidence, layers),
        "container": _container(evidence),
        "summary": _summary(evidence, judgement, entries, layers, len(ghosts)),
        "mounts": mounts,
        "ghosts": ghosts,
        "checks": list(map(check_section, checks)),
        "problems": list(judgement.problems),
        "notes": [*judgement.notes, *allowances.notes()],
        "not_compared": [{"what": what, "why": why} for what, why in NOT_COMPARED],
        "rules": rules_cited(rule_ids, facts),
    }
    expect = allowances.section()
    if expect is not None:
        head["expect"] = expect
    user_data = user_data_section(evidence)
    if user_data is not None:
        head["user_data"] = user_data
    if ladder is not None:
        head["ladder"] = ladder
    if timelapse is not None:
        head["timelapse"] = timelapse
    if quiz is not None:
        head["quiz"] = quiz
    verdict = decide(head, entries.deciding())
    return Report({**head, "verdict": verdict}, entries, entries.sorted)


def _host(evidence: EvidenceSet) -> HostSection:
    host = evidence.facts.host
    return {
        "name": host.name,
        "kernel": host.kernel,
        "distribution": host.distribution,
        "cgroup_version": host.cgroup_version,
    }


def _engine(evidence: EvidenceSet) -> EngineSection:
    engine = evidence.facts.engine
    return {
        "name": engine.name,
        "version": engine.version,
        "api_version": engine.api_version,
        "storage_driver": engine.storage_driver,
        "containerd_version": engine.containerd_version,
    }


def _image(evidence: EvidenceSet, layers: LayerSums) -> ImageSection:
    image = evidence.facts.image
    return {
        "id": image.id,
        "tags": list(image.tags),
        "diff_ids": list(image.diff_ids),
        "layers": layer_sections(image, layers.layers),
        "ledger_digest": evidence.image.digest(),
        "source": image.source,
    }


def _container(evidence: EvidenceSet) -> ContainerSection:
    container = evidence.facts.container
    return {
        "id": container.id,
        "name": container.name,
        "pid": container.pid,
        "vantage": container.vantage,
        "ledger_digest": evidence.live.digest(),
        "ledger_covers": covers(evidence),
    }


def _summary(
    evidence: EvidenceSet,
    judgement: _Judgement,
    entries: EntrySpool,
    layers: LayerSums,
    ghosts: int,
) -> SummarySection:
    # A mount that has an entry is counted as that entry.
    hidden = sum(
        mount.origin is Origin.UNEXPLAINED for mount in judgement.mounts if not mount.entry
    )
    return {
        "image_entries": layers.entries,
        "live_entries": len(evidence.live),
        "explained": entries.explained,
        "unexplained": entries.unexplained + hidden,
        "missing": entries.missing,
        "altered": entries.altered,
        "ghosts": ghosts,
    }
