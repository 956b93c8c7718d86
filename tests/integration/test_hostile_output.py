"""A container and an image full of hostile names: no output format has one of them unescaped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from tests.integration.conftest import BUSYBOX, SESSION, Run
from tests.integration.live_roots import root
from tests.unit.image.archives import Made, classic
from tests.unit.image.build import directory, file, layer, symlink
from tests.unit.image.hostile import EVIL

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
NAME = EVIL.replace("/", "|")


@pytest.fixture
def evil(docker_client: docker.DockerClient, run_container: Run) -> Iterator[Container]:
    """A container with hostile names in its image, its mounts and its written files."""
    name = f"{SESSION}-evil:1"
    tar = layer(
        directory("bin/"), file("bin/busybox", BUSYBOX.read_bytes(), mode=0o755), file(NAME, b"1"),
        directory(f"d{NAME}/"), file(f"d{NAME}/{NAME}", b"2"), symlink(f"s{NAME}", EVIL),
        file(b"\xff\xfe\x1b", b"3"), file(f"gone{NAME}", b"4"), file(f"changed{NAME}", b"5"),
    )  # fmt: skip
    made = Made((tar,), (name,), {"config": {"Labels": {EVIL[:40]: "\x1b[31m"}}})
    docker_client.images.load(classic(made))
    plain = NAME.split("\u202e")[0].replace(":", "")  # Docker accepts no other mount target
    container = run_container(
        name, command=["/bin/busybox", "sleep", "3600"], tmpfs={"/mnt\x1b[2J<b>": ""},
        volumes=[f"/anonymous {plain[:8]}"], environment={"X": "\x1b]0;x\x07"},
    )  # fmt: skip
    inside = os.fsencode(root(container))
    evil_name = os.fsencode(NAME)
    (root(container) / f"gone{NAME}").unlink()
    (root(container) / f"changed{NAME}").write_bytes(b"otherwise")
    os.mkdir(inside + b"/new" + evil_name)
    os.symlink(evil_name, inside + b"/new" + evil_name + b"/link")
    os.mkfifo(inside + b"/fifo" + evil_name)
    Path(os.fsdecode(inside + b"/x" + evil_name)).write_bytes(b"x")
    os.setxattr(inside + b"/x" + evil_name, "user.\x1b[31m", b"\x1b[31m")
    yield container
    container.remove(force=True, v=True)
    docker_client.images.remove(name, force=True)


def scratchlab(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "scratchlab", *arguments], capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": "scripts"}, cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def assert_printable(text: str) -> None:
    raw = {char for char in set(text) - {"\n"} if unicodedata.category(char)[0] == "C"}
    assert not raw, raw


@pytest.mark.parametrize("form", ["table", "json", "mtree"])
def test_live_ledger_in_every_format(evil: Container, form: str) -> None:
    status, out, err = scratchlab("live", str(evil.name), "--format", form)
    assert (status, err) == (0, "")
    assert_printable(out)
    assert "owned" in out
    if form == "json":
        json.loads(out)


def test_report_in_every_format(evil: Container, tmp_path: Path) -> None:
    report, kept = tmp_path / "report.json", tmp_path / "evidence"
    verify = ("verify", str(evil.name), "--json", str(report), "--save-evidence", str(kept))
    status, out, err = scratchlab(*verify)
    assert status == 3, err  # something was written, changed and deleted
    assert_printable(out)
    assert_printable(err)
    assert_printable(report.read_text())
    found = json.loads(report.read_text())
    assert found["summary"]["unexplained"] == 0
    for form in ("table", "json", "tap", "junit"):
        for command in (("report", str(report)), ("replay", str(kept))):
            status, out, err = scratchlab(*command, "--format", form)
            assert (status, err) == (3, ""), (command, form)
            assert_printable(out)
            assert "<script>" not in out or form != "junit"
            if form == "junit":
                ET.fromstring(out)
            if form == "json":
                assert json.loads(out)["summary"] == found["summary"]


def test_why_explains_hostile_paths(evil: Container) -> None:
    for path in (f"/x{NAME}", f"/{NAME}", f"/gone{NAME}", f"/no{NAME}", EVIL):
        argument = path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        status, out, err = scratchlab("why", str(evil.name), argument)
        assert status in (0, 1, 2)
        assert_printable(out)
        assert_printable(err)
        assert "unexpected" not in err
