"""The runtime's config.json is found through the shim, podman, or containerd's directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scratchlab.collect import runtime_config
from scratchlab.model import Engine

CONFIG = {"ociVersion": "1.0.2", "root": {"path": "rootfs"}}
DOCKER = Engine(name="docker")


@contextmanager
def process_in(directory: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], cwd=directory, stdin=subprocess.PIPE
    ) as child:
        yield child.pid
        child.kill()


def bundle(tmp_path: Path, container: str, text: str | None = None) -> Path:
    directory = tmp_path / container
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(CONFIG) if text is None else text)
    return directory


def test_the_shims_working_directory_is_the_bundle(tmp_path: Path) -> None:
    directory = bundle(tmp_path, "c0ffee")
    with process_in(directory) as shim:
        found = runtime_config.find_config({"Id": "c0ffee"}, DOCKER, {}, shim)
    assert found == (CONFIG, f"{directory}/config.json", None)


def test_any_parent_but_the_first_process_may_be_a_shim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_config, "_link_target", "/run/{}/c0ffee".format)
    asked: list[str] = []

    def read(path: str) -> None:
        asked.append(path)
        raise FileNotFoundError

    monkeypatch.setattr(runtime_config, "_read_config", read)
    for parent in (0, 1, 2):
        runtime_config.find_config({"Id": "c0ffee"}, Engine(name="podman"), {}, parent)
    assert asked == ["/proc/2/cwd/config.json"]


def test_a_parent_in_another_directory_is_not_a_shim(tmp_path: Path) -> None:
    with process_in(bundle(tmp_path, "another")) as parent:
        found = runtime_config.find_config({"Id": "c0ffee"}, DOCKER, {}, parent)
    assert found == (None, "", "no config.json of the runtime was found")


def test_podman_reports_its_path(tmp_path: Path) -> None:
    path = f"{bundle(tmp_path, 'userdata')}/config.json"
    inspect = {"Id": "c0ffee", "OCIConfigPath": path}
    assert runtime_config.find_config(inspect, Engine(name="podman"), {}, 0) == (CONFIG, path, None)


def test_containerds_address_names_its_state_directory(tmp_path: Path) -> None:
    tasks = tmp_path / "io.containerd.runtime.v2.task/moby"
    tasks.mkdir(parents=True)
    path = f"{bundle(tasks, 'c0ffee')}/config.json"
    info = {"Containerd": {"Address": f"{tmp_path}/containerd.sock"}}
    assert runtime_config.find_config({"Id": "c0ffee"}, DOCKER, info, 0) == (CONFIG, path, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"ociVersion'])
def test_a_malformed_config_is_a_problem_with_its_path(tmp_path: Path, text: str) -> None:
    path = f"{bundle(tmp_path, 'userdata', text)}/config.json"
    found = runtime_config.find_config(
        {"Id": "c0ffee", "OCIConfigPath": path}, Engine(name="podman"), {}, 0
    )
    assert found.data is None
    assert found.problem is not None
    assert path in found.problem


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_neither_a_fifo_nor_a_link_is_read(tmp_path: Path, kind: str) -> None:
    path = f"{tmp_path}/config.json"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        os.symlink(bundle(tmp_path, "another") / "config.json", path)
    found = runtime_config.find_config(
        {"Id": "c0ffee", "OCIConfigPath": path}, Engine(name="podman"), {}, 0
    )
    assert found.data is None
