"""The debug vantage with an engine on another machine, over TLS and over ssh."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scratchlab.collect.engines import connect
from scratchlab.collect.live import read_root
from scratchlab.collect.process import hold_process
from scratchlab.ledger import Ledger
from tests import ansible_environment
from tests.integration.conftest import BUSYBOX, context
from tests.integration.other_machine import Machine, entered, other_machine

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Another machine with an engine."""
    with other_machine(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


def scratchlab(
    machine: Machine, *arguments: str, hide_proc: bool = False
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scratchlab", *arguments]
    if hide_proc:
        hidden = 'mount -t tmpfs none /proc && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", hidden, "sh", *command]
    environment = {**os.environ, **machine.environment, "PYTHONPATH": "scripts", "COLUMNS": "200"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture(scope="module", params=["tcp", "ssh"])
def url(machine: Machine, request: pytest.FixtureRequest) -> str:
    """The engine's URL, over TLS and over ssh."""
    return str(getattr(machine, request.param))


@pytest.fixture(scope="module")
def far(machine: Machine) -> str:
    """Start a container ``far`` there; returns the digest of its ledger as read on its host."""
    with entered(machine), connect("docker", machine.tcp) as engine:
        client = engine.client
        dockerfile = (
            "FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n"
            'CMD ["/bin/busybox", "sleep", "3600"]\n'
        )
        files = {"busybox": BUSYBOX.read_bytes()}
        client.images.build(
            fileobj=context(dockerfile, files), custom_context=True, tag="far", rm=True
        )
        container = client.containers.run("far", name="far", detach=True, init=True)
        container.exec_run(["/bin/busybox", "sh", "-c", "echo mine > /written"])
    with live_there(machine) as ledger:
        return ledger.digest()


def live_there(machine: Machine) -> Ledger:
    """The live ledger of ``far`` by the host vantage: the other machine shares this kernel."""
    sleeping = [
        int(directory.name)
        for directory in Path("/proc").iterdir()
        if directory.name.isdigit() and _command(directory) == b"/bin/busybox\0sleep\x003600\0"
    ]
    names = {number: Path(f"/proc/{number}/root/etc/hostname") for number in sleeping}
    (number,) = [pid for pid, path in names.items() if _is_far(machine, path)]
    with hold_process(number) as process:
        return read_root(process.root_fd, process.mounts)


def _command(directory: Path) -> bytes:
    try:
        return (directory / "cmdline").read_bytes()
    except OSError:
        return b""


def _is_far(machine: Machine, path: Path) -> bool:
    with entered(machine), connect("docker", machine.tcp) as engine:
        name = str(engine.inspect_container("far")["Config"]["Hostname"])
    return path.read_text().strip() == name


def test_ledger_is_the_same_as_on_its_host(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url)
    assert (done.stderr, done.returncode) == ("", 0)
    assert far in done.stdout


def test_host_vantage_is_refused(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url, "--vantage", "host")
    assert (done.stdout, done.returncode) == ("", 2)
    assert "--vantage host is impossible" in done.stderr
    assert done.stderr.count("\n") == 1
    assert far


def test_verify_finds_the_origins_of_all_entries(
    machine: Machine, url: str, far: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = scratchlab(machine, "verify", "far", "--url", url, "--json", str(file))
    assert (done.stderr, done.returncode) == ("", 3)  # 3: something was written since the start
    report = json.loads(file.read_text())
    assert report["container"]["vantage"] == "debug"
    assert report["container"]["ledger_digest"] == far
    assert report["host"]["name"] == "far-away"
    assert report["summary"]["unexplained"] == 0
    origins = {entry["path"]: entry["origin"] for entry in report["entries"]}
    assert origins["/written"] == "written-later"
    assert origins["/etc/hosts"] == "engine-mount"
    assert origins["/.dockerenv"] == "engine-init-layer"
    assert [path for path, origin in origins.items() if origin == "written-later"] == ["/written"]


def test_controller_without_proc(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url, hide_proc=True)
    assert (done.stderr, done.returncode) == ("", 0)
    assert far in done.stdout


def test_nothing_is_left_on_the_engine(machine: Machine, far: str) -> None:
    assert far
    with entered(machine), connect("docker", machine.tcp) as engine:
        names = [container["Names"] for container in engine.client.api.containers(all=True)]
        assert names == [["/far"]]
        assert [image.tags for image in engine.client.images.list()] == [["far:latest"]]


def test_missing_client_certificate_is_reported(machine: Machine, far: str) -> None:
    bare = Machine(machine.name, machine.tcp, machine.ssh, {"PATH": machine.environment["PATH"]})
    done = scratchlab(bare, "live", "far", "--url", machine.tcp)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith(f"scratchlab: no docker engine answers at {machine.tcp}")
    assert far


ROOT = Path(__file__).parents[2]
_SKIPPED = {"E14", "E15"}  # they need the engine's own machine


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lab with its own reports."""
    out = shutil.ignore_patterns(".*", "reports", "tests", "__pycache__")
    copy = tmp_path_factory.mktemp("copy") / "lab"
    return Path(shutil.copytree(ROOT, copy, ignore=out, symlinks=True))


def play(machine: Machine, directory: Path, playbook: str, *options: str) -> str:
    """Run a playbook of the copy in ``directory`` for the engine; returns its last line."""
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), playbook, "-e",
         f"lab_engine_url={machine.ssh}", *options],
        cwd=directory, env=ansible_environment.environment(directory) | machine.environment,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-1000:]
    return done.stdout.strip().splitlines()[-1]


def test_lab_runs_with_nothing_but_the_engines_api(
    machine: Machine, far: str, directory: Path
) -> None:
    play(machine, directory, "lab.yml")
    report = json.loads((directory / "reports/localhost/report.json").read_text())
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    assert verdicts.keys() == {f"E{number:02}" for number in range(1, 16)}
    assert {check for check, verdict in verdicts.items() if verdict == "skip"} == _SKIPPED
    assert {verdict for check, verdict in verdicts.items() if check not in _SKIPPED} == {"pass"}
    assert report["container"]["vantage"] == "debug"
    assert report["summary"]["unexplained"] == 0
    assert (directory / "reports/localhost/index.html").exists()
    # A second run changes nothing, and E14 is answered where its container is allowed.
    assert "changed=0 " in play(machine, directory, "lab.yml", "-e", "lab_engine_host_view=true")
    report = json.loads((directory / "reports/localhost/report.json").read_text())
    by_id = {check["id"]: check for check in report["checks"]}
    assert [name for name, check in by_id.items() if check["verdict"] != "pass"] == ["E15"]
    assert "started by containerd-shim (" in by_id["E14"]["observed"]
    play(machine, directory, "playbooks/destroy.yml")
    with entered(machine), connect("docker", machine.tcp) as engine:
        assert [container["Names"] for container in engine.client.api.containers(all=True)] == [
            ["/far"]
        ]
        assert [image.tags for image in engine.client.images.list()] == [["far:latest"]]
    assert not (directory / ".cache/remote/localhost").exists()
    assert far


def test_images_of_others_stay(machine: Machine, far: str, directory: Path) -> None:
    with entered(machine), connect("docker", machine.tcp) as engine:
        engine.client.api.tag("far", "sleep", "latest")
        try:
            with pytest.raises(AssertionError, match="an image 'sleep' on that engine that is"):
                play(machine, directory, "lab.yml")
            assert engine.client.images.get("sleep").id == engine.client.images.get("far").id
        finally:
            engine.client.images.remove("sleep", noprune=True)
    assert far
