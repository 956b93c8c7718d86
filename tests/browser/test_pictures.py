"""The pictures of the documents can be taken, and none of them is an empty page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser import pictures, reports


def test_every_picture_of_the_documents_is_taken(browser: Browser, tmp_path: Path) -> None:
    pictures.take(browser, reports.climbed(), tmp_path)
    taken = {file.stem: file.stat().st_size for file in tmp_path.iterdir()}
    assert sorted(taken) == sorted(pictures.NAMES)
    assert min(taken.values()) > 15_000, "bytes; a page without text has fewer"
