"""CDI files: what is read of them, and where."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect import cdi
from scratchlab.collect.cdi import cdi_edits, directories, edits
from scratchlab.devices import CdiEdit

DOCUMENT = {
    "cdiVersion": "0.5.0",
    "kind": "vendor.com/class",
    "containerEdits": {"mounts": [{"hostPath": "/h/dir", "containerPath": "/c/dir/"}]},
    "devices": [
        {
            "name": "one",
            "containerEdits": {
                "env": ["ONE=1"],
                "deviceNodes": [{"path": "/dev/v0", "hostPath": "/dev/null"}],
                "mounts": [{"hostPath": "/h/lib", "containerPath": "/c/../lib"}],
            },
        },
        {"name": "two", "containerEdits": {"deviceNodes": [{"path": "/dev/v1"}]}},
    ],
}
ALL = CdiEdit("F", "vendor.com/class", "/c/dir", "/h/dir")
NODE = CdiEdit("F", "vendor.com/class=one", "/dev/v0", number=(1, 3))
LIB = CdiEdit("F", "vendor.com/class=one", "/lib", "/h/lib")
OTHER = CdiEdit("F", "vendor.com/class=two", "/dev/v1")
CONFIG = {
    "mounts": [{"destination": "/c/dir"}, {"destination": "/lib/"}],
    "linux": {"devices": [{"path": "/dev/v0"}]},
}


def test_mounts_and_nodes_of_a_file_and_of_its_devices() -> None:
    numbers = {"/dev/null": (1, 3)}
    assert set(edits("F", DOCUMENT, numbers.get)) == {ALL, NODE, LIB, OTHER}
    assert replace(NODE, number=None) in set(edits("F", DOCUMENT))


@pytest.mark.parametrize(
    ("node", "number"),
    [
        ({"path": "/dev/v", "hostPath": "/h"}, (9, 9)),
        ({"path": "/h"}, (9, 9)),
        ({"path": "/dev/v"}, None),
        ({}, None),
        ({"path": "/h", "type": "c", "major": 1, "minor": 5}, (1, 5)),
        ({"path": "/h", "type": "b", "major": 7}, (7, 0)),
        ({"path": "/h", "type": "c", "major": 0, "minor": 5}, (9, 9)),
        ({"path": "/h", "major": 1, "minor": 5}, (9, 9)),
        ({"path": "/h", "type": "c", "major": "1", "minor": 5}, (9, 9)),
        ({"path": "/h", "type": "c", "major": 1, "minor": "5"}, (9, 9)),
    ],
)
def test_the_number_of_a_node_is_the_files_or_the_hosts(
    node: dict[str, Any], number: tuple[int, int] | None
) -> None:
    document = {"kind": "v.com/c", "containerEdits": {"deviceNodes": [node]}}
    (found,) = edits("F", document, {"/h": (9, 9)}.get)
    assert found.number == number


def test_a_mount_has_its_options() -> None:
    one = {"hostPath": "/h", "containerPath": "/c", "options": ["ro", "bind"]}
    mounts = [one, {**one, "options": "ro"}]
    document = {"kind": "v.com/c", "containerEdits": {"mounts": mounts}}
    assert [edit.options for edit in edits("F", document)] == [("ro", "bind"), ()]


@pytest.mark.parametrize(
    "document",
    [
        None, [], "x", {}, {**DOCUMENT, "kind": None}, {**DOCUMENT, "kind": 7},
        {"kind": "k", "devices": {}},
        {"kind": "k", "devices": [7]},
        {"kind": "k", "containerEdits": []},
        {"kind": "k", "containerEdits": {"mounts": {}, "deviceNodes": None}},
        {"kind": "k", "containerEdits": {"mounts": [1]}},
    ],
)  # fmt: skip
def test_what_is_not_a_cdi_file_adds_nothing(document: Any) -> None:
    assert list(edits("F", document)) == []


@pytest.mark.parametrize(
    ("inspect", "info", "expected"),
    [
        ({}, {}, ["/etc/cdi", "/var/run/cdi"]),
        ({}, {"CDISpecDirs": ["/a", "/b"]}, ["/a", "/b"]),
        ({}, {"CDISpecDirs": []}, ["/etc/cdi", "/var/run/cdi"]),
        ({"Config": {"CreateCommand": ["podman", "--cdi-spec-dir", "/p", "run"]}}, {}, ["/p"]),
        ({"Config": {"CreateCommand": ["podman", "--cdi-spec-dir=/p", "run"]}}, {}, ["/p"]),
        ({"Config": {"CreateCommand": ["podman", "--cdi-spec-dir", "/p", *"abcdef"]}}, {}, ["/p"]),
        ({"Config": {"CreateCommand": ["podman", "--cdi-spec-dir=p", "run"]}}, {}, []),
        ({"Config": {"CreateCommand": ["podman", "run", "i", "--cdi-spec-dir=/p"],
                     "Cmd": ["--cdi-spec-dir=/p"]}}, {}, ["/etc/cdi", "/var/run/cdi"]),
        ({"Config": {"CreateCommand": ["podman", "--cdi-spec-dir"]}}, {}, []),
        ({"Config": {"CreateCommand": None}}, {"CDISpecDirs": None}, ["/etc/cdi", "/var/run/cdi"]),
    ],
)  # fmt: skip
def test_where_the_engine_looks(
    inspect: dict[str, Any], info: dict[str, Any], expected: list[str]
) -> None:
    assert list(directories(inspect, info)) == expected


def read(directory: Path, parent: int = 0, config: Any = CONFIG) -> set[CdiEdit]:
    return set(cdi_edits({}, config, {"CDISpecDirs": [str(directory)]}, parent))


def named(edit: CdiEdit, file: Path) -> CdiEdit:
    return replace(edit, file=str(file))


@pytest.mark.parametrize("parent", [0, 1, os.getpid()])
def test_what_the_configuration_has_is_kept(tmp_path: Path, parent: int) -> None:
    file = tmp_path / "v.json"
    file.write_text(json.dumps(DOCUMENT))
    assert read(tmp_path, parent) == {named(edit, file) for edit in (ALL, NODE, LIB)}
    assert read(tmp_path, parent, None) == set()
    assert read(tmp_path, parent, {"mounts": None, "linux": {"devices": None}}) == set()


@pytest.mark.parametrize(
    ("path", "number"), [("/dev/null", (1, 3)), ("/dev", None), ("/etc/passwd", None), ("/", None)]
)
def test_only_a_device_of_the_hosts_has_a_number(
    path: str, number: tuple[int, int] | None, tmp_path: Path
) -> None:
    node = {"path": "/dev/v0", "hostPath": path}
    document = {"kind": "v.com/c", "containerEdits": {"deviceNodes": [node]}}
    (tmp_path / "v.json").write_text(json.dumps(document))
    assert [edit.number for edit in read(tmp_path)] == [number]


@pytest.mark.parametrize(
    ("inspect", "found"),
    [
        ({"HostConfig": {"DeviceRequests": [{"DeviceIDs": ["vendor.com/class=one"]}]}}, True),
        ({"HostConfig": {"DeviceRequests": [{"DeviceIDs": ["vendor.com/other=one"]}, {}]}}, False),
        ({"HostConfig": {"DeviceRequests": None}, "Config": {"CreateCommand": None}}, False),
        ({"Config": {"CreateCommand": ["podman", "--device", "vendor.com/class=two"]}}, True),
        ({"Config": {"CreateCommand": ["podman", "--device=vendor.com/class=two"]}}, True),
        ({"Config": {"CreateCommand": ["podman", "--device", "vendor.com/classy=two"]}}, False),
    ],
)
def test_all_is_kept_of_a_class_that_is_asked_for(
    inspect: dict[str, Any], found: bool, tmp_path: Path
) -> None:
    """A prediction needs it, whatever config.json has."""
    file = tmp_path / "v.json"
    file.write_text(json.dumps(DOCUMENT))
    kept = set(cdi_edits(inspect, None, {"CDISpecDirs": [str(tmp_path)]}, 0))
    everything = {named(edit, file) for edit in (ALL, NODE, LIB, OTHER)}
    assert kept == (everything if found else set())


@pytest.mark.parametrize("name", ["v.yaml", "v.yml"])
def test_a_file_may_be_yaml(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        "kind: vendor.com/class\ndevices:\n- name: one\n  containerEdits:\n"
        "    deviceNodes:\n    - path: /dev/v0\n      hostPath: /dev/null\n"
    )
    assert read(tmp_path) == {named(NODE, tmp_path / name)}


def test_what_cannot_be_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdi, "_MOST_BYTES", len(json.dumps(DOCUMENT)))
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.yaml").write_text("a: [")
    (tmp_path / "c.json").mkdir()
    (tmp_path / "d.json").symlink_to("nowhere")
    (tmp_path / "e.json").write_text(json.dumps(DOCUMENT) + " ")
    (tmp_path / "f.txt").write_text(json.dumps(DOCUMENT))
    (tmp_path / "g.json").write_bytes(b"\xff")
    os.mkfifo(tmp_path / "h.json")
    (tmp_path / "i.json").write_text(json.dumps(DOCUMENT))
    assert {edit.file for edit in read(tmp_path)} == {str(tmp_path / "i.json")}
    assert read(tmp_path / "none") == set()


def test_of_many_files_the_first_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdi, "_MOST_FILES", 1)
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text(json.dumps(DOCUMENT))
    assert {edit.file for edit in read(tmp_path)} == {str(tmp_path / "a.json")}


@pytest.mark.parametrize(
    ("parent", "place"), [(0, "/etc/cdi"), (1, "/etc/cdi"), (2, "/proc/2/root/etc/cdi")]
)
def test_it_is_read_where_the_engine_lives(
    parent: int, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process with another root, /etc/cdi is that root's."""
    asked: list[str] = []

    def listed(place: str) -> list[str]:
        asked.append(place)
        return []

    monkeypatch.setattr(os, "listdir", listed)
    assert read(Path("/etc/cdi"), parent) == set()
    assert asked == [place]


def test_where_that_cannot_be_read_it_is_read_here(tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text(json.dumps(DOCUMENT))
    nobody = 2**22 + 7  # above every PID: proc(5), pid_max
    assert read(tmp_path, nobody) == read(tmp_path) != set()


def test_json_is_read_as_json(tmp_path: Path) -> None:
    """YAML takes no tabs before a value."""
    (tmp_path / "v.json").write_text(json.dumps(DOCUMENT, indent="\t"))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert {edit.file for edit in read(tmp_path)} == {str(tmp_path / "v.json")}


def test_what_is_left_out_is_empty() -> None:
    (added,) = edits("F", {"kind": "k", "containerEdits": {"mounts": [{}]}})
    assert added == CdiEdit("F", "k", "/", "")
    (named,) = edits("F", {"kind": "k", "containerEdits": {"deviceNodes": [{"path": "X/"}]}})
    assert named == CdiEdit("F", "k", "/X")
