"""A report or a ledger as JSON: one object, one entry a line."""

from __future__ import annotations

import json
from typing import TextIO

from scratchlab.ledger import Ledger
from scratchlab.report import Report, dump
from scratchlab.report.convert import image_entry_section
from scratchlab.text import visible


def render_report(report: Report, out: TextIO) -> None:
    """Write ``report`` as report.json holds it."""
    dump(report, out)


def render_ledger(ledger: Ledger, out: TextIO) -> None:
    """Write the digest and every entry, with its mount where that is known."""
    out.write(f'{{\n"ledger_digest": {json.dumps(ledger.digest())},\n"entries": [')
    for number, entry in enumerate(ledger):
        mount = {} if entry.mount is None else {"mount": entry.mount}
        item = {"path": visible(entry.path), **image_entry_section(entry), **mount}
        out.write(f"{',' if number else ''}\n{json.dumps(item, sort_keys=True)}")
    out.write("\n]\n}\n")
