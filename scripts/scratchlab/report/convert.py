"""Findings, mounts, ghosts, checks and rules as the sections of a report."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import cast

from scratchlab import remedy
from scratchlab.judge.blame import LayerSum, layer_lines
from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import permalink
from scratchlab.judge.weight import Weighed
from scratchlab.ledger import LayerChange, LayerStep
from scratchlab.model import (
    Check,
    Entry,
    Evidence,
    Facts,
    Finding,
    Ghost,
    Image,
    Kind,
    MountFinding,
)
from scratchlab.report.layer_sections import DriftSection, LayerSection, LayerStepSection
from scratchlab.report.sections import (
    CheckSection,
    EntryFields,
    EntrySection,
    EvidenceSection,
    GhostSection,
    ImageEntrySection,
    LiveEntrySection,
    MountSection,
    RemedyStepSection,
    RuleSection,
)
from scratchlab.text import visible


def entry_section(finding: Finding, history: Iterable[LayerStep] = ()) -> EntrySection:
    """``finding`` as one item of ``entries``, with the history of the image's entry."""
    return {
        "path": visible(finding.path),
        "status": str(finding.status),
        "origin": str(finding.origin),
        "evidence": _evidence_sections(finding.evidence),
        "rule": finding.rule,
        "differences": list(finding.differences),
        "prediction": visible(finding.prediction),
        "image": None if finding.image is None else image_entry_section(finding.image, history),
        "live": None if finding.live is None else live_entry_section(finding.live),
    }


def drift_section(weighed: Weighed) -> DriftSection:
    """``weighed`` as ``drift`` of an entry or a ghost."""
    section: DriftSection = {"weight": str(weighed.weight)}
    if weighed.content:
        section["content"] = weighed.content
    if weighed.package:
        section["package"] = visible(weighed.package)
    return section


def image_entry_section(entry: Entry, history: Iterable[LayerStep] = ()) -> ImageEntrySection:
    """An entry of the image ledger, with the layer that wrote it, and its history if it has one."""
    section: ImageEntrySection = {**_entry_fields(entry), "layer": entry.layer}  # type: ignore[typeddict-item]
    if steps := step_sections(history):
        section["history"] = steps
    return section


def step_sections(history: Iterable[LayerStep]) -> list[LayerStepSection]:
    """``history`` as that of an entry."""
    return [_step_section(step) for step in history]


def _step_section(step: LayerStep) -> LayerStepSection:
    section: LayerStepSection = {"layer": step.layer, "change": str(step.change)}
    if step.fields:
        section["fields"] = list(step.fields)
    if step.kind is not None:
        section["kind"] = str(step.kind)
    if step.size:
        section["size"] = step.size
    return section


def layer_steps(sections: Iterable[LayerStepSection]) -> tuple[LayerStep, ...]:
    """The steps that ``history`` of an entry lists."""
    return tuple(
        LayerStep(
            section["layer"],
            LayerChange(section["change"]),
            tuple(section.get("fields", ())),
            Kind(section["kind"]) if "kind" in section else None,
            section.get("size", 0),
        )
        for section in sections
    )


def layer_sections(image: Image, sums: Sequence[LayerSum]) -> list[LayerSection]:
    """The layers of ``image`` as ``image.layers``: what its history says, and their ``sums``."""
    return [
        {
            "layer": line.layer,
            "instruction": visible(line.instruction),
            "created_by": visible(line.created_by),
            "created": line.created,
            "comment": visible(line.comment),
            "entries": total.entries,
            "bytes": total.bytes,
            "hidden_entries": total.hidden_entries,
            "hidden_bytes": total.hidden_bytes,
        }
        for line, total in zip(layer_lines(image.config, len(sums)), sums, strict=True)
    ]


def live_entry_section(entry: Entry) -> LiveEntrySection:
    """An entry of the live ledger, with the id of the mount that it is on."""
    return {**_entry_fields(entry), "mount": entry.mount}


def _entry_fields(entry: Entry) -> EntryFields:
    fields: EntryFields = {
        "kind": str(entry.kind),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "sha256": entry.sha256,
        "target": None if entry.target is None else visible(entry.target),
        "device": None if entry.device is None else list(entry.device),
        "xattrs": {visible(name): base64.b64encode(value).decode() for name, value in entry.xattrs},
        "mtime": entry.mtime,
        "links": None if entry.links is None else visible(entry.links),
    }
    if entry.note is not None:
        fields["note"] = entry.note
    return fields


def mount_section(finding: MountFinding) -> MountSection:
    """``finding`` as one item of ``mounts``."""
    mount = finding.mount
    return {
        "target": visible(mount.target),
        "fstype": visible(mount.fstype),
        "source": visible(mount.source),
        "root": visible(mount.root),
        "options": list(map(visible, mount.options)),
        "super_options": list(map(visible, mount.super_options)),
        "id": mount.id,
        "origin": str(finding.origin),
        "evidence": _evidence_sections(finding.evidence),
        "rule": finding.rule,
        "prediction": visible(finding.prediction),
        "entry": finding.entry,
    }


def ghost_section(ghost: Ghost, history: Iterable[LayerStep] = ()) -> GhostSection:
    """``ghost`` as one item of ``ghosts``, with the history of the image's entry."""
    return {
        "path": visible(ghost.path),
        "kind": str(ghost.kind),
        "origin": str(ghost.origin),
        "actor": visible(ghost.actor),
        "evidence": _evidence_sections(ghost.evidence),
        "image": image_entry_section(ghost.image, history),
    }


def check_section(check: Check) -> CheckSection:
    """``check`` as one item of ``checks``."""
    section: CheckSection = {
        "id": check.id,
        "title": check.title,
        "verdict": str(check.verdict),
        "claim": check.claim,
        "command": check.command,
        "observed": check.observed,
        "expected": check.expected,
        "cause": check.cause,
        "help": check.help,
        "depends_on": list(check.depends_on),
    }
    if check.remedy:
        section["remedy"] = cast("list[RemedyStepSection]", remedy.section(check.remedy))
    if check.article:
        section["article"] = check.article
    if check.output is not None:
        section["output"] = check.output
    return section


def rules_cited(ids: Iterable[str], facts: Facts) -> list[RuleSection]:
    """The rules called ``ids``, sorted by id, with their sources at the versions in ``facts``."""
    return [_rule_section(rule_id, facts) for rule_id in sorted(set(ids)) if rule_id in RULES]


def _rule_section(rule_id: str, facts: Facts) -> RuleSection:
    rule = RULES[rule_id]
    link = permalink(rule, facts)
    return {
        "id": rule.id,
        "title": rule.title,
        "origin": str(rule.origin),
        "stage": rule.stage,
        "level": rule.level,
        "clause": rule.clause,
        "source": link.url,
        "symbol": link.symbol,
        "removed_by": rule.removed_by,
    }


def _evidence_sections(evidence: Iterable[Evidence]) -> list[EvidenceSection]:
    return [{"kind": fact.kind, "detail": visible(fact.detail)} for fact in evidence]
