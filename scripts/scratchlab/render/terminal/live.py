"""A room while a lesson runs, on a terminal: one line a learner, who needs somebody first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table

from scratchlab.classroom.live import Row
from scratchlab.render.live_words import HEADINGS, LiveWords, sentence, words_of
from scratchlab.render.terminal import line

STYLES = {"bad": "bold red", "warn": "yellow", "good": "green", "plain": "dim"}
_GAP = 2  # columns between two of the table
_NARROWEST = 10
_STEP, _MESSAGE = HEADINGS.index("step"), len(HEADINGS) - 1
_LEFT_OUT = tuple(map(HEADINGS.index, ("points", "at it for", "idle for", "student")))
Shown = tuple[str, str, str, str]  # of a row: what changes only when something happens


def live_table(rows: Sequence[Row], when: str, width: int, height: int = 0) -> Group:
    """The room at the time ``when``, in lines of ``width`` characters, of which there are at most
    ``height`` (0: any number). A row is one line.
    """
    most = max(height - 4, 1) if height else len(rows)
    shown = [words_of(row) for row in rows[:most]]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    widths = _widths(shown, width)
    for number, chosen in widths.items():
        table.add_column(HEADINGS[number], no_wrap=True, overflow="ellipsis", width=chosen)
    for words in shown:
        style = STYLES[words.kind]
        styles = ("bold", "", style, "", "", "", "", style)
        table.add_row(*(line(words.cells[number], styles[number]) for number in widths))
    more = len(rows) - most
    last = [line(f"... and {more} more, who need nobody sooner", "dim")] if more > 0 else []
    return Group(table, *last, line(f"{when}  {sentence(rows)}", "bold"))


def _widths(shown: Sequence[LiveWords], width: int) -> dict[int, int]:
    """The width of each column by its number: step and message share what the others leave. On a
    narrow terminal some columns are left out.
    """
    cells = [HEADINGS, *(words.cells for words in shown)]
    widths = {
        number: max(map(cell_len, column)) for number, column in enumerate(zip(*cells, strict=True))
    }
    for number in (*_LEFT_OUT, None):
        others = sum(wide for at, wide in widths.items() if at not in (_STEP, _MESSAGE))
        rest = width - _GAP * len(widths) - others
        if rest >= 2 * _NARROWEST or number is None:
            break
        del widths[number]
    step = max(min(widths[_STEP], rest - min(widths[_MESSAGE], rest // 2)), _NARROWEST)
    message = max(min(widths[_MESSAGE], rest - step), _NARROWEST)
    return {**widths, _STEP: step, _MESSAGE: message}


def told(row: Row) -> Shown:
    """What is told of a row where no terminal is: when this changes, something has happened."""
    words = words_of(row)
    return (str(row.need), words.step, words.points, words.message)


def log_line(row: Row, when: str) -> str:
    """One plain line about a row."""
    words = words_of(row)
    who = f"{words.machine} {words.student}".strip()
    return f"{when} {who}: {', '.join(filter(None, told(row)))}"
