"""Contrast, labels and roles, checked by axe-core (WCAG 2.2 AA and its best practices)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show

Disk = Callable[[Report], Path]
PHONE = {"width": 390, "height": 844}


def violations(page: Page) -> list[str]:
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [{"width": 1400, "height": 1400}, PHONE])
def test_page_has_no_violation(show: Show, disk: Disk, scheme: str, window: dict[str, int]) -> None:
    page = show(disk(reports.troubled()), viewport=window, color_scheme=scheme)
    assert violations(page) == []
    page.locator("#rows .row", has_text="null").first.click()
    page.click(".chip[data-value='runtime-device']")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_of_a_drifted_container_has_no_violation(show: Show, disk: Disk, scheme: str) -> None:
    page = show(disk(reports.drifted()), color_scheme=scheme)
    assert violations(page) == []
    for path in ("/busy", "/volume/mine", "/later"):
        page.locator("#rows .row", has_text=path.rpartition("/")[2]).first.click()
        assert violations(page) == []


def test_ladder_and_timelapse_have_no_violation(show: Show, disk: Disk) -> None:
    page = show(disk(reports.climbed()))
    page.locator("#timelapse input").press("End")
    assert violations(page) == []


def test_axe_finds_a_missing_label(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    page.evaluate("document.querySelector('#search').closest('label').replaceWith(search)")
    page.evaluate("search.removeAttribute('placeholder')")
    assert any(one.startswith("label:") for one in violations(page))
