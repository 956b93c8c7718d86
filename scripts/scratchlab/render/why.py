"""The answer to `why`, as an expert would give it: who, when, by what right, and what proves it."""

from __future__ import annotations

from typing import TextIO

from rich.padding import Padding
from rich.table import Table

from scratchlab.judge.answer import Answer
from scratchlab.model import Entry, Evidence, Finding, Ghost, MountFinding, Origin, Status
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.text import visible

_WHEN = {
    "create": "when the container was created, before it started",
    "start": "when the container was started, before its process ran",
    "run": "while the container runs",
}


def render(found: Answer, out: TextIO) -> None:
    """Write the answer."""
    screen = console(out)
    screen.print(text(_headline(found), "bold"))
    if found.note:
        screen.print(text(visible(found.note), "dim"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, words, style in _rows(found):
        table.add_row(name, text(words, style))
    screen.print(Padding(table, (0, 0, 0, 2)))


def _headline(found: Answer) -> str:
    path = visible(found.path)
    finding = found.finding
    if finding is not None and finding.live is not None:
        return f"{path}  {_shape(finding.live)}"
    if found.ghost is not None:
        return f"{path}  is in the image, and the container cannot see it"
    if finding is not None:
        return f"{path}  should be there, and is not"
    mount = found.mounts[0].mount
    if mount.target != found.path:
        return f"{path}  the kernel's"
    return f"{path}  a mount of {mount.fstype} ({','.join(mount.options)})"


def _rows(found: Answer) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, str, str]] = []
    finding = found.finding
    if finding is not None:
        rows.append(("origin", str(finding.origin), ORIGIN_STYLES[finding.origin]))
        if finding.status in (Status.ALTERED, Status.MISSING):
            what = ", ".join(finding.differences)
            rows.append(("status", f"{finding.status}{f': {what}' if what else ''}", "red"))
    for mount in found.mounts:
        inside = mount.mount.target != found.path  # what lies in a kernel filesystem
        origin = Origin.KERNEL if inside else mount.origin
        rows.append(("origin", str(origin), ORIGIN_STYLES[origin]))
    if found.rule is not None:
        rule = found.rule
        rows.append(("why", rule.title, ""))
        rows.append(("when", _WHEN[rule.stage], ""))
        if rule.level:
            rows.append(("by right", f"{rule.level}: {rule.clause}", ""))
        if found.source:
            symbol = rule.source.symbol if rule.source is not None else ""
            rows.append(("source", f"{found.source}{f' ({symbol})' if symbol else ''}", ""))
    rows += [("proof", words, "") for words in _proofs(found)]
    rows += _predictions(finding, found.mounts)
    if found.ghost is not None:
        rows += _hidden(found.ghost)
    if found.rule is not None and found.rule.removed_by:
        rows.append(("without it", found.rule.removed_by, ""))
    return rows


def _proofs(found: Answer) -> list[str]:
    facts: list[Evidence] = list(found.finding.evidence if found.finding is not None else ())
    for mount in found.mounts:
        facts += mount.evidence
    return [f"{fact.kind}: {visible(fact.detail)}" for fact in facts]


def _predictions(
    finding: Finding | None, mounts: tuple[MountFinding, ...]
) -> list[tuple[str, str, str]]:
    said = [finding.prediction] if finding is not None else []
    said += [mount.prediction for mount in mounts]
    words = {"agrees": "foreseen from configuration and versions, before the container was read",
             "none": "none was made"}  # fmt: skip
    return [
        ("prediction", words.get(one, visible(one)), "" if one in words else "red") for one in said
    ]


def _hidden(ghost: Ghost) -> list[tuple[str, str, str]]:
    proof = f"; {ghost.evidence[0].kind}: {visible(ghost.evidence[0].detail)}"
    return [
        ("the image's", f"{_shape(ghost.image)}, {ghost.kind} by {visible(ghost.actor)}", "yellow"),
        ("its origin", f"image-layer, layer {ghost.image.layer}{proof}", ""),
    ]


def _shape(entry: Entry) -> str:
    arrow = f" -> {visible(entry.target)}" if entry.target is not None else ""
    number = " {}:{}".format(*entry.device) if entry.device is not None else ""
    size = f" {entry.size} B" if entry.kind == "file" else ""
    return f"{entry.kind}{number}{arrow} {entry.mode:04o} {entry.uid}:{entry.gid}{size}"
