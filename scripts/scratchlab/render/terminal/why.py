"""An explanation on a terminal: who, when, by which clause, and what proves it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TextIO

from scratchlab.judge.blame import Blame, told
from scratchlab.judge.explain import Explanation
from scratchlab.judge.rules import Rule, advice
from scratchlab.judge.rules.permalink import Permalink
from scratchlab.model import Entry, Evidence, Ghost, Origin, Status
from scratchlab.render.terminal import ORIGIN_STYLES, console, text
from scratchlab.text import visible

_WHEN = {
    "create": "when the container was created, before it started",
    "start": "when the container was started, before its process ran",
    "run": "while the container runs",
}
# Where evidence shows only so much, whatever the stage of the rule is.
_WHEN_BY_ORIGIN = {
    Origin.WRITTEN_LATER: "since the start",
    Origin.MOUNTED_INSIDE: "since the start",
    Origin.HOST_MOUNT: "since the start",
    Origin.USER_DATA: "not known from here",
    Origin.UNEXPLAINED: "not known from here",
}
# A volume that an earlier container filled looks the same.
_WHEN_VOLUME_COPY = {
    "create": "when this container, or an earlier one with the same volume, was created",
    "start": "when this container, or an earlier one with the same volume, was started",
}
_PREDICTIONS = {
    "agrees": "predicted from configuration and versions, before the container was read",
    "none": "none was made",
}


class _Row(NamedTuple):
    label: str
    content: str
    style: str = ""


def render(explanation: Explanation, out: TextIO) -> None:
    """Write the explanation. Lines break between words only, so that URLs stay usable."""
    screen = console(out)
    screen.print(text(_headline(explanation), "bold"), soft_wrap=True)
    if explanation.note:
        screen.print(text(visible(explanation.note), "dim"), soft_wrap=True)
    rows = list(_rows(explanation))
    width = max(len(row.label) for row in rows) + 2
    for row in rows:
        columns = max(screen.width - width - 2, 20)
        lines = textwrap.wrap(row.content, columns, break_long_words=False, break_on_hyphens=False)
        for number, wrapped in enumerate(lines):
            label = text(f"  {'' if number else row.label:<{width}}", "bold")
            screen.print(label.append_text(text(wrapped, row.style)), soft_wrap=True)


def _headline(explanation: Explanation) -> str:
    path = visible(explanation.path)
    finding = explanation.finding
    if finding is not None and finding.live is not None:
        return f"{path}  {_described(finding.live)}"
    if explanation.ghost is not None:
        return f"{path}  is in the image, and the container cannot see it"
    if finding is not None:
        return f"{path}  {'was deleted' if finding.status is Status.DELETED else 'is missing'}"
    if explanation.absent:
        return f"{path}  does not exist"
    if not explanation.mounts:
        return f"{path}  is not in the image any more: one of its layers removed it"
    mount = explanation.mounts[0].mount
    if mount.target != explanation.path:
        return f"{path}  the kernel's"
    shown = f"{mount.fstype} ({','.join(mount.options)})"
    if explanation.mounts[0].rule == "masked-path":
        what = "/dev/null" if mount.root == "/null" else "an empty directory"
        return f"{path}  masked: it reads as {what}; {shown}"
    if explanation.mounts[0].rule == "readonly-path":
        return f"{path}  read-only: bound over itself; {shown}"
    return f"{path}  a mount of {shown}"


def _rows(explanation: Explanation) -> Iterator[_Row]:
    finding, ghost, rule = explanation.finding, explanation.ghost, explanation.rule
    if explanation.blame is not None:
        yield from _blame_rows(explanation, explanation.blame)
    if finding is not None:
        yield _origin_row("origin", finding.origin)
        if finding.status in (Status.ALTERED, Status.MISSING):
            names = ", ".join(finding.differences)
            yield _Row("status", f"{finding.status}{f': {names}' if names else ''}", "red")
    for mount in explanation.mounts:
        inside = mount.mount.target != explanation.path  # in a kernel filesystem
        yield _origin_row("origin", Origin.KERNEL if inside else mount.origin)
    if ghost is not None and finding is None:
        yield _origin_row("origin", Origin.IMAGE_LAYER)
        yield _ghost_row(ghost)
        yield _origin_row("hidden by", ghost.origin)
    if rule is not None:
        yield _Row("why", rule.title)
    when = _when(explanation)
    if when:
        yield _Row("when", when)
    if rule is not None:
        yield from _source_rows(rule, explanation.source)
    for proof in _proofs(explanation):
        yield _Row("proof", f"{proof.kind}: {visible(proof.detail)}")
    yield from _prediction_rows(explanation)
    if ghost is not None and finding is not None:
        yield _ghost_row(ghost)
    if rule is not None and rule.removed_by:
        yield _Row("without it", advice(rule, explanation.path))


def _blame_rows(explanation: Explanation, blame: Blame) -> Iterator[_Row]:
    """The layer that made the image's entry, by its line of the history, and those before it."""
    finding = explanation.finding
    seen = finding is not None and finding.origin in (Origin.IMAGE_LAYER, Origin.VOLUME_COPY)
    if blame.layer is not None:
        unknown = blame.unknown or "its line of the image's history is empty"
        said = str(blame.line) or f"by which instruction is not known: {unknown}"
        label = "made by" if seen else "image"
        yield _Row(label, visible(f"layer {blame.layer}: {said}"), "green")
    if blame.history:
        yield _Row("layers", told(blame.history))


