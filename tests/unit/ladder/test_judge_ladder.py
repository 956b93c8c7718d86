"""The first rung that shows an entry made it, and evidence must name the same origin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fastjsonschema
import pytest

from scratchlab.lab.listing import ListedEntry
from scratchlab.ladder.judge import judge_ladder
from scratchlab.ladder.model import Claim, EntryRow, LadderRun, Maker, RootView, Step
from scratchlab.ladder.shapes import ladder_section
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
    lines = tuple(ListedEntry(path, "file", 0o644, 0, 0, 0) for path in paths or ())
    return RootView(step, lines, by_hand)


def ladder_run(**changed: tuple[str, ...] | None) -> LadderRun:
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
    return LadderRun("sleep", "sha256:0", tuple(rungs), "docker", "runc", claims)


def by_path(run: LadderRun) -> dict[str, EntryRow]:
    return {row.path: row for row in judge_ladder(run)}


def test_each_entry_is_made_by_the_first_rung_that_shows_it() -> None:
    rows = by_path(ladder_run())
    assert {path: (row.maker, row.first) for path, row in rows.items()} == {
        "/": (Maker.UNKNOWN, ""),  # every rung is given a root
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
    assert all(row.agrees for path, row in rows.items() if path in ORIGINS and path != "/")
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
        ("/sleep", "written-later"),
        ("/proc", "kernel"),
        ("/etc", "user-mount"),
    ],
)
def test_origin_contradicted_by_construction_disagrees(path: str, origin: str) -> None:
    run = ladder_run()
    claims = {**ORIGINS, path: origin}
    rows = by_path(replace(run, claims=tuple(Claim(*pair) for pair in claims.items())))
    assert [row.path for row in rows.values() if row.agrees is False] == [path]


def test_entry_without_origin_by_evidence_disagrees() -> None:
    rows = by_path(
        replace(ladder_run(), claims=tuple(Claim(p, o) for p, o in ORIGINS.items() if p != "/etc"))
    )
    assert [row.path for row in rows.values() if row.agrees is False] == ["/etc"]


def test_unmeasured_rungs_leave_the_maker_open() -> None:
    rows = by_path(ladder_run(runc=None, crun=None, containerd=None))
    assert (rows["/.dockerenv"].maker, rows["/.dockerenv"].agrees) == (Maker.UNKNOWN, True)
    assert (rows["/dev/null"].maker, rows["/dev/null"].agrees) == (Maker.UNKNOWN, True)
    assert rows["/dev/pts/ptmx"].maker is Maker.KERNEL
    rows = by_path(ladder_run(mounts=None))
    assert rows["/dev/pts/ptmx"].maker is Maker.UNKNOWN
    assert rows["/dev/pts/ptmx"].agrees
    assert rows["/.dockerenv"].maker is Maker.ENGINE


def test_containerd_rung_separates_runtime_from_engine_without_a_bare_runtime() -> None:
    rows = by_path(ladder_run(runc=None, crun=None))
    assert (rows["/.dockerenv"].maker, rows["/.dockerenv"].agrees) == (Maker.ENGINE, True)
    assert (rows["/dev/null"].maker, rows["/dev/null"].agrees) == (Maker.UNKNOWN, True)


def test_bare_runtime_separates_runtime_from_engine_without_ctr() -> None:
    rows = by_path(ladder_run(containerd=None, podman=None, crun=None))
    assert rows["/.dockerenv"].maker is Maker.ENGINE
    assert rows["/dev/null"].maker is Maker.RUNTIME
    assert all(row.agrees for path, row in rows.items() if path != "/")


def test_who_makes_the_root_is_not_shown_by_construction() -> None:
    row = by_path(ladder_run())["/"]
    assert (row.maker, row.origin, row.agrees) == (Maker.UNKNOWN, "storage-driver", None)


def test_entry_that_podman_and_containerd_share_is_made_by_podman_on_podman() -> None:
    claims = (Claim("/run", "engine-create"), Claim("/etc", "engine-create"))
    run = replace(ladder_run(), engine="podman", claims=claims)
    rows = by_path(run)
    assert (rows["/run"].maker, rows["/run"].agrees) == (Maker.ENGINE, True)
    assert (rows["/etc"].maker, rows["/etc"].first) == (Maker.ENGINE, "podman")
    assert (rows["/etc/hosts"].maker, rows["/etc/hosts"].agrees) == (Maker.ENGINE, None)


def mounted(path: str, origin: str, *targets: str) -> bool | None:
    """Whether ``origin`` agrees for ``path`` if the engine's rung has mounts on ``targets``."""
    run = ladder_run()
    rungs = tuple(
        replace(view, filesystems=dict.fromkeys(targets, "ext4"))
        if view.step.id == "docker"
        else view
        for view in run.rungs
    )
    claims = {**ORIGINS, path: origin}
    run = replace(run, rungs=rungs, claims=tuple(Claim(*pair) for pair in claims.items()))
    return by_path(run)[path].agrees


def test_runtime_makes_the_mountpoints_of_the_engines_mounts() -> None:
    assert mounted("/etc", "runtime-mountpoint", "/etc/hosts") is True
    assert mounted("/etc/hosts", "runtime-mountpoint", "/etc/hosts") is True
    assert mounted("/.dockerenv", "runtime-mountpoint", "/etc/hosts", "/.docker") is False
    assert mounted("/dev/null", "runtime-mountpoint") is True


def test_engine_mount_in_place_of_the_runtimes_cannot_be_compared() -> None:
    assert mounted("/dev", "engine-mount", "/dev") is None
    assert mounted("/dev", "engine-mount", "/etc/hosts") is False
    assert mounted("/dev", "engine-create", "/dev") is False


def test_ladder_section_fits_the_report_schema() -> None:
    whole: dict[str, Any] = schema()
    part = {**whole["properties"]["ladder"], "definitions": whole["definitions"]}
    section = ladder_section(ladder_run())
    fastjsonschema.validate(part, section)
    assert section["entries"][1]["path"] == "/.dockerenv"
    assert section["rungs"][-1]["available"] is False
