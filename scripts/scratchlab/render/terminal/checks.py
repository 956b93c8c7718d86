"""The checks of a report on a terminal, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.table import Table
from rich.text import Text

from scratchlab.remedy import HERE, Reader
from scratchlab.render.terminal import NARROW, VERDICT_STYLES, draws_unicode, remedy_text, text
from scratchlab.report.remedies import remedy_of
from scratchlab.report.sections import CheckSection
from scratchlab.report.verdict import ExitStatus

VERDICT_LINE_STYLES = {
    ExitStatus.EXPLAINED: "bold green",
    ExitStatus.DRIFTED: "bold yellow",
    ExitStatus.FAILED: "bold red",
}
_TICKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}


def checks_table(
    checks: Sequence[CheckSection], out: TextIO, width: int, reader: Reader = HERE
) -> Table:
    """A table of ``checks`` for a terminal of ``width`` columns behind ``out``.

    On a narrow one the answer is below the claim, not beside it.
    """
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("", no_wrap=True)
    narrow = width < NARROW
    if narrow:
        table.add_column("claim, and what this host answered", overflow="fold")
    else:
        table.add_column("claim", ratio=4, overflow="fold")
        table.add_column("what this host answered", ratio=6, overflow="fold")
    unicode = draws_unicode(out)
    for check in checks:
        verdict = check["verdict"]
        mark = f"{_TICKS[verdict]} {verdict}" if unicode else verdict
        cells = [text(check["title"]), _answer(check, reader)]
        if narrow:
            cells = [Text("\n").join([text(check["title"], "bold"), _answer(check, reader)])]
        table.add_row(text(check["id"], "bold"), text(mark, VERDICT_STYLES[verdict]), *cells)
    return table


def _answer(check: CheckSection, reader: Reader) -> Text:
    lines = check["observed"].splitlines() or [""]
    answer = text(lines[-1] if check["verdict"] == "pass" else check["observed"])
    if check["verdict"] in ("fail", "error"):
        details = (("expected", check["expected"], ""), ("cause", check["cause"], "red"))
        for label, detail, style in details:
            if detail:
                answer.append_text(text(f"\n{label}: {detail}", style))
        _append_help(answer, check, reader, "bold")
    elif check["cause"]:
        answer.append_text(text(f"\n{check['cause']}", "dim"))
        _append_help(answer, check, reader, "dim")
    return answer


def _append_help(answer: Text, check: CheckSection, reader: Reader, style: str) -> None:
    if check["help"]:
        answer.append("\n")
        answer.append_text(remedy_text(remedy_of(check), reader, style, "help: "))
