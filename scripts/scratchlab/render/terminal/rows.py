"""The rows of a report on a terminal: first what decides the exit status, then the rest, folded."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console
from rich.table import Table

from scratchlab.errors import LabError
from scratchlab.model import Origin, Status
from scratchlab.render.terminal import NARROW, ORIGIN_STYLES, line, text
from scratchlab.render.words import short_ids
from scratchlab.report import Report
from scratchlab.report.fold import folded
from scratchlab.report.listing import Blamed, Row, changes, deciding, entry_row, ghost_row
from scratchlab.report.sections import EntrySection, GhostSection
from scratchlab.report.verdict import as_predicted, is_plain, trouble_of

_SMALL = 60  # a report of so many entries is shown whole, with the image's own entries
_MOST_ALIKE = 3  # entries of one origin on one mount that are listed
_SIGNS = {
    "file": "", "directory": "/", "symlink": "", "char-device": "", "block-device": "",
    "fifo": "|", "socket": "=",
}  # fmt: skip
_GONE = (Status.DELETED, Status.CHANGED)
_STATUSES = frozenset(map(str, Status))
_ORIGINS = frozenset(map(str, Origin))


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Which rows a table has: ``whole`` folds none, ``only`` are paths (with all below them),
    origins and statuses; empty for all.
    """

    whole: bool = False
    only: tuple[str, ...] = ()

    def check(self) -> None:
        """Raise LabError where ``only`` is neither a path nor an origin nor a status."""
        for wanted in self.only:
            if not wanted.startswith("/") and wanted not in _STATUSES | _ORIGINS:
                raise LabError(
                    f"--only {wanted}: not a path, an origin or a status",
                    f"name a path (/etc), an origin ({', '.join(sorted(_ORIGINS))})"
                    f" or a status ({', '.join(sorted(_STATUSES))})",
                )

    def has(self, path: str, *words: str) -> bool:
        """Whether a row for ``path`` with this origin and status is wanted."""
        return any(_matches(wanted, path, words) for wanted in self.only)


FOLDED = RowChoice()


def _matches(wanted: str, path: str, words: Iterable[str]) -> bool:
    if not wanted.startswith("/"):
        return wanted in words
    directory = wanted.rstrip("/")
    return path == (directory or "/") or path.startswith(f"{directory}/")


def print_rows(report: Report, screen: Console, choice: RowChoice = FOLDED) -> None:
    """Print the rows of ``report`` that ``choice`` wants."""
    if choice.only:
        _print_chosen(report, screen, choice)
        return
    _print_deciding(report, screen, whole=choice.whole)
    if choice.whole or report.head["summary"]["live_entries"] <= _SMALL:
        _print_all(report, screen, small=report.head["summary"]["live_entries"] <= _SMALL)
    else:
        _print_folded(report, screen)
    ghosts = [ghost for ghost in report.head["ghosts"] if _is_hidden(ghost)]
    _print_ghosts(ghosts, screen, whole=choice.whole)


def _print_chosen(report: Report, screen: Console, choice: RowChoice) -> None:
    count = 0
    print_row = partial(_print_row, screen)
    blame = Blamed(report)
    for entry in report.entries:
        if choice.has(entry["path"], entry["origin"], entry["status"]):
            count += 1
            print_row(entry_row(entry, blame))
    for ghost in report.head["ghosts"]:
        if choice.has(ghost["path"], ghost["origin"], ghost["kind"]):
            count += 1
            print_row(ghost_row(ghost, blame))
    screen.print(text(f"{count:,} rows as --only {' --only '.join(choice.only)} chooses", "dim"))


def _print_deciding(report: Report, screen: Console, *, whole: bool) -> None:
    groups = deciding(report, whole=whole)
    for group in groups:
        screen.print(text(f"{group.title}: {group.count:,}", "bold"))
        for row in group.rows:
            _print_row(screen, row)
        for folded_line in group.lines:
            screen.print(line(f"  {folded_line}", "yellow"))
    if groups:
        screen.print()


def _print_row(screen: Console, row: Row) -> None:
    shown = line(f"  {row.path}", ORIGIN_STYLES[row.origin])
    shown.append_text(line(f"  {row.what}"))
    details = [row.package, row.blame]
    if row.origin != Origin.WRITTEN_LATER:  # of what was written, the proof repeats the path
        details += [row.origin, short_ids(row.proof) if screen.width >= NARROW else ""]
    told = "; ".join(filter(None, details))
    screen.print(shown.append_text(line(f"  {told}", "dim")) if told else shown)


def _print_all(report: Report, screen: Console, *, small: bool) -> None:
    """Every entry; those that decide the exit status stood above, and stand in the tree, too."""
    shown = (
        entry
        for entry in report.entries
        if "allowed" not in entry and (small or not is_plain(entry))
    )
    _print_table(shown, screen, partial(_name, tree=small), report)
    if not small:
        _print_plain(report, screen)


