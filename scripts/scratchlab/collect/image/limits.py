"""How much one archive may cost, whatever it claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scratchlab.collect.image.problems import DamageError, shown
from scratchlab.collect.image.stream import Pieces
from scratchlab.errors import LabError

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds of one reading, in bytes unless said otherwise. Each is far above any real image."""

    # Extended headers (PAX records, GNU long names, sparse maps), each: what Go's archive/tar, and
    # with it every engine, takes (maxSpecialFileSize, go1.22 src/archive/tar/common.go).
    extended_header: int = MIB
    # A manifest, index or configuration (registries take 4 MiB: distribution-spec v1.1), and what
    # is read of them in sum: documents may name one another again and again.
    document: int = 4 * MIB
    documents: int = 128 * MIB
    # What compressed data may unpack to: anything up to ``unpacked`` in sum, beyond that at most
    # ``ratio`` times what was read. Zeros pack 1,000 : 1 with gzip and 30,000 : 1 with zstd; a
    # Debian image packs 3 : 1.
    unpacked: int = 4 * GIB
    ratio: int = 256
    # Holes of sparse files, in sum: hashing zeros costs as much as hashing data. A file past the
    # limit keeps its entry and has no sha256; its ``note`` says why.
    holes: int = 8 * GIB
    # What the ledgers of all layers may hold: paths, link targets, extended attributes, and
    # ENTRY_COST for each entry. They lie in a temporary database on disk. Work is counted with
    # them: a step along a symlink, and an entry of a layer that is stacked once more.
    ledger: int = 4 * GIB


ENTRY_COST = 256
# Linux takes no longer paths and names: an engine could not unpack them (limits.h).
PATH_MAX = 4096
NAME_MAX = 255
# Images in one archive, and layers in one image (overlay2 stacks 128, moby layer_store.go).
MOST_IMAGES = 10_000
MOST_LAYERS = 1_000
# Extended attributes of one entry (Linux: names of 255 bytes, values of 64 KiB, xattr(7)).
MOST_XATTRS = MIB
# symlinks followed in one path (Linux: MAXSYMLINKS)
MOST_LINKS = 40


# How much the ledgers of one archive may hold.


class EntryBudget:
    """Bytes left for the entries of all layers, and so for the work that they make."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._left = limits.ledger

    def take(self, size: int, entries: int = 1) -> None:
        """Take ``size`` bytes and the cost of ``entries``; raises LabError when none are left."""
        self._left -= size + ENTRY_COST * entries
        if self._left < 0:
            raise LabError(
                "the archive holds more entries than the lab takes in", "do not load this archive"
            )


# How much compressed data may unpack to: the answer to a bomb.


class UnpackBudget:
    """Counts what all compressed streams of one archive unpack to.

    ``packed`` says how many bytes of the archive itself were read so far.
    """

    def __init__(self, limits: ArchiveLimits, packed: Callable[[], int]) -> None:
        self._limits = limits
        self._packed = packed
        self._unpacked = 0

    def guard(self, pieces: Pieces) -> Pieces:
        """``pieces`` unchanged; raises LabError when they are more than the limits allow."""
        for piece in pieces:
            self._unpacked += len(piece)
            if self._unpacked > self._limits.unpacked:
                self._check()
            yield piece

    def _check(self) -> None:
        if self._unpacked > self._limits.ratio * self._packed():
            raise LabError(
                f"the archive unpacks to more than {self._limits.ratio} times its size, beyond "
                f"{self._limits.unpacked / GIB:g} GiB: a decompression bomb",
                "do not load this archive",
            )


# How much the extended attributes of one entry may hold.


def check_xattrs(xattrs: Mapping[bytes, bytes], name: bytes) -> None:
    """Raise DamageError when ``xattrs``, of the entry ``name``, are more than an entry can have."""
    if sum(len(one) + len(value) for one, value in xattrs.items()) > MOST_XATTRS:
        raise DamageError(f"{shown(name)} has more extended attributes than a filesystem holds")
