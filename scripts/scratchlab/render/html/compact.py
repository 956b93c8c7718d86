"""A report's entries as short rows of numbers and texts, so that a page can hold 100,000."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scratchlab.judge.blame import maker, told
from scratchlab.model import Kind, Status
from scratchlab.render.words import ORIGINS as ORIGIN_WORDS
from scratchlab.report.convert import layer_steps
from scratchlab.report.sections import (
    EntrySection,
    EvidenceSection,
    GhostSection,
    ImageEntrySection,
    LiveEntrySection,
)

KINDS = tuple(map(str, Kind))
ORIGINS = tuple(map(str, ORIGIN_WORDS))
STATUSES = tuple(map(str, Status))

_FIELDS = ("mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs", "mtime", "links")

Row = list[Any]


class RowWriter:
    """Turns entries and ghosts into rows; ``texts`` then holds the texts that rows name by number.

    The row of an entry is [shared, rest, status, origin, rule, evidence, differences, prediction,
    image, live]; that of a ghost is [path, kind, origin, actor, evidence, image]. ``shared`` is
    the number of leading path components that the row before has too. A side is [kind, *_FIELDS,
    note, layer or mount]. A live side that is one number equals the image's side and is on that
    mount (-1: not known). Where several layers touched the image's entry, two more numbers follow:
    the layer that made it what it is, and the text that tells of all.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def texts(self) -> list[str]:
        """Every text that a row names, by its number."""
        return list(self._numbers)

    def entries(self, entries: Iterable[EntrySection]) -> Iterator[Row]:
        """One row for each entry, in the order of ``entries``."""
        before: list[str] = []
        for entry in entries:
            parts = entry["path"].split("/")
            shared = _shared_parts(before, parts)
            before = parts
            image = _side(entry["image"], "layer")
            live: Row | int | None = _side(entry["live"], "mount")
            if image and isinstance(live, list) and image[:-1] == live[:-1]:
                live = -1 if live[-1] is None else live[-1]
            yield [
                shared,
                "/".join(parts[shared:]),
                STATUSES.index(entry["status"]),
                ORIGINS.index(entry["origin"]),
                self._number(entry["rule"] or ""),
                self._evidence(entry["evidence"]),
                self._number(", ".join(entry["differences"])),
                self._number(entry["prediction"]),
                image,
                live,
                *self._history(entry["image"]),
            ]

    def ghosts(self, ghosts: Iterable[GhostSection]) -> Iterator[Row]:
        """One row for each ghost."""
        for ghost in ghosts:
            yield [
                ghost["path"],
                STATUSES.index(ghost["kind"]),
                ORIGINS.index(ghost["origin"]),
                self._number(ghost["actor"]),
                self._evidence(ghost["evidence"]),
                _side(ghost["image"], "layer"),
                *self._history(ghost["image"]),
            ]

    def _history(self, side: ImageEntrySection | None) -> list[int | None]:
        steps = layer_steps(side.get("history", ())) if side else ()
        return [maker(None, steps), self._number(told(steps))] if steps else []

    def _evidence(self, facts: Iterable[EvidenceSection]) -> list[int]:
        return [self._number(text) for fact in facts for text in (fact["kind"], fact["detail"])]

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


def _shared_parts(before: list[str], parts: list[str]) -> int:
    # Never all of them: a row always holds the last component of its path.
    limit = min(len(before), len(parts) - 1)
    return next((at for at in range(limit) if before[at] != parts[at]), limit)


def _side(side: ImageEntrySection | LiveEntrySection | None, last: str) -> Row | None:
    if side is None:
        return None
    fields = [side.get(name) or 0 for name in _FIELDS]
    return [KINDS.index(side["kind"]), *fields, side.get("note") or 0, side.get(last)]
