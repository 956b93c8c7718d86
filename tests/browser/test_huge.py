"""A hundred thousand entries: the page draws the rows in view, and no more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show

MOST = 120  # rows for a window 900 pixels high, with those just out of view

Disk = Callable[[Report], Path]


def drawn(page: Page) -> int:
    return page.locator("#rows .row").count()


def test_page_draws_only_rows_in_view_of_100_000_entries(show: Show, disk: Disk) -> None:
    page = show(disk(reports.huge()))
    total = 100_000 + 1 + 10 + 1000 + 26
    assert page.inner_text("#count") == f"{total:,} entries"
    assert 20 < drawn(page) < MOST
    names = page.locator("#rows .right .name").all_inner_texts()
    assert {"sleep", ".dockerenv", "null"} <= set(names), "what the image did not bring is open"
    page.click("#open-all")
    assert int(page.get_attribute("#tree", "aria-rowcount") or 0) == total + 1
    page.locator("#tree").press("End")
    expect(page.locator("#rows .row.active .right .name")).to_have_text("file099999")
    assert drawn(page) < MOST
    page.evaluate("document.getElementById('tree').scrollTop = 1e6")
    page.wait_for_function("document.querySelector('#rows .row').offsetTop > 5e5")
    assert drawn(page) < MOST, "with the active row, which is far away"
    page.fill("#search", "file0123")
    expect(page.locator("#count")).to_have_text(f"100 of {total:,} entries shown")
    page.locator("#rows .row", has_text="file012345").click()
    expect(page.locator("#detail h3")).to_have_text("/usr/01/23/file012345")
    assert page.evaluate("document.querySelectorAll('*').length") < 4000
