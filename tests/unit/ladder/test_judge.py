"""The first rung that shows an entry made it; evidence that says otherwise is contradicted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fastjsonschema
import pytest

from scratchlab.lab.listing import ListedLine
from scratchlab.ladder import judge, shapes
from scratchlab.ladder.model import Claim, LadderRow, Maker, RootView, RungRun, Step
from scratchlab.report.file import schema

CHROOT = ("/", "/sleep")
MOUNTS = (*CHROOT, "/dev", "/dev/pts", "/dev/pts/ptmx", "/proc")
RUNC = (*MOUNTS, "/dev/null")
DOCKER = (*RUNC, "/.dockerenv", "/etc", "/etc/hosts")
ORIGINS = {
    "/": "storage-driver",
    "/sleep": "image-layer",
    "/dev": "runtime-filesystem",
    "/dev/pts": "runtime-filesystem",
    "/dev/pts/ptmx": "kernel",
    "/proc": "runtime-filesystem",
    "/dev/null": "runtime-device",
    "/.dockerenv": "engine-init-layer",
    "/etc": "engine-init-layer",
    "/etc/hosts": "engine-mount",
}


def view(name: str, paths: tuple[str, ...] | None, by_hand: tuple[str, ...] = ()) -> RootView:
    step = Step(name, name, name, available=paths is not None)
    lines = tuple(ListedLine(path, "file", 0o644, 0, 0, 0) for path in paths or ())
    return RootView(step, lines, by_hand)


def climb(**changed: tuple[str, ...] | None) -> RungRun:
    shown: dict[str, tuple[str, ...] | None] = {
        "chroot": CHROOT,
        "mounts": MOUNTS,
        "runc": RUNC,
        "crun": (*RUNC, "/dev/core"),
        "containerd": (*RUNC, "/run"),
        "docker": DOCKER,
        "podman": (*RUNC, "/run", "/etc"),
        "gvisor": None,
    }
    by_hand = {"mounts": ("/dev", "/dev/pts", "/proc")}
    rungs = (
        view(name, paths, by_hand.get(name, ())) for name, paths in {**shown, **changed}.items()
    )
    claims = tuple(Claim(path, origin) for path, origin in ORIGINS.items())
    return RungRun("sleep", "sha256:0", tuple(rungs), "docker", "runc", claims)


def by_path(seen: RungRun) -> dict[str, LadderRow]:
    return {row.path: row for row in judge.judge(seen)}


def test_each_entry_is_made_by_the_first_rung_that_shows_it() -> None:
    rows = by_path(climb())
    assert {path: (row.maker, row.first) for path, row in rows.items()} == {
        "/": (Maker.IMAGE, "chroot"),
        "/sleep": (Maker.IMAGE, "chroot"),
        "/dev": (Maker.RUNTIME, "runc"),
        "/dev/pts": (Maker.RUNTIME, "runc"),
        "/dev/pts/ptmx": (Maker.KERNEL, "mounts"),
        "/proc": (Maker.RUNTIME, "runc"),
        "/dev/null": (Maker.RUNTIME, "runc"),
        "/dev/core": (Maker.RUNTIME, "crun"),
        "/run": (Maker.CONTAINERD, "containerd"),
        "/.dockerenv": (Maker.ENGINE, "docker"),
        "/etc": (Maker.ENGINE, "docker"),
        "/etc/hosts": (Maker.ENGINE, "docker"),
    }
    assert all(row.agrees for path, row in rows.items() if path in ORIGINS)
    assert rows["/run"].agrees is None
    assert rows["/dev/core"].present == (False, False, False, True, False, False, False, None)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/.dockerenv", "runtime-mountpoint"),
        ("/.dockerenv", "image-layer"),
        ("/.dockerenv", "unexplained"),
        ("/dev/null", "kernel"),
        ("/dev/null", "engine-mount"),
        ("/dev/pts/ptmx", "runtime-device"),
        ("/sleep", "process-write"),
        ("/proc", "kernel"),
        ("/etc", "user-mount"),
    ],
)
def test_an_origin_that_construction_contradicts_disagrees(path: str, origin: str) -> None:
    seen = climb()
    claims = {**ORIGINS, path: origin}
    rows = by_path(replace(seen, claims=tuple(Claim(*pair) for pair in claims.items())))
    assert [row.path for row in rows.values() if row.agrees is False] == [path]


def test_an_entry_without_an_origin_by_evidence_disagrees() -> None:
    rows = by_path(
        replace(climb(), claims=tuple(Claim(p, o) for p, o in ORIGINS.items() if p != "/etc"))
    )
    assert [row.path for row in rows.values() if row.agrees is False] == ["/etc"]


def test_what_was_not_measured_may_have_made_it_too() -> None:
    rows = by_path(climb(runc=None, crun=None, containerd=None))
    assert (rows["/.dockerenv"].maker, rows["/.dockerenv"].agrees) == (Maker.UNKNOWN, True)
    assert (rows["/dev/null"].maker, rows["/dev/null"].agrees) == (Maker.UNKNOWN, True)
    assert rows["/dev/pts/ptmx"].maker is Maker.KERNEL
    rows = by_path(climb(mounts=None))
    assert rows["/dev/pts/ptmx"].maker is Maker.UNKNOWN
    assert rows["/dev/pts/ptmx"].agrees
    assert rows["/.dockerenv"].maker is Maker.ENGINE


def test_containerds_rung_tells_runtime_and_engine_apart_where_no_bare_runtime_is() -> None:
    rows = by_path(climb(runc=None, crun=None))
    assert (rows["/.dockerenv"].maker, rows["/.dockerenv"].agrees) == (Maker.ENGINE, True)
    assert (rows["/dev/null"].maker, rows["/dev/null"].agrees) == (Maker.UNKNOWN, True)


def test_without_ctr_the_engine_is_told_from_the_runtime_all_the_same() -> None:
    rows = by_path(climb(containerd=None, podman=None, crun=None))
    assert rows["/.dockerenv"].maker is Maker.ENGINE
    assert rows["/dev/null"].maker is Maker.RUNTIME
    assert all(row.agrees for row in rows.values())


def test_what_podman_and_containerd_both_have_is_podmans_in_podman() -> None:
    claims = (Claim("/run", "engine-create"), Claim("/etc", "engine-create"))
    seen = replace(climb(), engine="podman", claims=claims)
    rows = by_path(seen)
    assert (rows["/run"].maker, rows["/run"].agrees) == (Maker.ENGINE, True)
    assert (rows["/etc"].maker, rows["/etc"].first) == (Maker.ENGINE, "podman")
    assert (rows["/etc/hosts"].maker, rows["/etc/hosts"].agrees) == (Maker.ENGINE, None)


def mounted(path: str, origin: str, *targets: str) -> bool | None:
    """Whether an origin of a path agrees where the engine's rung has these mounts."""
    seen = climb()
    rungs = tuple(
        replace(view, filesystems=dict.fromkeys(targets, "ext4"))
        if view.step.id == "docker"
        else view
        for view in seen.rungs
    )
    claims = {**ORIGINS, path: origin}
    seen = replace(seen, rungs=rungs, claims=tuple(Claim(*pair) for pair in claims.items()))
    return by_path(seen)[path].agrees


def test_the_runtime_makes_what_a_mount_of_the_engine_stands_on() -> None:
    assert mounted("/etc", "runtime-mountpoint", "/etc/hosts") is True
    assert mounted("/etc/hosts", "runtime-mountpoint", "/etc/hosts") is True
    assert mounted("/.dockerenv", "runtime-mountpoint", "/etc/hosts", "/.docker") is False
    assert mounted("/dev/null", "runtime-mountpoint") is True


def test_a_mount_of_the_engine_in_place_of_the_runtimes_cannot_be_told_from_below() -> None:
    assert mounted("/dev", "engine-mount", "/dev") is None
    assert mounted("/dev", "engine-mount", "/etc/hosts") is False
    assert mounted("/dev", "engine-create", "/dev") is False


def test_the_report_takes_it() -> None:
    rules: dict[str, Any] = schema()
    part = {**rules["properties"]["ladder"], "definitions": rules["definitions"]}
    made = shapes.ladder(climb())
    fastjsonschema.validate(part, made)
    assert made["entries"][1]["path"] == "/.dockerenv"
    assert made["rungs"][-1]["available"] is False
