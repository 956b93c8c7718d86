"""How much one archive may cost, whatever it claims: limits, and budgets that enforce them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scratchlab.collect.image.problems import DamageError, display
from scratchlab.collect.image.stream import Pieces
from scratchlab.errors import LabError

MIB = 1 << 20
GIB = 1 << 30
ENTRY_COST = 256  # bytes that an entry counts for, beside its path, target and attributes
# Linux takes no longer paths and names: an engine could not unpack them (limits.h).
PATH_MAX = 4096
NAME_MAX = 255
# Symlinks followed in one path (Linux: MAXSYMLINKS).
MOST_LINKS = 40
# Bytes of extended attributes of one entry (Linux: names of 255 bytes, values of 64 KiB, xattr(7)).
MOST_XATTRS = MIB
# Images in one archive, and layers in one image (overlay2 stacks 128, moby layer_store.go).
MOST_IMAGES = 10_000
MOST_LAYERS = 1_000
_REMEDY = "do not load this archive"


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Limits for reading one archive, in bytes unless noted. All are far above any real image."""

    # Extended headers (PAX records, GNU long names, sparse maps), each: what Go's archive/tar, and
    # with it every engine, takes (maxSpecialFileSize, go1.22 src/archive/tar/common.go).
    extended_header: int = MIB
    # A manifest, index or configuration (registries take 4 MiB: distribution-spec v1.1), and the
    # sum of all that are parsed: documents may refer to one another again and again.
    document: int = 4 * MIB
    documents: int = 128 * MIB
    # Decompressed data: up to ``unpacked`` in sum; beyond that at most ``ratio`` times the bytes
    # read. Zeros compress 1,000 : 1 with gzip and 30,000 : 1 with zstd; a Debian image 3 : 1.
    unpacked: int = 4 * GIB
    ratio: int = 256
    # Holes of sparse files, in sum: hashing zeros costs as much as hashing data. A file past the
    # limit keeps its entry and has no sha256; its ``note`` says why.
    holes: int = 8 * GIB
    # The ledgers of all layers: paths, link targets, extended attributes, and ENTRY_COST for each
    # entry. They lie in a temporary database on disk. Work counts too: a step along a symlink, and
    # an entry of a layer that the image stacks once more.
    ledger: int = 4 * GIB


class EntryBudget:
    """Bytes left for the entries of all layers, and so for the work that they cause."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self._left = limits.ledger

    def take(self, size: int, entries: int = 1) -> None:
        """Take ``size`` bytes and the cost of ``entries``; raises LabError when none are left."""
        self._left -= size + ENTRY_COST * entries
        if self._left < 0:
            raise LabError("the archive has more entries than scratchlab reads", _REMEDY)


class UnpackBudget:
    """Counts what all compressed streams of one archive unpack to, and so stops bombs.

    ``packed`` returns how many bytes of the archive itself were read so far.
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
                self._check_ratio()
            yield piece

    def _check_ratio(self) -> None:
        if self._unpacked > self._limits.ratio * self._packed():
            raise LabError(
                f"the archive unpacks to more than {self._limits.unpacked / GIB:g} GiB and more "
                f"than {self._limits.ratio} times its size: a decompression bomb",
                _REMEDY,
            )


class HoleBudget:
    """How many bytes of holes in sparse files may still be hashed."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limit = self._left = limits.holes

    def take(self, size: int) -> bool:
        """Take ``size`` bytes if they are left; returns whether they were."""
        if size > self._left:
            return False
        self._left -= size
        return True


def check_xattrs(xattrs: Mapping[bytes, bytes], name: bytes) -> None:
    """Raise DamageError when the entry ``name`` has more ``xattrs`` than an entry can have."""
    if sum(len(key) + len(value) for key, value in xattrs.items()) > MOST_XATTRS:
        raise DamageError(f"{display(name)} has more extended attributes than a filesystem holds")
