"""All pictures of the documents: ``python -m tests.browser.pictures [DIRECTORY]``, with
``PYTHONPATH=scripts``.

They go to docs/ unless told otherwise. Those of a report show this machine: the experiments are run
on the lab's container, which ``./lab`` made. Those of a room show a made-up class. Needs root, the
lab on this machine, and Debian's chromium, in the environment that ``./lab test`` makes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from scratchlab.cli.report_page import write_report_page
from scratchlab.report import Report, read
from tests.browser import made_up_class

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
DESK = {"width": 1280, "height": 900}
TALL = {"width": 1280, "height": 1000}
WHOLE = {"width": 1280, "height": 1230}  # the 26 entries of the sleep container
PHONE = {"width": 390, "height": 760}
PATIENCE = 300_000  # milliseconds for a page on a busy machine
LOW = {"width": 1280, "height": 390}  # six learners
NAMES = ("report", "report-entry", "report-ladder", "report-phone", "room", "watch")


class NeededError(Exception):
    """Something is missing; the message names it with the command that provides it."""


def verified(file: Path) -> Report:
    """The report of the lab's container on this machine, from a new run. Raises NeededError."""
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", "experiments", "--outputs", "--json", str(file)],
        cwd=ROOT / "scripts",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode or not file.exists():
        said = (done.stderr.strip().splitlines() or ["a check failed"])[-1]
        raise NeededError(f"the experiments did not all pass here: {said}; as root: ./lab")
    return read(str(file))


def opened(browser: Browser, page: Path, size: dict[str, int], scheme: str = "light") -> Page:
    """The page of a file in a window of its own."""
    found = browser.new_page(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",  # or the picture is taken during an animation
    )
    found.set_default_timeout(PATIENCE)
    found.goto(page.resolve().as_uri())
    return found


def take(browser: Browser, report: Report, directory: Path) -> None:
    """Take all pictures, those of a host from ``report``: the first lines, an entry explained
    (dark), the ladder at the rung of runc, a phone.
    """
    with tempfile.TemporaryDirectory() as made:
        page = Path(made, "report.html")
        write_report_page(report, str(page))
        opened(browser, page, WHOLE).screenshot(path=directory / "report.png")
        dark = opened(browser, page, TALL, "dark")
        dark.click("#rows .row:has(.right .name:text-is('hosts'))")
        dark.mouse.move(0, 0)  # no row is below the pointer
        dark.locator("#entries-title").evaluate("title => title.scrollIntoView()")
        dark.screenshot(path=directory / "report-entry.png")
        ladder = opened(browser, page, DESK)
        rung = ladder.locator("#ladder th[data-step]:text-is('runc')").get_attribute("data-step")
        slider = ladder.locator("#ladder input[type=range]")
        slider.fill(rung or "")
        slider.blur()
        ladder.locator("#ladder-title").evaluate("title => title.scrollIntoView()")
        ladder.screenshot(path=directory / "report-ladder.png")
        opened(browser, page, PHONE).screenshot(path=directory / "report-phone.png")
        room = made_up_class.room(report, Path(made, "reports"))
        opened(browser, room, DESK).screenshot(path=directory / "room.png")
        watch = made_up_class.watch(Path(made, "watch.html"))
        opened(browser, watch, LOW).screenshot(path=directory / "watch.png")


def main(directory: Path) -> int:
    """Run the experiments and take all pictures. Returns the exit status."""
    if not CHROMIUM.exists():
        print(
            f"pictures: there is no {CHROMIUM}; as root: apt-get install chromium", file=sys.stderr
        )
        return 2
    try:
        with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
            report = verified(Path(made, "report.json"))
            browser = play.chromium.launch(executable_path=CHROMIUM)
            take(browser, report, directory)
            browser.close()
    except NeededError as error:
        return _failed(str(error))
    print("\n".join(str(directory / f"{name}.png") for name in NAMES))
    return 0


def _failed(why: str) -> int:
    print(f"pictures: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"))
