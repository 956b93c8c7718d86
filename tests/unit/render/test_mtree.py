"""An mtree manifest, line by line. tests/integration has other programs read one."""

from __future__ import annotations

import io

from scratchlab import render
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind


def manifest(*entries: Entry) -> list[str]:
    """The lines of the manifest without its head."""
    out = io.StringIO()
    with Ledger([Entry("/", Kind.DIRECTORY, 0o755), *entries]) as ledger:
        render.ledger("mtree", ledger, out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "#mtree v2.0"
    return [line for line in lines[1:] if not line.startswith(("# To", "# gomtree"))][1:]


def test_directories_are_entered_and_left() -> None:
    directory, file = Kind.DIRECTORY, Kind.FILE
    lines = manifest(
        Entry("/a", directory, 0o755),
        Entry("/a/b", directory, 0o700),
        Entry("/a/b/c", file, 0o644),
        Entry("/d", directory, 0o755),
        Entry("/e", file, 0o644),
    )
    assert [line.split(" ")[0] for line in lines] == [
        ".", "a", "b", "c", "..", "..", "d", "..", "e",
    ]  # fmt: skip


def test_every_field_has_its_keyword() -> None:
    lines = manifest(
        Entry("/f", Kind.FILE, 0o4755, 1, 2, 3, sha256="ab", mtime=1_500_000_000),
        Entry("/n", Kind.CHAR, 0, device=(1, 3), mtime=-1),
        Entry("/s", Kind.SYMLINK, 0o777, target="/x y"),
    )
    assert lines[1:] == [
        "f type=file mode=04755 uid=1 gid=2 size=3 time=1.500000000 sha256digest=ab",
        # Seconds are rounded down, so that the fraction is never negative.
        "n type=char mode=0 uid=0 gid=0 time=-1.999999999 device=native,1,3",
        "s type=link link=/x\\040y mode=0777 uid=0 gid=0",
    ]


def test_attributes_without_a_keyword_are_comments() -> None:
    lines = manifest(
        Entry("/a", Kind.FILE, 0o644, xattrs=(("user.\n", b"\0"),), links="/a"),
        Entry("/b", Kind.FILE, 0o644, links="/a", note="unreadable: EACCES"),
    )
    assert [line for line in lines if line.startswith("#")] == [
        "# xattr user.\\012=AA==",
        "# hard link of /a",
        "# unreadable: EACCES",
    ]


def test_a_hostile_name_is_encoded() -> None:
    hostile = "/\n# x\r\x1b]0;owned\x07\udcff*?[\\ = \u202e"
    lines = manifest(Entry(hostile, Kind.SYMLINK, 0o777, target=hostile))
    name = (
        "\\012\\043\\040x\\015\\033]0;owned\\007\\377\\052\\077\\133\\\\\\040=\\040\\342\\200\\256"
    )
    assert lines[1].split(" ")[0] == name
    assert lines[1].split(" ")[2] == f"link=/{name}"
    assert all(line.isascii() and line.isprintable() for line in lines)
