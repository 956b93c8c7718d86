"""The ladder and the time-lapse on a terminal: entries down, rungs or stages across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TextIO

from rich.table import Table
from rich.text import Text

from scratchlab.render.terminal import NARROW, ORIGIN_STYLES, console, draws_unicode, text
from scratchlab.report.sections import (
    LadderEntrySection,
    LadderSection,
    StepSection,
    TimelapseEntrySection,
    TimelapseSection,
)

_MARKS = {"made": "●", "there": "○", "absent": "·", "unknown": " "}
_ASCII_MARKS = {"made": "X", "there": "x", "absent": ".", "unknown": " "}
_MOST_ROWS = 300
_MOST_NOTE = 44  # characters of a command; the report has it whole


class _Row(NamedTuple):
    """One entry. ``first`` is the id of the step that made it or first showed it."""

    path: str
    origin: str
    present: Sequence[bool | None]
    first: str
    cells: tuple[Text, Text]


class _Legend(NamedTuple):
    """The headings of the last two columns, and what the two marks mean."""

    headings: tuple[str, str]
    made: str
    there: str


def ladder(section: LadderSection, out: TextIO) -> None:
    """Write the report's ``ladder``: which rung made each entry, and whether evidence agrees."""
    screen = console(out)
    screen.print(text(f"{section['image']}: the same root filesystem on each rung", "bold"))
    _print_steps(section["rungs"], out)
    made, there = "made there", "there (before its maker: put there by hand)"
    legend = _Legend(("made by", "by evidence"), made, there)
    _print_rows(list(map(_ladder_row, section["entries"])), section["rungs"], legend, out)
    compared = [entry["agrees"] for entry in section["entries"] if entry["agrees"] is not None]
    agreed = sum(compared)
    summary = f"{agreed} of {len(compared)} origins by evidence agree with who made the entry"
    screen.print(text(summary, "bold green" if agreed == len(compared) else "bold red"))


def timelapse(section: TimelapseSection, out: TextIO) -> None:
    """Write the report's ``timelapse``: when each entry appears, changes and vanishes."""
    screen = console(out)
    screen.print(text(f"{section['image']}: the root filesystem of one container's life", "bold"))
    _print_steps(section["stages"], out)
    legend = _Legend(("origin", "what it is, from that stage on"), "first seen", "there")
    _print_rows(list(map(_timelapse_row, section["entries"])), section["stages"], legend, out)


def _ladder_row(entry: LadderEntrySection) -> _Row:
    style = ORIGIN_STYLES.get(entry["origin"], "")
    origin = text(entry["origin"], style)
    if entry["agrees"] is False:
        origin.append(" disagrees", "bold white on red")
    cells = (text(entry["maker"], style), origin)
    return _Row(entry["path"], entry["origin"], entry["present"], entry["made_on"], cells)


def _timelapse_row(entry: TimelapseEntrySection) -> _Row:
    origin = text(entry["origin"], ORIGIN_STYLES.get(entry["origin"], ""))
    cells = (origin, text("; ".join(_changes(entry["detail"]))))
    return _Row(entry["path"], entry["origin"], entry["present"], entry["made_in"], cells)


def _changes(details: Sequence[str]) -> Iterator[str]:
    before = ""
    for number, detail in enumerate(details, 1):
        if detail and detail != before:
            yield f"{number} {detail}"
        before = detail or before


def _print_steps(steps: Sequence[StepSection], out: TextIO) -> None:
    screen = console(out)
    narrow = screen.width < NARROW  # then only the report has the commands
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


def _print_rows(
    rows: Sequence[_Row], steps: Sequence[StepSection], legend: _Legend, out: TextIO
) -> None:
    marks = _MARKS if draws_unicode(out) else _ASCII_MARKS
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("entry", overflow="fold")
    for number in range(1, len(steps) + 1):
        table.add_column(str(number), no_wrap=True, justify="center")
    for heading in legend.headings:
        table.add_column(heading, overflow="fold")
    ids = [step["id"] for step in steps]
    for row in rows[:_MOST_ROWS]:
        present = []
        for step_id, there in zip(ids, row.present, strict=True):
            if there is None:
                present.append(text(marks["unknown"]))
            elif not there:
                present.append(text(marks["absent"], "dim"))
            elif step_id == row.first:
                style = f"bold {ORIGIN_STYLES.get(row.origin, '')}"
                present.append(text(marks["made"], style))
            else:
                present.append(text(marks["there"]))
        table.add_row(text(row.path), *present, *row.cells)
    screen = console(out)
    screen.print()
    screen.print(table)
    if len(rows) > _MOST_ROWS:
        screen.print(text(f"... and {len(rows) - _MOST_ROWS} more", "dim"))
    explained = (f"{marks['made']} {legend.made}", f"{marks['there']} {legend.there}",
                 f"{marks['absent']} not there", "blank: not measured")  # fmt: skip
    screen.print(text("   ".join(explained), "dim"))
    screen.print()
