"""A real browser, headless, and pages that it opens from the disk.

Every test also asserts that the page logs nothing and requests nothing but itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scratchlab.cli.report_page import write_report_page
from scratchlab.report import Report, read, write
from tests.integration.conftest import build_image, docker_client, engine, run_container

__all__ = ["build_image", "docker_client", "engine", "run_container"]

CHROMIUM = "/usr/bin/chromium"
DESK = {"width": 1400, "height": 900}

Show = Callable[..., Page]
Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The distribution's Chromium, with a home directory that belongs to the test."""
    home = str(tmp_path_factory.mktemp("home"))
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, env={**os.environ, "HOME": home})
        yield found
        found.close()


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """``visit(file, at="#here", **context)`` opens a page that lies below ``tmp_path``."""
    logged: list[str] = []
    requested: list[str] = []
    contexts = []

    def open_page(file: Path, at: str = "", **context: Any) -> Page:
        browser_context = browser.new_context(**{"viewport": DESK, **context})
        contexts.append(browser_context)
        page = browser_context.new_page()
        page.on("console", lambda message: logged.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{file.as_uri()}{at}")
        if context.get("java_script_enabled", True) and page.locator("script").count():
            page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_page
    for browser_context in contexts:
        browser_context.close()
    assert logged == [], "the page logs nothing"
    outside = [url for url in requested if not url.startswith((tmp_path.as_uri(), "data:"))]
    assert outside == [], "the page requests nothing but itself"


@pytest.fixture
def show(visit: Visit, tmp_path: Path) -> Show:
    """``show(report, **context)`` opens the report's page, written and read as users do."""

    def open_page(report: Report | Path, at: str = "", **context: Any) -> Page:
        file = tmp_path / "index.html"
        found = report if isinstance(report, Report) else read(str(report))
        write_report_page(found, str(file))
        return visit(file, at, **context)

    return open_page


@pytest.fixture
def disk(tmp_path: Path) -> Callable[[Report], Path]:
    """``disk(report)`` writes report.json, which has to be valid to be read; returns its path."""

    def put(report: Report) -> Path:
        file = tmp_path / "report.json"
        write(report, str(file))
        return file

    return put
