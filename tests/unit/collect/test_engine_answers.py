"""What engines answer about themselves, as the facts of a verification.

The answers are those of Docker 20.10 and 28.5 and of podman 4.3 and 5.4, without the rest.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scratchlab.collect.engines.docker import DockerEngine
from scratchlab.collect.engines.podman import PodmanEngine
from scratchlab.model import Engine, Runtime

NOT_ASKED: Any = SimpleNamespace(api=SimpleNamespace(info=None, version=None))  # all is answered
STORE = ["driver-type", "io.containerd.snapshotter.v1"]


def docker(info: dict[str, Any], version: dict[str, Any] | None = None) -> DockerEngine:
    engine = DockerEngine(NOT_ASKED, "unix:///none")
    engine._answers = {"info": info, "version": version or {}}
    return engine


def podman(info: dict[str, Any], version: dict[str, Any] | None = None) -> PodmanEngine:
    engine = PodmanEngine(NOT_ASKED, "unix:///none")
    engine._answers = {"libpod-info": info, "version": version or {}}
    return engine


def test_docker_describes_itself() -> None:
    info = {
        "SecurityOptions": ["name=seccomp,profile=default", "name=apparmor"],
        "Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]],
        "DockerRootDir": "/var/lib/docker",
    }  # fmt: skip
    version = {"Version": "20.10.24", "ApiVersion": "1.41",
               "Components": [{"Name": "containerd", "Version": "1.6.20"}]}  # fmt: skip
    assert docker(info, version).facts() == Engine(
        "docker", "20.10.24", "1.41", "overlay2", False, "1.6.20", "/var/lib/docker",
        ("name=apparmor", "name=seccomp,profile=default"), False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("info", "store", "rootless"),
    [
        ({"DriverStatus": [["x", "y"], STORE]}, True, False),
        ({"DriverStatus": None}, False, False),
        ({"SecurityOptions": ["name=rootless"]}, False, True),
        ({"SecurityOptions": ["name=rootless,x=y"]}, False, True),
        ({"SecurityOptions": ["name=rootlesskit"]}, False, False),
    ],
)
def test_docker_tells_its_store_and_whether_it_is_rootless(
    info: dict[str, Any], store: bool, rootless: bool
) -> None:
    found = docker(info).facts()
    assert (found.containerd_store, found.rootless) == (store, rootless)
    empty = Engine("docker", containerd_store=store, rootless=rootless,
                   security_options=found.security_options)  # fmt: skip
    assert found == empty


@pytest.mark.parametrize(
    ("inspect", "info", "expected"),
    [
        ({"HostConfig": {"Runtime": "runc"}}, {"Runtimes": {"runc": {"path": "runc"}}},
         Runtime("runc", "1.1.5")),
        ({"HostConfig": {"Runtime": ""}}, {"DefaultRuntime": "runc"}, Runtime("runc", "1.1.5")),
        ({}, {"DefaultRuntime": "io.containerd.runc.v2"}, Runtime("runc", "1.1.5")),
        ({"HostConfig": {"Runtime": "mine"}}, {"Runtimes": {"mine": {"path": "/opt/crun"}}},
         Runtime("crun", "")),
        ({"HostConfig": {"Runtime": "mine"}}, {"Runtimes": None}, Runtime("mine", "")),
        ({}, {}, Runtime("", "")),
    ],
)  # fmt: skip
def test_the_runtime_of_a_docker_container(
    inspect: dict[str, Any], info: dict[str, Any], expected: Runtime
) -> None:
    version = {"Components": [{"Name": "runc", "Version": "1.1.5"}]}
    assert docker(info, version).runtime(inspect, local=False) == expected


def program(tmp_path: Path, words: str) -> str:
    path = tmp_path / "crun"
    path.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo '{words}'\n")
    path.chmod(0o755)
    return str(path)


def test_a_runtime_that_docker_has_no_version_of_is_asked_itself(tmp_path: Path) -> None:
    path = program(tmp_path, "crun version 1.21")
    engine = docker({"Runtimes": {"mine": {"path": path}}})
    assert engine.runtime({"HostConfig": {"Runtime": "mine"}}) == Runtime("crun", "1.21")
    assert engine.runtime({"HostConfig": {"Runtime": "mine"}}, local=False) == Runtime("crun", "")


def test_dockers_runc_without_a_version_is_asked_as_runc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runc").symlink_to(program(tmp_path, "runc version 9.9"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    engine = docker({"DefaultRuntime": "io.containerd.runc.v2"})
    assert engine.runtime({}) == Runtime("runc", "9.9")


def test_podman_describes_itself() -> None:
    info = {
        "host": {"security": {"rootless": False, "seccompEnabled": True, "apparmorEnabled": True,
                              "capabilities": "CAP_CHOWN", "selinuxEnabled": False}},
        "store": {"graphDriverName": "overlay", "graphRoot": "/var/lib/containers/storage"},
    }  # fmt: skip
    assert podman(info, {"Version": "4.3.1", "ApiVersion": "1.41"}).facts() == Engine(
        "podman", "4.3.1", "1.41", "overlay", root_dir="/var/lib/containers/storage",
        security_options=("apparmorEnabled", "seccompEnabled"), rootless=False,
    )  # fmt: skip
    rootless = podman({"host": {"security": {"rootless": True}}, "store": {}}).facts()
    assert rootless == Engine("podman", security_options=("rootless",), rootless=True)
    assert podman({"host": {}, "store": {}}).facts() == Engine("podman")


@pytest.mark.parametrize(
    ("inspect", "expected"),
    [
        ({}, Runtime("crun", "1.21")),
        ({"OCIRuntime": "crun"}, Runtime("crun", "1.21")),
        ({"OCIRuntime": "/usr/bin/runc"}, Runtime("runc", "")),
    ],
)
def test_the_runtime_of_a_podman_container(inspect: dict[str, Any], expected: Runtime) -> None:
    info = {"host": {"ociRuntime": {"name": "crun", "version": "crun version 1.21\ncommit: x"}}}
    assert podman(info).runtime(inspect, local=False) == expected


def test_another_runtime_of_podmans_is_asked_itself(tmp_path: Path) -> None:
    inspect = {"OCIRuntime": program(tmp_path, "crun version 1.8.1")}
    assert podman({"host": {"ociRuntime": {"name": "runc"}}}).runtime(inspect) == Runtime(
        "crun", "1.8.1"
    )
    nothing = podman({"host": {}})
    assert nothing.runtime({}) == Runtime("", "")


def test_podman_is_asked_once_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    crun = {"name": "crun"}

    def answer(_: PodmanEngine, path: str) -> dict[str, Any]:
        asked.append(path)
        return {"host": {"ociRuntime": crun}, "store": {"graphDriverName": "vfs"}}

    monkeypatch.setattr(PodmanEngine, "_libpod", answer)
    for first in (PodmanEngine.facts, lambda engine: engine.runtime({})):
        asked.clear()
        engine = PodmanEngine(NOT_ASKED, "unix:///none")
        engine._answers = {"version": {}}
        first(engine)
        assert engine.facts() == Engine("podman", storage_driver="vfs")
        assert engine.runtime({}) == Runtime("crun", "")  # without a version
        assert asked == ["info"]
