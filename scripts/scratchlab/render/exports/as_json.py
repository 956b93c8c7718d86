"""A report or a ledger as JSON: one object, one entry a line."""

from __future__ import annotations

import json
from typing import TextIO

from scratchlab.judge.blame import layer_sums
from scratchlab.ledger import HistoryReader, LayerChange, Ledger
from scratchlab.model import Image, Json
from scratchlab.report import Report, dump
from scratchlab.report.convert import image_entry_section, layer_sections, step_sections
from scratchlab.text import visible


def render_report(report: Report, out: TextIO) -> None:
    """Write ``report`` as report.json holds it."""
    dump(report, out)


def render_ledger(ledger: Ledger, out: TextIO) -> None:
    """Write the digest and every entry, with its mount where that is known."""
    _render(ledger, {}, out)


def render_image(image: Image, ledger: Ledger, out: TextIO) -> None:
    """Write the digest, the layers, what they removed, and every entry with its history."""
    removed = [
        {"path": visible(path), "history": step_sections(steps)}
        for path, steps in ledger.histories()
        if steps[-1].change is LayerChange.REMOVED
    ]
    layers = layer_sections(image, layer_sums(ledger, len(image.diff_ids)).layers)
    _render(ledger, {"layers": layers, "removed": removed}, out)


def _render(ledger: Ledger, sections: Json, out: TextIO) -> None:
    out.write(f'{{\n"ledger_digest": {json.dumps(ledger.digest())},\n')
    for name, section in sections.items():
        out.write(f"{json.dumps(name)}: {json.dumps(section, sort_keys=True)},\n")
    out.write('"entries": [')
    histories = HistoryReader(ledger)
    for number, entry in enumerate(ledger):
        mount = {} if entry.mount is None else {"mount": entry.mount}
        section = image_entry_section(entry, histories.at(entry.path))
        item = {"path": visible(entry.path), **section, **mount}
        out.write(f"{',' if number else ''}\n{json.dumps(item, sort_keys=True)}")
    out.write("\n]\n}\n")
