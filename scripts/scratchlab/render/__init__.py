"""Render: from a report, a ledger or an answer to what a person or a program reads.

Adding a form is one file with a ``render`` function and one line here. The files are imported when
they are asked for: a terminal's tables are not what `--format json` should wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from scratchlab.ledger import Ledger
    from scratchlab.report import Report

# What verify, replay, report and experiments print.
REPORTS: Mapping[str, str] = {
    "table": "terminal.report",
    "json": "exports.report_json",
    "tap": "exports.tap",
    "junit": "exports.junit",
}
# What image and live print.
LEDGERS: Mapping[str, str] = {
    "table": "terminal.ledger",
    "json": "exports.ledger_json",
    "mtree": "exports.mtree",
}


def report(form: str, what: Report, out: TextIO) -> None:
    """Write a report to ``out`` in one of :data:`REPORTS`."""
    import_module(f"{__name__}.{REPORTS[form]}").render(what, out)


def ledger(form: str, what: Ledger, out: TextIO) -> None:
    """Write a ledger to ``out`` in one of :data:`LEDGERS`."""
    import_module(f"{__name__}.{LEDGERS[form]}").render(what, out)
