"""Images for the peers: each of several formats, packings and oddities, as a file or directory."""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.test_cross_proof import RICH
from tests.unit.image.archives import FORMATS, Made, archive, classic, image, oci
from tests.unit.image.build import (
    directory,
    file,
    gnu_long,
    gzipped,
    hardlink,
    layer,
    pax,
    symlink,
    zstd,
)
from tests.unit.image.test_directory import skopeo_dir

LONG = "long/" + "n" * 200


@dataclass(frozen=True)
class Case:
    """One image at ``path``. ``transport`` is skopeo's name of its format; ``layers`` are the tars
    of its layers, lowest first, where no earlier case has the same ones.
    """

    name: str
    transport: str
    path: Path
    layers: tuple[Path, ...] = ()


# Layers, lowest first, of one idea each.
IMAGES: dict[str, Made] = {
    "one of everything": RICH,
    "one layer": image(layer(directory("a/", mode=0o1777), file("a/b", b"b" * 9000, uid=7, gid=8))),
    "nothing": image(layer()),
    "a parent without an entry": image(layer(file("a/b/c", b"1"))),
    "a parent without an entry, above another mode": image(
        layer(directory("a/", mode=0o700, uid=5), file("a/b")), layer(file("a/c"))
    ),
    "deleted": image(layer(file("a/b"), file("a/c")), layer(file("a/.wh.b"))),
    "deleted and made again": image(
        layer(file("a/b", b"1")), layer(file("a/.wh.b")), layer(file("a/b", b"2"))
    ),
    "deleted and made in one layer": image(
        layer(file("a/b", b"1")), layer(file("a/.wh.b"), file("a/b", b"2"))
    ),
    "opaque": image(
        layer(directory("a/"), file("a/b")), layer(directory("a/"), file("a/.wh..wh..opq"))
    ),
    "opaque after its files": image(
        layer(directory("a/"), file("a/b")),
        layer(directory("a/"), file("a/c"), file("a/.wh..wh..opq")),
    ),
    "a file instead of a directory": image(layer(file("a/b/c")), layer(file("a/b", b"now"))),
    "a directory instead of a file": image(layer(file("a")), layer(file("a/b"))),
    "through a link of a lower layer": image(
        layer(directory("real/"), symlink("way", "real")), layer(file("way/x", b"x"))
    ),
    "hard links": image(layer(file("a", b"1"), hardlink("b", "a"), hardlink("c", "b"))),
    "a hard link to a lower layer": image(layer(file("a", b"1")), layer(hardlink("b", "a"))),
    "a name twice": image(layer(file("a", b"1"), file("a", b"22", mode=0o600))),
    "long names": image(layer(directory("long/"), gnu_long(LONG.encode()) + file("short", b"1"))),
    "names in a PAX header": image(layer(pax({b"path": "é/ü".encode()}) + file("x", b"1"))),
    "set-uid and sticky": image(layer(file("s", mode=0o4755), directory("t/", mode=0o1777))),
    "./ before each name": image(layer(directory("./"), directory("./a/"), file("./a/b", b"1"))),
}


def cases(work: Path) -> Iterator[Case]:
    """Write each case below ``work`` and return it."""
    number = 0

    def written(name: str, transport: str, data: bytes, tars: tuple[bytes, ...] = ()) -> Case:
        nonlocal number
        number += 1
        path = work / f"{number}.archive"
        path.write_bytes(data)
        layers = tuple(work / f"{number}.{index}.tar" for index, _ in enumerate(tars))
        for layer_path, tar in zip(layers, tars, strict=True):
            layer_path.write_bytes(tar)
        return Case(name, transport, path, layers)

    for name, made in IMAGES.items():
        yield written(name, "docker-archive", classic(made), made.layers)
    for form, make in FORMATS.items():
        transport = "oci-archive" if form.startswith("oci") else "docker-archive"
        yield written(f"format {form}", transport, make(RICH))
    packings: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzipped, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd,
    }  # fmt: skip
    for packing, pack in packings.items():
        yield written(f"archive in {packing}", "docker-archive", pack(classic(RICH)))
    for packing in ("bzip2", "xz"):
        data = oci(RICH, pack=packings[packing], suffix="")
        yield written(f"layers in {packing}", "oci-archive", data)
    for name, transport, data in (
        ("layout in a directory", "oci", oci(RICH)),
        ("directory of skopeo", "dir", archive(skopeo_dir(index=False))),
    ):
        path = work / transport
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            tar.extractall(path, filter="fully_trusted")
        yield Case(name, transport, path)
