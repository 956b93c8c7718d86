"""The report as report.json holds it."""

from __future__ import annotations

from typing import TextIO

from scratchlab.report import Report, dump


def render(report: Report, out: TextIO) -> None:
    """Write ``report`` as one JSON object, one entry a line."""
    dump(report, out)
