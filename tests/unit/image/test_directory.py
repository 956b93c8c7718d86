"""An image in a directory reads as its tar does, and a hostile directory leads nowhere."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scratchlab.collect.image import ArchiveLimits, read_directory
from scratchlab.errors import LabError

from .archives import FORMATS, Members, archive, blobs_of, classic, image, index_of, oci
from .build import dumped, file, gzipped, layer, sha256
from .reading import paths, read

IMAGE = image(layer(file("one", b"1" * 3000)), layer(file("two", b"2")))
SECRET = b"only the host may know\n"


def unpacked(data: bytes, directory: Path) -> Path:
    """The archive ``data`` unpacked to ``directory``."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(directory, filter="fully_trusted")
    return directory


def written(members: Members, directory: Path) -> Path:
    for name, data in members.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def layout(tmp_path: Path) -> tuple[Path, Path]:
    """An OCI layout, and the file of its lower layer."""
    directory = unpacked(oci(IMAGE), tmp_path / "layout")
    return directory, directory / "blobs/sha256" / sha256(gzipped(IMAGE.layers[0]))


def refusal(directory: Path, **options: object) -> str:
    with pytest.raises(LabError) as caught:
        read_directory(str(directory), **options)  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    assert "only the host" not in line
    return line


def skopeo_dir(*, index: bool) -> Members:
    """What ``skopeo copy oci:... dir:DIRECTORY`` writes; with ``index``, with ``--all``."""
    members, _, (descriptor,) = blobs_of(IMAGE, pack=gzipped, suffix="+gzip")
    blobs = {name.rpartition("/")[2]: data for name, data in members.items()}
    manifest = blobs.pop(descriptor["digest"].removeprefix("sha256:"))
    blobs["version"] = b"Directory Transport Version: 1.1\n"
    if not index:
        return {**blobs, "manifest.json": manifest}
    descriptor.pop("annotations")
    return {
        **blobs,
        f"{sha256(manifest)}.manifest.json": manifest,
        "manifest.json": index_of([descriptor]),
    }


def test_every_format_reads_from_a_directory_as_from_its_tar(tmp_path: Path) -> None:
    for name, make in FORMATS.items():
        data = make(IMAGE)
        whole, found = read(data), read_directory(str(unpacked(data, tmp_path / name)))
        assert found.format == f"{whole.format} (directory)"
        assert found.image == whole.image
        assert found.ledger.digest() == whole.ledger.digest()


@pytest.mark.parametrize("index", [False, True])
def test_directory_of_skopeo_reads_as_such(index: bool, tmp_path: Path) -> None:
    members = skopeo_dir(index=index)
    found = read_directory(str(written(members, tmp_path)))
    assert (found.image.id, paths(found)) == (IMAGE.id, ["/one", "/two"])
    assert (found.image.problems, found.format) == ((), "skopeo-dir (directory)")
    assert read(archive(members)).ledger.digest() == found.ledger.digest()


def test_only_the_chosen_image_is_read(tmp_path: Path) -> None:
    other = image(layer(file("other", b"x" * 9000)), tags=("other:1",))
    directory = unpacked(oci(IMAGE, other), tmp_path)
    (directory / "blobs/sha256" / sha256(gzipped(other.layers[0]))).write_bytes(b"broken")
    counts: list[int] = []
    found = read_directory(
        str(directory), reference="docker.io/library/lab:1", progress=counts.append
    )
    assert paths(found) == ["/one", "/two"]
    total = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    assert 0 < counts[-1] < total
    assert "does not match the digest in its name" in refusal(directory, reference="other:1")


def test_repeated_layer_is_read_once_by_symlink_or_hard_link(tmp_path: Path) -> None:
    again = layer(file("a", b"1"))
    made = image(again, layer(file("b")), again)
    whole = read(classic(made))
    directory = unpacked(classic(made), tmp_path)
    assert any(path.is_symlink() for path in directory.rglob("*"))
    found = read_directory(str(directory))
    assert found.ledger.digest() == whole.ledger.digest()
    for path in list(directory.rglob("*")):
        if path.is_symlink():
            target = path.resolve()
            path.unlink()
            path.hardlink_to(target)
    assert read_directory(str(directory)).ledger.digest() == whole.ledger.digest()


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    directory, blob = layout(tmp_path)
    data = blob.read_bytes()
    blob.write_bytes(data[:-10])
    assert "does not match the digest in its name" in refusal(directory)
    blob.write_bytes(gzipped(IMAGE.layers[1]))
    assert "does not match the digest in its name" in refusal(directory)
    blob.unlink()
    assert "the archive is incomplete: layer 0, blobs/sha256/" in refusal(directory)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "not an image: a directory without index.json or manifest.json"),
        ({"etc/passwd": b""}, "not an image: a directory without index.json or manifest.json"),
        ({"config.json": b"{}", "rootfs/x": b""}, "a directory with config.json, as of an OCI"),
        ({"repositories": b"{}"}, "written by docker save before Docker 1.10"),
        ({"index.json": index_of(None)}, "the archive contains no image: its index.json lists"),
        ({"index.json": b"\x7fELF"}, "index.json is not a JSON document"),
        ({"manifest.json": dumped({"schemaVersion": 1})}, "a registry's manifest of schema 1"),
        ({"manifest.json": b"{}"}, "manifest.json is not a JSON array"),
    ],
)
def test_other_directories_are_named(members: Members, expected: str, tmp_path: Path) -> None:
    assert expected in refusal(written(members, tmp_path))


