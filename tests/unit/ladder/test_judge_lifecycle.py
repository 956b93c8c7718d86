"""An entry appears in a stage, and its origin by evidence must act in that stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fastjsonschema
import pytest

from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.judge import judge_lifecycle
from scratchlab.ladder.model import Claim, EntryRow, Lifecycle, RootView, Step
from scratchlab.ladder.shapes import timelapse_section
from scratchlab.report.file import schema

ORIGINS = {
    "/": "storage-driver",
    "/sleep": "image-layer",
    "/.dockerenv": "engine-init-layer",
    "/etc/hosts": "engine-mount",
    "/dev": "runtime-filesystem",
    "/dev/null": "runtime-device",
    "/dev/pts/ptmx": "kernel",
}
CREATED = ("/", "/sleep", "/.dockerenv", "/etc/hosts", "/dev", "/dev/console")
RUNNING = (*CREATED[:5], "/dev/null", "/dev/pts/ptmx")


def lifecycle(**changed: tuple[str, ...] | None) -> Lifecycle:
    shown: dict[str, tuple[str, ...] | None] = {
        "image": CREATED[:2],
        "created": CREATED,
        "prepared": RUNNING,
        "running": RUNNING,
        "exec": (*RUNNING, "/dev/pts/0"),
        "stopped": CREATED,
        "removed": (),
    }
    shown |= changed
    views = (
        RootView(
            Step(name, name, "docker", available=paths is not None),
            tuple(ListedEntry(path, "file", 0o644, 0, 0, 0) for path in paths or ()),
        )
        for name, paths in shown.items()
    )
    claims = tuple(Claim(path, origin) for path, origin in ORIGINS.items())
    return Lifecycle("sleep", tuple(views), claims)


def by_path(followed: Lifecycle) -> dict[str, EntryRow]:
    return {row.path: row for row in judge_lifecycle(followed)}


def test_entries_appear_and_vanish_with_their_stages() -> None:
    rows = by_path(lifecycle())
    assert {path: row.first for path, row in rows.items()} == {
        "/": "image",
        "/sleep": "image",
        "/.dockerenv": "created",
        "/etc/hosts": "created",
        "/dev": "created",
        "/dev/console": "created",
        "/dev/null": "prepared",
        "/dev/pts/ptmx": "prepared",
        "/dev/pts/0": "exec",
    }
    assert rows["/dev/pts/0"].present == (False, False, False, False, True, False, False)
    assert rows["/dev/console"].present == (False, True, False, False, False, True, False)
    assert {row.path for row in rows.values() if row.agrees} == set(ORIGINS)
    assert not [row for row in rows.values() if row.agrees is False]


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/sleep", "engine-init-layer"),
        ("/.dockerenv", "image-layer"),
        ("/.dockerenv", "runtime-device"),
        ("/dev/null", "image-layer"),
        ("/dev/null", "engine-init-layer"),
        ("/dev/pts/ptmx", "engine-create"),
        ("/sleep", "written-later"),
        ("/dev/null", "unexplained"),
    ],
)
def test_origin_that_does_not_act_in_the_first_stage_disagrees(path: str, origin: str) -> None:
    claims = {**ORIGINS, path: origin}
    rows = by_path(replace(lifecycle(), claims=tuple(Claim(*pair) for pair in claims.items())))
    assert [row.path for row in rows.values() if row.agrees is False] == [path]


def test_podman_makes_at_start_what_docker_makes_at_create() -> None:
    followed = replace(lifecycle(), claims=(Claim("/dev/null", "engine-create"),))
    assert by_path(followed)["/dev/null"].agrees is False
    stages = tuple(replace(v, step=replace(v.step, tool="podman")) for v in followed.stages)
    assert by_path(replace(followed, stages=stages))["/dev/null"].agrees is True


def test_unmeasured_stage_may_have_been_the_first() -> None:
    rows = by_path(lifecycle(created=None, prepared=None))
    assert rows["/.dockerenv"].first == "running"
    assert not [row for row in rows.values() if row.agrees is False]


def test_timelapse_section_fits_the_report_schema_with_every_change() -> None:
    whole: dict[str, Any] = schema()
    part = {**whole["properties"]["timelapse"], "definitions": whole["definitions"]}
    followed = lifecycle()
    grown = replace(followed.stages[3], filesystems={"/dev": "tmpfs"})
    section = timelapse_section(
        replace(followed, stages=(*followed.stages[:3], grown, *followed.stages[4:]))
    )
    fastjsonschema.validate(part, section)
    details = next(entry["detail"] for entry in section["entries"] if entry["path"] == "/dev")
    assert details[0] == details[6] == ""
    assert details[1] == "-rw-r--r-- 0:0 0 B"
    assert details[3] == "-rw-r--r-- 0:0 0 B [tmpfs]"
