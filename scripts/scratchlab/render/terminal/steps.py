"""The ladder and the time-lapse on a terminal: entries down, rungs or stages across."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from rich.table import Table
from rich.text import Text

from scratchlab.model import Json
from scratchlab.render.terminal import NARROW, ORIGIN_STYLES, console, draws_unicode, text

# made here, there, not there, not measured
_DRAWN = {"made": "●", "there": "○", "absent": "·", "unknown": " "}
_PLAIN = {"made": "X", "there": "x", "absent": ".", "unknown": " "}
_MOST_ROWS = 300
_MOST_NOTE = 44  # characters of a command; the report has it whole


def ladder(found: Json, out: TextIO) -> None:
    """Write the report's ``ladder``: which rung made each entry, and whether evidence agrees."""

    def words(entry: Json) -> tuple[Text, Text]:
        agrees = entry["agrees"]
        style = ORIGIN_STYLES.get(entry["origin"], "")
        said = text(entry["origin"], style)
        if agrees is False:
            said.append(" disagrees", "bold white on red")
        return text(entry["maker"], style), said

    screen = console(out)
    screen.print(text(f"{found['image']}: the same root filesystem on each rung", "bold"))
    _legend(found["rungs"], out)
    headings = ("made by", "by evidence")
    key = ("made there", "there (before its maker: put there by hand)")
    _table(
        found["entries"],
        found["rungs"],
        out,
        first="made_on",
        headings=headings,
        words=words,
        key=key,
    )
    compared = [entry["agrees"] for entry in found["entries"] if entry["agrees"] is not None]
    agreed = sum(compared)
    line = f"{agreed} of {len(compared)} origins by evidence are who made it by construction"
    screen.print(text(line, "bold green" if agreed == len(compared) else "bold red"))


def timelapse(found: Json, out: TextIO) -> None:
    """Write the report's ``timelapse``: when each entry appears, changes and vanishes."""

    def words(entry: Json) -> tuple[Text, Text]:
        style = ORIGIN_STYLES.get(entry["origin"], "")
        return text(entry["origin"], style), text("; ".join(_changes(entry["detail"])))

    screen = console(out)
    screen.print(text(f"{found['image']}: the root filesystem of one container's life", "bold"))
    _legend(found["stages"], out)
    headings = ("origin", "what it is, from that stage on")
    key = ("first seen then", "there")
    _table(
        found["entries"],
        found["stages"],
        out,
        first="made_in",
        headings=headings,
        words=words,
        key=key,
    )


def _changes(details: Sequence[str]) -> Iterator[str]:
    before = ""
    for number, detail in enumerate(details, 1):
        if detail and detail != before:
            yield f"{number} {detail}"
        before = detail or before


def _legend(steps: Sequence[Json], out: TextIO) -> None:
    screen = console(out)
    narrow = screen.width < NARROW  # then commands are left to the report
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=not narrow, overflow="fold")
    table.add_column(no_wrap=not narrow, overflow="fold")
    table.add_column(overflow="fold")
    for number, step in enumerate(steps, 1):
        tool = f"{step['tool']} {step['version']}".strip()
        note, style = step["reason"] or ("" if narrow else step["command"]), "dim"
        if not step["available"]:
            style = "yellow"
        elif len(note) > _MOST_NOTE:
            note = f"{note[:_MOST_NOTE]}..."
        title = step["title"] if step["title"] == step["id"] else f"{step['id']}: {step['title']}"
        table.add_row(text(str(number)), text(title), text(tool), text(note, style))
    screen.print(table)


def _table(
    entries: Sequence[Json],
    steps: Sequence[Json],
    out: TextIO,
    *,
    first: str,
    headings: tuple[str, str],
    words: Callable[[Json], tuple[Text, Text]],
    key: tuple[str, str],
) -> None:
    marks = _DRAWN if draws_unicode(out) else _PLAIN
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("entry", overflow="fold")
    for number in range(1, len(steps) + 1):
        table.add_column(str(number), no_wrap=True, justify="center")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    ids = [step["id"] for step in steps]
    for entry in entries[:_MOST_ROWS]:
        cells = []
        for name, present in zip(ids, entry["present"], strict=True):
            if present is None:
                cells.append(text(marks["unknown"]))
            elif not present:
                cells.append(text(marks["absent"], "dim"))
            elif name == entry[first]:
                cells.append(text(marks["made"], f"bold {ORIGIN_STYLES.get(entry['origin'], '')}"))
            else:
                cells.append(text(marks["there"]))
        table.add_row(text(entry["path"]), *cells, *words(entry))
    screen = console(out)
    screen.print()
    screen.print(table)
    if len(entries) > _MOST_ROWS:
        screen.print(text(f"... and {len(entries) - _MOST_ROWS} more", "dim"))
    made, there, absent = marks["made"], marks["there"], marks["absent"]
    told = f"{made} {key[0]}   {there} {key[1]}   {absent} not there   blank: not looked at"
    screen.print(text(told, "dim"))
    screen.print()
