"""podman, through a service that listens, one that the lab starts, or none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.images import Image

from scratchlab.collect import layer_ledgers, storage
from scratchlab.collect.engines import EngineClient, connect
from scratchlab.collect.holding import hold_container
from scratchlab.errors import LabError
from tests.integration.podman_service import Podman, serve

pytestmark = [pytest.mark.engine, pytest.mark.root]

Served = tuple[Podman, EngineClient]


@pytest.fixture(scope="module", params=["overlay", "vfs"])
def podman(request: pytest.FixtureRequest) -> Iterator[Served]:
    with serve(Path(tempfile.mkdtemp(prefix="sl-test-")), request.param) as served:
        yield served


def test_facts_are_those_of_podman_info(podman: Served) -> None:
    service, engine = podman
    facts = engine.facts()
    shown = service.cli("info", "-f", "{{.Store.GraphDriverName}} {{.Store.GraphRoot}}").split()
    assert [facts.name, facts.storage_driver, facts.root_dir] == ["podman", *shown]
    assert facts.version in service.cli("--version")


def test_a_url_of_podman_is_recognized_without_its_name(podman: Served) -> None:
    with connect(None, podman[0].url) as engine:
        assert engine.name == "podman"


def test_a_container_is_held_and_its_layers_are_found(podman: Served, sleep_image: Image) -> None:
    service, engine = podman
    container = service.run(engine, sleep_image)
    inspect = engine.inspect_container(container.name or "")
    runtime = engine.runtime(inspect)
    output = subprocess.run(["runc", "--version"], capture_output=True, text=True, check=True)
    assert f"{runtime.name} version {runtime.version}" == output.stdout.splitlines()[0]
    with hold_container(engine, inspect) as process:
        layers, problem = storage.find_layers(
            inspect, engine.facts(), (), process.mounts, process.root_mount
        )
        init, writable = layer_ledgers.read_layer_ledgers(layers)
    assert problem is None
    assert len(layers.lower) == 1
    assert init is None
    assert writable is not None
    # podman itself writes this link into the writable layer; the image's file is below it.
    assert "/etc/mtab" in writable
    assert "/sleep" not in writable


def test_an_unknown_container_is_an_error(podman: Served) -> None:
    with pytest.raises(LabError, match="no such container in podman: nobody"):
        podman[1].inspect_container("nobody")


def test_a_service_is_started_and_ended_where_none_listens(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from scratchlab.collect.engines import connect\n"
        "from scratchlab.collect.engines import podman\n"
        f"podman.SOCKET = '{tmp_path}/none.sock'\n"
        "with connect('podman') as engine:\n"
        "    print(engine.facts().name, *os.listdir(os.environ['TMPDIR']))\n"
        "    print(*open('/proc/self/task/%d/children' % os.getpid()).read().split())\n"
        "print(*os.listdir(os.environ['TMPDIR']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TMPDIR": str(tmp_path),
            "CONTAINERS_STORAGE_CONF": _storage_conf(tmp_path),
        },
    )
    during, service, after = done.stdout.split("\n")[:3]
    assert during.startswith("podman")
    assert "scratchlab-podman-" in during
    assert "scratchlab-podman-" not in after
    assert not Path(f"/proc/{service}").exists()


def test_the_error_without_podman_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("scratchlab.collect.engines.podman.SOCKET", f"{tmp_path}/none.sock")
    with pytest.raises(LabError, match=r"no podman engine at unix://.*install podman"):
        connect("podman")


def test_the_error_of_a_podman_that_cannot_start_has_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "podman"
    fake.write_text("#!/bin/sh\necho 'Error: no room' >&2\nexit 125\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr("scratchlab.collect.engines.podman.SOCKET", f"{tmp_path}/none.sock")
    with pytest.raises(LabError, match=r"podman's service did not start: Error: no room"):
        connect("podman")


def _storage_conf(tmp_path: Path) -> str:
    conf = tmp_path / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/root"\nrunroot = "{tmp_path}/run"\n'
    )
    return str(conf)
