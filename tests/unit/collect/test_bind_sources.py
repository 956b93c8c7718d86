"""The source of a bind mount is proved by device and inode, not by its path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scratchlab.collect import runtime_config
from scratchlab.model import Engine, Mount


def mount(number: int, target: str, parent: int = 1) -> Mount:
    return Mount(number, parent, (8, 1), "/any/path", target, (), (), "ext4", "/dev/sda", ())


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/hosts").write_text("x")
    fd = os.open(tmp_path / "root", os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


MOUNTS = [mount(1, "/", 0), mount(2, "/etc/hosts")]


def test_a_source_under_another_name_is_found(tmp_path: Path, root: int) -> None:
    os.link(tmp_path / "root/etc/hosts", tmp_path / "other name")
    sources = runtime_config.find_sources(
        root, MOUNTS, 1, iter([f"{tmp_path}/other name", f"{tmp_path}/absent"])
    )
    inode = os.stat(tmp_path / "other name").st_ino
    assert [(source.path, source.inode, source.mount) for source in sources] == [
        (f"{tmp_path}/other name", inode, 2)
    ]


def mounts_of(root: int, path: str) -> list[tuple[str, int]]:
    """The sources found for ``path``, with the ids of the mounts that show them."""
    sources = runtime_config.find_sources(root, MOUNTS, 1, iter([path]))
    return [(source.path, source.mount) for source in sources]


def test_a_file_with_the_same_content_is_known_and_not_mounted(tmp_path: Path, root: int) -> None:
    (tmp_path / "copy").write_text("x")
    assert mounts_of(root, f"{tmp_path}/copy") == [(f"{tmp_path}/copy", 0)]


def test_a_path_that_does_not_exist_is_not_a_source(tmp_path: Path, root: int) -> None:
    assert mounts_of(root, f"{tmp_path}/absent") == []


def test_what_is_no_path_is_not_a_source(root: int) -> None:
    assert mounts_of(root, "/nul\0byte") == []


def test_a_mount_that_came_over_the_root_is_not_looked_at(tmp_path: Path, root: int) -> None:
    """The root that the process took stays its root."""
    later = Mount(3, 1, (8, 1), "/any/path", "/", (), (), "ext4", "/dev/sda", ())
    below = mount(4, "/etc/hosts", 3)
    found = runtime_config.find_sources(
        root, [*MOUNTS, later, below], 1, iter([f"{tmp_path}/root/etc/hosts"])
    )
    assert [source.mount for source in found] == [2]


def test_a_symlink_in_the_containers_path_is_not_followed(tmp_path: Path, root: int) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host/hosts").write_text("secret")
    (tmp_path / "root/etc").rename(tmp_path / "root/away")
    (tmp_path / "root/etc").symlink_to(tmp_path / "host")
    assert mounts_of(root, f"{tmp_path}/host/hosts") == [(f"{tmp_path}/host/hosts", 0)]


def test_the_root_itself_can_be_a_source(tmp_path: Path, root: int) -> None:
    sources = runtime_config.find_sources(root, MOUNTS, 1, iter([f"{tmp_path}/root"]))
    assert [source.mount for source in sources] == [1]


@contextmanager
def living_below(directory: Path) -> Iterator[int]:
    """A process whose root is ``directory``."""
    ready, ending = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.chroot(directory)
        os.write(ready[1], b"x")
        os.close(ending[1])
        os.read(ending[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        yield pid
    finally:
        for fd in (*ready, *ending):
            os.close(fd)
        os.waitpid(pid, 0)


@pytest.mark.root
def test_a_path_is_what_it_is_where_the_engine_lives(tmp_path: Path, root: int) -> None:
    """A rootless engine mounts in a mount namespace of its own: there other files have the path."""
    path = f"{tmp_path}/root/etc/hosts"
    (tmp_path / f"elsewhere{tmp_path}/root/etc").mkdir(parents=True)
    other = tmp_path / f"elsewhere{path}"
    other.write_text("the engine's")
    with living_below(tmp_path / "elsewhere") as engine:
        found = runtime_config.find_sources(root, MOUNTS, 1, [path, f"{path}/absent"], engine)
        here = runtime_config.find_sources(root, MOUNTS, 1, [f"{tmp_path}/root"], engine)
    assert [(source.inode, source.mount) for source in found] == [(other.stat().st_ino, 0)]
    assert [source.mount for source in here] == [0]


def test_no_descriptor_is_left_open(tmp_path: Path, root: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    runtime_config.find_sources(
        root, [*MOUNTS, mount(3, "/no/such/place")], 1, iter([f"{tmp_path}/root"])
    )
    assert len(os.listdir("/proc/self/fd")) == before


def test_candidates_come_from_inspect_and_from_the_runtimes_configuration() -> None:
    inspect = {
        "Id": "c0ffee",
        "HostsPath": "/c/hosts",
        "HostnamePath": "",
        "ResolvConfPath": "/c/resolv.conf",
        "Mounts": [{"Type": "volume", "Source": "/v/_data"}, {"Type": "tmpfs", "Source": ""}],
    }
    config = {
        "mounts": [
            {"type": "bind", "source": "/b"},
            {"type": "none", "source": "/r", "options": ["rbind"]},
            {"type": "tmpfs", "source": "tmpfs"},
            {"type": "other", "source": "/no bind", "options": ["ro"]},
        ],
        "linux": {"devices": [{"path": "/dev/kvm"}]},
    }
    candidates = set(
        runtime_config.source_candidates(inspect, config, Engine(name="docker", root_dir="/d"))
    )
    assert {
        "/c/hosts",
        "/c/resolv.conf",
        "/v/_data",
        "/b",
        "/r",
        "/dev/kvm",
        "/dev/null",
    } <= candidates
    assert "/d/containers/c0ffee/mounts/shm" in candidates
    assert not {"", "tmpfs", "/no bind"} & candidates


@pytest.mark.parametrize(("devices", "mount_id"), [(None, 0), (frozenset(), 0), ({(0, 251)}, 2)])
def test_where_the_engine_itself_lives_on_an_overlay_its_files_are_looked_at(
    root: int, tmp_path: Path, devices: frozenset[tuple[int, int]] | None, mount_id: int
) -> None:
    stacked = Mount(2, 1, (0, 251), "/usr/bin/init", "/etc/hosts", (), (), "overlay", "overlay", ())
    path = f"{tmp_path}/root/etc/hosts"
    (found,) = runtime_config.find_sources(
        root, [mount(1, "/", 0), stacked], 1, iter([path]), engine_devices=devices
    )
    assert found.mount == mount_id
