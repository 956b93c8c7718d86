"""A report as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TextIO

from scratchlab.model import Json, Origin
from scratchlab.remedy import HERE, Reader
from scratchlab.render import user_data
from scratchlab.render.glossary import words
from scratchlab.render.html import compact
from scratchlab.render.html.templates import data, write_template
from scratchlab.render.words import ORIGINS
from scratchlab.report import Report
from scratchlab.report.listing import deciding
from scratchlab.report.sections import EntrySection

STYLES = ("report.css",)
SCRIPTS = (
    "appearance.js",
    "elements.js",
    "tree.js",
    "grid.js",
    "detail.js",
    "filters.js",
    "steps.js",
    "copy.js",
    "page.js",
)
MOST_DIFFERING = 3  # entries that the first lines name where something differs
_EXPERIMENT = re.compile(r"E\d")


def render(
    report: Report,
    out: TextIO,
    links: Mapping[str, str] | None = None,
    reader: Reader = HERE,
) -> None:
    """Write the page. Everything in the report becomes text on it, never markup.

    ``links`` are other pages, title by URL: the room, the worksheet, the path. ``reader`` is
    where the page is read: remedies name their commands as they are typed there.
    """
    rows = compact.RowWriter()
    checks = report.head["checks"]
    groups = deciding(report)
    write_template(
        "report.html.j2",
        out,
        styles=STYLES,
        scripts=SCRIPTS,
        **report.head,
        user_data_read=user_data.sentences(report.head),
        groups=groups,
        differing=list(islice((row for group in groups for row in group.rows), MOST_DIFFERING)),
        links=links or {},
        reader=reader,
        glossary=list(words().values()),
        origins=_origins(report.entries),
        experiments=[check for check in checks if _EXPERIMENT.match(check["id"])],
        requirements=[check for check in checks if not _EXPERIMENT.match(check["id"])],
        tables={"kinds": compact.KINDS, "statuses": compact.STATUSES},
        rows=map(data, rows.entries(report.entries)),
        ghost_rows=map(data, rows.ghosts(report.head["ghosts"])),
        texts=lambda: data(rows.texts),  # complete only after the rows are written
    )


def _origins(entries: Iterable[EntrySection]) -> list[Json]:
    """Each origin as the page describes it, with the number of live entries that have it."""
    counts = Counter(entry["origin"] for entry in entries if entry["live"] is not None)
    return [
        {
            "order": order,
            "id": str(origin),
            "who": words.who,
            "label": str(origin),
            "code": words.code,
            "means": words.means,
            "count": counts[Origin(origin)],
        }
        for order, (origin, words) in enumerate(ORIGINS.items())
    ]
