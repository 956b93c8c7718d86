"""Ledgers compared with other tools.

The image ledger: what umoci unpacks, skopeo copies, GNU tar lists, and the engine loads. The live
root: tar --compare, getfattr and stat.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from scratchlab.collect.image import ImageArchive, read_archive
from scratchlab.collect.live import read_tree
from scratchlab.idmap import IdMap
from scratchlab.judge.compare import compare
from scratchlab.ledger import Ledger
from scratchlab.model import Kind, Status
from tests.integration.conftest import BUSYBOX, SESSION, Build, Run
from tests.integration.live_roots import live, root
from tests.unit.image.archives import FORMATS, Made, image
from tests.unit.image.build import device, directory, fifo, file, hardlink, layer, symlink

pytestmark = [pytest.mark.engine, pytest.mark.root]

BUSY = BUSYBOX.read_bytes()
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
NS = 1_700_000_000_123_456_789
ACL = bytes.fromhex("0200000001000600ffffffff04000400ffffffff20000400ffffffff")


def timed(nanoseconds: int) -> dict[bytes, bytes]:
    return {b"mtime": b"%d.%09d" % divmod(nanoseconds, 10**9)}


# One of everything that engines, umoci and GNU tar can all unpack.
RICH = image(
    layer(
        directory("./", mode=0o755), directory("bin/"), file("bin/busybox", BUSY, mode=0o755),
        hardlink("bin/sh", "bin/busybox", mode=0o755), symlink("bin/ls", "busybox"),
        directory("etc/", mode=0o750, uid=3, gid=4), file("etc/shadow", b"secret", mode=0o600),
        file("etc/gone", b"gone"), directory("etc/d/"), file("etc/d/1", b"1"),
        file("etc/d/2", b"2"), directory("opaque/"), file("opaque/old", b"old"),
        directory("turns/"), file("turns/x", b"x"), file("turned", b"file"),
        file("times", b"t", pax=timed(NS)), file("old", b"o", mtime=1),
    ),
    layer(
        directory("etc/", mode=0o755), file("etc/.wh.gone"), directory("etc/d/"),
        file("etc/d/.wh.1"),
        file("etc/d/3", b"3", uid=4_000_000_000, gid=12345), directory("opaque/"),
        file("opaque/.wh..wh..opq"), file("opaque/new", b"new"), file("turns", b"now a file"),
        directory("turned/"), file("turned/y", b"y"), file("setuid", b"#!", mode=0o6755),
        directory("sticky/", mode=0o1777), fifo("pipe", mode=0o640),
        device("char", b"3", (10, 130), mode=0o600), device("block", b"4", (259, 70_000)),
    ),
    layer(
        file("capable", b"c", pax={b"SCHILY.xattr.security.capability": CAPABILITY}),
        file("user", b"u", pax={b"SCHILY.xattr.user.note": b"a=b\nc\xff"}),
        directory("long/"), file("long/" + "n" * 200, b"n"), file("long/" + "é" * 100, b"e"),
        file(b"long/\xff\xfe", b"bytes"), file("long/new\nline", b"line"), file("long/ ", b""),
        symlink("long/target", "t/" * 1000), file("bin/busybox2", BUSY[:100_000]),
        file("etc/d/2", b"changed", mode=0o640),
    ),
)  # fmt: skip
PLAIN = image(layer(directory("a/"), file("a/b", b"b" * 100_000)), layer(file("c", b"c")))
IMAGES = {"rich": RICH, "plain": PLAIN, "nothing but a directory": image(layer(directory("x/")))}


def ledger_of(data: bytes) -> ImageArchive:
    return read_archive(io.BytesIO(data))


def tree(directory_: Path) -> Ledger:
    fd = os.open(directory_, os.O_PATH | os.O_DIRECTORY)
    try:
        return read_tree(fd)
    finally:
        os.close(fd)


def differences(one: Ledger, other: Ledger) -> list[str]:
    """The differences that compare() finds, without the root directory."""
    return [
        f"{pair.path}: {pair.status} {', '.join(pair.differences)}"
        for pair in compare(one, other, IdMap(()))
        if pair.status is not Status.SAME and pair.path != "/"
    ]


@pytest.fixture
def layout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An OCI layout that skopeo made of a docker archive of the requested image."""
    (tmp_path / "archive.tar").write_bytes(FORMATS["classic"](request.param))
    command = ["skopeo", "--insecure-policy", "copy", "-q"]
    command += [f"docker-archive:{tmp_path}/archive.tar", f"oci:{tmp_path}/layout:it"]
    subprocess.run(command, check=True)
    return tmp_path / "layout"


