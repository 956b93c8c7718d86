"""Building scratchlab as one file, by several hosts or terminals at the same time."""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import build_zipapp

# Installs one file, slowly, so that all builds overlap.
INSTALLER = """
import os, sys, time
place = sys.argv[sys.argv.index("--target") + 1]
os.makedirs(place)
open(place + "/module.py", "w").write(os.environ.get("PIP_USER", ""))
time.sleep(0.5)
"""


@pytest.fixture
def slow_installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "installer.py"
    script.write_text(INSTALLER)
    monkeypatch.setattr(build_zipapp, "installers", lambda: iter([[sys.executable, str(script)]]))
    # Each build is a process of its own.
    processes = iter(range(100))
    monkeypatch.setattr(os, "getpid", lambda: next(processes))


@pytest.mark.usefixtures("slow_installer")
def test_builds_at_the_same_time_share_the_dependencies(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(build_zipapp.dependencies, [tmp_path] * 4))
    assert len(set(found)) == 1
    assert (found[0] / "module.py").exists()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [found[0]]


@pytest.mark.usefixtures("slow_installer")
def test_pip_conf_with_user_installs_does_not_matter(tmp_path: Path) -> None:
    assert (build_zipapp.dependencies(tmp_path) / "module.py").read_text() == "0"


def test_directory_that_cannot_be_renamed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        build_zipapp.put_in_place(tmp_path / "nothing", tmp_path / "there")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only source of a small program."""
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(build_zipapp, "dependencies", lambda _: tmp_path / "none")
    monkeypatch.setattr(build_zipapp, "HERE", tmp_path)
    source = tmp_path / "scratchlab" / "__main__.py"
    source.parent.mkdir()
    source.write_text("one = 1\n")
    return source


def test_a_program_is_written_only_where_something_changed(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = source.parents[1] / "build" / "program"
    changed, digest = build_zipapp.build(output, [])
    assert changed
    assert digest == hashlib.sha256(output.read_bytes()).hexdigest()
    with monkeypatch.context() as without:
        without.delattr(build_zipapp, "write")
        assert build_zipapp.build(output, []) == (False, digest)
    output.with_name("program.made").unlink()  # by an older version of the lab
    assert build_zipapp.build(output, []) == (False, digest)


def test_an_edit_counts_whatever_the_times_of_the_file_are(source: Path) -> None:
    output = source.parents[1] / "build" / "program"
    build_zipapp.build(output, [])
    before = source.stat()
    source.write_text("two = 2\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert build_zipapp.build(output, [])[0]
    assert b"two = 2\n" in output.read_bytes()


@pytest.mark.parametrize("damaged", [b"", b"#!/usr/bin/python3\n", None])
def test_a_damaged_program_is_made_again(source: Path, damaged: bytes | None) -> None:
    output = source.parents[1] / "build" / "program"
    _, digest = build_zipapp.build(output, [])
    if damaged is None:
        output.unlink()
    else:
        output.write_bytes(damaged)
    assert build_zipapp.build(output, []) == (True, digest)


def test_the_files_of_the_program_are_those_it_may_need(tmp_path: Path) -> None:
    kept = ("a/b.py", "c.txt", "x-1.dist-info/METADATA", "x-1.dist-info/licenses/COPYING.c")
    left_out = ("a/b.pyc", "a/b.so", "a/tests/t.py", "bin/a", "x-1.dist-info/RECORD")
    for name in (*kept, *left_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert dict(build_zipapp.members(tmp_path)) == {name: name.encode() for name in kept}
