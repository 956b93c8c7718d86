"""In the lab's directories, what the lab wrote is the lab's and everything else is the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.scratchlab.lab.plugins.module_utils import lab_files

ROLE = Path(__file__).parents[3] / "roles" / "lab_machine" / "vars" / "main.yml"
VARIABLES = yaml.safe_load(ROLE.read_text())
PATTERNS = [*VARIABLES["__lab_machine_own_files"], *VARIABLES["__lab_machine_engine_files"]]
# What the lab left on Debian 12 and 13, listed there.
WRITTEN = [
    "usr/local/bin/scratchlab",
    "usr/local/lib/scratchlab/engine",
    "run/scratchlab/engine.pid",
    "var/log/scratchlab/dockerd.log",
    "var/cache/scratchlab/2a713d708aaa1a2d/scratchlab/__main__.py",
    "var/cache/scratchlab/2a713d708aaa1a2d.4711/scratchlab/__main__.py",
    "var/cache/scratchlab/agent-0123456789abcdef-amd64",
    "var/cache/scratchlab/ladder/root/sleep",
    "var/lib/scratchlab/apt/archives/lock",
    "var/lib/scratchlab/apt/archives/partial/golang-go_1_amd64.deb",
    "var/lib/scratchlab/apt/lists/auxfiles/x",
    "var/lib/scratchlab/apt/lists/deb.debian.org_debian_dists_trixie_InRelease",
    "var/lib/scratchlab/apt/lists/lock",
    "var/lib/scratchlab/apt/pkgcache.bin",
    "var/lib/scratchlab/apt/srcpkgcache.bin",
    "var/lib/scratchlab/build/limits/limits",
    "var/lib/scratchlab/build/limits/limits.receipt",
    "var/lib/scratchlab/build/scratchlab-debug/Dockerfile",
    "var/lib/scratchlab/build/scratchlab-debug/bin/busybox",
    "var/lib/scratchlab/build/scratchtest/test",
    "var/lib/scratchlab/build/sleep/main.go",
    "var/lib/scratchlab/build/sleep/sleep",
    "var/lib/scratchlab/bundle/golang-go_1_amd64.deb",
    "var/lib/scratchlab/docker/buildx/activity/default",
    "var/lib/scratchlab/golang/1.22.12/bin/go",
    "var/lib/scratchlab/golang/go1.22.12.linux-amd64.tar.gz",
    "var/lib/scratchlab/learning/.aside-x1",
    "var/lib/scratchlab/learning/1000.json",
    "var/lib/scratchlab/quiz/graded.json",
    "var/lib/scratchlab/report.json",
]
# The user's, and what of it is named.
KEPT = {
    "usr/local/lib/scratchlab/tool": "",
    "var/cache/scratchlab/kept": "",
    "var/cache/scratchlab/mine/file": "var/cache/scratchlab/mine",
    "var/lib/scratchlab/apt/notes": "",
    "var/lib/scratchlab/build/mine/Dockerfile": "var/lib/scratchlab/build/mine",
    "var/lib/scratchlab/build/scratchlab-debug/bin/strace": "",
    "var/lib/scratchlab/build/sleep/notes.txt": "",
    "var/lib/scratchlab/golang/notes": "",
    "var/lib/scratchlab/notes.txt": "",
    "var/lib/scratchlab/learning/notes.txt": "",
    "var/lib/scratchlab/quiz/answers.txt": "",
}


def divide(root: Path, *before: str) -> Any:
    """Divide the lab's directories below ``root``; paths in the answer are relative to it."""
    roots = [f"{root}{path}" for path in VARIABLES["__lab_machine_directories"]]
    patterns = lab_files.Patterns(f"{root}{pattern}" for pattern in PATTERNS)
    found = lab_files.divide(roots, patterns, [f"{root}/{path}" for path in before])
    for name in ("ours", "theirs"):
        setattr(found, name, [path.removeprefix(f"{root}/") for path in getattr(found, name)])
    return found


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("work")


def remove(root: Path, found: Any) -> None:
    """Remove the lab's, in the order given; a directory must be empty unless all in it is."""
    for path in found.ours:
        target = root / path
        if target.is_dir() and f"{root}/{path}" not in found.directories:
            for inner in sorted(target.rglob("*"), reverse=True):
                inner.rmdir() if inner.is_dir() else inner.unlink()
        target.rmdir() if target.is_dir() else target.unlink()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path, *WRITTEN)
    link = tmp_path / "var/lib/scratchlab/build/scratchlab-debug/bin/sh"
    link.symlink_to("busybox")
    return tmp_path


def test_everything_that_the_lab_writes_is_the_labs(root: Path) -> None:
    found = divide(root)
    assert found.theirs == []
    remove(root, found)
    left = {path.relative_to(root) for path in root.rglob("*")}
    assert not [path for path in left if "scratchlab" in str(path)]


def test_whatever_else_is_there_is_the_users_and_stays(root: Path) -> None:
    fill(root, *KEPT)
    found = divide(root)
    assert found.theirs == sorted(name or path for path, name in KEPT.items())
    remove(root, found)
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == set(KEPT)


def test_users_files_are_given_up_with_the_directories_that_hold_them(tmp_path: Path) -> None:
    fill(tmp_path, *KEPT, "var/cache/other/file")
    roots = [f"{tmp_path}{path}" for path in VARIABLES["__lab_machine_directories"]]
    patterns = lab_files.Patterns(f"{tmp_path}{pattern}" for pattern in PATTERNS)
    found = lab_files.divide(roots, patterns)
    found.give_up(roots)
    assert found.theirs == []
    found.ours = [path.removeprefix(f"{tmp_path}/") for path in found.ours]
    remove(tmp_path, found)
    left = [path for path in tmp_path.rglob("*") if path.is_file() or "scratchlab" in path.name]
    assert left == [tmp_path / "var/cache/other/file"]


def test_what_was_there_before_is_neither_removed_nor_named(root: Path) -> None:
    found = divide(root, "var/lib/scratchlab/report.json", "usr/local/bin/scratchlab")
    assert found.theirs == []
    assert not {"var/lib/scratchlab/report.json", "usr/local/bin/scratchlab"} & set(found.ours)
    assert "var/lib/scratchlab" not in found.ours


def test_link_to_something_else_is_the_users(root: Path) -> None:
    link = root / "var/lib/scratchlab/build/scratchlab-debug/bin/sh"
    link.unlink()
    link.symlink_to("/usr/bin/bash")
    assert divide(root).theirs == [str(link.relative_to(root))]


def test_link_in_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    fill(tmp_path, "elsewhere/report.json")
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "var/lib/scratchlab").symlink_to(tmp_path / "elsewhere")
    found = divide(tmp_path)
    assert (found.ours, found.theirs) == ([], ["var/lib/scratchlab"])


def test_star_stays_within_one_name() -> None:
    patterns = lab_files.Patterns(["/a/*.deb", "/b/?.?/**"])
    assert patterns.file("/a/x.deb")
    assert not patterns.file("/a/b/x.deb")
    assert not patterns.file("/a/xydeb")
    assert patterns.tree("/b/1.2")
    assert not patterns.tree("/b/1x2")


def test_names_of_before_are_the_uppermost(tmp_path: Path) -> None:
    fill(tmp_path, "lab/mine/file", "lab/receipts/before.json", "lab/apt/lists/x", "program")
    roots = [str(tmp_path / name) for name in ("lab", "program", "missing")]
    assert lab_files.earlier(roots) == [str(tmp_path / "lab/mine"), str(tmp_path / "program")]
