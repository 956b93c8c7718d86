"""The ladder and the time-lapse with real tools: what each rung shows, and that nothing stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.images import Image

from scratchlab.cli import ladder
from scratchlab.collect.engines import EngineClient
from scratchlab.collect.image import read_archive
from scratchlab.errors import LabError
from scratchlab.experiments import LABEL, Names, e15_built_by_hand
from scratchlab.judge import Judgement
from scratchlab.lab import verification
from scratchlab.lab.session import Laboratory
from scratchlab.ladder import judge, observe, probe_container, stages, workspace
from scratchlab.ladder.model import Lifecycle, Maker, RootView, RungRun
from scratchlab.ladder.rungs import containerd, rungs
from scratchlab.ladder.rungs.bare_runtime import BareRuntime
from scratchlab.ladder.unpacked import unpack
from scratchlab.model import Origin

from . import podman_service
from .conftest import BUSYBOX, SESSION, Build

pytestmark = [pytest.mark.engine, pytest.mark.root]
IMAGE = f"{SESSION}-sleep"
DEVICES = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")}
LINKS = {f"/dev/{name}" for name in ("fd", "stdin", "stdout", "stderr", "ptmx")}
MOUNTED = {"/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"}
ETC = {f"/etc/{name}" for name in ("hostname", "hosts", "mtab", "resolv.conf")}
CORE = {"/dev/core"}  # where the host's kernel has /proc/kcore, crun even where it has none


@pytest.fixture(scope="module")
def climbed(sleep_image: Image, engine: EngineClient) -> Iterator[tuple[RungRun, Lifecycle]]:
    """Everything, seen once."""
    lab = Laboratory(engine)
    yield observe.ladder(lab, IMAGE)
    lab.close()


def paths(views: tuple[RootView, ...]) -> dict[str, set[str]]:
    return {
        view.step.id: {entry.path for entry in view.entries} - {"/"}
        for view in views
        if view.step.available
    }


def test_every_rung_shows_what_its_tool_makes(climbed: tuple[RungRun, Lifecycle]) -> None:
    seen = paths(climbed[0].rungs)
    bare = {"/sleep", "/dev/pts/ptmx"} | MOUNTED | DEVICES | LINKS
    kcore = CORE if os.path.exists("/proc/kcore") else set()
    assert seen["chroot"] == {"/sleep"}
    assert seen["mounts"] == {"/sleep", "/dev/pts/ptmx"} | MOUNTED
    assert seen["runc"] == bare | kcore
    assert seen["crun"] == bare | CORE
    assert seen["containerd"] == bare | kcore | {"/run"}
    assert seen["docker"] == bare | kcore | {"/.dockerenv", "/etc"} | ETC
    assert seen["podman"] - CORE == bare | {"/etc", "/run", "/run/.containerenv"} | ETC
    hidden = next(view.step for view in climbed[0].rungs if view.step.id == "gvisor")
    assert not hidden.available
    assert "hides its root" in hidden.reason
    assert "/sleep" not in hidden.reason


def test_construction_and_evidence_agree_entry_by_entry(climbed: tuple[RungRun, Lifecycle]) -> None:
    rows = {row.path: row for row in judge.judge(climbed[0])}
    compared = {path for path, row in rows.items() if row.agrees is not None}
    assert compared == paths(climbed[0].rungs)["docker"] | {"/"}
    assert all(rows[path].agrees for path in compared)
    made = {maker: {path for path, row in rows.items() if row.maker is maker} for maker in Maker}
    assert made[Maker.IMAGE] == {"/", "/sleep"}
    assert made[Maker.KERNEL] == {"/dev/pts/ptmx"}
    assert made[Maker.RUNTIME] - CORE == MOUNTED | DEVICES | LINKS
    assert made[Maker.CONTAINERD] == {"/run"}
    assert made[Maker.ENGINE] == {"/.dockerenv", "/etc", "/run/.containerenv"} | ETC
    assert not made[Maker.UNKNOWN]


def test_a_life_appears_and_vanishes(climbed: tuple[RungRun, Lifecycle]) -> None:
    seen = paths(climbed[1].stages)
    init = {"/.dockerenv", "/etc", "/dev", "/dev/console", "/dev/pts", "/dev/shm", "/proc", "/sys"}
    assert seen["image"] == {"/sleep"}
    assert seen["created"] == {"/sleep"} | init | ETC
    # All is there before the program is started, and nothing more once it is.
    assert seen["prepared"] == seen["running"]
    assert seen["exec"] - seen["running"] == {"/dev/pts/0"}
    assert seen["stopped"] == seen["created"]
    assert seen["removed"] == set()
    assert not [row for row in stages.judge(climbed[1]) if row.agrees is False]
    prepared = next(view for view in climbed[1].stages if view.step.id == "prepared")
    running = next(view for view in climbed[1].stages if view.step.id == "running")
    assert prepared.filesystems == running.filesystems
    assert prepared.entries == running.entries


def test_nothing_is_left(
    climbed: tuple[RungRun, Lifecycle], docker_client: docker.DockerClient
) -> None:
    assert climbed
    assert not remains(docker_client)


@pytest.mark.parametrize("seconds", [0.6, 1.5, 2.5, 4.0])
def test_the_next_run_removes_what_a_killed_one_left(
    seconds: float, sleep_image: Image, docker_client: docker.DockerClient
) -> None:
    killed = subprocess.Popen(
        [sys.executable, "-m", "scratchlab", "ladder", "--image", IMAGE],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": "scripts"},
    )
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(seconds)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert ladder.remove_leftovers() == 0
    assert not remains(docker_client)


def test_a_child_of_a_killed_runtime_that_no_state_names_is_ended_by_its_control_group(
    tmp_path: Path,
) -> None:
    tops = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()]
    groups = [top / f"{workspace.NAME}-orphan" for top in tops if (top / "cgroup.procs").exists()]
    child = subprocess.Popen(["sleep", "60"])
    try:
        for group in groups:
            group.mkdir()
            with suppress(OSError):  # a cpuset takes nobody before it is set up
                (group / "cgroup.procs").write_text(str(child.pid))
        BareRuntime("runc").down(str(tmp_path))
        assert child.wait(5) == -signal.SIGKILL
        assert not [group for group in groups if group.exists()]
    finally:
        child.kill()
        child.wait()
        for group in groups:
            with suppress(OSError):
                group.rmdir()


def remains(client: docker.DockerClient) -> list[str]:
    """Traces of a ladder anywhere on this machine."""
    found = [path for path in (workspace.DIRECTORY,) if os.path.exists(path)]
    mounts = Path("/proc/self/mountinfo").read_text()
    found += [line for line in mounts.splitlines() if workspace.DIRECTORY in line]
    space = os.readlink("/proc/self/ns/pid")
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            args = (directory / "cmdline").read_bytes()
            # Other labs, in containers of this machine, are none of ours.
            ours = os.readlink(directory / "ns/pid") == space
        except OSError:
            continue
        if ours and workspace.DIRECTORY.encode() in args:
            found.append(f"process {directory.name}: {args!r}")
    for level in (f"{workspace.NAME}*", f"*/{workspace.NAME}*"):
        found += [str(path) for path in Path("/sys/fs/cgroup").glob(level)]
    for one in client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL}):
        # Who else climbs a ladder on this engine, does it with another image.
        mine = str(one.attrs["Config"]["Image"]).startswith(SESSION)
        found += [str(one.name)] if mine and str(one.name).startswith(workspace.NAME) else []
    for socket in filter(os.path.exists, containerd.SOCKETS):
        listed = workspace.run_program(["ctr", "--address", socket, "namespace", "list", "--quiet"])
        found += [name for name in listed.split() if name == workspace.NAME]
    return found


def test_a_rung_that_is_not_here_is_named_and_the_rest_holds(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = workspace.find_program
    gone = {"crun", "podman", "runsc", "ctr"}
    monkeypatch.setattr(workspace, "find", lambda name: None if name in gone else here(name))
    lab = Laboratory(engine, Names(image=IMAGE))
    seen = e15_built_by_hand.probe(lab)
    lab.close()
    outcome = e15_built_by_hand.judge(seen)
    assert outcome.fault is None, outcome
    for package in ("crun", "podman", "runsc", "containerd"):
        assert f"not here: install {package}" in outcome.words["absent"]


def test_an_origin_that_is_wrong_fails_the_experiment(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = verification.verify

    def lying(*arguments: Any, **options: Any) -> tuple[Any, Judgement]:
        evidence, found = verify(*arguments, **options)
        findings = tuple(
            replace(one, origin=Origin.RUNTIME_MOUNTPOINT) if one.path == "/.dockerenv" else one
            for one in found.findings
        )
        return evidence, replace(found, findings=findings)

    monkeypatch.setattr(probe_container, "verify", lying)
    few = tuple(rung for rung in rungs() if rung.id in ("chroot", "mounts", "runc"))
    monkeypatch.setattr(observe, "rungs", lambda: few)
    lab = Laboratory(engine, Names(image=IMAGE))
    outcome = e15_built_by_hand.judge(e15_built_by_hand.probe(lab))
    lab.close()
    assert outcome.fault == "disagrees"
    assert outcome.words["disagreements"] == (
        "/.dockerenv: engine (first on docker), by evidence runtime-mountpoint"
    )


def test_where_podman_is_the_labs_engine_its_own_ways_agree_too(
    sleep_image: Image, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limits = tmp_path / "containers.conf"  # see podman_service: what this root may set
    limits.write_text('[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n')
    monkeypatch.setenv("CONTAINERS_CONF", str(limits))
    few = tuple(rung for rung in rungs() if rung.id in ("chroot", "mounts", "runc"))
    monkeypatch.setattr(observe, "rungs", lambda: few)
    directory = tempfile.mkdtemp(prefix="sl-ladder-")
    with podman_service.serve(Path(directory), "overlay") as (_, engine):
        loaded = engine.client.images.load(b"".join(sleep_image.save(named=True)))[0]
        lab = Laboratory(engine, Names(image=str(loaded.tags[0])))
        seen = e15_built_by_hand.probe(lab)
        lab.close()
    outcome = e15_built_by_hand.judge(seen)
    assert outcome.fault is None, outcome
    assert "docker: not asked" in outcome.words["absent"]
    rows = {row.path: row for row in judge.judge(seen.climb)}
    assert (rows["/run"].maker, rows["/run"].origin) == (Maker.ENGINE, "runtime-mountpoint")
    assert (rows["/dev/shm"].origin, rows["/dev/shm"].agrees) == ("engine-mount", None)
    stage = {row.path: row.first for row in stages.judge(seen.life)}
    # podman has no init layer: what is there at the start was the image's.
    assert "created" not in stage.values()
    assert stage["/run/.containerenv"] == "prepared"
    assert stage["/etc/mtab"] == "running"


def test_processes_of_another_lab_with_the_same_directory_names_are_left_alone(
    sleep_image: Image, engine: EngineClient, tmp_path: Path
) -> None:
    """A lab in a container of this machine: its directories have the same names as ours."""
    with observe.workshop(Laboratory(engine), IMAGE) as (shop, _):
        chroot = next(rung for rung in rungs() if rung.id == "chroot")
        started = chroot.up(shop)
        root = f"{shop.directory}/chroot/rootfs"
        shutil.copy(BUSYBOX, tmp_path / "sleep")
        there = 'mount --bind "$0" "$1"; exec chroot "$1" /sleep 60'
        theirs = subprocess.Popen(["unshare", "--mount", "sh", "-c", there, str(tmp_path), root])
        try:
            link = Path(f"/proc/{theirs.pid}/root")
            until = time.monotonic() + 20
            while os.readlink(link) != root and time.monotonic() < until:
                time.sleep(0.01)
            assert os.readlink(link) == root
            chroot.down(shop.directory)
            assert theirs.poll() is None
            assert not os.path.exists(f"/proc/{started.pid}/exe")
        finally:
            theirs.kill()
            theirs.wait()


def test_two_at_once_wait_for_one_another_and_the_second_disturbs_nothing(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_WAIT", 0.3)
    with workspace.open_workspace() as directory:
        Path(directory, "mine").write_text("untouched")
        with pytest.raises(LabError, match="another ladder"):
            observe.timelapse(Laboratory(engine), IMAGE)
        assert Path(directory, "mine").read_text() == "untouched"
    assert not os.path.exists(directory)
    monkeypatch.setattr(workspace, "_WAIT", 60.0)
    with ThreadPoolExecutor() as pool:
        with workspace.open_workspace():
            second = pool.submit(_opened)
            time.sleep(0.3)
            assert not second.done()
        assert second.result()
    assert not os.path.exists(directory)


def _opened() -> bool:
    with workspace.open_workspace() as directory:
        return os.path.isdir(directory)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("no-such-image-here", "no such image"),
        (f"{SESSION}-silent", "names no program"),
        (f"{SESSION}-hollow", "refused.*/absent"),
    ],
)
def test_what_cannot_be_started_says_so_and_leaves_nothing(
    image: str,
    why: str,
    build_image: Build,
    engine: EngineClient,
    docker_client: docker.DockerClient,
) -> None:
    build_image("FROM scratch\nCOPY data /\n", {"data": b"x"}, tag="silent")
    build_image('FROM scratch\nCOPY data /\nCMD ["/absent"]\n', {"data": b"x"}, tag="hollow")
    lab = Laboratory(engine)
    with pytest.raises(LabError, match=why):
        observe.timelapse(lab, image)
    lab.close()
    assert not remains(docker_client)


ODD = """FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
RUN ["/bin/sh", "-c", "/bin/busybox mkdir -p /a/b /gone /opaque; echo one > /a/b/one; \
/bin/busybox ln /a/b/one /a/two; /bin/busybox ln -s /etc/../a/b /link; echo x > /gone/x; \
/bin/busybox mkfifo /pipe; /bin/busybox chown 1000:2000 /a/b/one; /bin/busybox chmod 4711 /a/b; \
echo below > /opaque/old; /bin/busybox mknod /node c 1 3"]
RUN ["/bin/sh", "-c", "/bin/busybox rm -r /gone /opaque; /bin/busybox mkdir /opaque; \
echo new > /opaque/new; echo two > /a/b/one"]
CMD ["/bin/busybox", "sleep", "3600"]
"""


@pytest.fixture
def odd(build_image: Build, engine: EngineClient, tmp_path: Path) -> Path:
    """The archive of an image with several layers and all kinds of entries."""
    image = build_image(ODD, {"busybox": BUSYBOX.read_bytes()}, tag="odd")
    path = tmp_path / "odd.tar"
    with engine.save(str(image.tags[0])) as stream, path.open("wb") as file:
        while block := stream.read(1 << 20):
            file.write(block)
    return path


def test_any_image_is_unpacked_to_exactly_its_ledger(odd: Path, tmp_path: Path) -> None:
    with odd.open("rb") as file:
        ledger = read_archive(file).ledger
    root = tmp_path / "root"
    unpack(ledger, str(odd), str(root))
    assert (root / "a/b/one").read_text() == "two\n"
    assert (root / "a/two").read_text() == "one\n"
    assert not (root / "opaque/old").exists()
    assert (root / "a/b").stat().st_mode & 0o7777 == 0o4711
    assert (root / "pipe").is_fifo()
    assert os.readlink(root / "link") == "/etc/../a/b"
    assert (root / "a/b/one").stat().st_uid == 1000
    assert (root / "bin/sh").read_bytes() == BUSYBOX.read_bytes()


def _other_content(ledger: Any) -> None:
    ledger.put(replace(ledger.get("/a/b/one"), sha256="0" * 64))


def _other_mode(ledger: Any) -> None:
    ledger.put(replace(ledger.get("/a/b/one"), size=99))


def _below_a_link(ledger: Any) -> None:
    ledger.put(replace(ledger.get("/a/b/one"), path="/link/inside"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_other_content, "no content for /a/b/one"),
        (_other_mode, "is not what the archive holds"),
        (_below_a_link, "lies below what is no directory"),
    ],
)
def test_what_is_not_exactly_the_ledger_is_refused(
    change: Callable[[Any], None], why: str, odd: Path, tmp_path: Path
) -> None:
    with odd.open("rb") as file:
        ledger = read_archive(file).ledger
    change(ledger)
    with pytest.raises(LabError, match=why):
        unpack(ledger, str(odd), str(tmp_path / "root"))


def test_a_program_that_ends_at_once_is_a_rung_that_says_so(
    build_image: Build, engine: EngineClient, docker_client: docker.DockerClient
) -> None:
    dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "false"]\n'
    build_image(dockerfile, {"busybox": BUSYBOX.read_bytes()}, tag="short")
    start = time.monotonic()
    lab = Laboratory(engine)
    with pytest.raises(LabError, match=r"is stopped|ended|no process"):
        observe.ladder(lab, f"{SESSION}-short")
    lab.close()
    assert time.monotonic() - start < 10
    with observe.workshop(lab, f"{SESSION}-short") as (shop, _):
        seen = [
            observe.run_rung(shop, rung).step for rung in rungs() if rung.id in ("chroot", "runc")
        ]
    assert [step.available for step in seen] == [False, False]
    assert all(step.reason for step in seen)
    assert not remains(docker_client)
