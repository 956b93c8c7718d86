"""Our mtree manifest, read by NetBSD's mtree, libarchive's bsdtar and gomtree's library."""

from __future__ import annotations

import io
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scratchlab import render
from scratchlab.collect.live import read_tree

pytestmark = [pytest.mark.root]

NAMES = [
    b"plain", b"with space", b"new\nline", b"\xff\xfe", b"back\\slash", b"end\\", b"\\134",
    b"#hash", b"gl*b?[x]", b"eq=al", b"\x1b[31m", b"...", b"..x", "ü".encode(), b"-rf", b"@x",
    b"tab\t", b"'q\"", b"set", b"~", b"$x", b"x" * 255,
]  # fmt: skip
GO_CHECK = """
package main

import ("fmt"; "os"; mtree "github.com/vbatts/go-mtree")

func main() {
	manifest, err := mtree.ParseSpec(os.Stdin)
	if err != nil { panic(err) }
	keywords := []mtree.Keyword{"type", "mode", "uid", "gid", "size", "link", "sha256digest"}
	changes, err := mtree.Check(os.Args[1], manifest, keywords, nil)
	if err != nil { panic(err) }
	for _, change := range changes { fmt.Println(change.Type(), change.Path(), change.Diff()) }
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with every type of entry but sockets, and every kind of name."""
    top = tmp_path / "tree"
    for directory in ("bin/deep/er", "etc", "sticky"):
        (top / directory).mkdir(parents=True)
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(top / "etc") + b"/" + name)).write_bytes(name)
        os.symlink(name * 2, os.fsencode(top / "bin") + b"/" + name)
    (top / "bin/deep/er/file").write_bytes(b"x" * 1000)
    (top / "bin/deep/er/file").chmod(0o6755)
    (top / "etc/plain").chmod(0)
    (top / "sticky").chmod(0o1777)
    os.mkfifo(top / "fifo")
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(top / "disk", stat.S_IFBLK | 0o640, os.makedev(259, 100_000))
    os.chown(top / "etc/eq=al", 4_000_000_000, 77)
    os.utime(top / "etc/eq=al", ns=(0, 1_234_567_890_123_456_789))
    os.utime(top / "etc/~", ns=(0, -1_500_000_000))
    os.setxattr(top / "etc/$x", "user.note", b"a\nb")
    return top


def manifest(directory: Path) -> bytes:
    fd = os.open(directory, os.O_PATH)
    try:
        with read_tree(fd) as ledger:
            out = io.StringIO()
            render.ledger("mtree", ledger, out)
    finally:
        os.close(fd)
    return out.getvalue().encode("ascii")


def netbsd(directory: Path, spec: bytes) -> tuple[int, str]:
    """Exit status (0: equal, 2: not) and output of mtree."""
    done = subprocess.run(["mtree", "-p", directory], input=spec, capture_output=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.fixture(scope="session")
def gomtree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gomtree's check (``gomtree -p``) from Debian's package of its library."""
    directory = tmp_path_factory.mktemp("gomtree")
    (directory / "main.go").write_text(GO_CHECK)
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
    environment |= {"GOCACHE": str(directory / "cache")}
    command = ["go", "build", "-o", "check", "main.go"]
    subprocess.run(command, cwd=directory, env=environment, check=True)
    return directory / "check"


def test_mtree_finds_no_difference_and_then_each_change(tree: Path) -> None:
    spec = manifest(tree)
    assert netbsd(tree, spec) == (0, "")
    changes: dict[str, Callable[[], object]] = {
        "size": lambda: (tree / "bin/deep/er/file").write_bytes(b"y" * 999),
        "link": lambda: _relink(tree / "bin/plain"),
        "gid": lambda: os.chown(tree / "etc/eq=al", 4_000_000_000, 78),
        "permissions": lambda: (tree / "sticky").chmod(0o777),
        "missing": (tree / "etc/end\\").unlink,
        "extra": (tree / "new").touch,
        "device": lambda: _renumber(tree / "null"),
    }
    for word, change in changes.items():
        change()
        status, output = netbsd(tree, spec)
        assert (status, word in output) == (2, True), (word, output)


def _relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def _renumber(path: Path) -> None:
    path.unlink()
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))


def test_bsdtar_reads_every_entry(tree: Path) -> None:
    converted = subprocess.run(
        ["bsdtar", "-cf", "-", "--format=pax", "--options", "hdrcharset=BINARY", "@-"],
        cwd=tree, input=manifest(tree), capture_output=True, check=True,
    )  # fmt: skip
    assert converted.stderr == b""
    # bsdtar has made a tar file from the manifest; GNU tar compares it with the directory.
    compared = subprocess.run(
        ["tar", "--compare", "-f", "-"], cwd=tree, input=converted.stdout, capture_output=True,
        check=False,
    )  # fmt: skip
    lines = [line for line in compared.stdout.decode(errors="replace").splitlines() if line]
    assert [line for line in lines if "Mod time differs" not in line] == []
    listed = subprocess.run(
        ["tar", "-tf", "-"], input=converted.stdout, capture_output=True, check=True
    )
    found = subprocess.run(["find", ".", "-printf", "x"], cwd=tree, capture_output=True, check=True)
    assert len(listed.stdout.splitlines()) == len(found.stdout)


def test_gomtree_finds_no_difference_and_then_each_change(tree: Path, gomtree: Path) -> None:
    spec = manifest(tree)

    def check() -> str:
        command = [gomtree, tree]
        return subprocess.run(command, input=spec, capture_output=True, check=True).stdout.decode()

    assert check() == ""
    (tree / "etc/-rf").write_bytes(b"new")
    assert check().startswith("modified etc/-rf ")
    (tree / "etc/-rf").unlink()
    assert check() == "missing etc/-rf []\n"
