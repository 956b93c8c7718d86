"""The other window on another machine's engine, over TLS and over ssh."""

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
from scratchlab.collect.process import hold
from scratchlab.ledger import Ledger
from tests import ansible_here
from tests.integration.conftest import BUSYBOX, context
from tests.integration.other_machine import Machine, entered, other_machine

pytestmark = [pytest.mark.engine, pytest.mark.root]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Another machine, with a container ``far`` that runs on its engine."""
    with other_machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


def scratchlab(
    machine: Machine, *words: str, hide_proc: bool = False
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scratchlab", *words]
    if hide_proc:
        hidden = 'mount -t tmpfs none /proc && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", hidden, "sh", *command]
    environment = {**os.environ, **machine.environment, "PYTHONPATH": "scripts", "COLUMNS": "200"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture(scope="module", params=["tcp", "ssh"])
def url(machine: Machine, request: pytest.FixtureRequest) -> str:
    """The engine's URL, each way in turn."""
    return str(getattr(machine, request.param))


@pytest.fixture(scope="module")
def far(machine: Machine) -> str:
    """A container there, ``far``; gives the digest that a reader on its host finds."""
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
    """The live ledger of ``far`` by the reader on the host: it runs below this machine's kernel."""
    sleeping = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _command(folder) == b"/bin/busybox\0sleep\x003600\0"
    ]
    names = {number: Path(f"/proc/{number}/root/etc/hostname") for number in sleeping}
    (number,) = [one for one, path in names.items() if _is_far(machine, path)]
    with hold(number) as process:
        return read_root(process.root_fd, process.mounts)


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def _is_far(machine: Machine, path: Path) -> bool:
    with entered(machine), connect("docker", machine.tcp) as engine:
        name = str(engine.inspect_container("far")["Config"]["Hostname"])
    return path.read_text().strip() == name


def test_the_ledger_is_that_of_a_reader_on_its_host(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url)
    assert (done.stderr, done.returncode) == ("", 0)
    assert far in done.stdout


def test_the_host_vantage_is_refused(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url, "--vantage", "host")
    assert (done.stdout, done.returncode) == ("", 2)
    assert "--vantage host is impossible" in done.stderr
    assert done.stderr.count("\n") == 1
    assert far


def test_verify_explains_what_the_engine_and_the_process_made(
    machine: Machine, url: str, far: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = scratchlab(machine, "verify", "far", "--url", url, "--json", str(file))
    assert (done.stderr, done.returncode) == ("", 1)  # 1: the process wrote something
    report = json.loads(file.read_text())
    assert report["container"]["vantage"] == "debug"
    assert report["container"]["ledger_digest"] == far
    assert report["host"]["name"] == "far-away"
    assert report["summary"]["unexplained"] == 0
    origins = {one["path"]: one["origin"] for one in report["entries"]}
    assert origins["/written"] == "process-write"
    assert origins["/etc/hosts"] == "engine-mount"
    assert origins["/.dockerenv"] == "engine-init-layer"
    assert [path for path, origin in origins.items() if origin == "process-write"] == ["/written"]


def test_a_controller_that_has_no_proc(machine: Machine, url: str, far: str) -> None:
    done = scratchlab(machine, "live", "far", "--url", url, hide_proc=True)
    assert (done.stderr, done.returncode) == ("", 0)
    assert far in done.stdout


def test_nothing_is_left_there(machine: Machine, far: str) -> None:
    assert far
    with entered(machine), connect("docker", machine.tcp) as engine:
        names = [one["Names"] for one in engine.client.api.containers(all=True)]
        assert names == [["/far"]]
        assert [one.tags for one in engine.client.images.list()] == [["far:latest"]]


def test_a_certificate_that_is_not_known_there_is_told(machine: Machine, far: str) -> None:
    bare = Machine(machine.name, machine.tcp, machine.ssh, {"PATH": machine.environment["PATH"]})
    done = scratchlab(bare, "live", "far", "--url", machine.tcp)
    assert (done.stdout, done.returncode) == ("", 2)
    assert done.stderr.startswith(f"scratchlab: no docker engine answers at {machine.tcp}")
    assert far


ROOT = Path(__file__).parents[2]
_SKIPPED = {"E10", "E11", "E13", "E14", "E15"}  # they look at the engine's own machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lab, whose reports are its own."""
    out = shutil.ignore_patterns(".*", "reports", "tests", "__pycache__")
    place = tmp_path_factory.mktemp("copy") / "lab"
    return Path(shutil.copytree(ROOT, place, ignore=out, symlinks=True))


def play(machine: Machine, folder: Path, playbook: str) -> str:
    """Run a playbook of the copy in ``folder`` for the engine; gives its last lines."""
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), playbook, "-e",
         f"lab_engine_url={machine.ssh}"],
        cwd=folder, env=ansible_here.environment(folder) | machine.environment,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout.strip().splitlines()[-1]


def test_the_lab_on_an_engine_of_which_nothing_is_known_but_its_api(
    machine: Machine, far: str, folder: Path
) -> None:
    play(machine, folder, "lab.yml")
    report = json.loads((folder / "reports/localhost/report.json").read_text())
    verdicts = {one["id"]: one["verdict"] for one in report["checks"]}
    assert {one for one, verdict in verdicts.items() if verdict == "skip"} == _SKIPPED
    assert {verdict for one, verdict in verdicts.items() if one not in _SKIPPED} == {"pass"}
    assert {f"E{number:02}" for number in range(1, 13)} <= verdicts.keys()
    assert report["container"]["vantage"] == "debug"
    assert report["summary"]["unexplained"] == 0
    assert (folder / "reports/localhost/index.html").exists()
    assert "changed=0 " in play(machine, folder, "lab.yml")  # and a second run changes nothing
    play(machine, folder, "playbooks/destroy.yml")
    with entered(machine), connect("docker", machine.tcp) as engine:
        assert [one["Names"] for one in engine.client.api.containers(all=True)] == [["/far"]]
        assert [one.tags for one in engine.client.images.list()] == [["far:latest"]]
    assert not (folder / ".cache/remote/localhost").exists()
    assert far


def test_what_is_not_the_lab_s_stays(machine: Machine, far: str, folder: Path) -> None:
    with entered(machine), connect("docker", machine.tcp) as engine:
        engine.client.api.tag("far", "sleep", "latest")
        try:
            with pytest.raises(AssertionError, match="an image 'sleep' on that engine that is"):
                play(machine, folder, "lab.yml")
            assert engine.client.images.get("sleep").id == engine.client.images.get("far").id
        finally:
            engine.client.images.remove("sleep", noprune=True)
    assert far
