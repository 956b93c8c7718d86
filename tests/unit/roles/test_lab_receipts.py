"""Receipts that are truncated, of a wrong type or gone are named, with a remedy that works."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_receipts, receipt_files

FILE = {"content": None, "mode": None, "uid": None, "gid": None, "keys": ["mtu"], "written": ""}
GOOD: dict[str, Any] = {
    "before.json": {
        "schema": 1,
        "paths": {"/var/lib/docker": "absent"},
        "groups": {"docker": False},
        "units": {"docker.service": {"active": False, "enabled": False}},
        "sysctls": {"net.ipv4.ip_forward": "0"},
        "interfaces": ["lo"],
        "firewall": {"iptables-save": ""},
        "engine": {"running": False, "version": "", "dockerd": "", "receipt": {}},
        "go": {"version": "", "path": ""},
    },
    "packages.json": {"docker.io:amd64": "purge", "runc:amd64": "remove"},
    "packages.pending": {"libc6:amd64": "ii"},
    "images.json": {"sleep": {"content": "0", "id": "sha256:1"}},
    "engine.json": {"supervisor": "systemd"},
    "members-docker.json": ["student"],
    "file-etc-docker-daemon.json.json": FILE,
    "files.json": {"files": ["/usr/local/bin/scratchlab"], "before": []},
    "decision.json": {"stays": True},
}
WRONG: dict[str, list[Any]] = {
    "before.json": [[], {"paths": []}, {"paths": {"/x": True}}, {"groups": {"docker": "no"}}],
    "packages.json": [[], None, {"docker.io": "keep"}, {"docker.io": 1}, ["docker.io"]],
    "packages.pending": [[], {"libc6": 1}],
    "images.json": [[], {"sleep": []}, {"sleep": {"content": "0"}}, {"sleep": {"id": 1}}],
    "engine.json": [[], "systemd", {"supervisor": True}],
    "members-docker.json": [{}, "student", [1]],
    "file-etc-docker-daemon.json.json": [[], {}, FILE | {"keys": "mtu"}, FILE | {"mode": True}],
    "files.json": [[], {"files": "x", "before": []}, {"files": []}],
    "decision.json": [[], 1],
    "index.json": [{}, [1]],
}
cases = [(name, value) for name, values in WRONG.items() for value in values]


@pytest.fixture
def receipts(tmp_path: Path) -> Path:
    """One of each, as the lab writes them."""
    for name, document in GOOD.items():
        receipt_files.write_json(tmp_path / "receipts" / name, document)
    return tmp_path / "receipts"


def mend(problem: str) -> None:
    """Run the command that a problem names."""
    command = problem.partition("or run: ")[2].rpartition(" (then")[0]
    assert command, problem
    subprocess.run(["sh", "-c", command], check=True)


def assert_named_and_mended(receipts: Path, name: str, word: str) -> None:
    (problem,) = lab_receipts.problems(receipts)
    assert problem.startswith(f"{receipts / name} is {word}")
    mend(problem)
    assert lab_receipts.problems(receipts) == []


def test_good_receipts_have_no_problem(receipts: Path) -> None:
    assert sorted(json.loads((receipts / "index.json").read_text())) == sorted(GOOD)
    assert lab_receipts.problems(receipts) == []


@pytest.mark.parametrize("name", [*GOOD, "index.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[1,"], ids=repr)
def test_truncated_receipt_is_named(receipts: Path, name: str, damage: bytes) -> None:
    (receipts / name).write_bytes(damage)
    assert_named_and_mended(receipts, name, "damaged")


@pytest.mark.parametrize(("name", "value"), cases, ids=str)
def test_receipt_of_a_wrong_type_is_named(receipts: Path, name: str, value: Any) -> None:
    (receipts / name).write_text(json.dumps(value))
    assert_named_and_mended(receipts, name, "damaged")


@pytest.mark.parametrize("name", GOOD)
def test_receipt_that_is_gone_is_named(receipts: Path, name: str) -> None:
    (receipts / name).unlink()
    assert_named_and_mended(receipts, name, "gone")


def test_first_receipt_is_missed_without_an_index_too(receipts: Path) -> None:
    for name in ("index.json", "before.json"):
        (receipts / name).unlink()
    assert_named_and_mended(receipts, "before.json", "gone")


def test_every_problem_is_named_at_once(receipts: Path) -> None:
    for name in ("before.json", "packages.json"):
        (receipts / name).write_text("{")
    (receipts / "images.json").unlink()
    assert len(lab_receipts.problems(receipts)) == 3


def test_receipt_that_was_removed_is_not_missed(receipts: Path) -> None:
    for name in GOOD:
        receipt_files.remove_json(receipts / name)
    assert lab_receipts.problems(receipts) == []
    assert json.loads((receipts / "index.json").read_text()) == []


def test_all_receipts_gone_is_named_where_the_lab_was(tmp_path: Path) -> None:
    receipts, trace = tmp_path / "receipts", tmp_path / "build"
    assert lab_receipts.problems(receipts, [trace]) == []
    trace.mkdir()
    (problem,) = lab_receipts.problems(receipts, [trace])
    assert problem.startswith(f"{receipts} is gone")
    mend(problem)
    assert lab_receipts.problems(receipts, [trace]) == []


def test_files_of_others_among_the_receipts_are_not_judged(receipts: Path) -> None:
    (receipts / "notes.txt").write_text("mine")
    assert lab_receipts.problems(receipts) == []


def test_reading_a_damaged_receipt_alone_says_the_same(receipts: Path) -> None:
    path = receipts / "packages.json"
    path.write_text("[]")
    with pytest.raises(receipt_files.ReceiptError, match=r"packages\.json is damaged .*echo \{\}"):
        receipt_files.read_json(path, {})
