"""The checks as one table: what was claimed, how it ended, and for a failure what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.table import Table
from rich.text import Text

from scratchlab.model import Json
from scratchlab.render.terminal import NARROW, VERDICT_STYLES, draws_unicode, text

_MARKS = {"pass": "✔", "fail": "✘", "error": "✘", "skip": "-"}


def checks_table(checks: Sequence[Json], out: TextIO, width: int) -> Table:
    """A table of ``checks`` for a terminal of ``width`` columns behind ``out``.

    On a narrow one the answer stands below the claim.
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
        style = VERDICT_STYLES[verdict]
        mark = f"{_MARKS[verdict]} {verdict}" if unicode else verdict
        told = [text(check["title"]), _said(check)]
        if narrow:
            told = [Text("\n").join([text(check["title"], "bold"), *told[1:]])]
        table.add_row(text(check["id"], "bold"), text(mark, style), *told)
    return table


def _said(check: Json) -> Text:
    lines = check["observed"].splitlines() or [""]
    said = text(lines[-1] if check["verdict"] == "pass" else check["observed"])
    if check["verdict"] in ("fail", "error"):
        for label, style in (("expected", ""), ("cause", "red"), ("help", "bold")):
            if check[label]:
                said.append_text(text(f"\n{label}: {check[label]}", style))
    elif check["cause"]:
        said.append_text(text(f"\n{check['cause']}", "dim"))
        if check["help"]:
            said.append_text(text(f"\nhelp: {check['help']}", "dim"))
    return said
