"""Two roots compared path by path: of reports, of containers, of images (`scratchlab diff`).

Compared are type, mode, owner, size, content, link target, device numbers, extended attributes and
hard-link sets. The modification times of regular files are compared, too, and told apart: an image
that is built twice has other times and the same content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

from scratchlab.errors import LabError
from scratchlab.ledger import Ledger, sort_key
from scratchlab.model import Json, Origin
from scratchlab.report.convert import image_entry_section
from scratchlab.report.document import Report
from scratchlab.report.sections import EntryFields
from scratchlab.text import unescape, visible

SCHEMA = "scratchlab-diff-1"
TIME = "mtime"
_FIELDS = ("kind", "mode", "uid", "gid", "size", "sha256", "target", "device", "links")
# The security module sets it when a container starts; no image has it.
_LABEL = "security.selinux"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One path of one side. ``path`` is escaped; ``origin`` says whose it is, in words."""

    path: str
    fields: EntryFields
    origin: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that is not the same on both sides; None: that side does not have it.

    ``fields`` are the names of those that differ, where both have it.
    """

    path: str
    one: Item | None
    other: Item | None
    fields: tuple[str, ...] = ()

    @property
    def only_time(self) -> bool:
        """Whether nothing but the modification time differs."""
        return self.fields == (TIME,)

    def as_json(self) -> Json:
        """The difference as one JSON object; each field with the value of A and that of B."""
        line: Json = {"path": self.path, "change": change_of(self)}
        for name, item in (("a", self.one), ("b", self.other)):
            if item is not None:
                line[name] = {**item.fields, "origin": item.origin}
        if self.one is not None and self.other is not None:
            line["fields"] = {
                name: [self.one.fields.get(name), self.other.fields.get(name)]
                for name in self.fields
            }
        return line


@dataclass(slots=True)
class Tally:
    """How many differences were seen, by their change and by whose they are."""

    changes: Counter[str] = field(default_factory=Counter)
    origins: Counter[str] = field(default_factory=Counter)
    unknown: int = 0  # files of which one side has no digest

    def add(self, difference: Difference) -> None:
        """Count ``difference``."""
        self.changes["time" if difference.only_time else change_of(difference)] += 1
        if not difference.only_time:
            item = difference.other or difference.one
            self.origins[item.origin if item is not None else ""] += 1

    @property
    def differ(self) -> bool:
        """Whether anything but modification times differs."""
        return any(count for change, count in self.changes.items() if change != "time")


def change_of(difference: Difference) -> str:
    """``only-a``, ``only-b`` or ``differs``."""
    if difference.other is None:
        return "only-a"
    return "only-b" if difference.one is None else "differs"


def items_of_report(report: Report, name: str) -> Iterator[Item]:
    """What the container of ``report`` has, in tree order. Raises LabError where the entries of the
    report ``name`` are in another order.
    """
    last = b""
    for entry in report.entries:
        key = sort_key(unescape(entry["path"]))
        if last and key <= last:
            raise LabError(
                f"the entries of {name} are not in order",
                "write it again with scratchlab verify --json",
            )
        last = key
        if entry["live"] is not None:
            origin = entry["origin"]
            yield Item(entry["path"], entry["live"], origin)


def items_of_image(ledger: Ledger) -> Iterator[Item]:
    """What an image has, in tree order."""
    for entry in ledger:
        yield Item(visible(entry.path), image_entry_section(entry), Origin.IMAGE_LAYER)


def differences(
    one: Iterable[Item], other: Iterable[Item], tally: Tally | None = None
) -> Iterator[Difference]:
    """What differs, in tree order. ``tally`` counts what could not be compared."""
    ones, others = iter(one), iter(other)
    left, right = next(ones, None), next(others, None)
    while left is not None or right is not None:
        order = _order(left, right)
        if order < 0:
            assert left is not None  # noqa: S101 - for the type checker
            yield Difference(left.path, left, None)
            left = next(ones, None)
        elif order > 0:
            assert right is not None  # noqa: S101 - for the type checker
            yield Difference(right.path, None, right)
            right = next(others, None)
        else:
            assert left is not None  # noqa: S101 - for the type checker
            assert right is not None  # noqa: S101
            names = _changed(left.fields, right.fields)
            if tally is not None:
                tally.unknown += _unknown(left.fields, right.fields)
            if names and left.path != "/":  # the root itself is in no layer
                yield Difference(left.path, left, right, names)
            left, right = next(ones, None), next(others, None)


def _order(left: Item | None, right: Item | None) -> int:
    if left is None or right is None:
        return 1 if left is None else -1
    if left.path == right.path:
        return 0
    return -1 if sort_key(unescape(left.path)) < sort_key(unescape(right.path)) else 1


def _changed(one: EntryFields, other: EntryFields) -> tuple[str, ...]:
    first, second = cast(Json, one), cast(Json, other)
    names = [name for name in _FIELDS if first.get(name) != second.get(name)]
    if "sha256" in names and _unknown(one, other):
        names.remove("sha256")
    if _attributes(one) != _attributes(other):
        names.append("xattrs")
    times = one.get("mtime"), other.get("mtime")
    if one["kind"] == other["kind"] == "file" and not _same_time(*times):
        names.append(TIME)
    return tuple(names)


def _unknown(one: EntryFields, other: EntryFields) -> bool:
    """Whether the content of a file cannot be compared: a side has no digest of it."""
    both = one["kind"] == other["kind"] == "file"
    return both and (one.get("sha256") is None or other.get("sha256") is None)


def _attributes(fields: EntryFields) -> dict[str, str]:
    return {name: value for name, value in fields.get("xattrs", {}).items() if name != _LABEL}


def _same_time(one: int | None, other: int | None) -> bool:
    if one is None or other is None or one == other:
        return True
    # Archives without sub-second times round down (moby pkg/archive sameFsTime()).
    whole = one % _SECOND == 0 or other % _SECOND == 0
    return whole and one // _SECOND == other // _SECOND
