"""From a real container to its page: entries of Docker, runc, the kernel and a process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scratchlab.collect.engines import EngineClient
from scratchlab.lab import verification
from scratchlab.report import write
from scratchlab.report.build import build
from tests.browser.conftest import Show
from tests.integration.conftest import BUSYBOX, Build, Run

SHIPPED = (
    "FROM scratch\nCOPY busybox /busybox\nCOPY shipped /dev/shipped\nCOPY shipped /etc/hosts\n"
    'ENTRYPOINT ["/busybox", "sh", "-c"]\n'
)
EVIL = "<img src=x onerror=alert(1)>"
WRITES = f"> '/{EVIL}'; while :; do /busybox sleep 1; done"


@pytest.mark.engine
@pytest.mark.root
def test_real_container_on_the_page(
    engine: EngineClient, build_image: Build, run_container: Run, show: Show, tmp_path: Path
) -> None:
    files = {"busybox": BUSYBOX.read_bytes(), "shipped": b"1.2.3.4 shipped\n"}
    container = run_container(build_image(SHIPPED, files, tag="page"), command=[WRITES])
    deadline = 50
    while not any(change["Path"] == f"/{EVIL}" for change in container.diff() or []):
        deadline -= 1
        assert deadline, "the process writes immediately"
    evidence, judgement = verification.verify(engine, str(container.name), vantage="host")
    with evidence:
        report = build(evidence, judgement, judgement.checks)
        write(report, str(tmp_path / "report.json"))
    page = show(tmp_path / "report.json", viewport={"width": 1400, "height": 2000})
    expect(page.locator(".verdict")).to_contain_text("1 written since the start, all explained")
    expect(page.locator(".story")).to_contain_text("1 from a later write")

    def row(name: str) -> str:
        return f'#rows .row:has(.left .name:text-is("{name}"), .right .name:text-is("{name}"))'

    for name, origin in (
        ("busybox", "image-layer"), (".dockerenv", "engine-init-layer"), ("hosts", "engine-mount"),
        ("null", "runtime-device"), ("proc/", "runtime-filesystem"), (EVIL, "written"),
    ):  # fmt: skip
        expect(page.locator(row(name)).locator(".badge-o")).to_contain_text(origin)
    expect(page.locator(row("shipped")).locator(".ghost em")).to_have_text("shadowed")
    page.click(row("null"))
    expect(page.locator("#detail .level")).to_have_text("MUST")
    page.click(row(EVIL))
    expect(page.locator("#detail h3")).to_have_text(f"/{EVIL}")
    expect(page.locator("#detail .fact-kind").first).to_have_text("writable-layer")
    expect(page.locator("#mounts")).to_contain_text("/proc/sys")
    expect(page.locator("#requirements h2")).to_contain_text(re.compile(r"(\d+) of \1 passed"))
