"""The ladder and the time-lapse with real tools: what each rung shows, and that nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
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
from scratchlab.errors import LabError
from scratchlab.experiments import e15_built_by_hand
from scratchlab.judge import Judgement
from scratchlab.lab import verification
from scratchlab.lab.session import Laboratory
from scratchlab.labels import LABEL, Names
from scratchlab.ladder import observe, probe_container, workspace
from scratchlab.ladder.judge import judge_ladder, judge_lifecycle
from scratchlab.ladder.model import LadderRun, Lifecycle, Maker, RootView
from scratchlab.ladder.rungs import all_rungs, containerd
from scratchlab.ladder.rungs.bare_runtime import BareRuntime
from scratchlab.ladder.rungs.rung import Rung
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
def observed(sleep_image: Image, engine: EngineClient) -> Iterator[tuple[LadderRun, Lifecycle]]:
    """The ladder and the lifecycle of the sleep image, observed once."""
    lab = Laboratory(engine)
    yield observe.observe_ladder(lab, IMAGE)
    lab.close()


def paths(views: tuple[RootView, ...]) -> dict[str, set[str]]:
    return {
        view.step.id: {entry.path for entry in view.entries} - {"/"}
        for view in views
        if view.step.available
    }


def test_every_rung_shows_what_its_tool_makes(observed: tuple[LadderRun, Lifecycle]) -> None:
    shown = paths(observed[0].rungs)
    bare = {"/sleep", "/dev/pts/ptmx"} | MOUNTED | DEVICES | LINKS
    kcore = CORE if os.path.exists("/proc/kcore") else set()
    assert shown["chroot"] == {"/sleep"}
    assert shown["mounts"] == {"/sleep", "/dev/pts/ptmx"} | MOUNTED
    assert shown["runc"] == bare | kcore
    assert shown["crun"] == bare | CORE
    assert shown["containerd"] == bare | kcore | {"/run"}
    assert shown["docker"] == bare | kcore | {"/.dockerenv", "/etc"} | ETC
    assert shown["podman"] - CORE == bare | {"/etc", "/run", "/run/.containerenv"} | ETC
    hidden = next(view.step for view in observed[0].rungs if view.step.id == "gvisor")
    assert not hidden.available
    assert "hides its root" in hidden.reason
    assert "/sleep" not in hidden.reason


def test_construction_and_evidence_agree_entry_by_entry(
    observed: tuple[LadderRun, Lifecycle],
) -> None:
    rows = {row.path: row for row in judge_ladder(observed[0])}
    compared = {path for path, row in rows.items() if row.agrees is not None}
    assert compared == paths(observed[0].rungs)["docker"] - {"/"}
    assert all(rows[path].agrees for path in compared)
    made = {maker: {path for path, row in rows.items() if row.maker is maker} for maker in Maker}
    assert made[Maker.IMAGE] == {"/sleep"}
    assert made[Maker.KERNEL] == {"/dev/pts/ptmx"}
    assert made[Maker.RUNTIME] - CORE == MOUNTED | DEVICES | LINKS
    assert made[Maker.CONTAINERD] == {"/run"}
    assert made[Maker.ENGINE] == {"/.dockerenv", "/etc", "/run/.containerenv"} | ETC
    assert made[Maker.UNKNOWN] == {"/"}, "every rung is given a root"


def test_entries_appear_and_vanish_over_a_lifecycle(observed: tuple[LadderRun, Lifecycle]) -> None:
    shown = paths(observed[1].stages)
    init = {"/.dockerenv", "/etc", "/dev", "/dev/console", "/dev/pts", "/dev/shm", "/proc", "/sys"}
    assert shown["image"] == {"/sleep"}
    assert shown["created"] == {"/sleep"} | init | ETC
    # Every entry is there before the program starts; the start adds nothing.
    assert shown["prepared"] == shown["running"]
    assert shown["exec"] - shown["running"] == {"/dev/pts/0"}
    assert shown["stopped"] == shown["created"]
    assert shown["removed"] == set()
    assert not [row for row in judge_lifecycle(observed[1]) if row.agrees is False]
    prepared = next(view for view in observed[1].stages if view.step.id == "prepared")
    running = next(view for view in observed[1].stages if view.step.id == "running")
    assert prepared.filesystems == running.filesystems
    assert prepared.entries == running.entries


def test_ladder_leaves_nothing_behind(
    observed: tuple[LadderRun, Lifecycle], docker_client: docker.DockerClient
) -> None:
    assert observed
    assert not remains(docker_client)


@pytest.mark.parametrize("seconds", [0.6, 1.5, 2.5, 4.0])
def test_next_run_removes_leftovers_of_an_interrupted_run(
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


@pytest.mark.parametrize(
    ("rung", "name"),
    [
        (BareRuntime("runc"), f"{workspace.NAME}-orphan"),
        (containerd.Containerd(), f"{workspace.NAME}/orphan"),
    ],
    ids=["runc", "containerd"],
)
def test_orphan_of_an_interrupted_runtime_is_killed_by_its_control_group(
    tmp_path: Path, rung: Rung, name: str
) -> None:
    tops = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()]
    groups = [top / name for top in tops if (top / "cgroup.procs").exists()]
    child = subprocess.Popen(["sleep", "60"])
    try:
        for group in groups:
            group.mkdir(parents=True)
            with suppress(OSError):  # a cpuset accepts no process before it is set up
                (group / "cgroup.procs").write_text(str(child.pid))
        rung.down(str(tmp_path))
        assert child.wait(5) == -signal.SIGKILL
        assert not [top for top in tops if (top / Path(name).parts[0]).exists()]
    finally:
        child.kill()
        child.wait()
        for group in groups:
            with suppress(OSError):
                os.removedirs(group)


def remains(client: docker.DockerClient) -> list[str]:
    """Traces of a ladder anywhere on this machine, one a line."""
    found = [path for path in (workspace.DIRECTORY,) if os.path.exists(path)]
    mounts = Path("/proc/self/mountinfo").read_text()
    found += [line for line in mounts.splitlines() if workspace.DIRECTORY in line]
    space = os.readlink("/proc/self/ns/pid")
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            args = (directory / "cmdline").read_bytes()
            # A lab in a container of this machine is not ours.
            ours = os.readlink(directory / "ns/pid") == space
        except OSError:
            continue
        if ours and workspace.DIRECTORY.encode() in args:
            found.append(f"process {directory.name}: {args!r}")
    for level in (f"{workspace.NAME}*", f"*/{workspace.NAME}*"):
        found += [str(path) for path in Path("/sys/fs/cgroup").glob(level)]
    labelled = client.containers.list(all=True, ignore_removed=True, filters={"label": LABEL})
    for container in labelled:
        # Another session's ladder on this engine uses another image.
        ours = str(container.attrs["Config"]["Image"]).startswith(SESSION)
        if ours and str(container.name).startswith(workspace.NAME):
            found.append(str(container.name))
    for socket in filter(os.path.exists, containerd.SOCKETS):
        listed = workspace.run_program(["ctr", "--address", socket, "namespace", "list", "--quiet"])
        found += [name for name in listed.split() if name == workspace.NAME]
    return found


def test_rung_that_is_not_installed_is_named_and_the_rest_agrees(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    which = shutil.which
    gone = {"crun", "podman", "runsc", "ctr"}
    monkeypatch.setattr(shutil, "which", lambda name: None if name in gone else which(name))
    lab = Laboratory(engine, Names(image=IMAGE))
    observation = e15_built_by_hand.probe(lab)
    lab.close()
    outcome = e15_built_by_hand.judge(observation)
    assert outcome.fault is None, outcome
    for package in ("crun", "podman", "runsc", "containerd"):
        assert f"not installed: install {package}" in outcome.placeholders["absent"]


def test_wrong_origin_fails_the_experiment(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = verification.verify

    def wrong_origin(*arguments: Any, **options: Any) -> tuple[Any, Judgement]:
        evidence, judgement = verify(*arguments, **options)
        findings = tuple(
            finding._replace(origin=Origin.RUNTIME_MOUNTPOINT)
            if finding.path == "/.dockerenv"
            else finding
            for finding in judgement.findings
        )
        return evidence, replace(judgement, findings=findings)

    monkeypatch.setattr(probe_container, "verify", wrong_origin)
    few = tuple(rung for rung in all_rungs() if rung.id in ("chroot", "mounts", "runc"))
    monkeypatch.setattr(observe, "all_rungs", lambda: few)
    lab = Laboratory(engine, Names(image=IMAGE))
    outcome = e15_built_by_hand.judge(e15_built_by_hand.probe(lab))
    lab.close()
    assert outcome.fault == "disagrees"
    assert outcome.placeholders["disagreements"] == (
        "/.dockerenv: engine (first on docker), by evidence runtime-mountpoint"
    )


def test_construction_and_evidence_agree_on_podman(
    sleep_image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tuple(rung for rung in all_rungs() if rung.id in ("chroot", "mounts", "runc"))
    monkeypatch.setattr(observe, "all_rungs", lambda: few)
    directory = tempfile.mkdtemp(prefix="sl-ladder-")
    with podman_service.serve(Path(directory), "overlay") as (_, engine):
        loaded = engine.client.images.load(b"".join(sleep_image.save(named=True)))[0]
        lab = Laboratory(engine, Names(image=str(loaded.tags[0])))
        observation = e15_built_by_hand.probe(lab)
        lab.close()
    outcome = e15_built_by_hand.judge(observation)
    assert outcome.fault is None, outcome
    assert "docker: not tried" in outcome.placeholders["absent"]
    rows = {row.path: row for row in judge_ladder(observation.climb)}
    assert (rows["/run"].maker, rows["/run"].origin) == (Maker.ENGINE, "runtime-mountpoint")
    assert (rows["/dev/shm"].origin, rows["/dev/shm"].agrees) == ("engine-mount", None)
    stage = {row.path: row.first for row in judge_lifecycle(observation.life)}
    # podman has no init layer: before the start there are only the image's entries.
    assert "created" not in stage.values()
    assert stage["/run/.containerenv"] == "prepared"
    assert stage["/etc/mtab"] == "running"


def test_processes_of_another_lab_with_the_same_directory_name_are_left_alone(
    sleep_image: Image, engine: EngineClient, tmp_path: Path
) -> None:
    """A lab in a container of this machine: its directories have the same names as ours."""
    with observe.prepared_workspace(Laboratory(engine), IMAGE) as (prepared, _):
        chroot = next(rung for rung in all_rungs() if rung.id == "chroot")
        started = chroot.up(prepared)
        root = f"{prepared.directory}/chroot/rootfs"
        shutil.copy(BUSYBOX, tmp_path / "sleep")
        there = 'mount --bind "$0" "$1"; exec chroot "$1" /sleep 60'
        theirs = subprocess.Popen(["unshare", "--mount", "sh", "-c", there, str(tmp_path), root])
        try:
            link = Path(f"/proc/{theirs.pid}/root")
            until = time.monotonic() + 20
            while os.readlink(link) != root and time.monotonic() < until:
                time.sleep(0.01)
            assert os.readlink(link) == root
            chroot.down(prepared.directory)
            assert theirs.poll() is None
            assert not os.path.exists(f"/proc/{started.pid}/exe")
        finally:
            theirs.kill()
            theirs.wait()


def test_second_ladder_waits_for_the_first_and_disturbs_nothing(
    sleep_image: Image, engine: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "_LOCK_SECONDS", 0.3)
    with workspace.exclusive_directory() as directory:
        Path(directory, "mine").write_text("untouched")
        with pytest.raises(LabError, match="another ladder"):
            observe.observe_lifecycle(Laboratory(engine), IMAGE)
        assert Path(directory, "mine").read_text() == "untouched"
    assert not os.path.exists(directory)
    monkeypatch.setattr(workspace, "_LOCK_SECONDS", 60.0)
    with ThreadPoolExecutor() as pool:
        with workspace.exclusive_directory():
            second = pool.submit(_opened)
            time.sleep(0.3)
            assert not second.done()
        assert second.result()
    assert not os.path.exists(directory)


def _opened() -> bool:
    with workspace.exclusive_directory() as directory:
        return os.path.isdir(directory)


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("no-such-image-here", "no such image"),
        (f"{SESSION}-silent", "names no program"),
        (f"{SESSION}-hollow", "refused.*/absent"),
    ],
)
def test_image_that_cannot_be_started_is_an_error_and_leaves_nothing(
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
        observe.observe_lifecycle(lab, image)
    lab.close()
    assert not remains(docker_client)


def test_rung_whose_program_ends_at_once_has_a_reason(
    build_image: Build, engine: EngineClient, docker_client: docker.DockerClient
) -> None:
    dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nCMD ["/bin/busybox", "false"]\n'
    build_image(dockerfile, {"busybox": BUSYBOX.read_bytes()}, tag="short")
    start = time.monotonic()
    lab = Laboratory(engine)
    with pytest.raises(LabError, match=r"is stopped|ended|no process"):
        observe.observe_ladder(lab, f"{SESSION}-short")
    lab.close()
    assert time.monotonic() - start < 10
    with observe.prepared_workspace(lab, f"{SESSION}-short") as (prepared, _):
        few = [rung for rung in all_rungs() if rung.id in ("chroot", "runc")]
        steps = [observe.run_rung(prepared, rung).step for rung in few]
    assert [step.available for step in steps] == [False, False]
    assert all(step.reason for step in steps)
    assert not remains(docker_client)
