"""A ledger as a person reads it: a listing in tree order, as `ls -al` would show it."""

from __future__ import annotations

import stat
from typing import TextIO

from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind
from scratchlab.text import visible

_TYPES = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.CHAR: stat.S_IFCHR,
    Kind.BLOCK: stat.S_IFBLK,
    Kind.FIFO: stat.S_IFIFO,
    Kind.SOCKET: stat.S_IFSOCK,
}


def render(ledger: Ledger, out: TextIO) -> None:
    """Write one line an entry, then the count and the digest."""
    for entry in ledger:
        out.write(line(entry) + "\n")
    out.write(f"\n{len(ledger)} entries, {ledger.digest()}\n")


def line(entry: Entry) -> str:
    """Mode, owner, size or device numbers, SHA-256 (its beginning), path, target."""
    owner = f"{entry.uid}:{entry.gid}"
    size = str(entry.size) if entry.kind is Kind.FILE else ""
    if entry.device is not None:
        size = "{}, {}".format(*entry.device)
    digest = (entry.sha256 or "")[:12]
    arrow = f" -> {visible(entry.target)}" if entry.target is not None else ""
    mode = stat.filemode(_TYPES[entry.kind] | entry.mode)
    note = f"  ({entry.note})" if entry.note else ""
    return f"{mode} {owner:>9} {size:>10} {digest:12} {visible(entry.path)}{arrow}{note}"
