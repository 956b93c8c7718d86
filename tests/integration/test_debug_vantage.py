"""The other window: a debug container sees what the host sees, entry by entry."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.live import WalkLimits, read_root
from scratchlab.collect.process import hold
from scratchlab.collect.remote import open_window as debug_opened
from scratchlab.collect.vantage import open_view
from scratchlab.errors import LabError
from scratchlab.lab import verification
from scratchlab.labels import LABEL
from scratchlab.ledger import Ledger
from scratchlab.model import Json, Origin
from scratchlab.progress import Progress
from scratchlab.report import build
from tests.integration import docker_service, podman_service
from tests.integration.conftest import BUSYBOX, Run, context
from tests.integration.live_roots import attacker, entry, live, pid, root
from tests.integration.test_live_hostile import _DEAD_FUSE, lay_traps

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(autouse=True)
def nothing_is_left(docker_client: docker.DockerClient) -> Iterator[None]:
    """After each test: no debug container, no image of one."""
    yield
    assert_none_left(docker_client)
    assert docker_client.images.list("scratchlab-agent") == []


def agents(client: docker.DockerClient) -> list[Json]:
    """The debug containers that there are. By the plain list: others come and go meanwhile."""
    listed = client.api.containers(all=True, filters={"label": LABEL})
    return [one for one in listed if one["Image"].startswith("scratchlab-agent")]


def assert_none_left(client: docker.DockerClient) -> None:
    for _ in range(100):
        if not agents(client):
            return
        time.sleep(0.1)  # the engine removes it by itself
    assert agents(client) == []


def described(engine: EngineClient, container: Container) -> Json:
    return engine.inspect_container(container.id or "")


def through_debug(
    engine: EngineClient, container: Container, limits: WalkLimits | None = None
) -> Ledger:
    with debug_opened(engine, described(engine, container), limits=limits) as window:
        return window.read()


def assert_same(near: Ledger, far: Ledger) -> None:
    """Every field of every entry, times and mount ids among them."""
    pairs = zip(near, far, strict=True)
    assert [(one, other) for one, other in pairs if one != other] == []
    assert near.digest() == far.digest()


@pytest.fixture
def hostile(shell_image: Image, run_container: Run, tmp_path: Path) -> Container:
    """A container that holds one of everything that a reader can stumble over."""
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
    for name, value in {
        "user.note": b"bytes\0\xff",
        "user.empty": b"",
        "user.long": b"x" * 3000,
    }.items():
        os.setxattr(lot / "file 6", name, value)
    os.setxattr(lot, "trusted.directory", b"1")
    os.setxattr(lot / "fifo", "trusted.fifo", b"3", follow_symlinks=False)
    subprocess.run(["setcap", "cap_net_raw+ep", lot / "file 7"], check=True)
    odd = os.fsencode(inside / "names")
    os.mkdir(odd)
    for one in (
        b"new\nline",
        b"\x1b]0;owned\x07",
        b"\xff\xfe",
        b"-rf *",
        b"\xe2\x80\xae",
        b"n" * 255,
    ):
        os.mkdir(odd + b"/" + one)
        os.close(os.open(odd + b"/" + one + b"/" + one, os.O_CREAT | os.O_WRONLY))
    deep = inside / "scratch"
    for level in range(600):  # more than the walk keeps open
        deep = deep / f"l{level}"
    deep.mkdir(parents=True)
    (deep / "bottom").write_bytes(b"bottom")
    with open(inside / "scratch/sparse", "wb") as sparse:
        sparse.truncate(1 << 40)
    return container


def test_both_vantages_of_the_sleep_container_are_the_same(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with live(container) as near, through_debug(engine, container) as far:
        assert len(near) == 26
        assert_same(near, far)


def test_both_vantages_of_a_hostile_container_are_the_same(
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


def test_limits_hold_in_both_vantages(engine: EngineClient, hostile: Container) -> None:
    limits = WalkLimits(file_bytes=500_000, root_bytes=5_000_000)
    with live(hostile, limits=limits) as near, through_debug(engine, hostile, limits) as far:
        assert_same(near, far)
        notes = {one.note for one in far}
    assert "not hashed: larger than 500000 bytes" in notes
    assert "not hashed: the files before it reached 5000000 bytes" in notes


def test_a_ledger_that_would_be_too_large_is_refused(
    engine: EngineClient, hostile: Container
) -> None:
    with pytest.raises(LabError, match="holds more names than 100000 bytes can list"):
        through_debug(engine, hostile, WalkLimits(ledger_bytes=100_000))


def test_a_filesystem_that_never_answers_keeps_nobody_waiting(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    with attacker(_DEAD_FUSE, str(pid(container))), through_debug(engine, container) as far:
        assert entry(far, "/srv").note == "not read: a process answers for fuse"


def test_a_process_that_writes_meanwhile_is_noted_on_the_file(
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
def test_the_process_is_found_in_a_pid_namespace_that_is_not_its_own(
    engine: EngineClient, sleep_image: Image, shell_image: Image, run_container: Run, mode: str
) -> None:
    if mode == "container":
        mode = f"container:{run_container(shell_image).id}"
    container = run_container(sleep_image, pid_mode=mode)
    with live(container) as near, through_debug(engine, container) as far:
        assert_same(near, far)
        assert far.get("/bin/sh") is None


def test_the_debug_container_is_as_closed_as_it_can_be(
    engine: EngineClient, docker_client: docker.DockerClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with debug_opened(engine, described(engine, container)):
        (one,) = agents(docker_client)
        agent = docker_client.containers.get(one["Id"])
    config = agent.attrs["HostConfig"]
    assert config["ReadonlyRootfs"]
    assert config["NetworkMode"] == "none"
    assert (config["CapDrop"], config["Privileged"]) == (["ALL"], False)
    assert (config["Binds"], agent.attrs["Mounts"]) == (None, [])
    assert config["PidMode"] == f"container:{container.id}"


_FIND_AGENT = "for p in /proc/[0-9]*; do [ $(cat $p/comm) = agent ] && break; done; "


def test_the_examined_container_cannot_look_into_the_agent(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    script = (
        "/bin/busybox --install -s /dev/shm; PATH=/dev/shm; " + _FIND_AGENT + "echo agent $p; "
        "ls $p/root; echo x > $p/fd/1; cat $p/environ $p/maps; echo x > $p/mem"
    )
    with debug_opened(engine, described(engine, container)) as window:
        _, output = container.exec_run(["/bin/sh", "-c", script])
        with window.read() as far:
            assert entry(far, "/bin/sh").sha256
    said = bytes(output).decode()  # type: ignore[arg-type]
    assert "agent /proc/" in said
    assert (said.count("Permission denied"), said.count("\n")) == (5, 6), said


def test_an_agent_that_was_killed_is_told(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    script = (
        "/bin/busybox --install -s /dev/shm; PATH=/dev/shm; " + _FIND_AGENT + "kill -9 ${p#/proc/}"
    )
    with debug_opened(engine, described(engine, container)) as window:
        assert container.exec_run(["/bin/sh", "-c", script]).exit_code == 0
        with pytest.raises(LabError, match="the debug container ended before it had told all"):
            window.read()


def test_a_container_that_exits_while_it_is_read_is_told(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    # The last process of a PID namespace takes all others in it along: pid_namespaces(7).
    with debug_opened(engine, described(engine, container)) as window:
        container.kill()
        container.wait()
        with pytest.raises(LabError, match="ended before it had told all"):
            window.read()


def test_a_mount_that_comes_meanwhile_is_told(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(shell_image)
    enter = ["nsenter", "-m", "-t", str(pid(container)), "/bin/busybox", "mount", "-t", "tmpfs"]
    with debug_opened(engine, described(engine, container)) as window:
        subprocess.run([*enter, "late", "/srv"], check=True)
        with pytest.raises(LabError, match="mounts changed while it was read: \\+ tmpfs on /srv"):
            window.read()


def test_a_stopped_container_names_the_command_that_starts_it(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    container.kill()
    container.wait()
    with pytest.raises(LabError, match=f"docker start {container.name}"):
        through_debug(engine, container)


_HANGS = """
import sys, time
from scratchlab.collect.remote import opened
from scratchlab.collect.engines import connect
with connect("docker") as client, opened(client, client.inspect_container(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_reader_that_is_killed_leaves_no_container(
    engine: EngineClient, docker_client: docker.DockerClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with attacker(_HANGS, str(container.id)) as reader:
        assert len(agents(docker_client)) == 1
        reader.send_signal(signal.SIGKILL)
        reader.wait()
    assert_none_left(docker_client)
    # The image stays, for the next one to use and to remove.
    assert len(docker_client.images.list("scratchlab-agent")) == 1
    with through_debug(engine, container) as far:
        assert len(far) == 26


def test_verify_explains_all_and_prints_the_same_digest(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    heads = {}
    for vantage in ("host", "debug"):
        evidence, judgement = verification.verify(engine, container.name or "", vantage=vantage)
        with evidence:
            heads[vantage] = build(evidence, judgement).head
            found = list(judgement.findings)
        assert [one.path for one in found if one.origin is Origin.UNEXPLAINED] == []
        assert {one.prediction for one in found} <= {"agrees", "none"}
        assert judgement.problems == ()
    assert heads["debug"]["container"]["vantage"] == "debug"
    assert heads["host"]["container"] == {**heads["debug"]["container"], "vantage": "host"}
    assert heads["host"]["image"] == heads["debug"]["image"]
    assert heads["host"]["summary"] == heads["debug"]["summary"]
    assert heads["host"]["host"] == heads["debug"]["host"]


def test_origins_are_the_same_with_less_evidence(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(
        shell_image, working_dir="/made/for/work", tmpfs={"/srv": ""}, init=True, tty=True
    )
    script = "echo x > /written; rm /bin/sh; mkdir -p /made/by/it; chmod 700 /bin"
    container.exec_run(["/bin/busybox", "sh", "-c", script])
    seen = {}
    for vantage in ("host", "debug"):
        evidence, judgement = verification.verify(engine, container.name or "", vantage=vantage)
        with evidence:
            seen[vantage] = (
                {one.path: (one.origin, one.status) for one in judgement.findings},
                {one.path: (one.origin, one.kind) for one in judgement.ghosts},
            )
            kinds = {proof.kind for one in judgement.findings for proof in one.evidence}
            if vantage == "debug":
                assert "changes" in kinds
                assert not kinds & {"init-layer", "writable-layer", "oci-config"}
    assert seen["host"] == seen["debug"]
    assert seen["debug"][0]["/written"][0] is Origin.PROCESS_WRITE
    assert "/bin/sh" in seen["debug"][1]


def test_auto_reads_on_the_host_where_it_can(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with open_view(engine, described(engine, container), "auto") as view:
        assert type(view).__name__ == "HostView"


class Elsewhere:
    """The real engine, its word on a container's process changed."""

    def __init__(self, engine: EngineClient, **state: object) -> None:
        self._engine, self._state = engine, state

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def inspect_container(self, ref: str) -> Json:
        answer = self._engine.inspect_container(ref)
        return {**answer, "State": {**answer["State"], **self._state}}


@pytest.mark.parametrize("case", ["other container", "no such process", "child", "time"])
def test_auto_takes_the_other_window_where_the_number_is_not_that_process(
    engine: EngineClient, sleep_image: Image, shell_image: Image, run_container: Run, case: str
) -> None:
    container = run_container(shell_image)
    container.exec_run(["/bin/busybox", "sleep", "3600"], detach=True)
    child = int(container.top()["Processes"][1][1])
    states: dict[str, dict[str, object]] = {
        "other container": {"Pid": pid(run_container(sleep_image))},
        "no such process": {"Pid": 2**22 - 1},
        "child": {"Pid": child},
        "time": {"StartedAt": "2017-11-21T00:00:00.123456789Z"},
    }
    client = Elsewhere(engine, **states[case])
    inspect = client.inspect_container(container.id or "")
    with open_view(client, inspect, "auto") as view:  # type: ignore[arg-type]
        assert type(view).__name__ == "DebugView"
        with view.live(Progress()) as far:
            assert entry(far, "/bin/sh").sha256


_NO_PROC = """
import os, sys
# What only Linux's Python has.
for name in ("O_PATH", "O_NOATIME", "O_TMPFILE", "pidfd_open", "listxattr", "getxattr", "setxattr",
             "memfd_create", "sched_getaffinity", "posix_fadvise", "sendfile", "splice"):
    if hasattr(os, name):
        delattr(os, name)
assert not os.path.exists("/proc/self") and not os.path.exists("/sys/kernel")
from scratchlab.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("command", ["verify", "live"])
def test_a_controller_without_proc_and_without_linux_s_calls(
    engine: EngineClient, sleep_image: Image, run_container: Run, command: str
) -> None:
    container = run_container(sleep_image)
    with live(container) as near:
        digest = near.digest()
    hidden = 'mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hidden, "sh", sys.executable, "-c", _NO_PROC,
         command, str(container.name)],
        env={**os.environ, "PYTHONPATH": "scripts", "COLUMNS": "200"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stderr, done.returncode) == ("", 0)
    assert digest in done.stdout
    if command == "verify":
        assert "read from a debug container" in done.stdout


def test_a_controller_without_an_agent_and_without_go_says_what_mends_it(
    engine: EngineClient, sleep_image: Image, run_container: Run, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    container = run_container(sleep_image)
    monkeypatch.setattr("scratchlab.collect.remote.agent._cache", lambda: tmp_path)
    monkeypatch.setattr("scratchlab.collect.remote.agent.shutil.which", lambda *_, **__: None)
    with pytest.raises(LabError, match="no Go here to build it; install Go"):
        through_debug(engine, container)


def test_a_user_namespace_hides_no_owner() -> None:
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
            assert judgement.problems == ()
            assert {one.prediction for one in judgement.findings} <= {"agrees", "none"}


def test_podman_s_containers_are_seen_too(sleep_image: Image) -> None:
    directory = Path(tempfile.mkdtemp(prefix="sl-"))  # a short path: it holds a socket
    with podman_service.serve(directory, "vfs") as (podman, engine):
        container = podman.run(engine, sleep_image)
        near = engine.inspect_container(container.id or "")
        with hold(near["State"]["Pid"]) as process:
            ledger = read_root(process.root_fd, process.mounts)
        with ledger, through_debug(engine, container) as far:
            assert_same(ledger, far)
        evidence, judgement = verification.verify(engine, container.id or "", vantage="debug")
        with evidence:
            assert judgement.problems == ()
            foreign = (Origin.UNEXPLAINED, Origin.PROCESS_WRITE)
            assert [one for one in judgement.findings if one.origin in foreign] == []
            assert {one.prediction for one in judgement.findings} <= {"agrees", "none"}
