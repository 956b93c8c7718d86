"""Render: a report, a ledger or a classroom in the forms that people and programs read.

A new form is a function ``render(what, out)`` and one line here. Its module is imported when the
form is asked for: `--format json` should not wait for the libraries that draw tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from scratchlab.ledger import Ledger
    from scratchlab.model import Image
    from scratchlab.render.terminal.rows import RowChoice
    from scratchlab.report import Report

# Form -> "module:function" below this package.
# What verify, replay, report and experiments print:
REPORTS: Mapping[str, str] = {
    "table": "terminal.report:render",
    "json": "exports.as_json:render_report",
    "tap": "exports.tap:render_report",
    "junit": "exports.junit:render_report",
}
# What image and live print:
LEDGERS: Mapping[str, str] = {
    "table": "terminal.ledger:render",
    "json": "exports.as_json:render_ledger",
    "mtree": "exports.mtree:render",
}
# What image prints in another form than live does, with the image's layers:
IMAGES: Mapping[str, str] = {
    "table": "terminal.ledger:render_image",
    "json": "exports.as_json:render_image",
}


def report(form: str, what: Report, out: TextIO, choice: RowChoice | None = None) -> None:
    """Write a report to ``out`` in one of :data:`REPORTS`; a table has the rows of ``choice``."""
    if choice is None:
        renderer(REPORTS[form])(what, out)
    else:
        renderer(REPORTS["table"])(what, out, choice)


def ledger(form: str, what: Ledger, out: TextIO) -> None:
    """Write a ledger to ``out`` in one of :data:`LEDGERS`."""
    renderer(LEDGERS[form])(what, out)


def image(form: str, described: Image, ledger: Ledger, out: TextIO) -> None:
    """Write the ledger of an image to ``out`` in one of :data:`LEDGERS`, with its layers where the
    form has a place for them.
    """
    if form in IMAGES:
        renderer(IMAGES[form])(described, ledger, out)
    else:
        renderer(LEDGERS[form])(ledger, out)


def renderer(name: str) -> Callable[..., None]:
    """The function called ``name`` ("module:function" below this package)."""
    module, _, function = name.partition(":")
    render: Callable[..., None] = getattr(import_module(f"{__name__}.{module}"), function)
    return render
