"""How much one archive may cost, whatever it claims."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one reading, in bytes unless said otherwise. Each is far above any real image."""

    # Extended headers (PAX records, GNU long names, sparse maps), each: what Go's archive/tar, and
    # with it every engine, takes (maxSpecialFileSize, go1.22 src/archive/tar/common.go).
    extended_header: int = MIB
    # A manifest, index or configuration (containerd: 8 MiB, core/images/image.go), and all of them.
    document: int = 8 * MIB
    documents: int = 256 * MIB
    # What compressed data may unpack to: anything up to ``unpacked`` in sum, beyond that at most
    # ``ratio`` times what was read. Zeros pack 1,000 : 1 with gzip and 30,000 : 1 with zstd; a
    # Debian image packs 3 : 1.
    unpacked: int = 16 * GIB
    ratio: int = 256
    # Holes of sparse files, in sum: hashing zeros costs as much as hashing data. A file past the
    # limit keeps its entry and has no sha256; its ``note`` says why.
    holes: int = 8 * GIB
    # What the ledgers of all layers may hold: paths, link targets, extended attributes, and
    # ENTRY_COST for each entry. They lie in a temporary database on disk.
    ledger: int = 4 * GIB


ENTRY_COST = 256
# Linux takes no longer paths and names: an engine could not unpack them (limits.h).
PATH_MAX = 4096
NAME_MAX = 255
# symlinks followed in one path (Linux: MAXSYMLINKS)
MOST_LINKS = 40
