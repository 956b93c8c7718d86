"""The debug vantage: a debug container reads what the host reads, entry by entry."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.live import WalkLimits, read_root
from scratchlab.collect.process import hold_process
from scratchlab.collect.remote.debug_view import NOT_PROVED
from scratchlab.errors import LabError
from scratchlab.lab import verification
from scratchlab.model import Origin
from tests.integration import docker_service, podman_service
from tests.integration.conftest import BUSYBOX, Run, context
from tests.integration.debug_containers import (
    assert_nothing_left,
    assert_same,
    through_debug,
)
from tests.integration.live_roots import attacker, entry, live, pid, root
from tests.integration.test_live_hostile import _DEAD_FUSE, lay_traps

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(autouse=True)
def nothing_is_left(docker_client: docker.DockerClient) -> Iterator[None]:
    """After each test: no debug container, no image of one."""
    yield
    assert_nothing_left(docker_client)


@pytest.fixture
def hostile(shell_image: Image, run_container: Run, tmp_path: Path) -> Container:
    """A container with one of everything that is hard to read."""
    container = run_container(shell_image, tmpfs={"/scratch": "size=64m"})
    inside = root(container)
    lay_traps(inside / "trap", tmp_path)
    lot = inside / "lot"
    lot.mkdir()
    for number in range(40):
        (lot / f"file {number}").write_bytes(os.urandom(number * 20_000))
    (lot / "empty").touch()
    (lot / "setuid").write_bytes(b"#!")
    (lot / "setuid").chmod(0o6755)
    os.chown(lot / "file 1", 4_000_000_000, 12345)
    (lot / "closed").write_bytes(b"for its owner only")
    (lot / "closed").chmod(0)
    os.chown(lot / "closed", 1000, 1000)
    for number in range(3):
        (lot / f"also file 2 {number}").hardlink_to(lot / "file 2")
    (inside / "another name").hardlink_to(lot / "file 3")
    os.mkfifo(lot / "fifo")
    os.mknod(lot / "char", stat.S_IFCHR | 0o600, os.makedev(10, 130))
    os.mknod(lot / "block", stat.S_IFBLK | 0o600, os.makedev(259, 1_000_000))
    os.mknod(lot / "socket", stat.S_IFSOCK | 0o600)
    os.utime(lot / "file 4", ns=(0, 1_234_567_890_123_456_789))
    os.utime(lot / "file 5", ns=(0, -1_500_000_000))
    for attribute, value in {
        "user.note": b"bytes\0\xff",
        "user.empty": b"",
        "user.long": b"x" * 3000,
    }.items():
        os.setxattr(lot / "file 6", attribute, value)
    os.setxattr(lot, "trusted.directory", b"1")
    os.setxattr(lot / "fifo", "trusted.fifo", b"3", follow_symlinks=False)
    subprocess.run(["setcap", "cap_net_raw+ep", lot / "file 7"], check=True)
    odd = os.fsencode(inside / "names")
    os.mkdir(odd)
    for name in (
        b"new\nline",
        b"\x1b]0;owned\x07",
        b"\xff\xfe",
        b"-rf *",
        b"\xe2\x80\xae",
        b"n" * 255,
    ):
        os.mkdir(odd + b"/" + name)
        os.close(os.open(odd + b"/" + name + b"/" + name, os.O_CREAT | os.O_WRONLY))
    deep = inside / "scratch"
    for level in range(600):  # more than the walk keeps open
        deep = deep / f"l{level}"
    deep.mkdir(parents=True)
    (deep / "bottom").write_bytes(b"bottom")
    with open(inside / "scratch/sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    return container


def test_both_vantages_read_the_same_ledger_of_the_sleep_container(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with live(container) as near, through_debug(engine, container) as far:
        assert len(near) == 26
        assert_same(near, far)


def test_both_vantages_read_the_same_ledger_of_a_hostile_container(
    engine: EngineClient, hostile: Container
) -> None:
    with live(hostile) as near, through_debug(engine, hostile) as far:
        assert len(near) > 700
        assert_same(near, far)
        assert entry(far, "/lot/file 7").xattrs[0][0] == "security.capability"
        assert entry(far, "/lot/fifo").xattrs == (("trusted.fifo", b"3"),)
        assert entry(far, "/lot/closed").sha256
        assert entry(far, "/lot/file 3").links == "/another name"
        assert (entry(far, "/scratch/sparse").note or "").startswith("not hashed: larger")


def test_limits_apply_in_both_vantages(engine: EngineClient, hostile: Container) -> None:
    limits = WalkLimits(file_bytes=500_000, root_bytes=5_000_000)
    with live(hostile, limits=limits) as near, through_debug(engine, hostile, limits) as far:
        assert_same(near, far)
        notes = {entry.note for entry in far}
    assert "not hashed: larger than 500000 bytes" in notes
    assert "not hashed: the files before it reached 5000000 bytes" in notes


def test_oversized_ledger_is_refused(engine: EngineClient, hostile: Container) -> None:
    with pytest.raises(LabError, match="holds more names than 100000 bytes can list"):
        through_debug(engine, hostile, WalkLimits(ledger_bytes=100_000))


def test_filesystem_that_never_answers_does_not_block(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    with attacker(_DEAD_FUSE, str(pid(container))), through_debug(engine, container) as far:
        assert entry(far, "/srv").note == "not read: a process answers for fuse"


def test_file_written_meanwhile_is_noted(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    path = root(container) / "dev/shm/log"
    path.write_bytes(b"x" * 20_000_000)
    script = """
