"""E10's script, run on directories of this machine and with its tools."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from scratchlab.errors import LabError
from scratchlab.experiments import e10_debug_vantage
from scratchlab.lab.listing import ListedEntry


def listed(root: Path, tmp_path: Path, *pruned: str) -> dict[str, ListedEntry]:
    space = tmp_path / "space"
    space.mkdir()
    script = e10_debug_vantage.listing_script(pruned, root=str(root), space=str(space))
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=20)
    return {line.path: line for line in e10_debug_vantage.parse_listing(done.stdout)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "root"
    directory.mkdir(mode=0o755)
    return directory


def test_every_field_is_that_of_lstat(root: Path, tmp_path: Path) -> None:
    (root / "file").write_bytes(b"content")
    (root / "file").chmod(0o4751)
    (root / "link").symlink_to("/etc/passwd")
    (root / "directory").mkdir()
    (root / "directory" / "inner").touch()
    os.mkfifo(root / "fifo")
    entries = listed(root, tmp_path)
    assert list(entries) == ["/", "/directory", "/directory/inner", "/fifo", "/file", "/link"]
    for path, line in entries.items():
        stat = (root / path[1:]).lstat()
        assert (line.mode, line.uid, line.gid) == (
            stat.st_mode & 0o7777,
            stat.st_uid,
            stat.st_gid,
        )
    assert entries["/file"].size == 7
    assert entries["/file"].sha256 == hashlib.sha256(b"content").hexdigest()
    assert entries["/link"] == ListedEntry(
        "/link", "symlink", 0o777, os.getuid(), os.getgid(), 0, None, "/etc/passwd"
    )
    assert entries["/fifo"].kind == "fifo"


def test_names_and_targets_may_hold_any_byte(root: Path, tmp_path: Path) -> None:
    names = [
        b"two\nlines",
        b"tab\t",
        b" space ",
        b"-n",
        b"*",
        b"\xff\xfe",
        b"quote'\"",
        b"back\\slash",
        b"$HOME",
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(name)
    target = "target\nwith\nlines\n"
    (root / "link").symlink_to(target)
    entries = listed(root, tmp_path)
    assert {os.fsencode(path[1:]) for path in entries} == {*names, b"link", b""}
    for name in names:
        assert entries["/" + os.fsdecode(name)].sha256 == hashlib.sha256(name).hexdigest()
    assert entries["/link"].target == target


def test_only_the_pruned_directory_is_one_entry(root: Path, tmp_path: Path) -> None:
    for name in ("proc", "pro?", "deep/proc"):
        (root / name).mkdir(parents=True)
        (root / name / "inner").touch()
    entries = listed(root, tmp_path, "/proc")
    assert "/proc" in entries
    assert "/proc/inner" not in entries
    assert {"/pro?/inner", "/deep/proc/inner"} <= entries.keys()


def test_pruned_name_is_not_a_pattern(root: Path, tmp_path: Path) -> None:
    for name in ("a*", "abc", "a[b]", "it's"):
        (root / name).mkdir()
        (root / name / "inner").touch()
    entries = listed(root, tmp_path, "/a*", "/a[b]", "/it's")
    assert [path for path in entries if path.endswith("inner")] == ["/abc/inner"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (b"", "do not fit"),
        (b".\0./a\0\x0041ed 0 0 0 0 0\n\0\0\0", "2 names, 1 rows, 2 contents"),
        (b".\0\x0041ed 0 0 0 0 0\n\0", "1 names, 1 rows, 0 contents"),
        (b".\0\x0041ed 0 0 zero 0 0\n\0\0", "a malformed row"),
        (b".\0\x0041ed 0 0\n\0\0", "a malformed row"),
        (b".\0\x00ffff 0 0 0 0 0\n\0\0", "a malformed row"),
    ],
)
def test_listing_that_is_cut_or_forged_is_refused(output: bytes, message: str) -> None:
    with pytest.raises(LabError, match=message):
        e10_debug_vantage.parse_listing(output)


def test_valid_listing_is_parsed() -> None:
    (line,) = e10_debug_vantage.parse_listing(b".\0\x0041ed 0 0 4096 0 0\n\0\0")
    assert line == ListedEntry("/", "directory", 0o755, 0, 0, 0)


def test_the_users_data_is_one_entry_each_and_not_opened(root: Path, tmp_path: Path) -> None:
    (root / "data").mkdir()
    (root / "data" / "inside").write_bytes(b"x")
    with open(root / "it's $big", "wb") as big:
        big.truncate(8 << 30)  # reading it would take longer than the test may
    (root / "other").write_bytes(b"x")
    space = tmp_path / "space"
    space.mkdir()
    users = ("/data", "/it's $big")
    script = e10_debug_vantage.listing_script(users, root=str(root), space=str(space), unread=users)
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=10)
    found = {line.path: line for line in e10_debug_vantage.parse_listing(done.stdout)}
    assert found.keys() == {"/", "/data", "/it's $big", "/other"}
    assert found["/it's $big"].sha256 is None
    assert found["/other"].sha256
