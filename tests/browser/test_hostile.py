"""Texts of a report stay text: whatever they hold, none of it acts as markup, script or style."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from scratchlab.report import Report
from tests.browser import reports
from tests.browser.conftest import Show

Disk = Callable[[Report], Path]
FOREIGN = "img, iframe, object, embed, base, form, [onerror], [onmouseover], a[href^='javascript']"


def test_names_are_text_everywhere(show: Show, disk: Disk) -> None:
    page = show(disk(reports.hostile()), viewport={"width": 1400, "height": 3000})
    assert page.locator("script").count() == 2  # the data and our own
    for _ in range(40):
        page.locator("#tree").press("ArrowDown")
        page.locator("#tree").press("Enter")
        assert page.locator(FOREIGN).count() == 0
    assert "owned" not in page.title().partition("onerror")[0]
    assert page.evaluate("document.title").startswith("<img src=x onerror=")
    expect(page.locator("h1 code")).to_have_text(reports.HOSTILE[1])
    names = page.locator("#rows .left .name").all_inner_texts()
    assert "{{7*7}}/" in names
    assert "__proto__/" in names  # it has a ghost below it


def test_invisible_characters_are_escaped(show: Show, disk: Disk) -> None:
    page = show(disk(reports.hostile()), viewport={"width": 1400, "height": 3000})
    text = page.evaluate("document.body.innerText")
    for hidden in ("\u202e", "\x1b", "\x07", "\u2028", "\u2029"):
        assert hidden not in text
    assert "\\u{202e}gnp.exe" in text
    assert "\\u202egnp.exe" in text


def test_only_web_addresses_become_links(show: Show, disk: Disk) -> None:
    page = show(disk(reports.hostile()), viewport={"width": 1400, "height": 3000})
    page.locator("#rows .row", has_text="{{7*7}}").first.click()
    links = page.locator("#detail a")
    assert links.count() == 1
    assert (links.get_attribute("href") or "").startswith("https://example.org/")
    assert page.evaluate("document.title") != "owned"


def test_policy_forbids_foreign_scripts_and_requests(show: Show, disk: Disk) -> None:
    page = show(disk(reports.sleep()))
    policy = page.get_attribute("meta[http-equiv='Content-Security-Policy']", "content") or ""
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
