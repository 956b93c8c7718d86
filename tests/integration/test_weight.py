"""What a container wrote, weighed: the same from the host and from a debug container."""

from __future__ import annotations

import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.lab import verification
from scratchlab.report.build import build
from tests.integration.conftest import BUSYBOX, Build, Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

DOCKERFILE = """\
FROM scratch
COPY busybox sh /bin/
COPY tool /usr/bin/tool
COPY installed /lib/apk/db/installed
COPY su kept /etc/
"""
DATABASE = b"P:tool\nV:2-r0\nF:usr/bin\nR:tool\nF:usr/share\nR:tool.txt\nF:etc\nR:kept\n\n"
SCRIPT = """\
set -e
b=/bin/busybox
$b cp /bin/busybox /etc/program
$b echo '#!/bin/sh' > /usr/script
$b echo changed >> /usr/bin/tool
$b chmod 4755 /etc/su
$b mkdir -p /usr/share /var/log
$b echo text > /usr/share/tool.txt
$b echo x > /etc/own.conf
$b echo x > /srv
$b echo x > /var/log/own
$b rm /etc/kept
$b ln -s /etc/program /bin/link
$b mkfifo /own
$b ln -s /etc /aside
"""
WEIGHTS = {
    "/aside": ("data", None, None),
    "/bin/link": ("program", None, None),
    "/etc/kept": ("package", None, "apk: tool 2-r0"),
    "/etc/own.conf": ("configuration", None, None),
    "/etc/program": ("program", "ELF", None),
    "/etc/su": ("privilege", "script", None),
    "/own": ("passing", None, None),
    "/srv": ("data", None, None),
    "/usr/bin/tool": ("program", "script", "apk: tool 2-r0"),
    "/usr/script": ("program", "script", None),
    "/usr/share": ("data", None, None),
    "/usr/share/tool.txt": ("package", None, "apk: tool 2-r0"),
    "/var": ("data", None, None),
    "/var/log": ("passing", None, None),
    "/var/log/own": ("passing", None, None),
}


@pytest.fixture(scope="module")
def tool_image(build_image: Build) -> Image:
    script = b"#!/bin/sh\n"
    shell = BUSYBOX.read_bytes()
    files = {"busybox": shell, "sh": shell, "tool": script, "su": script, "kept": b"x",
             "installed": DATABASE}  # fmt: skip
    return build_image(DOCKERFILE, files, tag="weight")


@pytest.mark.parametrize("vantage", ["host", "debug"])
def test_changes_are_weighed(
    engine: EngineClient, tool_image: Image, run_container: Run, vantage: str
) -> None:
    container = run_container(tool_image, command=["/bin/busybox", "sleep", "3600"])
    assert container.exec_run(["/bin/sh", "-c", SCRIPT]).exit_code == 0
    evidence, judgement = verification.verify(engine, container.name or "", vantage=vantage)
    with evidence:
        report = build(evidence, judgement)
    found = {
        section["path"]: (drift["weight"], drift.get("content"), drift.get("package"))
        for section in [*report.entries, *report.head["ghosts"]]
        if (drift := section.get("drift")) is not None
    }
    assert found == WEIGHTS
    steps = {entry["path"]: entry["image"] for entry in report.entries if entry["image"]}
    assert [layer["layer"] for layer in report.head["image"]["layers"]] == [0, 1, 2, 3]
    assert steps["/etc/su"].get("layer") == 3
