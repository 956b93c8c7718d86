"""Read a layer's tar stream into its tree, and hash every content on the way."""

from __future__ import annotations

import hashlib

from scratchlab.collect.image.layers.spool import Inode
from scratchlab.collect.image.layers.tree import LayerTree
from scratchlab.collect.image.limits import (
    GIB,
    PATH_MAX,
    ArchiveLimits,
    HoleBudget,
    check_xattrs,
)
from scratchlab.collect.image.problems import DamageError, Notes, display
from scratchlab.collect.image.stream import Cursor
from scratchlab.collect.image.tar import Header, TarReader, Type

_EMPTY = hashlib.sha256(b"").hexdigest()
_SMALL = 64 * 1024
_ZEROS = memoryview(bytes(1 << 20))
_KINDS = {
    Type.DIRECTORY: "directory",
    Type.FIFO: "fifo",
    Type.CHAR: "char-device",
    Type.BLOCK: "block-device",
}


class LayerReader:
    """Reads the entries of one layer into its tree."""

    def __init__(
        self, tree: LayerTree, notes: Notes, limits: ArchiveLimits, holes: HoleBudget
    ) -> None:
        self._tree = tree
        self._notes = notes
        self._limits = limits
        self._holes = holes

    def read(self, cursor: Cursor) -> None:
        """Read the layer at ``cursor`` up to its end marker; raises DamageError."""
        tar = TarReader(cursor, self._limits)
        for header in tar:
            if header.type == Type.HARD_LINK:
                self._tree.link(header.name, header.link, self._inode(header, "file"))
            elif header.type in (Type.FILE, Type.CONTIGUOUS):
                self._tree.add(header.name, self._file(header, tar))
            elif header.type == Type.SYMLINK:
                if not 0 < len(header.link) < PATH_MAX:
                    raise DamageError(
                        f"{display(header.name)} is a symlink with an impossible target"
                    )
                inode = self._inode(header, "symlink")
                # Linux keeps no mode for symlinks and shows 0777.
                self._tree.add(header.name, inode._replace(mode=0o777, target=header.link))
            elif (kind := _KINDS.get(header.type)) is not None:  # type: ignore[call-overload]
                self._tree.add(header.name, self._special(header, kind))
            else:
                flag = display(bytes([header.type]))
                raise DamageError(
                    f"{display(header.name)} is of tar type '{flag}', which no engine unpacks"
                )

    def _inode(self, header: Header, kind: str) -> Inode:
        xattrs = self._xattrs(header)
        return Inode(kind, header.mode, header.uid, header.gid, xattrs=xattrs, mtime=header.mtime)

    def _xattrs(self, header: Header) -> tuple[tuple[bytes, bytes], ...]:
        if header.libarchive_only:
            self._notes.add(
                "{} has an extended attribute in LIBARCHIVE's form only, which Docker and "
                "containerd ignore",
                header.name,
            )
        if not header.xattrs:
            return ()
        check_xattrs(header.xattrs, header.name)
        return tuple(sorted(header.xattrs.items()))

    def _special(self, header: Header, kind: str) -> Inode:
        inode = self._inode(header, kind)
        if header.type not in (Type.CHAR, Type.BLOCK):
            return inode
        if header.type == Type.CHAR and header.device == (0, 0):
            self._notes.add(
                "{} is a character device 0:0, which overlayfs treats as a whiteout", header.name
            )
        return inode._replace(device=header.device)

    def _file(self, header: Header, tar: TarReader) -> Inode:
        xattrs = self._xattrs(header)  # before its content is read: it may be refused
        sha256, note = self._content(header, tar)
        return Inode(
            "file",
            header.mode,
            header.uid,
            header.gid,
            header.size,
            sha256,
            xattrs=xattrs,
            mtime=header.mtime,
            note=note,
        )

    def _content(self, header: Header, tar: TarReader) -> tuple[str | None, str | None]:
        """The SHA-256 of the content, and a note where there is none."""
        if not header.size:
            return _EMPTY, None
        if header.segments is not None:
            return self._sparse(header, header.segments, tar)
        if header.size <= _SMALL:
            return hashlib.sha256(tar.read_all()).hexdigest(), None
        digest = hashlib.sha256()
        for piece in tar.data():
            digest.update(piece)
        return digest.hexdigest(), None

    def _sparse(
        self, header: Header, segments: list[tuple[int, int]], tar: TarReader
    ) -> tuple[str | None, str | None]:
        holes = header.size - header.stored
        if not self._holes.take(holes):
            limit = f"{self._holes.limit / GIB:g} GiB"
            note = f"content not hashed: the holes of sparse files exceed {limit} in all"
            return None, note
        digest = hashlib.sha256()
        data = Cursor(tar.data())
        at = 0
        for offset, size in segments:
            _hash_zeros(digest, offset - at)
            for piece in data.run(size):
                digest.update(piece)
            at = offset + size
        data.skip(1)  # raises DamageError when the data is truncated
        _hash_zeros(digest, header.size - at)
        return digest.hexdigest(), None


def _hash_zeros(digest: hashlib._Hash, size: int) -> None:
    while size > 0:
        digest.update(_ZEROS[:size])
        size -= len(_ZEROS)
