"""Which process is a container's first one: by its number inside, its namespaces, its start."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scratchlab.collect import holding
from scratchlab.collect.holding import is_first_process, started_with

OTHER = {"mnt": "mnt:[1]", "pid": "pid:[1]"}


def first(nspid: str | None, tmp_path: Path, mode: str = "private", **namespaces: str) -> bool:
    lines = "Name:\tx\n" + (f"NSpid:\t{nspid}\n" if nspid is not None else "") + "Threads:\t1\n"
    (tmp_path / "status").write_text(lines)
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        process: Any = SimpleNamespace(proc_fd=fd, namespaces={**OTHER, **namespaces})
        return is_first_process(process, {"HostConfig": {"PidMode": mode}})
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("nspid", "expected"),
    [("4711\t1", True), ("4711\t12\t1", True), ("1\t4711", False), ("1\t17", False),
     ("4711", False), ("4711\t11", False), ("1", True), ("", False), (None, True)],
)  # fmt: skip
def test_its_number_in_its_own_namespace_is_one(
    nspid: str | None, expected: bool, tmp_path: Path
) -> None:
    assert first(nspid, tmp_path) is expected


@pytest.mark.parametrize("name", ["mnt", "pid"])
def test_it_does_not_share_this_programs_namespaces(name: str, tmp_path: Path) -> None:
    own = os.readlink(f"/proc/self/ns/{name}")
    assert not first("4711\t1", tmp_path, **{name: own})
    assert first("4711\t1", tmp_path)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("host", True), ("container:x", True), ("private", False), ("shareable", False), ("", False)],
)
def test_in_another_containers_or_the_hosts_namespace_any_number_will_do(
    mode: str, expected: bool, tmp_path: Path
) -> None:
    assert first("4711\t12", tmp_path, mode) is expected


def started(offset: float, text: str | None = None) -> bool:
    """Whether a process that starts now fits an engine that reports ``offset`` seconds later."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    ticks = int((time.time() - boot) * os.sysconf("SC_CLK_TCK"))
    process: Any = SimpleNamespace(start_time=ticks)
    moment = datetime.fromtimestamp(time.time() + offset, UTC)
    reported = moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z") if text is None else text
    return started_with(process, {"State": {"StartedAt": reported}})


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0, True), (50, True), (-50, True), (70, False), (-70, False), (86400, False)],
)
def test_it_started_when_the_engine_says(offset: float, expected: bool) -> None:
    assert started(offset) is expected


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00Z"])
def test_without_a_time_that_can_be_read_it_did_not(text: str) -> None:
    assert not started(0, text)


def test_without_the_time_of_the_boot_it_did_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "_read", lambda *_: b"cpu 1 2\n")
    assert not started(0)
