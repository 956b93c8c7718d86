"""Facts of a container: by names of the engine's, or below its root without following a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scratchlab.collect import container_facts
from scratchlab.collect.container_facts import (
    destinations,
    engine_files,
    engine_mounts,
    host_devices,
    links_on_mounts,
    mask_roots,
)
from scratchlab.collect.host_facts import MOST_TEXT
from scratchlab.collect.live.file_status import mount_id_of
from scratchlab.devices import HostDevice
from scratchlab.errors import LabError
from scratchlab.model import EngineFile, MaskRoot, Mount


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


# The engine's mounts:


def own_mounts() -> tuple[Mount, ...]:
    from scratchlab import mountinfo  # noqa: PLC0415

    return mountinfo.parse(Path("/proc/self/mountinfo").read_bytes())


def test_only_mounts_that_show_the_same_are_kept() -> None:
    proc = next(mount for mount in own_mounts() if mount.target == "/proc")
    found = engine_mounts(os.getpid(), [proc])
    assert found is not None
    assert {(mount.device, mount.root) for mount in found} == {(proc.device, proc.root)}
    assert engine_mounts(os.getpid(), []) == ()
    assert engine_mounts(1, [proc]) is not None  # the first process may be the parent itself


def test_a_list_of_mounts_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_facts, "MOST_MOUNTINFO", 50)
    with pytest.raises(LabError, match=r"\Aa mountinfo file ends in the middle of a line"):
        engine_mounts(os.getpid(), [])


def test_without_a_parent_it_is_the_first_process(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def refused(path: str, mode: str) -> object:
        opened.append(path)
        raise PermissionError

    monkeypatch.setattr(container_facts, "open", refused, raising=False)
    assert engine_mounts(0, []) is None
    assert engine_mounts(77, []) is None
    assert opened == ["/proc/1/mountinfo", "/proc/77/mountinfo", "/proc/1/mountinfo"]


# The engine's files:


def test_the_files_that_inspect_names_are_read(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_bytes(b"\xff\n")
    (tmp_path / "resolv.conf").write_text("r")
    (tmp_path / "resolv.conf.hash").write_text("sha256:ab\n")
    (tmp_path / "hosts.hash").write_text("not asked for")
    inspect = {"HostsPath": f"{tmp_path}/hosts", "ResolvConfPath": f"{tmp_path}/resolv.conf",
               "HostnamePath": f"{tmp_path}/absent"}  # fmt: skip
    found = engine_files(inspect)
    for file in found[1:]:
        assert file.changed == os.stat(file.source).st_ctime_ns
    assert {replace(file, changed=None) for file in found} == {
        EngineFile("/etc/hosts", f"{tmp_path}/hosts", "\udcff\n"),
        EngineFile("/etc/resolv.conf", f"{tmp_path}/resolv.conf", "r", "sha256:ab"),
        EngineFile("/etc/hostname", f"{tmp_path}/absent"),
    }


def test_of_other_files_of_the_containers_own_directory_the_time_is_read(tmp_path: Path) -> None:
    own = tmp_path / "c0ffee"
    (own / "secrets").mkdir(parents=True)
    for name in ("hosts", ".containerenv"):
        (own / name).write_text("x")
    (tmp_path / "other").write_text("x")
    sources = {"/run/.containerenv": own / ".containerenv", "/etc/hosts": own / "hosts",
               "/shm": own, "/other": tmp_path / "other", "/gone": own / "gone",
               "/secrets": own / "secrets"}  # fmt: skip
    mounts = [{"destination": to, "source": str(source)} for to, source in sources.items()]
    inspect = {"Id": "c0ffee", "HostsPath": f"{own}/hosts"}
    files = engine_files(inspect, {"mounts": [*mounts, {"destination": "/proc"}]})
    assert [(file.target, file.text) for file in files] == [
        ("/etc/hosts", "x"), ("/run/.containerenv", None),
    ]  # fmt: skip
    assert [file.source for file in files] == [f"{own}/hosts", f"{own}/.containerenv"]
    assert files[1].changed == os.stat(own / ".containerenv").st_ctime_ns
    assert engine_files(inspect, None) == engine_files(inspect, {"mounts": None}) == files[:1]


@pytest.mark.parametrize("path", ["", None, "relative", 7])
def test_what_is_not_an_absolute_path_is_not_opened(path: object) -> None:
    assert engine_files({"HostsPath": path}) == ()


def test_a_link_a_pipe_a_directory_and_a_large_file_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "link").symlink_to("secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "most").write_text("x" * MOST_TEXT)
    (tmp_path / "large").write_text("x" * (MOST_TEXT + 1))
    for name, is_read in (("link", False), ("pipe", False), (".", False), ("large", False),
                          ("most", True)):  # fmt: skip
        (file,) = engine_files({"HostsPath": f"{tmp_path}/{name}"})
        assert (file.text is not None) is is_read


# Devices:


def asked(*pairs: tuple[str, str]) -> dict[str, object]:
    devices = [{"PathOnHost": host, "PathInContainer": inside} for host, inside in pairs]
    return {"HostConfig": {"Devices": devices}}


def test_a_device_has_the_number_of_the_hosts_node() -> None:
    found = host_devices(asked(("/dev/null", "/x/null"), ("/dev/zero", "/zero")))
    assert found == (HostDevice("/x/null", (1, 3)), HostDevice("/zero", (1, 5)))


def test_what_is_not_a_node_is_not_a_device(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    for host, inside in ((f"{tmp_path}/f", "/f"), (f"{tmp_path}/absent", "/f"), ("", "/f"),
                         ("/dev/null", "relative"), ("relative", "/f")):  # fmt: skip
        assert host_devices(asked((host, inside))) == ()
    assert host_devices({}) == host_devices({"HostConfig": None}) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device nodes")
def test_a_directory_stands_for_the_nodes_below_it(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    try:
        os.mknod(tmp_path / "deep/b", stat.S_IFBLK | 0o600, os.makedev(7, 1))
        os.mknod(tmp_path / "c", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("nodes cannot be made here")
    (tmp_path / "f").write_text("x")
    (tmp_path / "link").symlink_to("/dev/null")
    os.mknod(tmp_path / "a", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    assert host_devices(asked((str(tmp_path), "/in"))) == (
        HostDevice("/in/a", (1, 5)), HostDevice("/in/c", (1, 3)), HostDevice("/in/deep/b", (7, 1)),
    )  # fmt: skip


def test_a_node_that_went_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "here"):
        (tmp_path / name).touch()

    def lstat(path: str) -> os.stat_result:
        return os.stat(path.replace(f"{tmp_path}/here", "/dev/null").replace("/gone", "/gone/x"))

    monkeypatch.setattr(os, "lstat", lstat)
    assert host_devices(asked((str(tmp_path), "/in"))) == (HostDevice("/in/here", (1, 3)),)


def test_devices_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_facts, "_MOST_DEVICES", 2)
    three = [("/dev/null", f"/x{number}") for number in range(3)]
    assert host_devices(asked(*three)) == (HostDevice("/x0", (1, 3)), HostDevice("/x1", (1, 3)))


# Names that may lead through links:


def test_destinations_are_those_of_engine_and_runtime() -> None:
    inspect = {
        "Mounts": [{"Destination": "/m"}, {}],
        "HostConfig": {"Mounts": [{"Target": "/t"}, {"Target": ""}], "Tmpfs": {"/tmpfs": ""},
                       "Devices": [{"PathInContainer": "/d"}, {}]},
        "Config": {"WorkingDir": "/w"},
    }  # fmt: skip
    config = {"mounts": [{"destination": "/c"}, {}], "linux": {"devices": [{"path": "/cd"}, {}]}}
    assert list(destinations(inspect, config)) == ["/m", "/t", "/tmpfs", "/d", "/w", "/c", "/cd"]


@pytest.mark.parametrize(
    ("inspect", "config"),
    [
        ({}, None),
        ({"Mounts": None, "HostConfig": None, "Config": None}, {"mounts": None, "linux": None}),
        ({"HostConfig": {"Mounts": None, "Tmpfs": None, "Devices": None}},
         {"linux": {"devices": None}}),
    ],
)  # fmt: skip
def test_where_nothing_is_asked_for_there_are_no_destinations(
    inspect: dict[str, object], config: dict[str, object] | None
) -> None:
    assert list(destinations(inspect, config)) == []


def follow(
    root: int, *paths: str, on_root: bool = False, mounts: tuple[Mount, ...] = ()
) -> dict[str, str]:
    """The links on the way: all of them lie on another mount, unless ``on_root``."""
    mount = mount_id_of(root)
    return links_on_mounts(root, mount if on_root else mount + 1_000_000, paths, mounts)


def test_links_on_another_mount_are_recorded(tmp_path: Path, root: int) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/up").symlink_to("../a/b/.")
    (tmp_path / "absolute").symlink_to("/a")
    assert follow(root, "/a/up/x") == {"/a/up": "../a/b/."}
    assert follow(root, "/absolute/up") == {"/absolute": "/a", "/a/up": "../a/b/."}
    assert follow(root, "/a/b", "relative", "/absent/x", "") == {}
    assert follow(root, "/a/../absolute", "/./absolute") == {"/absolute": "/a"}
    assert follow(root, "/../../absolute") == {"/absolute": "/a"}
    assert follow(root, "/a/up", "/absolute", on_root=True) == {}


@pytest.fixture
def machine() -> Iterator[tuple[int, Mount]]:
    """A descriptor of this machine's root, and its mount."""
    fd = os.open("/", os.O_PATH)
    yield fd, Mount(mount_id_of(fd), 0, (8, 1), "/", "/", (), (), "ext4", "", ())
    os.close(fd)


