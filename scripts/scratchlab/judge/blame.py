"""Blame: which layer of the image made an entry, by which line of the image's history.

A history is what the tool that built the image says of each layer (OCI image-spec v1.1 config.md
"history"); no digest proves it. A line belongs to a layer by its place alone: those with
``empty_layer`` made none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from scratchlab.ledger import LayerChange, LayerStep, Ledger
from scratchlab.model import Image, Kind

MOST_SHOWN = 120  # characters of an instruction
_MOST_READ = 2048  # characters of created_by: the patterns cost more than its length
_NO_DATE = "0001-01-01"  # Go's zero time
_DATE = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)\Z")
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_SHELL = r"(?:/\S*/)?(?:ba|da|a|k|z)?sh(?: -\S+(?: pipefail)?)*? -\w*c "
# moby v20.10 builder/dockerfile/dispatchers.go, "#(nop)"; buildah v1.28 writes the same.
_CLASSIC = re.compile(rf"{_SHELL}#\(nop\) *(.*)")
# BuildKit v0.11 frontend/dockerfile/dockerfile2llb/convert.go: commitToHistory(),
# runCommandString(); "|2 A=1 B=2" are the build arguments.
_BUILDKIT = re.compile(r" *# buildkit *\Z")
_RUN = re.compile(rf"(?:RUN )?{_SHELL}(.*)")
_ARGUMENTS = re.compile(r"(?:RUN )?\|\d+ (.*)")
_SHELLS = re.compile(rf"(?<!\S){_SHELL}")
_HIDDEN = "RUN (its build arguments hide the command)"
_FIELDS = {
    "mode": "mode",
    "uid": "owner",
    "gid": "group",
    "size": "content",
    "sha256": "content",
    "target": "target",
    "device": "device numbers",
    "xattrs": "attributes",
    "mtime": "time",
}


@dataclass(frozen=True, slots=True)
class LayerLine:
    """What the image's history says of one layer: its own words (``created_by``, ``comment``), the
    instruction in short, and the date (RFC 3339). Empty where it says nothing.
    """

    layer: int
    instruction: str = ""
    created: str = ""
    created_by: str = ""
    comment: str = ""

    def __str__(self) -> str:
        said = self.instruction or self.comment
        return ", ".join(filter(None, (said, self.created[:10])))


_NO_LINE = LayerLine(0)


@dataclass(frozen=True, slots=True)
class LayerSum:
    """What one layer brought: entries, and the bytes of their files (once for several names); and
    how many of those later layers made invisible. A directory that a later layer has, too, is not
    invisible.
    """

    entries: int = 0
    bytes: int = 0
    hidden_entries: int = 0
    hidden_bytes: int = 0


class LayerSums(NamedTuple):
    """The sums of all layers, and how many entries of the image a layer has."""

    layers: tuple[LayerSum, ...]
    entries: int


@dataclass(frozen=True, slots=True)
class Blame:
    """Who made the image's entry at one path: ``layer``, by ``line`` of the image's history;
    ``unknown`` says why that is empty. ``layer`` is None where no layer has the entry: it is a
    directory above one, or the last step of ``history`` removed it.
    """

    layer: int | None
    line: LayerLine
    unknown: str
    history: tuple[LayerStep, ...]


def blame(image: Image, ledger: Ledger, path: str) -> Blame | None:
    """The blame for ``path`` of the image; None where no layer ever had anything there."""
    entry, history = ledger.get(path), ledger.history(path)
    if entry is None and not history:
        return None
    layers = len(image.diff_ids)
    layer = None if entry is None else maker(entry.layer, history)
    lines: dict[int | None, LayerLine] = {
        line.layer: line for line in layer_lines(image.config, layers)
    }
    unknown = "" if layer is None else why_unknown(image.config, layers)
    return Blame(layer, lines.get(layer, _NO_LINE), unknown, history)


def layer_lines(config: Mapping[str, Any], layers: int) -> tuple[LayerLine, ...]:
    """One line for each of the ``layers`` (their number) of the image with this configuration.

    All are empty where the history has another number of lines for layers: then it is not known
    which line belongs to which.
    """
    filled = [step for step in _history(config) if not step.get("empty_layer")]
    if len(filled) != layers:
        return tuple(LayerLine(layer) for layer in range(layers))
    return tuple(_line(layer, step) for layer, step in enumerate(filled))


def why_unknown(config: Mapping[str, Any], layers: int) -> str:
    """Why no line of the history belongs to a layer; empty where they do."""
    history = _history(config)
    filled = sum(not step.get("empty_layer") for step in history)
    if not history:
        return "the image has no history"
    if filled == layers:
        return ""
    return f"the image's history tells of {filled} layers, the image has {layers}"


def shortened(created_by: str) -> str:
    """``created_by`` as the instruction that a Dockerfile has: ``RUN apt-get update``.

    The words of the builders (classic, BuildKit, buildah, kaniko) and the build arguments, which
    may be secret, are left out. What has another form (``docker commit`` writes the container's
    command) stays as it is.
    """
    text = _BUILDKIT.sub("", " ".join(created_by.split()))[:_MOST_READ]
    if given := _ARGUMENTS.fullmatch(text):
        text = _without_arguments(given[1])
    if classic := _CLASSIC.fullmatch(text):
        text = classic[1]
    elif run := _RUN.fullmatch(text):
        text = f"RUN {run[1]}"
    text = _DIGEST.sub(r"\1...", text).strip()
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def maker(layer: int | None, history: Sequence[LayerStep]) -> int | None:
    """The layer that made an entry what it is: ``layer`` has it, and ``history`` tells the rest."""
    made = [step.layer for step in history if step.change is not LayerChange.REPEATED]
    return made[-1] if made else layer


def told(history: Sequence[LayerStep]) -> str:
    """The history of an entry in words: "layer 3 made it, layer 7 changed its owner"."""
    parts = [
        f"layer {step.layer} {_did(step)}"
        for step in history
        if step.change is not LayerChange.REPEATED
    ]
    repeated = sum(step.change is LayerChange.REPEATED for step in history)
    if repeated:
        layers = "1 layer has" if repeated == 1 else f"{repeated} layers have"
        parts.append(f"{layers} it again, unchanged")
    return ", ".join(parts)


def layer_sums(image: Ledger, layers: int) -> LayerSums:
    """What each of the ``layers`` (their number) brought, and what later ones hid of it."""
    entries = 0
    counts = [[0, 0, 0, 0] for _ in range(layers)]
    for entry in image:
        if entry.layer is None:  # a directory that no layer lists (the root directory among them)
            continue
        entries += 1
        if entry.layer < layers:
            size = entry.size if entry.links in (None, entry.path) else 0
            _add(counts[entry.layer], size, hidden=False)
    for _, steps in image.histories():
        for step, following in pairwise(steps):
            if step.kind is not None and step.layer < layers:
                _add(counts[step.layer], step.size, hidden=_hides(following, step))
    return LayerSums(tuple(LayerSum(*count) for count in counts), entries)


def _hides(following: LayerStep, step: LayerStep) -> bool:
    if step.kind is not Kind.DIRECTORY:
        return True
    return following.change in (LayerChange.REMOVED, LayerChange.REPLACED)


def _add(count: list[int], size: int, *, hidden: bool) -> None:
    count[0] += 1
    count[1] += size
    if hidden:
        count[2] += 1
        count[3] += size


def _line(layer: int, step: Mapping[str, Any]) -> LayerLine:
    created_by, created = _text(step, "created_by"), _text(step, "created")
    if not _DATE.match(created) or created.startswith(_NO_DATE):
        created = ""
    comment = " ".join(_text(step, "comment").split())
    return LayerLine(layer, shortened(created_by), created, created_by, comment)


def _text(step: Mapping[str, Any], key: str) -> str:
    value = step.get(key)
    return value if isinstance(value, str) else ""


def _history(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    history = config.get("history")
    return [step for step in history if isinstance(step, dict)] if isinstance(history, list) else []


def _without_arguments(text: str) -> str:
    """The command in ``text``, which begins with build arguments. Nothing but a shell's words tells
    where the last value ends: without them, or where they are there twice, it is not known.
    """
    shells = [found.start() for found in _SHELLS.finditer(text)]
    return text[shells[0] :] if len(shells) == 1 else _HIDDEN


def _did(step: LayerStep) -> str:
    if step.change is LayerChange.REPLACED:
        return f"put a {step.kind} in its place"
    if step.change is not LayerChange.CHANGED:
        return f"{step.change} it"
    return f"changed its {_listed(_words(step.fields))}"


def _words(fields: Iterable[str]) -> list[str]:
    words = list(dict.fromkeys(_FIELDS[field] for field in fields))
    # A new content has a new time; alone, the time is worth a word.
    return [word for word in words if word != "time" or "content" not in words]


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
