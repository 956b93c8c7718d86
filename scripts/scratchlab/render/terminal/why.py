"""The answer to `why`, as an expert would give it: who, when, by what right, and what proves it."""

from __future__ import annotations

import textwrap
from typing import TextIO

from scratchlab.judge.explain import Explanation
from scratchlab.judge.rules import Rule
from scratchlab.judge.rules.permalink import Permalink
from scratchlab.model import Entry, Evidence, Finding, Ghost, MountFinding, Origin, Status
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.text import visible

_WHEN = {
    "create": "when the container was created, before it started",
    "start": "when the container was started, before its process ran",
    "run": "while the container runs",
}


def render(found: Explanation, out: TextIO) -> None:
    """Write the answer. Lines are broken between words only: a URL stays one that can be used."""
    screen = console(out)
    screen.print(text(_headline(found), "bold"), soft_wrap=True)
    if found.note:
        screen.print(text(visible(found.note), "dim"), soft_wrap=True)
    rows = _rows(found)
    width = max(len(name) for name, _, _ in rows) + 2
    for name, words, style in rows:
        room = max(screen.width - width - 2, 20)
        lines = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False)
        for number, words_of_line in enumerate(lines):
            head = text(f"  {'' if number else name:<{width}}", "bold")
            screen.print(head.append_text(text(words_of_line, style)), soft_wrap=True)


def _headline(found: Explanation) -> str:
    path = visible(found.path)
    finding = found.finding
    if finding is not None and finding.live is not None:
        return f"{path}  {_shape(finding.live)}"
    if found.ghost is not None:
        return f"{path}  is in the image, and the container cannot see it"
    if finding is not None:
        return f"{path}  should be there, and is not"
    if found.absent:
        return f"{path}  is not there"
    mount = found.mounts[0].mount
    if mount.target != found.path:
        return f"{path}  the kernel's"
    shown = f"{mount.fstype} ({','.join(mount.options)})"
    if found.mounts[0].rule == "masked-path":
        what = "/dev/null" if mount.root == "/null" else "an empty directory"
        return f"{path}  masked: it reads as {what}; {shown}"
    if found.mounts[0].rule == "readonly-path":
        return f"{path}  read-only: bound over itself; {shown}"
    return f"{path}  a mount of {shown}"


def _rows(found: Explanation) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    finding, ghost = found.finding, found.ghost
    if finding is not None:
        rows.append(("origin", str(finding.origin), ORIGIN_STYLES[finding.origin]))
        if finding.status in (Status.ALTERED, Status.MISSING):
            what = ", ".join(finding.differences)
            rows.append(("status", f"{finding.status}{f': {what}' if what else ''}", "red"))
    for mount in found.mounts:
        inside = mount.mount.target != found.path  # what lies in a kernel filesystem
        origin = Origin.KERNEL if inside else mount.origin
        rows.append(("origin", str(origin), ORIGIN_STYLES[origin]))
    if ghost is not None and finding is None:
        rows.append(("origin", str(Origin.IMAGE_LAYER), ORIGIN_STYLES[Origin.IMAGE_LAYER]))
        rows += _hidden(ghost)
        rows.append(("hidden by", str(ghost.origin), ORIGIN_STYLES[ghost.origin]))
    if found.rule is not None:
        rows += _ruled(found.rule, found.source)
    rows += [("proof", words, "") for words in _proofs(found)]
    rows += _predictions(finding, found.mounts)
    if ghost is not None and finding is not None:
        rows += _hidden(ghost)
    if found.rule is not None and found.rule.removed_by:
        rows.append(("without it", found.rule.removed_by, ""))
    return rows


def _ruled(rule: Rule, source: Permalink | None) -> list[tuple[str, str, str]]:
    rows = [("why", rule.title, ""), ("when", _WHEN[rule.stage], "")]
    if rule.level:
        rows.append(("by right", f"{rule.level}: {rule.clause}", ""))
    if source is not None:
        symbol = f" ({source.symbol})" if source.symbol else ""
        rows.append(("source", f"{source.url}{symbol}", ""))
    return rows


def _proofs(found: Explanation) -> list[str]:
    facts: list[Evidence] = list(found.finding.evidence if found.finding is not None else ())
    for mount in found.mounts:
        facts += mount.evidence
    if found.ghost is not None and found.finding is None:
        facts += found.ghost.evidence
    return [f"{fact.kind}: {visible(fact.detail)}" for fact in facts]


def _predictions(
    finding: Finding | None, mounts: tuple[MountFinding, ...]
) -> list[tuple[str, str, str]]:
    said = [finding.prediction] if finding is not None else []
    said += [mount.prediction for mount in mounts]
    words = {"agrees": "predicted from configuration and versions, before the container was read",
             "none": "none was made"}  # fmt: skip
    return [
        ("prediction", words.get(one, visible(one)), "" if one in words else "red") for one in said
    ]


def _hidden(ghost: Ghost) -> list[tuple[str, str, str]]:
    words = f"{_shape(ghost.image)} of layer {ghost.image.layer}, {ghost.kind} by {ghost.actor}"
    return [("the image's", visible(words), "yellow")]


def _shape(entry: Entry) -> str:
    arrow = f" -> {visible(entry.target)}" if entry.target is not None else ""
    number = " {}:{}".format(*entry.device) if entry.device is not None else ""
    size = f" {entry.size} B" if entry.kind == "file" else ""
    return f"{entry.kind}{number}{arrow} {entry.mode:04o} {entry.uid}:{entry.gid}{size}"
