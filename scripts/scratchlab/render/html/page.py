"""A report as one HTML file that needs nothing else: no server, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, TextIO
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader
from markupsafe import Markup

from scratchlab.atomic import atomic_write
from scratchlab.model import Json, Origin
from scratchlab.render.html import compact
from scratchlab.render.words import ORIGINS, short
from scratchlab.report import Report, verdict
from scratchlab.text import printable

STYLES = ("report.css",)
SCRIPTS = tuple(
    f"{name}.js" for name in ("look", "data", "tree", "grid", "detail", "filters", "steps", "page")
)
MOST_LOOKS = 3  # entries that the first lines name where something needs a look
_EXPERIMENT = re.compile(r"E\d")
# A script block ends at </script> wherever that stands; JSON can spell these three otherwise.
_SPELLED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write(report: Report, path: str) -> None:
    """Write the page to ``path``, whole or not at all. Raises LabError when that fails."""
    with atomic_write(path, encoding="utf-8") as out:
        render(report, out)


def render(report: Report, out: TextIO) -> None:
    """Write the page. What the report says is text on it, never markup."""
    rows = compact.Compact()
    checks = report.head["checks"]
    style, script = "".join(map(asset, STYLES)), "".join(map(asset, SCRIPTS))
    pieces = (
        environment()
        .get_template("report.html.j2")
        .generate(
            **report.head,
            calm=verdict.exit_status(report) == verdict.EXPLAINED,
            looks=list(islice(filter(verdict.differs, report.entries), MOST_LOOKS)),
            origins=_origins(report.entries),
            experiments=[one for one in checks if _EXPERIMENT.match(one["id"])],
            requirements=[one for one in checks if not _EXPERIMENT.match(one["id"])],
            style=Markup(style),  # noqa: S704 - ours, from the package
            script=Markup(script),  # noqa: S704 - likewise
            hashes={"style": fingerprint(style), "script": fingerprint(script)},
            tables={"kinds": compact.KINDS, "statuses": compact.STATUSES},
            rows=map(data, rows.entries(report.entries)),
            ghost_rows=map(data, rows.ghosts(report.head["ghosts"])),
            words=lambda: data(rows.words),  # known only once the rows are written
        )
    )
    for piece in pieces:
        out.write(piece)


@cache
def environment() -> Environment:
    """Templates of this package; every text is escaped, and shown without control characters."""
    found = Environment(
        loader=FunctionLoader(asset), autoescape=True, finalize=_shown, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {
        "data": data,
        "shown": _shown,
        "zip": zip,
        "short": short,
        "address": _address,
    }
    return found


def asset(name: str) -> str:
    """A template, style or script of this package."""
    return resources.files("scratchlab.render.html").joinpath(name).read_text("utf-8")


def data(value: Any) -> Markup:
    """``value`` as JSON that can stand in a script block whatever its texts hold."""
    text = json.dumps(value, separators=(",", ":"))
    return Markup(text.translate(_SPELLED))  # noqa: S704 - no <, > or & is left


def _address(path: str) -> str:
    return "#path=" + quote(path, safe="", errors="replace")


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def fingerprint(text: str) -> str:
    """How a Content-Security-Policy names a style or a script that may act."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _origins(entries: Iterable[Json]) -> list[Json]:
    """Each origin in words, with the number of live entries that have it."""
    counts = Counter(one["origin"] for one in entries if one["live"] is not None)
    return list(_counted(counts))


def _counted(counts: Counter[str]) -> Iterator[Json]:
    for place, (origin, words) in enumerate(ORIGINS.items()):
        yield {
            "place": place,
            "id": str(origin),
            "who": words.who,
            "label": words.label,
            "code": words.code,
            "means": words.means,
            "count": counts[Origin(origin)],
        }