def _origin_row(label: str, origin: Origin) -> _Row:
    return _Row(label, str(origin), ORIGIN_STYLES[origin])


def _ghost_row(ghost: Ghost) -> _Row:
    image = f"{_described(ghost.image)} of layer {ghost.image.layer}"
    return _Row("the image's", visible(f"{image}, {ghost.kind} by {ghost.actor}"), "yellow")


def _when(explanation: Explanation) -> str:
    """When it was put there, or hidden, as far as evidence shows; empty where no rule says it."""
    rule = explanation.rule
    origin = _explained_origin(explanation)
    if origin in _WHEN_BY_ORIGIN:
        return _WHEN_BY_ORIGIN[origin]
    if rule is None:
        return ""
    if rule.id.endswith("-volume-copy"):
        return _WHEN_VOLUME_COPY[rule.stage]
    return _WHEN[rule.stage]


def _explained_origin(explanation: Explanation) -> Origin | None:
    """The origin that rule and time belong to."""
    if explanation.finding is not None:
        return explanation.finding.origin
    if explanation.mounts:
        inside = explanation.mounts[0].mount.target != explanation.path
        return Origin.KERNEL if inside else explanation.mounts[0].origin
    return explanation.ghost.origin if explanation.ghost is not None else None


def _source_rows(rule: Rule, source: Permalink | None) -> Iterator[_Row]:
    if rule.level:
        yield _Row("clause", f"{rule.level}: {rule.clause}")
    if source is not None:
        symbol = f" ({source.symbol})" if source.symbol else ""
        yield _Row("source", f"{source.url}{symbol}")


def _proofs(explanation: Explanation) -> Iterable[Evidence]:
    finding, ghost = explanation.finding, explanation.ghost
    if finding is not None:
        yield from finding.evidence
    for mount in explanation.mounts:
        yield from mount.evidence
    if ghost is not None and finding is None:
        yield from ghost.evidence


def _prediction_rows(explanation: Explanation) -> Iterator[_Row]:
    finding = explanation.finding
    predictions = [] if finding is None else [finding.prediction]
    predictions += [mount.prediction for mount in explanation.mounts]
    for prediction in predictions:
        known = _PREDICTIONS.get(prediction)
        yield _Row("prediction", known or visible(prediction), "" if known else "red")


def _described(entry: Entry) -> str:
    arrow = f" -> {visible(entry.target)}" if entry.target is not None else ""
    number = " {}:{}".format(*entry.device) if entry.device is not None else ""
    size = f" {entry.size} B" if entry.kind == "file" else ""
    return f"{entry.kind}{number}{arrow} {entry.mode:04o} {entry.uid}:{entry.gid}{size}"
