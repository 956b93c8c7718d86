"""A report's entries as short rows of numbers and words: what a page of 100,000 entries carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scratchlab.model import Json, Kind, Status
from scratchlab.render.words import ORIGINS as WORDS

KINDS = tuple(map(str, Kind))
ORIGINS = tuple(map(str, WORDS))
STATUSES = tuple(map(str, Status))

_FIELDS = ("mode", "uid", "gid", "size", "sha256", "target", "device", "xattrs", "mtime", "links")

Row = list[Any]


class Compact:
    """Turns entries and ghosts into rows; ``words`` then holds the texts that rows name by number.

    A row of an entry is [shared, rest, status, origin, rule, evidence, differences, prediction,
    image, live]; of a ghost [path, kind, origin, actor, evidence, image]. ``shared`` counts the
    parts of the path that the row before has too. Attributes are [kind, *_FIELDS, note, layer or
    mount]; a live side that is one number is like the image's and on that mount (-1: not known).
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def words(self) -> list[str]:
        """Every text that a row names, by its number."""
        return list(self._numbers)

    def entries(self, entries: Iterable[Json]) -> Iterator[Row]:
        """One row an entry, in the order of ``entries``."""
        before: list[str] = []
        for one in entries:
            parts = one["path"].split("/")
            shared = _shared(before, parts)
            before = parts
            image = _side(one["image"], "layer")
            live: Row | int | None = _side(one["live"], "mount")
            if image and isinstance(live, list) and image[:-1] == live[:-1]:
                live = -1 if live[-1] is None else live[-1]
            yield [
                shared,
                "/".join(parts[shared:]),
                STATUSES.index(one["status"]),
                ORIGINS.index(one["origin"]),
                self._word(one["rule"] or ""),
                self._evidence(one["evidence"]),
                self._word(", ".join(one["differences"])),
                self._word(one["prediction"]),
                image,
                live,
            ]

    def ghosts(self, ghosts: Iterable[Json]) -> Iterator[Row]:
        """One row a ghost."""
        for one in ghosts:
            yield [
                one["path"],
                STATUSES.index(one["kind"]),
                ORIGINS.index(one["origin"]),
                self._word(one["actor"]),
                self._evidence(one["evidence"]),
                _side(one["image"], "layer"),
            ]

    def _evidence(self, facts: Iterable[Json]) -> list[int]:
        return [self._word(text) for fact in facts for text in (fact["kind"], fact["detail"])]

    def _word(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


def _shared(one: list[str], other: list[str]) -> int:
    # The last part stays with the row: a path that is the start of the next one keeps its name.
    limit = min(len(one), len(other) - 1)
    return next((at for at in range(limit) if one[at] != other[at]), limit)


def _side(entry: Json | None, last: str) -> Row | None:
    if entry is None:
        return None
    fields = [entry.get(name) or 0 for name in _FIELDS]
    return [KINDS.index(entry["kind"]), *fields, entry.get("note") or 0, entry.get(last)]