@pytest.mark.parametrize("layout", IMAGES.values(), ids=IMAGES, indirect=True)
def test_ledger_is_what_umoci_unpacks(layout: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "layout.tar", "w") as packed:
        packed.add(layout, ".")
    found = ledger_of((tmp_path / "layout.tar").read_bytes())
    assert found.format == "oci-archive"
    command = ["umoci", "raw", "unpack", "--image", f"{layout}:it", str(tmp_path / "root")]
    subprocess.run(command, check=True, capture_output=True)
    unpacked = tree(tmp_path / "root")
    assert len(unpacked) > 1
    assert differences(found.ledger, unpacked) == []


def gnu_tar(data: bytes) -> dict[str, str]:
    """{name: "mode owner size"} of a tar, as GNU tar lists it; the last of a name counts."""
    listing = subprocess.run(
        ["tar", "--numeric-owner", "--quoting-style=literal", "--null", "-tvf", "-"],
        input=data, capture_output=True, check=True, env={**os.environ, "TZ": "UTC"},
    ).stdout.decode(errors="surrogateescape")  # fmt: skip
    line = re.compile(r"^(\S{10}) (\d+/\d+) +(\S+) \S+ \S+ (.*)$")
    found = {}
    for row in listing.splitlines():
        match = line.match(row)
        if match:
            mode, owner, size, name = match.groups()
            name = re.split(r" (?:->|link to) ", name)[0]
            found["/" + name.removeprefix("./").strip("/")] = f"{mode} {owner} {size}"
    return found


@pytest.mark.parametrize("layout", [RICH], ids=["rich"], indirect=True)
def test_layers_are_what_skopeo_copies_and_gnu_tar_lists(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_text())
    blobs = layout / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    found = ledger_of(FORMATS["classic"](RICH)).ledger
    compared = 0
    for number, described in enumerate(manifest["layers"]):
        packed = (blobs / described["digest"][7:]).read_bytes()
        data = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
        for name, listed in gnu_tar(data).items():
            entry = found.get(name)
            if entry is None or entry.layer != number or entry.links or "\n" in name:
                continue
            mode = entry.kind.filemode(entry.mode)
            size = str(entry.size)
            if entry.device:
                size = "{},{}".format(*entry.device)
            assert listed == f"{mode} {entry.uid}/{entry.gid} {size}", name
            compared += 1
    assert compared > 25


# -- the engine: what it loads, saves and runs -----------------------------------------------------


@pytest.fixture
def loaded(docker_client: docker.DockerClient) -> Iterator[str]:
    """Load the rich image into the engine; returns its name."""
    name = f"{SESSION}-rich:1"
    made = Made(RICH.layers, (name,), RICH.extra)
    docker_client.images.load(FORMATS["classic"](made))
    yield name
    docker_client.images.remove(name, force=True)


def test_engine_saves_exactly_what_it_loaded(
    loaded: str, docker_client: docker.DockerClient
) -> None:
    saved = b"".join(docker_client.images.get(loaded).save(named=True))
    found, ours = ledger_of(saved), ledger_of(FORMATS["classic"](RICH))
    assert found.image.diff_ids == ours.image.diff_ids
    assert found.ledger.digest() == ours.ledger.digest()


INJECTED = re.compile(r"/(dev|proc|sys|\.dockerenv)(/.*)?|/etc/(hosts|hostname|mtab|resolv\.conf)")


def test_live_root_is_the_image_and_the_engines_entries(loaded: str, run_container: Run) -> None:
    container = run_container(loaded, command=["/bin/busybox", "sleep", "3600"])
    differing = differences(ledger_of(FORMATS["classic"](RICH)).ledger, live(container))
    unexpected = [text for text in differing if not INJECTED.match(text.split(": ")[0])]
    assert unexpected == []
    assert any(text.startswith("/.dockerenv: only-live") for text in differing)


