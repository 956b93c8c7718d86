"""The page of one report."""

from __future__ import annotations

from collections.abc import Mapping

from scratchlab.atomic import atomic_write
from scratchlab.remedy import HERE, Reader
from scratchlab.render.html import report_page
from scratchlab.report import Report


def write_report_page(
    report: Report,
    page: str,
    links: Mapping[str, str] | None = None,
    reader: Reader = HERE,
) -> None:
    """Write to ``page`` the page of one ``report``, with ``links`` to others: title by URL.
    ``reader`` is where it is read. Raises LabError when that is impossible.
    """
    with atomic_write(page, encoding="utf-8") as out:
        report_page.render(report, out, links, reader)
