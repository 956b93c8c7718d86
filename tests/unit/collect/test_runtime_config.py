"""The runtime's config.json is found through the shim, podman, or containerd's directory."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scratchlab.collect import runtime_config
from scratchlab.model import Engine, Json

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
    content = json.dumps(CONFIG) if text is None else text
    (directory / "config.json").write_text(content, encoding="utf-8")
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


def test_the_configuration_is_utf8_in_each_locale(tmp_path: Path) -> None:
    config = {**CONFIG, "hostname": "caf\u00e9"}
    path = f"{bundle(tmp_path, 'userdata', json.dumps(config, ensure_ascii=False))}/config.json"
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        inspect = {"Id": "c0ffee", "OCIConfigPath": path}
        found = runtime_config.find_config(inspect, Engine(name="podman"), {}, 0)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert found == (config, path, None)


def test_containerds_address_names_its_state_directory(tmp_path: Path) -> None:
    tasks = tmp_path / "io.containerd.runtime.v2.task/moby"
    tasks.mkdir(parents=True)
    path = f"{bundle(tasks, 'c0ffee')}/config.json"
    info = {"Containerd": {"Address": f"{tmp_path}/containerd.sock"}}
    assert runtime_config.find_config({"Id": "c0ffee"}, DOCKER, info, 0) == (CONFIG, path, None)


def asked_for(monkeypatch: pytest.MonkeyPatch, inspect: Json, engine: str, info: Json) -> list[str]:
    """The files that are tried where none can be found."""
    asked: list[str] = []

    def read(path: str) -> None:
        asked.append(path)
        raise NotADirectoryError

    monkeypatch.setattr(runtime_config, "_read_config", read)
    found = runtime_config.find_config({"Id": "c0ffee", **inspect}, Engine(name=engine), info, 0)
    assert found == (None, "", "no config.json of the runtime was found")
    return asked


BELOW = "io.containerd.runtime.v2.task/moby/c0ffee/config.json"
KNOWN = [f"/run/containerd/{BELOW}", f"/var/run/docker/containerd/daemon/{BELOW}"]


@pytest.mark.parametrize(
    ("inspect", "engine", "info", "expected"),
    [
        ({}, "docker", {}, KNOWN),
        ({}, "docker", {"Containerd": None}, KNOWN),
        ({}, "docker", {"Containerd": {"Address": ""}}, KNOWN),
        ({}, "docker", {"Containerd": {"Address": "/x/c.sock"}}, [f"/x/{BELOW}", *KNOWN]),
        ({"OCIConfigPath": ""}, "podman", {}, []),
        ({"OCIConfigPath": "/p/config.json"}, "podman", {}, ["/p/config.json"]),
        ({"OCIConfigPath": "/p/config.json"}, "docker", {}, ["/p/config.json", *KNOWN]),
    ],
)
def test_each_engine_has_its_places(
    inspect: Json, engine: str, info: Json, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked_for(monkeypatch, inspect, engine, info) == expected


def problem(tmp_path: Path, text: str) -> str:
    """What is said of a config.json with this text, after the path."""
    path = f"{bundle(tmp_path, 'userdata', text)}/config.json"
    inspect = {"Id": "c0ffee", "OCIConfigPath": path}
    found = runtime_config.find_config(inspect, Engine(name="podman"), {}, 0)
    assert (found.data, found.path) == (None, "")
    assert found.problem is not None
    what, _, why = found.problem.partition(": ")
    assert what == f"the runtime's config.json {path} cannot be read"
    return why


@pytest.mark.parametrize("text", ["[]", "{}", '"ociVersion"', '["ociVersion"]', "null"])
def test_another_document_is_a_problem_with_its_path(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text) == "it is not an OCI runtime configuration"


@pytest.mark.parametrize("text", ["", "{", '{"ociVersion'])
def test_a_malformed_config_is_a_problem_with_its_path(tmp_path: Path, text: str) -> None:
    assert "line 1 column" in problem(tmp_path, text)


def test_a_config_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_config, "_MOST_BYTES", len(json.dumps(CONFIG)) - 1)
    assert "line 1 column" in problem(tmp_path, json.dumps(CONFIG))


def test_after_one_that_cannot_be_read_the_next_is_tried(tmp_path: Path) -> None:
    tasks = tmp_path / "io.containerd.runtime.v2.task/moby"
    tasks.mkdir(parents=True)
    good = f"{bundle(tasks, 'c0ffee')}/config.json"
    bad = f"{bundle(tmp_path, 'bad', '{')}/config.json"
    inspect = {"Id": "c0ffee", "OCIConfigPath": bad}
    info = {"Containerd": {"Address": f"{tmp_path}/containerd.sock"}}
    assert runtime_config.find_config(inspect, DOCKER, info, 0) == (CONFIG, good, None)


def test_the_runtime_had_made_it_when_it_wrote_the_number_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = bundle(tmp_path, "c0ffee")
    assert runtime_config.made_at(f"{directory}/config.json") is None
    (directory / "init.pid").symlink_to("config.json")
    os.utime(directory / "init.pid", ns=(1, 1234567), follow_symlinks=False)
    assert runtime_config.made_at(f"{directory}/config.json") == 1234567  # the link's own
    monkeypatch.chdir(directory)
    assert runtime_config.made_at("") is None  # no config.json is known


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
