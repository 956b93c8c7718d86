"""The source of a bind mount is proved by device and inode, not by its path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scratchlab.collect import runtime_config
from scratchlab.model import Engine, Json, Mount


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
    number = os.stat(tmp_path).st_dev
    assert sources[0].device == (os.major(number), os.minor(number))


def mounts_of(root: int, path: str) -> list[tuple[str, int]]:
    """The sources found for ``path``, with the ids of the mounts that show them."""
    sources = runtime_config.find_sources(root, MOUNTS, 1, iter([path]))
    return [(source.path, source.mount) for source in sources]


def test_a_file_with_the_same_content_is_known_and_not_mounted(tmp_path: Path, root: int) -> None:
    (tmp_path / "copy").write_text("x")
    assert mounts_of(root, f"{tmp_path}/copy") == [(f"{tmp_path}/copy", 0)]


def test_a_path_that_does_not_exist_is_not_a_source(tmp_path: Path, root: int) -> None:
    assert mounts_of(root, f"{tmp_path}/absent") == []


def test_the_sources_after_one_that_does_not_exist_are_found(tmp_path: Path, root: int) -> None:
    asked = [f"{tmp_path}/absent", f"{tmp_path}/root"]
    found = runtime_config.find_sources(root, MOUNTS, 1, asked)
    assert [source.path for source in found] == asked[1:]


def test_a_closed_mount_shows_no_source_and_hides_none(tmp_path: Path, root: int) -> None:
    """Another mount, over the root, came later: the closed one is still the container's."""
    (tmp_path / "root/closed").mkdir()
    closed = replace(mount(3, "/closed"), fstype="fuse.x")
    later = replace(mount(4, "/"), device=(8, 2))
    mounts = [MOUNTS[0], closed, MOUNTS[1], later]
    asked = [f"{tmp_path}/root/closed", f"{tmp_path}/root/etc/hosts"]
    found = runtime_config.find_sources(root, mounts, 1, asked)
    assert [(source.path, source.mount) for source in found] == [(asked[0], 0), (asked[1], 2)]


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


NODES = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")]
OF_DOCKER = ["/d/containers/c0ffee/mounts/shm", "/d/containers/c0ffee/mounts/secrets"]


def candidates(engine: str = "podman", config: Json | None = None, **inspect: Any) -> list[str]:
    """The candidates, without the default devices at the end."""
    found = list(
        runtime_config.source_candidates(
            {"Id": "c0ffee", **inspect}, config, Engine(name=engine, root_dir="/d")
        )
    )
    devices = found.index("/dev/null")
    assert found[devices : devices + len(NODES)] == NODES
    return found[:devices] + found[devices + len(NODES) :]


@pytest.mark.parametrize(
    ("inspect", "expected"),
    [
        ({}, []),
        ({"HostsPath": "/h", "HostnamePath": "/n", "ResolvConfPath": "/r"}, ["/n", "/h", "/r"]),
        ({"HostsPath": "", "HostnamePath": None, "ResolvConfPath": "relative"}, []),
        ({"Mounts": None}, []),
        ({"Mounts": [{"Type": "volume", "Source": "/v/_data"}, {"Source": ""}, {},
                     {"Source": None}, {"Source": "/s"}]}, ["/v/_data", "/s"]),
        ({"Mounts": [{"Source": "/v", "Destination": "/data"}, {"Source": "/w"}],
          "HostConfig": {"Mounts": [{"Target": "/data", "VolumeOptions": {"Subpath": "a/../b"}},
                                    {"Target": "/other", "ImageOptions": {"Subpath": "c"}}]}},
         ["/v", "/v/b", "/w"]),
        ({"Mounts": [{"Source": "/v", "Destination": "/data", "SubPath": "/Xa/b"}]},
         ["/v", "/v/Xa/b"]),
    ],
)  # fmt: skip
def test_candidates_come_from_inspect(inspect: dict[str, Any], expected: list[str]) -> None:
    assert candidates(**inspect) == expected
    assert candidates("docker", **inspect) == expected + OF_DOCKER


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (None, []), ({"mounts": None, "linux": None}, []), ({"linux": {"devices": None}}, []),
        ({"mounts": [{"type": "bind", "source": "/b"}, {"type": "bind", "source": "relative"},
                     {"type": "bind"}, {"source": "/none"}]}, ["/b"]),
        ({"mounts": [{"type": "none", "source": "/r", "options": ["ro", "rbind"]},
                     {"type": "none", "source": "/s", "options": ["bind"]},
                     {"type": "none", "source": "/no bind", "options": ["ro"]},
                     {"type": "tmpfs", "source": "tmpfs", "options": None}]}, ["/r", "/s"]),
        ({"linux": {"devices": [{"path": "/dev/kvm"}, {}, {"path": "relative"}]}}, ["/dev/kvm"]),
    ],
)  # fmt: skip
def test_candidates_come_from_the_runtimes_configuration(
    config: Json | None, expected: list[str]
) -> None:
    assert candidates(config=config) == expected


@pytest.mark.parametrize(
    ("parent", "asked"),
    [(0, ["/x"]), (1, ["/x"]), (2, ["/proc/2/root/x", "/x"])],
)
def test_a_path_is_looked_up_where_the_shim_lives_then_here(
    parent: int, asked: list[str], root: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a shim, or where that is this machine's first process, only here."""
    seen: list[str] = []

    def stat(path: str) -> None:
        seen.append(path)
        raise FileNotFoundError

    monkeypatch.setattr(os, "stat", stat)
    assert runtime_config.find_sources(root, (), 1, ["/x", "/x"], parent) == ()
    assert seen == asked


def test_sources_stand_in_the_order_of_their_mounts(tmp_path: Path, root: int) -> None:
    for name in ("b", "a"):
        os.link(tmp_path / "root/etc/hosts", tmp_path / name)
    (tmp_path / "c").write_text("x")
    mounts = [*MOUNTS, mount(3, "/etc")]
    asked = [f"{tmp_path}/root/etc", *(f"{tmp_path}/{name}" for name in "bac")]
    found = runtime_config.find_sources(root, mounts, 1, asked)
    assert [(source.mount, os.path.basename(source.path)) for source in found] == [
        (0, "a"), (0, "b"), (0, "c"), (3, "etc"),
    ]  # fmt: skip


def test_a_link_in_a_mounts_place_is_not_followed(tmp_path: Path, root: int) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "root/etc/hosts").unlink()
    (tmp_path / "root/etc/hosts").symlink_to(tmp_path / "secret")
    assert mounts_of(root, f"{tmp_path}/secret") == [(f"{tmp_path}/secret", 0)]


def test_any_name_may_be_a_mounts(tmp_path: Path, root: int) -> None:
    (tmp_path / "root/X").mkdir()
    found = runtime_config.find_sources(
        root, [mount(1, "/", 0), mount(2, "/X")], 1, [f"{tmp_path}/root/X"]
    )
    assert [source.mount for source in found] == [2]


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
