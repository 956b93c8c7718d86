"""`scratchlab why` reads a few paths, and says the same of each as a verification of all."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.errors import LabError
from scratchlab.judge.explain import Explanation, explain
from scratchlab.lab import verification
from scratchlab.lab.answers import answers
from scratchlab.model import Entry
from tests.integration.conftest import BUSYBOX, Build, Run

pytestmark = [pytest.mark.engine, pytest.mark.root]

ROOT = Path(__file__).parents[2]
SCRIPT = """
echo new > /opt/new; mkdir -p /opt/dir/deep; echo x > /opt/dir/deep/file; ln -s /opt/dir /opt/way
rm /srv/removed; rm -r /srv/tree; chmod 700 /srv/changed; echo more >> /srv/changed
rm /srv/was-file; mkdir /srv/was-file; chown 7 /usr/bin/linked1; ln /srv/kept /srv/kept2
rm -r /srv/again; mkdir /srv/again; echo y > /srv/again/new
echo 10.0.0.9 other >> /etc/hosts; echo pid > /run/pid; echo z > /data/user; echo s > /dev/shm/s
echo ready; exec sleep 3600
"""


def tree() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:

        def add(name: str, kind: bytes, data: bytes = b"", link: str = "") -> None:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname = kind, 0o755, link
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for name in ("usr", "usr/bin", "run", "var", "opt", "etc", "srv", "srv/tree", "srv/again",
                     "usr/share", "usr/share/zone", "data"):  # fmt: skip
            add(name, tarfile.DIRTYPE)
        for name in ("kept", "removed", "changed", "was-file", "tree/a", "tree/b", "again/old"):
            add(f"srv/{name}", tarfile.REGTYPE, name.encode())
        add("data/copied", tarfile.REGTYPE, b"copied to the volume")
        add("usr/share/zone/UTC", tarfile.REGTYPE, b"utc")
        add("etc/localtime", tarfile.SYMTYPE, link="/usr/share/zone/UTC")
        add("bin", tarfile.SYMTYPE, link="usr/bin")
        add("var/run", tarfile.SYMTYPE, link="/run")
        add("loop", tarfile.SYMTYPE, link="loop")
        add("usr/bin/linked1", tarfile.REGTYPE, b"linked")
        add("usr/bin/linked2", tarfile.LNKTYPE, link="usr/bin/linked1")
        add("usr/bin/linked3", tarfile.LNKTYPE, link="usr/bin/linked1")
        add("usr/bin/busybox", tarfile.REGTYPE, BUSYBOX.read_bytes())
        for tool in ("sh", "sleep", "mkdir", "rm", "ln", "chmod", "chown"):
            add(f"usr/bin/{tool}", tarfile.SYMTYPE, link="busybox")
    return content.getvalue()


@pytest.fixture(scope="module")
def image(build_image: Build) -> Image:
    dockerfile = "FROM scratch\nADD root.tar /\nVOLUME /data\n"
    return build_image(dockerfile, {"root.tar": tree()}, tag="why")


@pytest.fixture
def busy(image: Image, run_container: Run, tmp_path: Path) -> Container:
    """A container in which much happened, with mounts of every kind."""
    (tmp_path / "bind" / "sub").mkdir(parents=True)
    (tmp_path / "bind" / "sub" / "file").write_text("ours")
    (tmp_path / "zone").write_text("zone")
    container = run_container(
        image,
        command=["/bin/sh", "-c", SCRIPT],
        volumes={str(tmp_path / "bind"): {"bind": "/mnt/in/side", "mode": "rw"},
                 str(tmp_path / "zone"): {"bind": "/etc/localtime", "mode": "ro"}},
        tmpfs={"/run": ""}, working_dir="/work/dir", devices=["/dev/zero:/opt/zero"],
    )  # fmt: skip
    for _ in range(100):
        if b"ready" in container.logs():
            return container
    raise AssertionError(container.logs().decode())


def plain(explanation: Explanation | LabError) -> Any:
    """An explanation, without what two readings may see otherwise."""
    if isinstance(explanation, LabError):
        return explanation.what
    finding = explanation.finding

    def timeless(entry: Entry | None) -> Entry | None:
        return None if entry is None else entry._replace(mtime=None)

    if finding is not None:
        finding = finding._replace(image=timeless(finding.image), live=timeless(finding.live))
    return replace(explanation, finding=finding)


@pytest.fixture
def whole(engine: EngineClient, busy: Container) -> Iterator[Any]:
    with ExitStack() as stack:
        evidence, judgement = verification.verify(engine, str(busy.id))
        stack.enter_context(evidence)
        yield evidence, judgement


def explained(evidence: Any, judgement: Any, path: str) -> Explanation | LabError:
    try:
        return explain(evidence, judgement, path)
    except LabError as error:
        return error


def test_it_says_the_same_of_every_path_as_a_whole_verification(
    engine: EngineClient, busy: Container, whole: Any
) -> None:
    evidence, judgement = whole
    paths = {finding.path for finding in judgement.findings}
    paths |= {ghost.path for ghost in judgement.ghosts}
    paths |= {mount.mount.target for mount in judgement.mounts}
    paths |= {"/bin/sh", "/var/run/pid", "/opt/way/deep/file", "/nowhere", "/proc/1/status",
              "/loop", "/loop/x", "/srv/kept/below", "/bin/../run/pid"}  # fmt: skip
    assert len(paths) > 70
    ordered = sorted(paths)
    differing = []
    for path in ordered:  # each alone: nothing else is read for it
        with answers(engine, str(busy.id), [path]) as answered:
            (answer,) = answered.each
            if plain(answer) != plain(explained(evidence, judgement, path)):
                differing.append(path)
    assert differing == []
    with answers(engine, str(busy.id), ordered) as answered:
        together = [plain(answer) for answer in answered.each]
    assert together == [plain(explained(evidence, judgement, path)) for path in ordered]


def why(container: Container, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scratchlab", "why", str(container.id), *arguments],
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_bound_link_says_where_it_leads(busy: Container) -> None:
    done = why(busy, "/etc/localtime")
    assert "it is a link to /usr/share/zone/UTC: user-mount" in done.stdout


def test_the_advice_names_the_file(busy: Container) -> None:
    for name in ("hostname", "resolv.conf"):  # /etc/hosts was written to since
        assert f"-v FILE:/etc/{name}:ro" in why(busy, f"/etc/{name}").stdout


def test_a_path_that_is_nowhere_has_a_suggestion_and_the_rest_is_told(busy: Container) -> None:
    done = why(busy, "/srv/chnaged", "/srv/kept", "/etc/busybox", "/opt/dri/deep")
    assert done.returncode == 2
    assert "did you mean /srv/changed?" in done.stderr
    assert "did you mean /usr/bin/busybox?" in done.stderr
    assert "did you mean /opt/dir" in done.stderr
    assert done.stdout.startswith("/srv/kept")


def test_json_is_an_object_a_line(busy: Container) -> None:
    done = why(busy, "/srv/changed", "/srv/removed", "/run/pid", "--format", "json")
    changed, removed, pid = (json.loads(line) for line in done.stdout.splitlines())
    assert changed["entry"]["origin"] == "written-later"
    assert changed["layers"]["layer"] == 0
    assert removed["entry"] is None
    assert removed["ghost"]["kind"] == "deleted"
    assert pid["entry"]["evidence"]


def test_nothing_is_read_that_nobody_asked_for(
    engine: EngineClient, busy: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    really = os.open

    def watched(path: Any, *arguments: Any, **options: Any) -> int:
        opened.append(os.fsdecode(path) if isinstance(path, str | bytes) else str(path))
        return really(path, *arguments, **options)

    for number in range(300):
        (tmp_path / "bind" / f"many{number}").touch()
    monkeypatch.setattr(os, "open", watched)
    with answers(engine, str(busy.id), ["/usr/bin/busybox"]) as answered:
        (answer,) = answered.each
    assert isinstance(answer, Explanation)
    assert not [name for name in opened if "many" in name or name == "changed"]
    assert len(opened) < 200
