"""What a report's reader sees first: what decides the exit status, by weight; many rows folded.

The table and the page list the same groups in the same order.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from scratchlab.judge.blame import maker
from scratchlab.judge.weight import Weight
from scratchlab.model import Kind, Origin, Status
from scratchlab.report.convert import layer_steps
from scratchlab.report.document import Report
from scratchlab.report.fold import folded
from scratchlab.report.layer_sections import DriftSection
from scratchlab.report.sections import (
    EntryFields,
    EntrySection,
    GhostSection,
    ImageEntrySection,
    MountSection,
)
from scratchlab.report.verdict import DRIFT, trouble_of

_FAULTS = "not explained, missing, or against the prediction"
_FOLDED_FAULTS = {"unexplained", "missing", "contradictions"}
_TITLES = {
    Weight.PRIVILEGE: "set-uid files, devices and mounts",
    Weight.PROGRAM: "programs and libraries",
    Weight.PACKAGE: "files of packages",
    Weight.CONFIGURATION: "configuration",
    Weight.DATA: "data",
    Weight.PASSING: "caches, logs, temporary files",
}
# Rows of a group that are listed before the others are folded.
_MOST_LISTED = {Weight.PRIVILEGE: 100, Weight.PROGRAM: 40, Weight.PACKAGE: 5,
                Weight.CONFIGURATION: 20, Weight.DATA: 10, Weight.PASSING: 5}  # fmt: skip
_MOST_FAULTS = 100
_NOT_WEIGHED = "changes that this report does not weigh"
_MOST_NOT_WEIGHED = 20
_MOST_PACKAGES = 20
_MOST_SAID = 60  # characters of an instruction in a row
_WORDS = {
    "unexplained": "unexplained",
    "missing": "missing",
    "contradictions": "not as predicted",
    **DRIFT,
}
# dpkg's list of a package's paths says what happened to the package.
_LIST = re.compile(r"/var/lib/dpkg/info/(?P<name>[^/:]+)(:[^/]+)?\.list\Z")
_OF_LIST = {"only-live": "installed since the start", "altered": "changed since the start",
            "deleted": "removed since the start"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One path that decides the exit status. ``what`` is what happened to it, in words, ``origin``
    and ``proof`` are those of its section.
    """

    path: str
    what: str
    origin: str
    proof: str = ""
    package: str = ""
    blame: str = ""  # the image's layer, where the image has an entry there


class Blamed:
    """Names the layers of one report's image by their instructions."""

    def __init__(self, report: Report) -> None:
        self._instructions = {
            layer["layer"]: layer["instruction"] or layer["comment"]
            for layer in report.head["image"].get("layers", ())
        }

    def of(self, side: ImageEntrySection | None) -> str:
        """The layer that made an entry what it is: ``layer 3: RUN apt-get update``; empty where no
        layer has it.
        """
        if side is None:
            return ""
        number = maker(side.get("layer"), layer_steps(side.get("history", ())))
        if number is None:
            return ""
        said = self._instructions.get(number, "")
        if len(said) > _MOST_SAID:
            said = f"{said[: _MOST_SAID - 3]}..."
        return f"layer {number}: {said}" if said else f"layer {number} of the image"


@dataclass(slots=True)
class Group:
    """Rows of one weight: ``rows`` are listed, ``lines`` stand for the others, ``count`` is the
    number of all.
    """

    title: str
    rows: list[Row] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    count: int = 0


class _Collector:
    """The rows of one group, so many of them that a table can list them."""

    def __init__(self, title: str, most: int, *, keep: bool) -> None:
        """``keep``: list the first ``most`` even where there are more."""
        self.group = Group(title)
        self._most = most
        self._keep = keep
        self._directories: dict[str, Counter[str]] = {}
        self._packages: dict[str, Counter[str]] = {}
        self._first: dict[str, str] = {}  # path of each package
        self._removed: set[str] = set()  # packages that lost files

    def add(self, key: str, row: Row) -> None:
        """Add a row of a trouble (see :func:`trouble_of`)."""
        self.group.count += 1
        if len(self.group.rows) < self._most:
            self.group.rows.append(row)
            if self._keep:
                return
        removed = key == Status.DELETED  # of many packages at once, as a rule
        known = row.package in self._packages or len(self._packages) < _MOST_PACKAGES
        if row.package and known and not removed:
            self._packages.setdefault(row.package, Counter())[_WORDS[key]] += 1
            self._first.setdefault(row.package, row.path)
            return
        directory = posixpath.dirname(row.path)
        self._directories.setdefault(_WORDS[key], Counter())[directory] += 1
        if row.package:
            self._removed.add(row.package)

    def finished(self, packages: dict[str, str]) -> Group:
        """The group; ``packages`` tells what happened to each package that changed."""
        if self.group.count <= self._most:
            return self.group
        if not self._keep:
            self.group.rows.clear()
        for package, counts in self._packages.items():
            name = package.partition(": ")[2].partition(" ")[0].partition(":")[0]
            happened = packages.get(name, "")
            words = ", ".join(f"{count:,} {word}" for word, count in counts.items())
            happening = f" ({happened})" if happened else ""
            path = f" ({self._first[package]})" if counts.total() == 1 else ""
            self.group.lines.append(f"{package}{happening}: {words}{path}")
        for word, directories in self._directories.items():
            total, where = sum(directories.values()), folded(directories)
            more = "more " if self._keep else ""
            lost = len(self._removed) if word == _WORDS[Status.DELETED] else 0
            owners = f"of {lost} packages" if lost > 1 else f"of {next(iter(self._removed), '')}"
            parts = [f"{total:,} {more}{word}", owners if lost else "", where]
            self.group.lines.append(", ".join(filter(None, parts)))
        return self.group


