"""A ledger as an mtree(5) manifest, which bsdtar, NetBSD's mtree and gomtree read and check.

All three read the hierarchical form alike (one name a line, ``..`` to leave a directory); gomtree
0.4 resolves a path below ``./`` against the directory before it. All three know the keywords used
but ``device``, which gomtree refuses unless ``-k`` lists the keywords to compare (without ``time``:
it misses those of directories). What mtree has no keyword for is a comment below the entry.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import TextIO

from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind

_HEAD = """\
#mtree v2.0
# {count} entries, {digest}
# To check a directory: mtree -p DIRECTORY < THIS, or
# gomtree -k type,mode,uid,gid,size,link,sha256digest -p DIRECTORY -f THIS
"""
_TYPES = {
    Kind.FILE: "file",
    Kind.DIRECTORY: "dir",
    Kind.SYMLINK: "link",
    Kind.CHAR: "char",
    Kind.BLOCK: "block",
    Kind.FIFO: "fifo",
    Kind.SOCKET: "socket",
}
_SECOND = 1_000_000_000
# The bytes that vis(3) with VIS_OCTAL | VIS_GLOB | VIS_WHITE does not encode.
_PLAIN = frozenset(range(0x21, 0x7F)) - frozenset(b"*?[#\\")


def render(ledger: Ledger, out: TextIO) -> None:
    """Write the manifest. Names, targets and values are ASCII without control characters."""
    out.write(_HEAD.format(count=len(ledger), digest=ledger.digest()))
    depth = 0  # number of open directories, without the root
    for entry in ledger:
        level = 0 if entry.path == "/" else entry.path.count("/")
        while depth and depth >= level:
            out.write("..\n")
            depth -= 1
        out.write(" ".join([_name(entry.path), *_keywords(entry)]) + "\n")
        for comment in _comments(entry):
            out.write(f"# {comment}\n")
        if entry.kind is Kind.DIRECTORY and level:
            depth = level
    out.write("..\n" * depth)


def _name(path: str) -> str:
    return "." if path == "/" else _vis(path.rpartition("/")[2])


def _keywords(entry: Entry) -> Iterator[str]:
    yield f"type={_TYPES[entry.kind]}"
    if (
        entry.target is not None
    ):  # not the last keyword: gomtree takes a line's last backslash for "goes on"
        yield f"link={_vis(entry.target)}"
    yield f"mode=0{entry.mode:o}" if entry.mode else "mode=0"
    yield f"uid={entry.uid}"
    yield f"gid={entry.gid}"
    if entry.kind is Kind.FILE:
        yield f"size={entry.size}"
    # A directory's time changes with its content; no comparison uses it.
    if entry.mtime is not None and entry.kind is not Kind.DIRECTORY:
        yield "time={}.{:09d}".format(*divmod(entry.mtime, _SECOND))
    if entry.device is not None:
        yield "device=native,{},{}".format(*entry.device)
    if entry.sha256 is not None:
        yield f"sha256digest={entry.sha256}"


def _comments(entry: Entry) -> Iterator[str]:
    if entry.links is not None and entry.links != entry.path:
        yield f"hard link of {_vis(entry.links)}"
    for name, value in entry.xattrs:
        yield f"xattr {_vis(name)}={base64.b64encode(value).decode()}"
    if entry.note is not None:
        yield entry.note.replace("\n", " ")


def _vis(text: str) -> str:
    r"""``text`` as vis(3) encodes it: octal for a byte not in _PLAIN, ``\\`` for a backslash."""
    return "".join(map(_encode, os.fsencode(text)))


def _encode(byte: int) -> str:
    if byte in _PLAIN:
        return chr(byte)
    return "\\\\" if byte == 0x5C else f"\\{byte:03o}"
