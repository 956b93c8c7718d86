"""The pictures of the documents, from a real run: ``pictures.py REPORTS DOCS [HOST] [URL]``.

REPORTS is the directory that ./lab writes (HOST/report.json; index.html for a room); the pictures
go to DOCS. URL is where `./lab watch --serve` shows its page. Run it in the test environment, with
Debian's chromium installed:
``PYTHONPATH=scripts .cache/test-venv/bin/python tests/browser/pictures.py reports docs``
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scratchlab.cli.classroom import write_report_page
from scratchlab.report import read

CHROMIUM = "/usr/bin/chromium"
DESK = {"width": 1280, "height": 900}
WHOLE = {"width": 1280, "height": 1230}  # the 26 entries of the sleep container
PHONE = {"width": 390, "height": 760}


def opened(
    browser: Browser, place: Path | str, size: dict[str, int], scheme: str = "light"
) -> Page:
    """The page of a file or a URL in a window of its own."""
    found = browser.new_page(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",  # or the picture is taken during an animation
    )
    found.goto(place.resolve().as_uri() if isinstance(place, Path) else place)
    return found


def host(browser: Browser, file: Path, docs: Path) -> None:
    """One host: the first lines, an entry explained (dark), the ladder, a phone."""
    opened(browser, file, WHOLE).screenshot(path=docs / "report.png")
    dark = opened(browser, file, DESK, "dark")
    dark.click("#rows .row:has(.right .name:text-is('hosts'))")
    dark.locator("#entries-title").evaluate("title => title.scrollIntoView()")
    dark.screenshot(path=docs / "report-entry.png")
    ladder = opened(browser, file, DESK)
    if ladder.locator("#ladder").count():
        ladder.locator("#ladder-title").evaluate("title => title.scrollIntoView()")
        ladder.screenshot(path=docs / "report-ladder.png")
    opened(browser, file, PHONE).screenshot(path=docs / "report-phone.png")


def main(reports: Path, docs: Path, name: str = "", watch: str = "") -> None:
    """Take all pictures."""
    docs.mkdir(exist_ok=True)
    chosen = reports / name if name else min(reports.glob("*/report.json")).parent
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM)
        file = Path(directory, "index.html")
        write_report_page(read(str(chosen / "report.json")), str(file))
        host(browser, file, docs)
        room = reports / "index.html"
        if room.exists():
            opened(browser, room, DESK).screenshot(path=docs / "room.png")
        if watch:
            opened(browser, watch, DESK).screenshot(path=docs / "watch.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
