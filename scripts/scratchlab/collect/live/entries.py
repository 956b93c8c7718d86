"""From what stat(2) says to an entry of a ledger."""

from __future__ import annotations

import stat

from scratchlab.collect.live.look import Look
from scratchlab.model import Entry, Kind

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHAR,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}


def kind(look: Look) -> Kind:
    """The type of the object."""
    return _KINDS[stat.S_IFMT(look.mode)]


def entry(
    path: str,
    look: Look,
    xattrs: tuple[tuple[str, bytes], ...],
    *,
    sha256: str | None = None,
    note: str | None = None,
    target: str | None = None,
) -> Entry:
    """The entry of ``path``."""
    its_kind = kind(look)
    return Entry(
        path=path,
        kind=its_kind,
        mode=look.mode & 0o7777,
        uid=look.uid,
        gid=look.gid,
        size=look.size if its_kind is Kind.FILE else 0,
        sha256=sha256,
        target=target,
        device=look.special if its_kind in (Kind.CHAR, Kind.BLOCK) else None,
        xattrs=xattrs,
        mtime=look.mtime,
        mount=look.mount,
        note=note,
    )
