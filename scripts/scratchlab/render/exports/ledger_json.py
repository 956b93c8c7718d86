"""A ledger as JSON: one object, one entry a line."""

from __future__ import annotations

import json
from typing import TextIO

from scratchlab.ledger import Ledger
from scratchlab.report import sections
from scratchlab.text import visible


def render(ledger: Ledger, out: TextIO) -> None:
    """Write the digest and every entry, with layer and mount where they are known."""
    out.write(f'{{\n"ledger_digest": {json.dumps(ledger.digest())},\n"entries": [')
    for number, entry in enumerate(ledger):
        shape = {"path": visible(entry.path), **(sections.image_entry_section(entry) or {})}
        if entry.mount is not None:
            shape["mount"] = entry.mount
        out.write(f"{',' if number else ''}\n{json.dumps(shape, sort_keys=True)}")
    out.write("\n]\n}\n")
