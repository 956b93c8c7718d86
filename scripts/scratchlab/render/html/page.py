"""A report as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, TextIO
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup

from scratchlab.model import Json, Origin
from scratchlab.render.html import compact
from scratchlab.render.words import ORIGINS, short_ids
from scratchlab.report import Report, verdict
from scratchlab.report.sections import EntrySection
from scratchlab.text import printable

STYLES = ("report.css",)
SCRIPTS = (
    "appearance.js",
    "elements.js",
    "tree.js",
    "grid.js",
    "detail.js",
    "filters.js",
    "steps.js",
    "page.js",
)
MOST_DIFFERING = 3  # entries that the first lines name where something differs
_EXPERIMENT = re.compile(r"E\d")
# A script block ends at the first </script>, so JSON must not hold it: it can escape these three.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def render(report: Report, out: TextIO) -> None:
    """Write the page. Everything in the report becomes text on it, never markup."""
    rows = compact.RowWriter()
    checks = report.head["checks"]
    style, script = "".join(map(asset, STYLES)), "".join(map(asset, SCRIPTS))
    pieces = (
        environment()
        .get_template("report.html.j2")
        .generate(
            **report.head,
            as_expected=verdict.exit_status(report) == verdict.EXPLAINED,
            differing=list(islice(filter(verdict.differs, report.entries), MOST_DIFFERING)),
            origins=_origins(report.entries),
            experiments=[check for check in checks if _EXPERIMENT.match(check["id"])],
            requirements=[check for check in checks if not _EXPERIMENT.match(check["id"])],
            style=Markup(style),  # noqa: S704 - ours, from the package
            script=Markup(script),  # noqa: S704 - likewise
            hashes={"style": fingerprint(style), "script": fingerprint(script)},
            tables={"kinds": compact.KINDS, "statuses": compact.STATUSES},
            rows=map(data, rows.entries(report.entries)),
            ghost_rows=map(data, rows.ghosts(report.head["ghosts"])),
            texts=lambda: data(rows.texts),  # complete only after the rows are written
        )
    )
    for piece in pieces:
        out.write(piece)


@cache
def environment() -> Environment:
    """The templates of this package. Every text is escaped, control characters included."""
    templates = Environment(
        loader=FunctionLoader(asset), autoescape=True, finalize=_printable, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    templates.filters |= {
        "data": data,
        "printable": _printable,
        "zip": zip,
        "short": short_ids,
        "address": _address,
    }
    return templates


def asset(name: str) -> str:
    """The text of a template, style or script of this package."""
    return resources.files("scratchlab.render.html").joinpath(name).read_text("utf-8")


def data(value: Any) -> Markup:
    """``value`` as JSON that is safe in a script block, whatever its texts hold."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704 - no <, > or & is left


def _address(path: str) -> str:
    return "#path=" + quote(path, safe="", errors="replace")


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def fingerprint(text: str) -> str:
    """The name of a style or script in a Content-Security-Policy that allows it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _origins(entries: Iterable[EntrySection]) -> list[Json]:
    """Each origin as the page describes it, with the number of live entries that have it."""
    counts = Counter(entry["origin"] for entry in entries if entry["live"] is not None)
    return [
        {
            "order": order,
            "id": str(origin),
            "who": words.who,
            "label": words.label,
            "code": words.code,
            "means": words.means,
            "count": counts[Origin(origin)],
        }
        for order, (origin, words) in enumerate(ORIGINS.items())
    ]