def test_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, reason in (("file", "Not a directory"), ("none", "No such file or directory")):
        assert f"{name}: {reason}" in refusal(tmp_path / name)


# -- hostile directories ----------------------------------------------------------------------


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    # Bound by a short name: a socket's path has at most 107 bytes.
    home = Path.cwd()
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind("s")
    finally:
        os.chdir(home)
    (path.parent / "s").rename(path)


def absolute_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def climbing_link(path: Path) -> None:
    path.symlink_to("../../../secret")


def device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def subdirectory(path: Path) -> None:
    path.mkdir()


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("put", "expected"),
    [
        (fifo, "is a FIFO, and only regular files are read"),
        (unix_socket, "is a socket, and only regular files are read"),
        (subdirectory, "is a directory, and only regular files are read"),
        (absolute_link, "symlink that may lead out of the directory: not followed"),
        (climbing_link, "symlink that may lead out of the directory: not followed"),
        (device_link, "symlink that may lead out of the directory: not followed"),
    ],
)
@pytest.mark.parametrize("member", ["index.json", "blob"])
def test_member_that_is_no_regular_file_is_refused(
    put: Callable[[Path], None], expected: str, member: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    directory, blob = layout(tmp_path)
    path = blob if member == "blob" else directory / member
    path.unlink()
    put(path)
    line = refusal(directory)
    assert expected in line
    assert path.name in line


def test_link_within_the_directory_is_another_name(tmp_path: Path) -> None:
    directory, blob = layout(tmp_path)
    blob.rename(directory / "elsewhere")
    blob.symlink_to("../../elsewhere")
    assert paths(read_directory(str(directory))) == ["/one", "/two"]
    blob.unlink()
    blob.symlink_to(blob.name)
    assert "is missing" in refusal(directory)


def test_directory_below_is_not_followed_by_a_link(tmp_path: Path) -> None:
    directory, _ = layout(tmp_path)
    (directory / "blobs").rename(tmp_path / "outside")
    (directory / "blobs").symlink_to(tmp_path / "outside")
    assert "lies below a symlink" in refusal(directory)


@pytest.mark.parametrize(
    "digest", ["sha256:../../../secret", "../../../secret:x", "sha256:" + "a/" * 999]
)
def test_digest_cannot_lead_out(digest: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(dumped({"manifests": []}))
    directory = written({"index.json": index_of([{"digest": digest}])}, tmp_path / "layout")
    assert "its index.json lists none" in refusal(directory)


def test_sparse_files_do_not_hold_the_reader(tmp_path: Path) -> None:
    directory, blob = layout(tmp_path)
    with open(blob, "r+b") as out:
        out.truncate(1 << 42)
    assert "is a sparse file" in refusal(directory)


def test_many_sparse_files_count_together(tmp_path: Path) -> None:
    made = image(*(layer(file("x", b"%d" % n)) for n in range(20)))
    directory = unpacked(classic(made), tmp_path)
    for path in directory.rglob("layer.tar"):
        os.truncate(path, 1 << 20)
    limits = ArchiveLimits(unpacked=8 << 20, ratio=100)
    assert "is a sparse file" in refusal(directory, limits=limits)


def test_size_is_that_of_the_opening(tmp_path: Path) -> None:
    """A file that grows while it is read does not hold the reader; one that shrinks is named."""
    big = written({"manifest.json": b"[" + b" " * (3 << 20) + b"]"}, tmp_path)

    def grow(_read: int) -> None:
        with open(big / "manifest.json", "ab") as out:
            out.write(b"x" * (2 << 20))

    assert "its manifest.json lists none" in refusal(big, progress=grow)
    written({"manifest.json": b"[" + b" " * (3 << 20) + b"]"}, big)
    line = refusal(big, progress=lambda _read: os.truncate(big / "manifest.json", 1 << 20))
    assert "manifest.json became shorter while it was read" in line


@pytest.mark.timeout(60)
def test_no_exchange_leads_out(tmp_path: Path) -> None:
    """A blob and its directory are exchanged for links all the time."""
    (tmp_path / "secret").write_bytes(SECRET)
    directory, blob = layout(tmp_path)
    data = blob.read_bytes()
    end = threading.Event()

    def exchange() -> None:
        while not end.is_set():
            for link in (os.fsdecode(tmp_path / "secret"), "/dev/zero", None):
                fresh = directory / "fresh"
                fresh.symlink_to(link) if link else fresh.write_bytes(data)
                fresh.replace(blob)
            (directory / "blobs").rename(tmp_path / "aside")
            (directory / "blobs").symlink_to(tmp_path)
            (directory / "blobs").unlink()
            (tmp_path / "aside").rename(directory / "blobs")

    seen = set()
    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(150):
            with suppress(LabError):
                found = read_directory(str(directory))
                seen.add(tuple(paths(found)))
                found.ledger.close()
    finally:
        end.set()
        thread.join()
    assert seen == {("/one", "/two")}


def test_nothing_stays_open(tmp_path: Path) -> None:
    directory, blob = layout(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    read_directory(str(directory)).ledger.close()
    blob.unlink()
    refusal(directory)
    assert len(os.listdir("/proc/self/fd")) == before