def test_what_was_mounted_over_the_root_came_later_and_closes_nothing(
    machine: tuple[int, Mount],
) -> None:
    fd, top = machine
    here = top.id
    over = replace(top, id=-1, parent=here)
    served = replace(top, id=-2, parent=-1, target="/proc", fstype="fuse")
    self_link = {"/proc/self": os.readlink("/proc/self")}
    assert links_on_mounts(fd, here, ["/proc/self"], (top, over, served)) == self_link
    assert links_on_mounts(fd, here, ["/proc/self"], (top, replace(served, parent=here))) == {}


def test_a_link_that_begins_with_a_slash_leads_from_the_root_on(tmp_path: Path, root: int) -> None:
    for name in ("a", "b", "a/b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a/out").symlink_to("/b")
    (tmp_path / "b/link").symlink_to("right")
    (tmp_path / "a/b/link").symlink_to("wrong")
    assert follow(root, "/a/out/link") == {"/a/out": "/b", "/b/link": "right"}


def test_links_on_what_the_engine_mounted_are_read(tmp_path: Path, root: int) -> None:
    """An overlay of anybody else's is closed."""
    (tmp_path / "image/in").mkdir(parents=True)
    (tmp_path / "image/in/link").symlink_to("x")
    number = mount_id_of(root) + 1_000_000
    top = Mount(number, 0, (0, 1), "/", "/", (), (), "overlay", "", ())
    mounts = (top, replace(top, id=number + 1, parent=number, device=(0, 2), target="/image/in"))
    link = "/image/in/link"
    for engines, links in (({(0, 1), (0, 2)}, {link: "x"}), ({(0, 1)}, {})):
        assert links_on_mounts(root, number, [link], mounts, engines) == links


