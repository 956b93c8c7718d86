"""A room while a lesson runs, as one HTML page without a script, which loads itself again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from scratchlab.classroom.live import Row
from scratchlab.render.html.templates import write_template
from scratchlab.render.live_words import sentence, words_of


def write_live(rows: Sequence[Row], when: str, every: int, out: TextIO) -> None:
    """Write the page of ``rows`` at the time ``when``; it loads again after ``every`` seconds."""
    write_template(
        "live.html.j2",
        out,
        styles=("report.css", "live.css"),
        rows=[words_of(row) for row in rows],
        sentence=sentence(rows),
        when=when,
        every=every,
    )