def _print_folded(report: Report, screen: Console) -> None:
    """What decides nothing: the mounts, and what lies on each by origin, folded where many do."""
    targets = {mount["id"]: mount["target"] for mount in report.head.get("mounts", ())}
    alike: dict[tuple[str, str], _Alike] = {}
    for entry in report.remarkable:
        if trouble_of(entry) is not None or "allowed" in entry:
            continue
        live = entry["live"]
        number = None if live is None else live.get("mount")
        target = "/" if number is None else targets.get(number, "/")
        key = target if target != entry["path"] else f"mount {target}"
        alike.setdefault((key, entry["origin"]), _Alike(target, entry["origin"])).add(entry)
    listed = [entry for group in alike.values() for entry in group.listed]
    _print_table(listed, screen, partial(_name, tree=False), report)
    for group in alike.values():
        if not group.listed:
            where = folded(group.directories)
            on = f"on the mount {group.target}" if group.target != "/" else where
            screen.print(line(f"{group.count:,} {group.origin} {on}", ORIGIN_STYLES[group.origin]))
    _print_plain(report, screen)


@dataclass(slots=True)
class _Alike:
    """Entries of one origin on one mount."""

    target: str
    origin: str
    count: int = 0
    listed: list[EntrySection] = field(default_factory=list)
    directories: Counter[str] = field(default_factory=Counter)

    def add(self, entry: EntrySection) -> None:
        self.count += 1
        self.directories[posixpath.dirname(entry["path"])] += 1
        self.listed = [*self.listed, entry] if self.count <= _MOST_ALIKE else []


def _print_table(
    entries: Iterable[EntrySection],
    screen: Console,
    name: Callable[[EntrySection], str],
    report: Report,
) -> None:
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    narrow = screen.width < NARROW
    table.add_column("live root", ratio=4, overflow="fold")
    table.add_column("who put it there", ratio=2, overflow="fold", min_width=18)
    if not narrow:
        table.add_column("what proves it", ratio=5, overflow="fold")
    differing: list[str] = []
    blame = Blamed(report)
    for entry in entries:
        style = ORIGIN_STYLES[entry["origin"]]
        proof = [] if narrow else [line(_proof(entry, blame))]
        table.add_row(line(name(entry), style), line(_maker(entry), style), *proof)
        if narrow and (entry["differences"] or not as_predicted(entry)):
            differing.append(f"{entry['path']}: {_proof(entry, blame)}")
    screen.print(table)
    for row in differing:
        screen.print(line(row, "red"))
    if narrow:
        screen.print(text("what proves it: scratchlab why, or a wider terminal", "dim"))


def _print_plain(report: Report, screen: Console) -> None:
    for origin, count in Counter(report.plain).most_common():
        how = "the image has them" if origin == "image-layer" else f"expected of {origin}"
        screen.print(text(f"and {count:,} entries as {how}", "dim"))


def _print_ghosts(ghosts: list[GhostSection], screen: Console, *, whole: bool) -> None:
    if not ghosts:
        return
    screen.print()
    screen.print(text("in the image, but hidden in the container:", "bold"))
    for how, hidden in _by_actor(ghosts):
        if whole or len(hidden) <= _MOST_ALIKE:
            for path in hidden:
                screen.print(line(f"  {path}  {how}", "yellow"))
        else:
            where = folded(Counter(map(posixpath.dirname, hidden)))
            where = f", {where}" if where else ""
            screen.print(line(f"  {len(hidden):,} {how}{where}", "yellow"))


def _by_actor(ghosts: Iterable[GhostSection]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for ghost in ghosts:
        found.setdefault(f"{ghost['kind']} by {ghost['actor']}", []).append(ghost["path"])
    yield from found.items()


def _is_hidden(ghost: GhostSection) -> bool:
    """Whether a ghost is none of the changes, which are listed by weight."""
    return ghost["kind"] not in _GONE and "allowed" not in ghost


def _name(entry: EntrySection, *, tree: bool) -> str:
    path = entry["path"]
    side = entry["live"] or entry["image"]
    sign = _SIGNS[side["kind"]] if side else ""
    target = side.get("target") if side else None
    arrow = f" -> {target}" if target is not None else ""
    if not tree or path == "/":
        return f"{path}{sign if path != '/' else ''}{arrow}"
    depth = path.count("/") - 1
    return f"{'  ' * depth}{os.path.basename(path)}{sign}{arrow}"


def _maker(entry: EntrySection) -> str:
    differing = "" if entry["status"] in ("same", "only-live") else f"{entry['status']}: "
    return f"{differing}{entry['origin']}"


def _proof(entry: EntrySection, blame: Blamed) -> str:
    if not as_predicted(entry):
        return entry["prediction"]
    if is_plain(entry) and entry["origin"] == Origin.IMAGE_LAYER:
        return blame.of(entry["image"]) or "image-layer: a directory above an entry of the image"
    altered = changes(entry)
    changed = f"{altered}; " if altered else ""
    if not entry["evidence"]:
        return f"{changed}no evidence"
    first = entry["evidence"][0]
    return f"{changed}{first['kind']}: {short_ids(first['detail'])}"
