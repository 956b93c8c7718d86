"""What the page of one report leaves on paper."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser import reports
from tests.browser.conftest import Show
from tests.browser.test_page import Disk, rows


def test_print_holds_everything(show: Show, disk: Disk) -> None:
    report = reports.huge(500)
    page = show(disk(reports.report(report.entries, checks=[reports.check("E01")])))
    page.click("#open-all")
    drawn = page.locator("#rows .row")
    total = page.locator("#tree").get_attribute("aria-rowcount")
    assert total == str(500 + 1 + 1 + 5 + 26 + 1)  # files, their directories, Docker's, the heading
    assert drawn.count() < 120
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert drawn.count() == int(total) - 1
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert (
        page.locator("details:not([open])").count() == 3
    )  # experiment; what is not compared; words
    assert page.pdf().startswith(b"%PDF")


def printed(page: Page) -> str:
    """What the printed page names as left out."""
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    note = page.locator("#unprinted")
    text = note.inner_text() if note.is_visible() else ""
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert note.is_hidden()
    return text


def test_print_names_what_it_leaves_out(show: Show, disk: Disk) -> None:
    page = show(disk(reports.huge(4000)))
    total = 4000 + 1 + 1 + 40 + 26  # files, /usr, its directories, Docker's
    page.click("#close-all")
    closed = total - len(rows(page))
    assert f"{closed:,} in closed directories" in printed(page)
    page.click("#open-all")
    assert f"{total - 3000:,} after the first 3,000" in printed(page)
    page.fill("#search", "file0012")
    assert f"{total - 104:,} that the filter hides" in printed(
        page
    )  # 100 files, 4 directories above
    assert printed(show(disk(reports.sleep()))) == ""
