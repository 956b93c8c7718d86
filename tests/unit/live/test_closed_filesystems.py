"""Filesystems that could hold the reader are one entry, and a root on one is refused."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scratchlab.collect.live import read_root, read_tree
from scratchlab.collect.live.closed import closed_ways
from scratchlab.collect.live.file_status import status_of
from scratchlab.errors import LabError
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Kind, Mount

ENGINES = (0, 77)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/inside").touch()
    (tmp_path / "file").write_bytes(b"x")
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def mount_of(root: int, fstype: str) -> Mount:
    status = status_of(root)
    return Mount(status.mount, 1, (0, 5), "/", "/", ("rw",), (), fstype, "none", ("rw",))


def read(
    root: int, *mounts: Mount, engine_devices: Collection[tuple[int, int]] | None = None
) -> Ledger:
    return read_root(root, mounts, engine_devices=engine_devices)


def test_a_root_that_a_process_or_a_server_answers_for_is_refused(root: int) -> None:
    for fstype in ("fuse", "fuse.sshfs", "nfs4", "9p", "cifs", "ceph", "virtiofs"):
        with pytest.raises(LabError, match="answers for " + fstype):
            read(root, mount_of(root, fstype))


def test_a_stacked_root_must_be_the_engines(root: int) -> None:
    overlay = mount_of(root, "overlay")
    with pytest.raises(LabError, match="the engine did not make this overlay"):
        read(root, overlay, engine_devices={ENGINES})
    assert read(root, overlay, engine_devices={overlay.device}).get("/data/inside")


def test_a_root_that_the_engines_own_process_serves_is_read(root: int) -> None:
    rootless = mount_of(root, "fuse.fuse-overlayfs")
    assert read(root, rootless, engine_devices={rootless.device}).get("/data/inside")


def test_a_kernel_filesystem_is_never_walked(root: int) -> None:
    with pytest.raises(LabError, match="proc"):
        read(root, mount_of(root, "proc"))
    for path in ("/proc", "/proc/self", "/sys/kernel"):
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY)
        try:
            with pytest.raises(LabError, match="which the kernel generates"):
                read_tree(fd)
        finally:
            os.close(fd)


def test_a_root_on_an_unknown_mount_is_refused(root: int) -> None:
    with pytest.raises(LabError, match="does not list"):
        read(root, replace(mount_of(root, "ext4"), id=0))


@pytest.mark.parametrize("fstype", ["nfs", "9p", "overlay"])
def test_a_mountpoint_of_one_is_not_opened(
    root: int, fstype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = mount_of(root, "ext4")
    data = replace(top, id=7, parent=top.id, device=(0, 9), target="/data", fstype=fstype)
    file = replace(data, id=8, target="/file")
    opened: list[str] = []
    really = os.open

    def watch(name: str, *arguments: int, **more: int) -> int:
        opened.append(name)
        return really(name, *arguments, **more)

    monkeypatch.setattr("os.open", watch)
    ledger = read(root, top, data, file, engine_devices={ENGINES})
    assert "data" not in opened
    assert "file" not in opened
    note = {
        "overlay": "the engine did not make this overlay",
    }.get(fstype, f"a server answers for {fstype}")
    assert list(ledger.below("/")) == [
        Entry("/data", Kind.DIRECTORY, 0, mount=7, note=f"not read: {note}"),
        Entry("/file", Kind.FILE, 0, mount=8, note=f"not read: {note}"),
    ]


def test_what_the_engine_stacked_is_entered(root: int) -> None:
    top = mount_of(root, "ext4")
    data = replace(top, id=7, parent=top.id, device=ENGINES, target="/data", fstype="overlay")
    assert read(root, top, data, engine_devices={ENGINES}).get("/data/inside")
    assert read(root, top, replace(data, device=top.device)).get("/data/inside") is not None


def test_a_way_through_a_closed_mount_is_closed() -> None:
    top = Mount(1, 0, (0, 5), "/", "/", ("rw",), (), "overlay", "overlay", ("rw",))
    served = replace(top, id=2, parent=1, device=(0, 9), target="/srv/data", fstype="fuse")
    below = replace(served, id=3, parent=2, target="/srv/data/in", fstype="tmpfs")
    ways = closed_ways([top, served, below], 1)
    for path in ("/srv/data", "/srv/data/in", "/srv/data/in/it"):
        assert path in ways
    for path in ("/", "/srv", "/srv/data-2", "/srv/other"):
        assert path not in ways
    covered = replace(served, id=4, parent=2, fstype="tmpfs")
    assert "/srv/data/in" not in closed_ways([top, served, covered], 1)
