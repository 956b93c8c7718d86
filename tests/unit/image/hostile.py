"""Hostile image archives, and the exit status of ``scratchlab image`` for each.

``python -m tests.unit.image.hostile DIRECTORY`` writes them all, to try on other tools (on a
machine that may break).
"""

from __future__ import annotations

import base64
import bz2
import hashlib
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .archives import archive, classic, image, index_of
from .build import (
    BLOCK,
    END,
    block,
    checked,
    device,
    directory,
    dumped,
    fifo,
    file,
    gnu_long,
    gzipped,
    hardlink,
    layer,
    number,
    padded,
    pax,
    sha256,
    symlink,
    zstd,
)

OUTSIDE = "/tmp/scratchlab-outside"  # a target of the archives, beside well-known files
CLIMB = "../" * 30
EVIL = "\x1b]0;owned\x07\x1b[2J\n<script>alert(1)</script>[red]&amp;\r\u202e\x9b\udcff\x7f"
MIB = 1 << 20


class Hostile(NamedTuple):
    """One archive. ``status`` is the exit status of ``scratchlab image``; ``big`` ones take so
    much time or space that they run alone; of ``noted`` ones an oddity is noted.
    """

    make: Callable[[], bytes]
    status: int
    big: bool = False
    noted: bool = False


def one(*members: bytes) -> Callable[[], bytes]:
    """An image of one layer with these members."""
    return lambda: classic(image(layer(*members)))


def outer(first: bytes, *members: bytes) -> Callable[[], bytes]:
    """A good archive that begins with the member ``first``."""
    return lambda: first + classic(image(layer(*members)))


# -- bombs ----------------------------------------------------------------------------------------


