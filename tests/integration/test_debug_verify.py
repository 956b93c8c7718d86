"""Verification from a debug container: the same origins, and when auto chooses that vantage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.images import Image

from scratchlab.collect.engines import EngineClient
from scratchlab.collect.remote.debug_view import NOT_PROVED
from scratchlab.collect.vantage import open_view
from scratchlab.lab import verification
from scratchlab.model import Json, Origin
from scratchlab.progress import Progress
from scratchlab.report.build import build
from tests.integration.conftest import Run
from tests.integration.debug_containers import assert_nothing_left, inspected
from tests.integration.live_roots import entry, live, pid

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(autouse=True)
def nothing_is_left(docker_client: docker.DockerClient) -> Iterator[None]:
    """After each test: no debug container, no image of one."""
    yield
    assert_nothing_left(docker_client)


def test_verify_explains_everything_with_the_same_digest(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    heads = {}
    for vantage in ("host", "debug"):
        evidence, judgement = verification.verify(engine, container.name or "", vantage=vantage)
        with evidence:
            heads[vantage] = build(evidence, judgement).head
            found = list(judgement.findings)
        assert [finding.path for finding in found if finding.origin is Origin.UNEXPLAINED] == []
        assert {finding.prediction for finding in found} <= {"agrees", "none"}
        notes = {"host": (), "debug": (NOT_PROVED,)}[vantage]
        assert (judgement.problems, judgement.notes) == ((), notes)
    assert heads["debug"]["container"]["vantage"] == "debug"
    assert heads["host"]["container"] == {**heads["debug"]["container"], "vantage": "host"}
    assert heads["host"]["image"] == heads["debug"]["image"]
    assert heads["host"]["summary"] == heads["debug"]["summary"]
    assert heads["host"]["host"] == heads["debug"]["host"]


def test_a_bind_is_proved_by_what_the_debug_container_shows_of_its_source(
    engine: EngineClient, sleep_image: Image, run_container: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "gone").mkdir()
    binds = [f"{tmp_path}/link:/etc/localtime:ro", f"{tmp_path}/gone:/gone"]
    container = run_container(sleep_image, volumes=binds)

    def found() -> dict[str, tuple[str, str]]:
        evidence, judgement = verification.verify(engine, container.name or "", vantage="debug")
        with evidence:
            return {
                item.mount.target: (
                    item.origin, " ".join(proof.detail for proof in item.evidence)
                )
                for item in judgement.mounts
            }  # fmt: skip

    proved = found()
    for target in ("/etc/localtime", "/gone", "/etc/hosts"):
        origin, details = proved[target]
        assert origin in (Origin.USER_MOUNT, Origin.ENGINE_MOUNT)
        assert "mounted in the debug container shows the same" in details
    (tmp_path / "gone").rmdir()
    # Then the engine mounts none of them in the debug container, and the order alone tells.
    origin, details = found()["/etc/localtime"]
    assert origin is Origin.USER_MOUNT
    assert f"that it is {tmp_path}/link cannot be seen from here" in details


def test_origins_are_the_same_with_less_evidence(
    engine: EngineClient, shell_image: Image, run_container: Run
) -> None:
    container = run_container(
        shell_image, working_dir="/made/for/work", tmpfs={"/srv": ""}, init=True, tty=True
    )
    script = "echo x > /written; rm /bin/sh; mkdir -p /made/by/it; chmod 700 /bin"
    container.exec_run(["/bin/busybox", "sh", "-c", script])
    origins = {}
    for vantage in ("host", "debug"):
        evidence, judgement = verification.verify(engine, container.name or "", vantage=vantage)
        with evidence:
            origins[vantage] = (
                {finding.path: (finding.origin, finding.status) for finding in judgement.findings},
                {ghost.path: (ghost.origin, ghost.kind) for ghost in judgement.ghosts},
            )
            kinds = {proof.kind for finding in judgement.findings for proof in finding.evidence}
            if vantage == "debug":
                assert "changes" in kinds
                assert not kinds & {"init-layer", "writable-layer", "oci-config"}
    assert origins["host"] == origins["debug"]
    assert origins["debug"][0]["/written"][0] is Origin.WRITTEN_LATER
    assert "/bin/sh" in origins["debug"][1]


def test_auto_reads_on_the_host_if_possible(
    engine: EngineClient, sleep_image: Image, run_container: Run
) -> None:
    container = run_container(sleep_image)
    with open_view(engine, inspected(engine, container), "auto") as view:
        assert type(view).__name__ == "HostView"


class EngineElsewhere:
    """The real engine, but with another ``State`` of a container's process."""

    def __init__(self, engine: EngineClient, **state: object) -> None:
        self._engine, self._state = engine, state

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def inspect_container(self, ref: str) -> Json:
        answer = self._engine.inspect_container(ref)
        return {**answer, "State": {**answer["State"], **self._state}}


@pytest.mark.parametrize("case", ["other container", "no such process", "child", "time"])
def test_auto_uses_a_debug_container_for_a_pid_of_another_process(
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
    client = EngineElsewhere(engine, **states[case])
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
def test_controller_needs_neither_proc_nor_linux_calls(
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