@pytest.fixture
def built(build_image: Build, run_container: Run) -> Container:
    """A Dockerfile of several layers, FROM scratch, and its container."""
    dockerfile = (
        "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n"
        "RUN /bin/busybox mkdir -p /srv/a /tmp && echo one > /srv/a/one && echo two > /srv/two\n"
        "RUN rm /srv/a/one && mv /srv/two /srv/a/two && chmod 1777 /tmp && ln -s a /srv/b\n"
        "RUN /bin/busybox mknod /srv/pipe p && echo three > /srv/b/three\n"
        "COPY data /srv/a/data\nCMD [\"/bin/busybox\", \"sleep\", \"3600\"]\n"
    )  # fmt: skip
    dockerfile = dockerfile.replace("&& rm", "&& /bin/busybox rm")
    for word in ("rm", "mv", "chmod", "ln"):
        dockerfile = re.sub(rf"(RUN|&&) {word} ", rf"\1 /bin/busybox {word} ", dockerfile)
    built_image = build_image(dockerfile, {"busybox": BUSY, "data": os.urandom(5000)}, tag="cross")
    return run_container(built_image)


def test_tar_compare_agrees_with_the_comparison(built: Container, tmp_path: Path) -> None:
    """GNU tar compares each layer with the live root: mode, owner, size, content, time."""
    assert built.image is not None
    saved = b"".join(built.image.save(named=True))
    found = ledger_of(saved)
    inside = root(built)
    (inside / "srv/a/two").write_bytes(b"TWO\n")
    (inside / "srv/a/data").chmod(0o600)
    (inside / "srv/a/three").unlink()
    differing = {
        pair.path: set(pair.differences) or {str(pair.status)}
        for pair in compare(found.ledger, live(built), IdMap(()))
        if pair.status is not Status.SAME and not INJECTED.match(pair.path)
    }
    assert differing.pop("/etc") == {"only-live"}  # made by the engine; the image has none
    assert set(differing) == {"/srv/a/two", "/srv/a/data", "/srv/a/three"}
    assert {"sha256", "mtime"} <= differing["/srv/a/two"]
    assert differing["/srv/a/data"] == {"mode"}
    assert differing["/srv/a/three"] == {"missing"}

    lines: set[str] = set()
    with tarfile.open(fileobj=io.BytesIO(saved)) as outer:
        (manifest,) = json.load(outer.extractfile("manifest.json"))  # type: ignore[arg-type]
        for name in manifest["Layers"]:
            data = outer.extractfile(name).read()  # type: ignore[union-attr]
            done = subprocess.run(
                ["tar", "--compare", "-f", "-", "-C", str(inside)], input=data,
                capture_output=True, check=False,
            )  # fmt: skip
            lines |= set((done.stdout + done.stderr).decode().splitlines())
    output = "\n".join(sorted(lines))
    assert re.search(r"srv/a/two: (Contents|Mod time) differs?", output), output
    assert "srv/a/data: Mode differs" in output
    assert re.search(r"srv/(a|b)/three: .*(Cannot stat|No such file)", output), output
    # Nothing else, except what a later layer or the passage of time changed.
    others = [
        line for line in lines
        if not re.search(r"srv/(a/(two|data|three)|b/three)|Mod time differs|\.wh\.", line)
        and not re.search(r"srv/(two|a/one): .*(Cannot stat|No such file)", line)
        and "tar: " not in line[:5]
    ]  # fmt: skip
    assert [line for line in others if "tmp: Mode differs" not in line] == []


def test_getfattr_and_stat_agree_on_every_entry(loaded: str, run_container: Run) -> None:
    container = run_container(loaded, command=["/bin/busybox", "sleep", "3600"])
    inside = root(container)
    found = ledger_of(FORMATS["classic"](RICH)).ledger
    attributes = subprocess.run(
        ["getfattr", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", "capable", "user",
         "times"],
        cwd=inside, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for path in ("/capable", "/user"):
        entry = found.get(path)
        assert entry is not None
        for name, value in entry.xattrs:
            assert f"{name}=0x{value.hex()}" in attributes
    assert attributes.count("=0x") == 2
    compared = 0
    for entry in found:
        if INJECTED.match(entry.path) or entry.path in ("/", "/etc"):
            continue
        status = os.lstat(os.fsencode(inside) + os.fsencode(entry.path))
        assert stat.S_IMODE(status.st_mode) == entry.mode, entry.path
        assert (status.st_uid, status.st_gid) == (entry.uid, entry.gid), entry.path
        if entry.device:
            assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == entry.device
        if entry.kind is Kind.FILE:
            assert status.st_size == entry.size
            assert status.st_mtime_ns == entry.mtime, entry.path
        compared += 1
    assert compared >= 30
