"""Time of a classroom's page: ``python3 -m tests.benchmarks.classroom_page [COUNT]``.

Writes the page of COUNT simulated reports (500) and opens it in Debian's Chromium. Prints one JSON
line: seconds to judge and write, peak memory in MiB, size of the page in KiB, seconds from
navigation to the first frame after the script, processor seconds of the renderers meanwhile (which
do not depend on other load), and seconds until a search is shown. Fails when 500 machines take
longer than two seconds to open.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import CDPSession, sync_playwright

from scratchlab.cli.classroom import build_classroom
from tests import rooms
from tests.rooms import Reports, made

CHROMIUM = "/usr/bin/chromium"
MOST_SECONDS = 2.0


def simulated_reports(directory: Path, count: int) -> Path:
    """Reports of ``count`` machines; one in ten needs help, for one of five reasons."""
    reports = Reports(directory)
    for number in range(count):
        name = f"student{number:03}"
        trouble = number % 50
        if trouble == 0:
            reports.machine(name, report=None, state="unreachable", reason="no route to host")
        elif trouble == 10:
            reports.machine(name, report=None, state="failed", stage="Provision", reason="no space")
        elif trouble in (20, 30, 40):
            checks = [rooms.check(i, "fail" if i == "E07" else "pass") for i in rooms.CHECKS]
            reports.machine(name, made(name, checks=checks))
        else:
            reports.machine(name, made(name, host={"kernel": f"6.1.0-{number % 3}-amd64"}))
    return reports.finish()


def time_page(page: Path, name: str) -> tuple[float, float, float]:
    """Seconds until the page is loaded and its script has run; processor seconds meanwhile; and
    seconds until a search for ``name`` is shown.
    """
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM)
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        session = browser.new_browser_cdp_session()
        used, start = renderer_seconds(session), time.monotonic()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached")
        tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")
        loaded = time.monotonic() - start
        used = renderer_seconds(session) - used
        start = time.monotonic()
        tab.fill("#search", name)
        # Not a function to wait for: the page's policy evaluates none.
        tab.locator("#count").filter(has_text=re.compile("^1 of")).wait_for()
        searched = time.monotonic() - start
        browser.close()
    return loaded, used, searched


def renderer_seconds(session: CDPSession) -> float:
    """Seconds of processor time of the browser's renderers so far."""
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(float(p["cpuTime"]) for p in processes if p["type"] == "renderer")


def main(count: int) -> int:
    """Measure and print; returns 1 when the page takes too long to open."""
    with tempfile.TemporaryDirectory() as directory:
        reports = simulated_reports(Path(directory) / "reports", count)
        start = time.monotonic()
        build_classroom(str(reports))
        built = time.monotonic() - start
        page = reports / "index.html"
        loaded, used, searched = time_page(page, f"student{count // 2:03}")
        size = page.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = {
        "machines": count,
        "judged_s": round(built, 2),
        "peak_mib": peak >> 10,
        "page_kib": size >> 10,
        "opened_s": round(loaded, 2),
        "renderer_cpu_s": round(used, 2),
        "load": round(os.getloadavg()[0], 1),
        "searched_s": round(searched, 2),
    }
    print(json.dumps(results))
    return int(loaded > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