import sys
with open(sys.argv[1], "r+b", buffering=0) as log:
    print("ready", flush=True)
    while True:
        log.seek(0)
        log.write(b"y")
"""
    with attacker(script, str(path)), through_debug(engine, container) as far:
        found = entry(far, "/dev/shm/log")
    assert (found.sha256, found.note) == (None, "changed while read")


@pytest.mark.parametrize("mode", ["host", "container"])
def test_process_is_found_in_a_shared_pid_namespace(
    engine: EngineClient, sleep_image: Image, shell_image: Image, run_container: Run, mode: str
) -> None:
    if mode == "container":
        mode = f"container:{run_container(shell_image).id}"
    container = run_container(sleep_image, pid_mode=mode)
    with live(container) as near, through_debug(engine, container) as far:
        assert_same(near, far)
        assert far.get("/bin/sh") is None


def test_user_namespace_hides_no_owner() -> None:
    with docker_service.serve(remapped=True) as engine:
        dockerfile = 'FROM scratch\nCOPY sleep /sleep\nENTRYPOINT ["/sleep", "3600"]\n'
        made = context(dockerfile, {"sleep": BUSYBOX.read_bytes()})
        engine.client.images.build(fileobj=made, custom_context=True, tag="sleep", rm=True)
        container = engine.client.containers.run("sleep", detach=True, network_mode="none")
        container.reload()
        with live(container) as near, through_debug(engine, container) as far:
            assert entry(near, "/sleep").uid == 100000
            assert_same(near, far)
        evidence, judgement = verification.verify(engine, container.id or "", vantage="debug")
        with evidence:
            assert (judgement.problems, judgement.notes) == ((), (NOT_PROVED,))
            assert {finding.prediction for finding in judgement.findings} <= {"agrees", "none"}


def test_podman_containers_are_read(sleep_image: Image) -> None:
    directory = Path(tempfile.mkdtemp(prefix="sl-"))  # a short path: it holds a socket
    with podman_service.serve(directory, "vfs") as (podman, engine):
        container = podman.run(engine, sleep_image)
        near = engine.inspect_container(container.id or "")
        with hold_process(near["State"]["Pid"]) as process:
            ledger = read_root(process.root_fd, process.mounts)
        with ledger, through_debug(engine, container) as far:
            assert_same(ledger, far)
        evidence, judgement = verification.verify(engine, container.id or "", vantage="debug")
        with evidence:
            assert (judgement.problems, judgement.notes) == ((), (NOT_PROVED,))
            foreign = (Origin.UNEXPLAINED, Origin.WRITTEN_LATER)
            assert [finding for finding in judgement.findings if finding.origin in foreign] == []
            assert {finding.prediction for finding in judgement.findings} <= {"agrees", "none"}