def deciding(report: Report, *, whole: bool = False) -> list[Group]:
    """The groups of what decides the exit status, the heaviest first, none of them empty.

    What a policy allowed is in none. ``whole``: no row is folded.
    """
    most = 1 << 62 if whole else 0
    faults = _Collector(_FAULTS, most or _MOST_FAULTS, keep=True)
    groups: dict[Weight | None, _Collector] = {
        weight: _Collector(
            title, most or _MOST_LISTED[weight], keep=weight in (Weight.PRIVILEGE, Weight.PROGRAM)
        )
        for weight, title in _TITLES.items()
    }
    groups[None] = _Collector(_NOT_WEIGHED, most or _MOST_NOT_WEIGHED, keep=True)
    packages: dict[str, str] = {}
    for key, weight, row in _rows(report, packages):
        (faults if key in _FOLDED_FAULTS else groups[weight]).add(key, row)
    found = [faults.finished(packages)]
    found += [group.finished(packages) for group in groups.values()]
    return [group for group in found if group.count]


def _rows(report: Report, packages: dict[str, str]) -> Iterator[tuple[str, Weight | None, Row]]:
    blame = Blamed(report)
    for entry in report.remarkable:
        key = trouble_of(entry)
        if key is None:
            continue
        _note_package(entry["path"], entry["status"], packages)
        yield key, _weight(entry.get("drift")), entry_row(entry, blame)
    for ghost in report.head["ghosts"]:
        if ghost["kind"] in (Status.DELETED, Status.CHANGED) and "allowed" not in ghost:
            _note_package(ghost["path"], ghost["kind"], packages)
            yield ghost["kind"], _weight(ghost.get("drift")), ghost_row(ghost, blame)
    for mount in report.head.get("mounts", ()):
        key = None if mount["entry"] else trouble_of(mount)
        if key is not None:
            yield key, Weight.PRIVILEGE, _mount_row(mount)


def entry_row(entry: EntrySection, blame: Blamed) -> Row:
    """``entry`` as a row."""
    drift = entry.get("drift", {})
    proof = entry["evidence"][0] if entry["evidence"] else None
    return Row(
        entry["path"],
        _what(entry),
        entry["origin"],
        "" if proof is None else f"{proof['kind']}: {proof['detail']}",
        drift.get("package", ""),
        blame.of(entry["image"]),
    )


def ghost_row(ghost: GhostSection, blame: Blamed) -> Row:
    """``ghost`` as a row."""
    was = f", was {described(ghost['image'])}" if ghost["image"] is not None else ""
    package = ghost.get("drift", {}).get("package", "")
    what = f"{ghost['kind']}{was}"
    made = blame.of(ghost["image"])
    return Row(ghost["path"], what, ghost["origin"], ghost["actor"], package, made)


def described(side: EntryFields) -> str:
    """An entry of either ledger: ``file 4755 0:0, 12 B``."""
    size = f", {side.get('size', 0):,} B" if side["kind"] == Kind.FILE else ""
    target = f" -> {side.get('target')}" if side["kind"] == Kind.SYMLINK else ""
    numbers = side.get("device")
    device = " {}:{}".format(*numbers) if numbers else ""
    return f"{side['kind']}{device}{target} {side['mode']} {side['uid']}:{side['gid']}{size}"


def changes(entry: EntrySection) -> str:
    """From what to what an entry was altered: ``mode 0644 -> 4755, content``."""
    image, live = entry["image"], entry["live"]
    if image is None or live is None:
        return ""
    words: list[str] = []
    for name in entry["differences"]:
        old, new = image.get(name), live.get(name)
        if name == "sha256":
            words.append("content")
        elif name == "mtime":
            words.append("time")
        elif name in ("xattrs", "links", "note"):
            words.append({"xattrs": "attributes", "links": "hard links"}.get(name, str(new)))
        else:
            word = {"uid": "owner", "gid": "group", "kind": "type"}.get(name, name)
            words.append(f"{word} {_shown(old)} -> {_shown(new)}")
    return ", ".join(words)


def _what(entry: EntrySection) -> str:
    live, drift = entry["live"], entry.get("drift")
    if entry["prediction"] not in ("agrees", "none"):
        return entry["prediction"]
    if live is None:
        return str(entry["status"])
    if entry["status"] == Status.ALTERED:
        return changes(entry)
    written = entry["origin"] == Origin.WRITTEN_LATER
    new = "new: " if written and entry["status"] == Status.ONLY_LIVE else ""
    content = f", {drift['content']}" if drift is not None and "content" in drift else ""
    note = f", {live['note']}" if live.get("note") else ""
    return f"{new}{described(live)}{content}{note}"


def _mount_row(mount: MountSection) -> Row:
    proof = mount["evidence"][0]["detail"] if mount["evidence"] else ""
    predicted = mount["prediction"] in ("agrees", "none")
    what = f"a mount of {mount['fstype']}" if predicted else mount["prediction"]
    return Row(mount["target"], what, mount["origin"], proof)


def _weight(drift: DriftSection | None) -> Weight | None:
    """None in reports of schema 1, and in the first of schema 2."""
    return None if drift is None else Weight(drift["weight"])


def _note_package(path: str, status: str, packages: dict[str, str]) -> None:
    if (match := _LIST.match(path)) and status in _OF_LIST:
        packages[match["name"]] = _OF_LIST[status]


def _shown(value: object) -> str:
    return ":".join(map(str, value)) if isinstance(value, list) else str(value)
