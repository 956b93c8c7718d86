"""Findings, ghosts, checks and entries in the shape that the schema gives them."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from scratchlab.judge.rules import RULES
from scratchlab.judge.rules.permalink import permalinks
from scratchlab.model import Check, Entry, Evidence, Facts, Finding, Ghost, Json, MountFinding
from scratchlab.text import visible


def finding_section(one: Finding) -> Json:
    """One item of ``entries``."""
    return {
        "path": visible(one.path),
        "status": str(one.status),
        "origin": str(one.origin),
        "evidence": _evidence(one.evidence),
        "rule": one.rule,
        "differences": list(one.differences),
        "prediction": visible(one.prediction),
        "image": image_entry_section(one.image),
        "live": live_entry_section(one.live),
    }


def mount_section(one: MountFinding) -> Json:
    """One item of ``mounts``: a line of mountinfo."""
    line = one.mount
    return {
        "target": visible(line.target),
        "fstype": visible(line.fstype),
        "source": visible(line.source),
        "root": visible(line.root),
        "options": list(map(visible, line.options)),
        "super_options": list(map(visible, line.super_options)),
        "id": line.id,
        "origin": str(one.origin),
        "evidence": _evidence(one.evidence),
        "rule": one.rule,
        "prediction": visible(one.prediction),
        "entry": one.entry,
    }


def ghost_section(one: Ghost) -> Json:
    """One item of ``ghosts``."""
    return {
        "path": visible(one.path),
        "kind": str(one.kind),
        "origin": str(one.origin),
        "actor": visible(one.actor),
        "evidence": _evidence(one.evidence),
        "image": image_entry_section(one.image),
    }


def check_section(one: Check) -> Json:
    """One item of ``checks``."""
    return {
        "id": one.id,
        "title": one.title,
        "verdict": str(one.verdict),
        "claim": one.claim,
        "command": one.command,
        "observed": one.observed,
        "expected": one.expected,
        "cause": one.cause,
        "help": one.help,
        "depends_on": list(one.depends_on),
    }


def image_entry_section(entry: Entry | None) -> Json | None:
    """An entry of the image ledger, with the layer that wrote it."""
    return None if entry is None else {**_entry(entry), "layer": entry.layer}


def live_entry_section(entry: Entry | None) -> Json | None:
    """An entry of the live ledger, with the mount that it is on."""
    return None if entry is None else {**_entry(entry), "mount": entry.mount}


def _entry(entry: Entry) -> Json:
    shape: Json = {
        "kind": str(entry.kind),
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size,
        "sha256": entry.sha256,
        "target": None if entry.target is None else visible(entry.target),
        "device": None if entry.device is None else list(entry.device),
        "xattrs": {visible(name): base64.b64encode(data).decode() for name, data in entry.xattrs},
        "mtime": entry.mtime,
        "links": None if entry.links is None else visible(entry.links),
    }
    if entry.note is not None:
        shape["note"] = entry.note
    return shape


def _evidence(facts: Iterable[Evidence]) -> list[Json]:
    return [{"kind": fact.kind, "detail": visible(fact.detail)} for fact in facts]


# The rules that a report's entries name, told in full: a page has no tables of its own.


def rules_cited(ids: Iterable[str], facts: Facts) -> list[Json]:
    """The rules called ``ids``, sorted; their sources as of the versions that ``facts`` name."""
    return [_told(name, facts) for name in sorted(set(ids)) if name in RULES]


def _told(name: str, facts: Facts) -> Json:
    rule = RULES[name]
    source = permalinks(rule, facts)
    return {
        "id": rule.id,
        "title": rule.title,
        "origin": str(rule.origin),
        "stage": rule.stage,
        "level": rule.level,
        "clause": rule.clause,
        "source": source.url,
        "symbol": source.symbol,
        "removed_by": rule.removed_by,
    }