def gzip_zeros(mebibytes: int) -> bytes:
    """That many MiB of zeros, packed 1,000 : 1, one gzip member for each 16 MiB."""
    return gzipped(bytes(16 * MIB)) * (mebibytes // 16)


def zstd_zeros(mebibytes: int) -> bytes:
    """That many MiB of zeros, packed 30,000 : 1."""
    return zstd(bytes(16 * MIB)) * (mebibytes // 16)


def bzip2_zeros(mebibytes: int) -> bytes:
    """That many MiB of zeros, packed 300,000 : 1."""
    return bz2.compress(bytes(16 * MIB)) * (mebibytes // 16)


def xz_zeros(mebibytes: int) -> bytes:
    """That many MiB of zeros, packed 6,800 : 1, with the largest dictionary read: 64 MiB."""
    return xz_dictionary(bytes(96 * MIB), 28) * (mebibytes // 96)


def xz_dictionary(data: bytes, code: int) -> bytes:
    """``data`` packed; it claims another dictionary, 1 << (code / 2 + 12) bytes for an even code.

    A compressor would take ten times that (xz file format 1.2, 5.3.1).
    """
    packed = bytearray(lzma.compress(data, preset=0))
    packed[16] = code  # in the header of the block, which is at 12 to 20, its checksum behind it
    packed[20:24] = zlib.crc32(packed[12:20]).to_bytes(4, "little")
    return bytes(packed)


def tiny_parts(part: bytes) -> Callable[[], bytes]:
    """A layer of a million compressed streams with nothing in them."""
    return bomb(part * (15 * MIB // len(part)))


def bomb(packed: bytes) -> Callable[[], bytes]:
    """A layer of ``packed`` zeros: an empty tar, with more data after its end than a disk holds."""
    made = image(layer())

    def make() -> bytes:
        listed = dumped([{"Config": "c.json", "Layers": ["l.tar.gz"]}])
        return archive({"l.tar.gz": packed, "c.json": made.config, "manifest.json": listed})

    return make


def million_entries() -> bytes:
    """A layer with a million names, 512 MB of headers in a small file."""
    digest = hashlib.sha256()
    packed = []
    for part in (*_headers(1_000_000), END):
        digest.update(part)
        packed.append(zstd(part, level=1))
    config = dumped({"rootfs": {"diff_ids": [f"sha256:{digest.hexdigest()}"]}})
    listed = dumped([{"Config": "c.json", "Layers": ["l"]}])
    return archive({"l": b"".join(packed), "c.json": config, "manifest.json": listed})


def _headers(count: int) -> Iterator[bytes]:
    template = bytearray(block(b"d000/0000000", b"0"))
    rest = sum(template) - sum(template[148:156]) - sum(template[0:12]) + 8 * 32
    part = bytearray()
    for n in range(count):
        name = b"d%03d/%07d" % (n // 1000, n)
        template[0:12] = name
        template[148:154] = b"%06o" % (rest + sum(name))
        part += template
        if len(part) >= 8 * MIB:
            yield bytes(part)
            part.clear()
    yield bytes(part)


def _sparse_map() -> bytes:
    """Half a MiB of sparse map, in short lines."""
    lines = b"120000\n" + b"0\n0\n" * 120_000
    records = {
        b"GNU.sparse.major": b"1",
        b"GNU.sparse.minor": b"0",
        b"GNU.sparse.realsize": b"0",
        b"GNU.sparse.name": b"s",
    }
    return pax(records) + file("s", padded(lines))


def symlink_maze() -> bytes:
    """Each entry costs 40 symlinks of 2,000 names, as a duplicate clears the cache each time."""
    way = b"a/../" * 800
    members = [directory("a/"), *(symlink(f"s{n}", way + b"s%d" % (n + 1)) for n in range(39))]
    return classic(image(layer(*members, directory("s39/"), *[file("s0/x")] * 3000)))


def layer_again_and_again() -> bytes:
    """One small layer, 1,000 times in the image: 30,000 entries become 30 million."""
    tar = layer(*(file(f"f{n}") for n in range(30_000)))
    config = dumped({"rootfs": {"diff_ids": [f"sha256:{sha256(tar)}"] * 1000}})
    listed = dumped([{"Config": "c.json", "Layers": ["l.tar"] * 1000}])
    return archive({"l.tar": tar, "c.json": config, "manifest.json": listed})


def many_layers() -> bytes:
    """A million layers, each the same empty one."""
    config = b'{"rootfs":{"diff_ids":[' + b",".join([b'""'] * 1_000_000) + b"]}}"
    listed = b'[{"Config":"c.json","Layers":[' + b",".join([b'"l"'] * 1_000_000) + b"]}]"
    return archive({"l": layer(), "c.json": config, "manifest.json": listed})


def one_configuration_many_images() -> bytes:
    """manifest.json names one configuration of 4 MB a hundred thousand times."""
    config = b'{"rootfs":{},"x":[' + b"[]," * 1_300_000 + b"0]}"
    listed = b"[" + b",".join([b'{"Config":"c.json"}'] * 100_000) + b"]"
    return archive({"c.json": config, "manifest.json": listed})


def indexes_times_indexes() -> bytes:
    """Three indexes, each of which leads 20,000 times to the next, by other names."""
    members = {}
    for level in range(3):
        listed = [{"digest": f"fake:{level + 1}", "annotations": _named(n)} for n in range(20_000)]
        members[f"blobs/fake/{level}"] = index_of(listed)
    members["index.json"] = index_of([{"digest": "fake:0"}])
    return archive(members)


def _named(n: int) -> dict[str, str]:
    return {"io.containerd.image.name": f"n{n}"}


def attribute_heap() -> bytes:
    """A file to which each hard link adds half a MiB of attributes."""
    value = b"v" * 60_000
    members = [file("f", b"1")]
    for n in range(200):
        records = {b"SCHILY.xattr.user.%d.%d" % (n, m): value for m in range(8)}
        members.append(hardlink(f"l{n}", "f", pax=records))
    return zstd(classic(image(layer(*members))))


CORPUS: dict[str, Hostile] = {
    # Names that lead out of the root
    "climb": Hostile(
        one(file(f"{CLIMB}{OUTSIDE}", b"x"), file(f"{CLIMB}etc/passwd")), 0, noted=True
    ),
    "climb within": Hostile(one(file(f"a/{CLIMB}{OUTSIDE}", b"x")), 0, noted=True),
    "absolute": Hostile(one(file(OUTSIDE, b"x"), file("/etc/passwd")), 0),
    "absolute directory": Hostile(
        one(directory("/"), directory("//"), directory("/./")), 0, noted=True
    ),
    "through an absolute symlink": Hostile(one(symlink("t", "/tmp"), file("t/x", b"x")), 0),
    "through a climbing symlink": Hostile(one(symlink("t", f"{CLIMB}tmp"), file("t/x")), 0),
    "through a symlink to the root": Hostile(one(symlink("r", "/"), file(f"r{OUTSIDE}")), 0),
    "symlink to the host's files": Hostile(one(symlink("s", OUTSIDE), symlink("e", "/etc")), 0),
    "hard link to the host's file": Hostile(one(hardlink("h", OUTSIDE)), 2),
    "hard link that climbs": Hostile(one(hardlink("h", f"{CLIMB}etc/shadow")), 2),
    "hard link through a symlink": Hostile(one(symlink("e", "/etc"), hardlink("h", "e/shadow")), 2),
    "whiteout that climbs": Hostile(one(file(f"{CLIMB}tmp/.wh.scratchlab-outside")), 0, noted=True),
    "link to a device": Hostile(
        one(device("dev/sda", b"4", (8, 0)), hardlink("h", "dev/sda"), symlink("s", "/dev/sda")), 0
    ),
    "below a device": Hostile(one(device("n", b"3", (1, 3)), file("n/x")), 2),
    "below a fifo": Hostile(one(fifo("p"), file("p/x")), 2),
    # Circular links
    "link loop": Hostile(one(symlink("a", "b"), symlink("b", "a"), file("a/x")), 2),
    "link to itself": Hostile(one(symlink("a", "a/a"), file("a/x")), 2),
    "hard link loop": Hostile(one(hardlink("a", "b"), hardlink("b", "a")), 2),
    "symlink maze": Hostile(symlink_maze, 2, big=True),
    # Members of the archive itself
    "member symlink to the host": Hostile(
        lambda: symlink("manifest.json", OUTSIDE) + archive({"x": b""}), 2
    ),
    "member hard link to the host": Hostile(
        lambda: hardlink("manifest.json", "/etc/passwd") + archive({"x": b""}), 2
    ),
    "member that climbs": Hostile(outer(file(f"{CLIMB}{OUTSIDE}", b"x"), file("x")), 0),
    "member device": Hostile(outer(device("manifest.json", b"3", (1, 5)), file("x")), 0),
    "member symlink loop": Hostile(outer(symlink("l", "l"), file("x")), 0),
    "layer outside": Hostile(
        lambda: archive(
            {
                "c.json": image(layer()).config,
                "manifest.json": dumped([{"Config": "c.json", "Layers": [f"{CLIMB}{OUTSIDE}"]}]),
            }
        ),
        2,
    ),
    # False sizes
    "size of 8 EiB": Hostile(one(block(b"x", b"0", size=(1 << 63) - 1)), 2),
    "size below zero": Hostile(one(block(b"x", b"0", size=-512)), 2),
    "size beyond the file": Hostile(one(block(b"x", b"0", size=1 << 33), b"x" * BLOCK), 2),
    "size of the archive's member": Hostile(lambda: block(b"x", b"0", size=1 << 50), 2),
    "size in PAX": Hostile(one(pax({b"size": b"9" * 19}), block(b"x", b"0")), 2),
    "long name of 8 EiB": Hostile(one(block(b"x", b"L", size=(1 << 63) - 1)), 2),
    "PAX header of 4 GiB": Hostile(one(block(b"x", b"x", size=1 << 32)), 2),
    "sparse file of 8 EiB": Hostile(
        one(
            pax({b"GNU.sparse.map": b"0,0", b"GNU.sparse.size": b"%d" % ((1 << 63) - 1)}), file("x")
        ),
        0,
    ),
    "sparse part beyond 8 EiB": Hostile(
        one(pax({b"GNU.sparse.map": b"9" * 18 + b",0", b"GNU.sparse.size": b"1"}), file("x")), 2
    ),
    "sparse maps": Hostile(one(*[_sparse_map()] * 20), 0, noted=True),
    "checksum": Hostile(one(file("x").replace(b"ustar", b"uStar", 1)), 2),
    # Bombs
    "million entries": Hostile(million_entries, 0, big=True),
    "gzip bomb": Hostile(bomb(gzip_zeros(8192)), 2, big=True),
    "bzip2 bomb": Hostile(bomb(bzip2_zeros(8192)), 2, big=True),
    "xz bomb": Hostile(bomb(xz_zeros(8192)), 2, big=True),
    "xz bomb as the archive": Hostile(lambda: xz_zeros(8192), 2, big=True),
    "bzip2 bomb as the archive": Hostile(lambda: bzip2_zeros(8192), 2, big=True),
    "tiny gzip parts": Hostile(tiny_parts(gzipped(b"")), 2, big=True),
    "tiny bzip2 parts": Hostile(tiny_parts(bz2.compress(b"")), 2, big=True),
    "tiny xz parts": Hostile(tiny_parts(lzma.compress(b"")), 2, big=True),
    "tiny zstd parts": Hostile(tiny_parts(zstd(b"")), 2, big=True),
    "xz dictionary of 1 GiB": Hostile(lambda: xz_dictionary(b"x", 36), 2),
    "zstd bomb": Hostile(bomb(zstd_zeros(65_536)), 2, big=True),
    "gzip bomb as the archive": Hostile(lambda: gzip_zeros(8192), 2, big=True),
    "zstd in gzip": Hostile(lambda: gzipped(zstd_zeros(65_536)), 2),
    "zstd window of 2 GiB": Hostile(bomb(b"\x28\xb5\x2f\xfd\x00\xa8" + b"\x01\x00\x00" * 50), 2),
    "attribute heap": Hostile(attribute_heap, 2, big=True),
    "layer again and again": Hostile(layer_again_and_again, 2, big=True),
    "many layers": Hostile(many_layers, 2, big=True),
    "one configuration, many images": Hostile(one_configuration_many_images, 2, big=True),
    "indexes times indexes": Hostile(indexes_times_indexes, 2, big=True),
    "deep JSON": Hostile(lambda: archive({"manifest.json": b"[" * (2 * MIB)}), 2),
    "large JSON": Hostile(lambda: archive({"manifest.json": b"[" + b" " * (9 * MIB) + b"]"}), 2),
    "deep path": Hostile(one(file("x/" * 2046 + "y")), 0),
    "deeper path": Hostile(one(file("x/" * 2100 + "y")), 2),
    "long name": Hostile(one(file(b"x" * 300)), 2),
    "long name in GNU": Hostile(one(gnu_long(b"y/" * 400_000), block(b"x", b"0")), 2),
    # Names that attack terminals and web pages, and malformed values
    "evil names": Hostile(
        one(
            file(EVIL, b"1"),
            directory(f"d{EVIL}/"),
            file(f"d{EVIL}/{EVIL}"),
            symlink("s", EVIL),
            hardlink("h", EVIL),
            file(b"\xff\xfe\x1b"),
            fifo(f"p{EVIL}"),
            file(
                "x", pax={b"SCHILY.xattr.user." + EVIL.encode("utf-8", "surrogateescape"): b"\x1b"}
            ),
            file(b"\xe2\x80\xaen"),
            file("\u2028"),
            file("\ufeff"),
            file("\x9b31m"),
            file("%s%n{0}"),
        ),
        0,
    ),
    "evil notes": Hostile(
        one(file(f"../{EVIL}"), file(EVIL), file(EVIL), device(f"c{EVIL}", b"3", (0, 0))),
        0,
        noted=True,
    ),
    "no end marker": Hostile(lambda: classic(image(layer(file(EVIL)))).rstrip(b"\0"), 1),
    "evil refusal": Hostile(one(hardlink(EVIL, f"no{EVIL}")), 2),
    "evil tags": Hostile(
        lambda: classic(image(layer(file("x")), tags=[EVIL]), image(layer(), tags=["y"])), 2
    ),
    "evil documents": Hostile(
        lambda: archive({"manifest.json": dumped([{"Config": EVIL.replace("\udcff", "")}])}), 2
    ),
    "evil start": Hostile(lambda: EVIL.encode("utf-8", "surrogateescape") * 100, 2),
    "NUL in a name": Hostile(one(pax({b"path": b"a\0b"}), block(b"x", b"0")), 2),
    "NUL in an attribute": Hostile(
        one(file("x", pax={b"LIBARCHIVE.xattr.a%00b": base64.b64encode(b"x")})), 2
    ),
    "numbers": Hostile(one(checked(block(b"x", b"0")[:100] + b"\xff" * 48 + bytes(364))), 2),
    "number too large": Hostile(
        one(checked(block(b"x", b"0")[:136] + number(-(1 << 90), 12) + bytes(364))), 2
    ),
    "surrogates": Hostile(
        lambda: archive({"manifest.json": b'[{"Config":"\\ud800","Layers":["\\udfff"]}]'}), 2
    ),
    "malformed digest": Hostile(
        lambda: archive({"index.json": index_of([{"digest": f"sha256:../../{sha256(b'')}"}])}), 2
    ),
}


if __name__ == "__main__":
    for name, hostile in CORPUS.items():
        with open(os.path.join(sys.argv[1], f"{name.replace(' ', '-')}.tar"), "wb") as out:
            out.write(hostile.make())
