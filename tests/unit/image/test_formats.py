"""Archives of one image from different tools: always the same image and ledger."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest

from scratchlab.collect.image import read_archive
from scratchlab.errors import LabError

from .archives import (
    FORMATS,
    archive,
    blobs_of,
    classic,
    containerd,
    docker25,
    image,
    index_of,
    oci,
)
from .build import directory, dumped, file, gzipped, hardlink, layer, sha256, symlink, zstd
from .reading import paths, read

BASE = layer(directory("bin/"), file("bin/sh", b"#!" * 5000, mode=0o755), directory("etc/"))
TOP = layer(directory("etc/"), file("etc/hosts", b"127.0.0.1\n"), symlink("bin/ash", "sh"))
IMAGE = image(BASE, TOP)
NAMES = {
    "classic": "docker-archive",
    "docker25": "docker-archive + oci-archive",
    "containerd": "docker-archive + oci-archive",
    "containerd-gzip": "docker-archive + oci-archive",
    "containerd-zstd": "docker-archive + oci-archive",
    "podman": "docker-archive",
    "crane": "docker-archive",
    "oci": "oci-archive",
    "oci-zstd": "oci-archive",
}


@pytest.fixture(scope="module")
def digest() -> str:
    """The ledger digest that every format must have."""
    return read(classic(IMAGE)).ledger.digest()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_the_image_and_its_ledger(name: str, digest: str) -> None:
    found = read(FORMATS[name](IMAGE))
    assert found.format == NAMES[name]
    assert found.image.id == IMAGE.id
    assert found.image.diff_ids == tuple(IMAGE.diff_ids)
    assert found.image.config["config"] == {"Cmd": ["/x"]}
    assert (found.image.problems, found.image.notes) == ((), ())
    assert paths(found) == ["/bin", "/bin/ash", "/bin/sh", "/etc", "/etc/hosts"]
    assert found.ledger.digest() == digest


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("classic", "lab:1"),
        ("docker25", "lab:1"),
        ("containerd", "lab:1"),
        ("podman", "localhost/lab:1"),
        ("crane", "lab:1"),
        ("oci", "docker.io/library/lab:1"),
    ],
)
def test_tags_are_the_archives(name: str, tag: str) -> None:
    assert read(FORMATS[name](IMAGE)).image.tags == (tag,)


@pytest.mark.parametrize(("pack", "word"), [(gzipped, "gzip"), (zstd, "zstd")])
@pytest.mark.parametrize("name", ["classic", "containerd-gzip", "oci-zstd"])
def test_whole_archive_may_be_compressed(
    name: str, pack: Callable[[bytes], bytes], word: str, digest: str
) -> None:
    found = read(pack(FORMATS[name](IMAGE)))
    assert found.format == f"{NAMES[name]} ({word})"
    assert found.ledger.digest() == digest


def test_compressed_data_may_have_several_parts(digest: str) -> None:
    """pigz and estargz write many gzip members, pzstd many frames, some of them skippable."""

    def parts(one: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        return lambda tar: b"".join(one(tar[at : at + 700]) for at in range(0, len(tar), 700))

    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"extra"
    for pack in (parts(gzipped), parts(zstd), lambda tar: skippable + zstd(tar) + skippable):
        assert read(oci(IMAGE, pack=pack)).ledger.digest() == digest
    assert read(oci(IMAGE, pack=lambda tar: gzipped(tar) + bytes(700))).ledger.digest() == digest


def test_repeated_layer_is_a_symlink_in_classic_archives() -> None:
    again = layer(file("a", b"1"))
    data = classic(image(again, layer(file("b")), again))
    assert data.count(b"/layer.tar\0") > 3
    assert b"ustar" in data
    found = read(data)
    assert {entry.path: entry.layer for entry in found.ledger} == {"/": None, "/a": 2, "/b": 1}


def test_symlink_may_precede_the_layer_it_points_to() -> None:
    one = layer(file("a", b"1"))
    made = image(one, one)
    members = {"x/layer.tar": one, "c.json": made.config}
    members["manifest.json"] = dumped(
        [{"Config": "c.json", "RepoTags": None, "Layers": ["y/layer.tar", "x/layer.tar"]}]
    )
    first = directory("y/") + symlink("y/layer.tar", "../x/layer.tar")
    assert paths(read(first + archive(members))) == ["/a"]


def test_layers_may_be_hard_linked_as_by_bazel() -> None:
    one = layer(file("a"))
    made = image(one, one)
    data = archive({
        "l0.tar": one,
        "c.json": made.config,
        "manifest.json": dumped([{"Config": "c.json", "Layers": ["l0.tar", "l1.tar"]}]),
    })  # fmt: skip
    assert paths(read(hardlink("l1.tar", "l0.tar") + data)) == ["/a"]


def test_manifest_may_be_first_or_repeated_or_below_dot() -> None:
    made = image(layer(file("a")))
    listed = dumped([{"Config": "c.json", "Layers": ["l.tar"]}])
    good = {"manifest.json": listed, "c.json": made.config, "l.tar": made.layers[0]}
    assert paths(read(archive(good))) == ["/a"]
    assert paths(read(archive({f"./{name}": data for name, data in good.items()}))) == ["/a"]
    twice = file("manifest.json", b"[]") + archive(good)  # the last one counts, as for an unpacker
    assert paths(read(twice)) == ["/a"]


def test_image_without_layers() -> None:
    """FROM scratch and nothing else: null and [] are both written."""
    made = image(tags=())
    assert paths(read(classic(made))) == []
    assert paths(read(docker25(made))) == []
    nothings: tuple[list[str] | None, ...] = (None, [])
    for layers in nothings:
        listed = dumped([{"Config": "c.json", "RepoTags": None, "Layers": layers}])
        found = read(archive({"c.json": made.config, "manifest.json": listed}))
        assert [entry.path for entry in found.ledger] == ["/"]
        assert found.image.tags == ()
        manifest = dumped({"config": {"digest": made.id}, "layers": layers})
        members = {
            f"blobs/sha256/{sha256(made.config)}": made.config,
            f"blobs/sha256/{sha256(manifest)}": manifest,
            "index.json": index_of([{"digest": f"sha256:{sha256(manifest)}"}]),
        }
        assert paths(read(archive(members))) == []


def test_empty_layer_is_a_layer() -> None:
    found = read(classic(image(bytes(1024), layer(file("a")))))
    assert [entry.layer for entry in found.ledger] == [None, 1]
    assert len(found.image.diff_ids) == 2


def test_unpulled_platforms_and_attestations_are_not_images() -> None:
    data = containerd(IMAGE)
    assert data.count(b"vnd.docker.reference.type") == 1
    found = read(data)
    assert (found.image.id, found.image.problems, found.image.notes) == (IMAGE.id, (), ())


def test_stream_may_be_a_pipe_that_returns_small_pieces() -> None:
    class Dribble(io.RawIOBase):
        """A pipe that returns 1,000 bytes at a time and cannot seek."""

        def __init__(self, data: bytes) -> None:
            self._data = memoryview(data)

        def read(self, _size: int = -1) -> bytes:
            piece, self._data = self._data[:1000], self._data[1000:]
            return bytes(piece)

    for name in FORMATS:
        found = read_archive(Dribble(FORMATS[name](IMAGE)))  # type: ignore[arg-type]
        assert paths(found)[-1] == "/etc/hosts"


def test_progress_counts_bytes() -> None:
    counts: list[int] = []
    data = classic(IMAGE)
    read(data, progress=counts.append)
    assert counts[-1] == len(data)


def test_read_error_is_reported() -> None:
    class Broken(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(LabError, match="cannot read the archive: Input/output error"):
        read_archive(Broken())  # type: ignore[arg-type]


def test_blobs_named_by_sha512_are_read() -> None:
    """The member's name is followed; diff_ids still prove the layers."""
    made = image(layer(file("a")))
    config = hashlib.sha512(made.config).hexdigest()
    tar = hashlib.sha512(made.layers[0]).hexdigest()
    manifest = dumped({
        "config": {"digest": f"sha512:{config}"},
        "layers": [{"digest": f"sha512:{tar}"}],
    })  # fmt: skip
    name = hashlib.sha512(manifest).hexdigest()
    members = {
        f"blobs/sha512/{config}": made.config,
        f"blobs/sha512/{tar}": made.layers[0],
        f"blobs/sha512/{name}": manifest,
        "index.json": index_of([{"digest": f"sha512:{name}"}]),
    }
    assert paths(read(archive(members))) == ["/a"]


def test_blobs_of_names_blobs_by_their_digest() -> None:
    """Checks the test data itself."""
    members, _, _ = blobs_of(IMAGE)
    assert all(name.endswith(sha256(data)) for name, data in members.items())
