"""A large container is verified in 100 MiB, the reader's process included, and so is its page made.

What is summed is the proportional set size (proc_pid_smaps(5)) of all processes at one moment: the
reader's process shares most of its pages with the one that started it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from docker.models.images import Image

from tests.integration.conftest import BUSYBOX, Build, Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

FILES = 40_000
MOST = 100 << 20  # bytes
ENVIRONMENT = {**os.environ, "PYTHONPATH": "scripts"}


@pytest.fixture(scope="module")
def large(build_image: Build) -> Image:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for number in range(FILES):
            member = tarfile.TarInfo(f"usr/share/doc/package-{number % 500}/file-{number}")
            member.size = 20
            tar.addfile(member, io.BytesIO(b"%020d" % number))
    files = {"root.tar": content.getvalue(), "busybox": BUSYBOX.read_bytes()}
    dockerfile = (
        'FROM scratch\nADD root.tar /\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox","sleep","1h"]'
    )
    return build_image(f"{dockerfile}\n", files, tag="large")


def memory(pid: int) -> int:
    """The memory of a process and of all that it started, in bytes."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended
        return 0
    own = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return (own << 10) + sum(memory(int(child)) for child in children)


def peak(*arguments: str) -> int:
    """The most memory that ``scratchlab ARGUMENTS`` takes at any moment, in bytes."""
    command = [sys.executable, "-m", "scratchlab", *arguments]
    most = 0
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            most = max(most, memory(child.pid))
            time.sleep(0.03)
    assert child.returncode == 0
    return most


def test_verification_and_page_of_a_large_container(
    large: Image, run_container: Run, tmp_path: Path
) -> None:
    container, report = run_container(large), str(tmp_path / "report.json")
    assert container.name
    assert peak("verify", container.name, "--fresh", "--json", report) < MOST
    assert os.path.getsize(report) > FILES * 100
    assert peak("report", report, "--html", str(tmp_path / "page.html")) < MOST
