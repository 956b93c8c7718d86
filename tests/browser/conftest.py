"""A real browser, headless, and pages that it opens from the disk.

Whatever a test does, the page may log nothing and request nothing but itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scratchlab.cli.classroom import write_report_page
from scratchlab.report import Report, read, write
from tests.integration.conftest import build_image, docker_client, engine, run_container

__all__ = ["build_image", "docker_client", "engine", "run_container"]

CHROMIUM = "/usr/bin/chromium"
DESK = {"width": 1400, "height": 900}

Show = Callable[..., Page]
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The distribution's Chromium; what it keeps for itself goes to a directory of the test."""
    home = str(tmp_path_factory.mktemp("home"))
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, env={**os.environ, "HOME": home})
        yield found
        found.close()


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """``visit(file, at="#here", **context)`` opens a page that lies below ``tmp_path``."""
    said: list[str] = []
    asked: list[str] = []
    opened = []

    def open_page(file: Path, at: str = "", **context: Any) -> Page:
        window = browser.new_context(**{"viewport": DESK, **context})
        opened.append(window)
        shown = window.new_page()
        shown.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        shown.on("pageerror", lambda error: said.append(str(error)))
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto(f"{file.as_uri()}{at}")
        if context.get("java_script_enabled", True) and shown.locator("script").count():
            shown.wait_for_selector("html[data-ready]", state="attached")
        return shown

    yield open_page
    for window in opened:
        window.close()
    assert said == [], "the console is silent"
    outside = [url for url in asked if not url.startswith((tmp_path.as_uri(), "data:"))]
    assert outside == [], "nothing is requested but the page itself"


@pytest.fixture
def show(visit: Visit, tmp_path: Path) -> Show:
    """``show(report, **context)`` opens the report's page, written and read as users do."""

    def open_page(report: Report | Path, at: str = "", **context: Any) -> Page:
        place = tmp_path / "index.html"
        found = report if isinstance(report, Report) else read(str(report))
        write_report_page(found, str(place))
        return visit(place, at, **context)

    return open_page


@pytest.fixture
def disk(tmp_path: Path) -> Callable[[Report], Path]:
    """Writes a report as report.json: so it has to be valid."""

    def put(report: Report) -> Path:
        file = tmp_path / "report.json"
        write(report, str(file))
        return file

    return put