def test_self_is_the_process_that_mounted(machine: tuple[int, Mount]) -> None:
    fd, top = machine
    for number, own in ((4711, "4711"), (None, os.readlink("/proc/self"))):
        found = links_on_mounts(fd, top.id, ["/proc/mounts"], (top,), number=number)
        assert found == {"/proc/mounts": "self/mounts", "/proc/self": own}


def test_a_link_cannot_lead_out_of_the_root(tmp_path: Path, root: int) -> None:
    (tmp_path / "out").symlink_to("../../../../../../etc")
    (tmp_path / "etc").symlink_to("inner")
    assert follow(root, "/out/hosts") == {"/out": "../../../../../../etc", "/etc": "inner"}


def test_dots_lead_one_directory_up(tmp_path: Path, root: int) -> None:
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    (tmp_path / "a/b/up").symlink_to("x")
    assert follow(root, "/a/b/c/../up") == {"/a/b/up": "x"}
    assert follow(root, "/a/b/c/d/../../up") == {"/a/b/up": "x"}
    assert follow(root, "/up", "/a/up", "/../a/./b/up") == {"/a/b/up": "x"}


def test_a_pipe_on_the_way_is_not_opened(tmp_path: Path, root: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe/x")
    assert follow(root, "/pipe/x", "/link") == {"/link": "pipe/x"}


def test_links_without_an_end_are_given_up(tmp_path: Path, root: int) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert follow(root, "/loop/x") == {"/loop": "loop"}
    for number in range(60):
        (tmp_path / f"l{number}").symlink_to(f"l{number + 1}")
    assert len(follow(root, "/l0")) == 40


def test_a_file_on_the_way_ends_it_and_no_descriptor_is_left_open(
    tmp_path: Path, root: int
) -> None:
    (tmp_path / "f").write_text("x")
    (tmp_path / "link").symlink_to("f/x")
    before = len(os.listdir("/proc/self/fd"))
    assert follow(root, "/link/y", "/f/x", "/f\0") == {"/link": "f/x"}
    assert len(os.listdir("/proc/self/fd")) == before


# The directories of masks:


def at(number: int, target: str, fstype: str = "tmpfs") -> Mount:
    return Mount(number, 1, (0, number), "/", target, ("ro",), (), fstype, fstype, ("ro",))


def test_the_time_of_a_masks_directory_is_read_by_its_mount(root: int, tmp_path: Path) -> None:
    for name in ("proc/mask", "proc/mask/x", "proc/X", "sys/mask", "run/mask"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "proc/link").symlink_to("mask")
    (tmp_path / "proc/file").write_text("x")
    here = mount_id_of(root)
    top = Mount(1, 0, (0, 1), "/", "/", ("rw",), (), "ext4", "x", ("rw",))
    changed = os.stat(tmp_path / "proc/mask").st_ctime_ns
    assert mask_roots(root, (top, at(here, "/proc/mask")), 1) == (MaskRoot(here, changed),)
    for other in (
        at(here + 1, "/proc/mask"),  # another mount lies there
        at(here, "/proc/mask", "ext4"), at(here, "/run/mask"), at(here, "/proc/link/x"),
        at(here, "/proc/gone"), at(here, "/process"),
    ):  # fmt: skip
        assert mask_roots(root, (top, other), 1) == ()
    for target in ("/sys/mask", "/proc/X"):
        assert [found.mount for found in mask_roots(root, (top, at(here, target)), 1)] == [here]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes device nodes")
def test_of_a_masked_file_the_number_of_the_device_is_read(root: int, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    for name in ("keys", "X"):
        os.mknod(tmp_path / "proc" / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (tmp_path / "proc/file").write_text("x")
    here = mount_id_of(root)
    top = Mount(1, 0, (0, 1), "/", "/", ("rw",), (), "ext4", "x", ("rw",))
    for name, device in (("keys", (1, 3)), ("X", (1, 3)), ("file", None)):
        (found,) = mask_roots(root, (top, at(here, f"/proc/{name}", "devtmpfs")), 1)
        assert found.device == device


def test_nothing_on_a_closed_mount_is_asked(root: int, tmp_path: Path) -> None:
    (tmp_path / "proc/mask").mkdir(parents=True)
    here = mount_id_of(root)
    top = Mount(1, 0, (0, 1), "/", "/", ("rw",), (), "ext4", "x", ("rw",))
    mounts = (top, at(2, "/proc", "fuse.x"), replace(at(here, "/proc/mask"), parent=2))
    over = replace(top, id=here + 1, parent=1)  # which came later, and opens nothing
    assert mask_roots(root, mounts, 1) == mask_roots(root, (*mounts, over), 1) == ()


def test_a_mask_is_seen_below_the_containers_own_root(root: int, tmp_path: Path) -> None:
    """What was mounted over it came later."""
    (tmp_path / "proc/mask").mkdir(parents=True)
    here = mount_id_of(root)
    top = Mount(1, 0, (0, 1), "/", "/", ("rw",), (), "ext4", "x", ("rw",))
    mounts = (top, replace(top, id=here + 1, parent=1), at(here, "/proc/mask"))
    assert [found.mount for found in mask_roots(root, mounts, 1)] == [here]


def test_a_mask_on_what_the_engine_mounted_is_looked_at(root: int, tmp_path: Path) -> None:
    """An overlay of anybody else's is closed."""
    (tmp_path / "proc/mask").mkdir(parents=True)
    here = mount_id_of(root)
    top = Mount(1, 0, (0, 1), "/", "/", (), (), "overlay", "", ())
    proc = replace(top, id=here + 1, parent=1, device=(0, 2), target="/proc")
    mounts = (top, proc, replace(at(here, "/proc/mask"), parent=here + 1))
    assert [found.mount for found in mask_roots(root, mounts, 1, {(0, 1), (0, 2)})] == [here]
    assert mask_roots(root, mounts, 1, {(0, 1)}) == ()
