"""The page of a reproduction: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from reproduction.compare import Reproduction
from scratchlab.render.html.templates import asset
from scratchlab.text import printable

# A digest has no place to break, and two of them stand side by side.
STYLE = """
main { max-width: 68rem; }
table { table-layout: fixed; margin: 0.3rem 0 1rem; }
caption { text-align: left; padding: 0.3rem 0; color: var(--soft); }
th:first-child { width: 22%; }
td, th { overflow-wrap: anywhere; }
td { font-size: 0.9em; }
"""
MOST = 200  # lines of a table on the page; the JSON has all of them


def page(found: Reproduction, runs: list[dict[str, Any]], command: str) -> str:
    """The page. ``runs`` has what is known of each run; everything in it becomes text."""
    style = asset("sheets.css") + STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("page.html.j2").render(
        found=found,
        runs=runs,
        command=command,
        most=MOST,
        style=Markup(style),  # noqa: S704 - ours, from the package
        hash=f"sha256-{digest}",
    )


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
