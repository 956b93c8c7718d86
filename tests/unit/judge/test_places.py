"""Where a requested mount lands, in which order, and what the place holds then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.judge.handmade import (
    DOCKER,
    PODMAN,
    bind,
    config,
    directory,
    facts,
    file,
    link,
    listed,
    mount,
)

from scratchlab.devices import HostDevice
from scratchlab.judge import paths
from scratchlab.judge.places import (
    Content,
    Places,
    RequestedMount,
    clean,
    configured_devices,
    has_init_layer,
    in_mount_order,
    placed_requests,
    requests,
    user_targets,
    wishes,
)
from scratchlab.ledger import Ledger
from scratchlab.model import Engine, Entry, Facts

NO_INIT = PODMAN  # podman has no init layer


def places(*image: Entry, engine: Engine = NO_INIT, links: dict[str, str] | None = None) -> Places:
    return Places(facts(engine=engine, links=links), Ledger(image))


LINKS = (
    link("/bin", "usr/bin"), link("/abs", "/usr/lib"), link("/up", "../../usr"),
    link("/usr/bin/deep", "../lib"), link("/loop", "loop"), link("/a", "b"), link("/b", "a"),
    link("/empty", ""), directory("/usr"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "landed"),
    [
        ("/", "/"), ("", "/"), ("x", "/x"), ("/x/../y", "/y"), ("/../x", "/x"), ("/x/./y", "/x/y"),
        ("/bin", "/usr/bin"), ("/bin/x", "/usr/bin/x"), ("/abs/x", "/usr/lib/x"),
        ("/up/x", "/usr/x"), ("/bin/deep/x", "/usr/lib/x"), ("/empty/x", "/empty/x"),
        ("//bin//x/", "/usr/bin/x"), ("/usr/x", "/usr/x"),
    ],
)  # fmt: skip
def test_links_of_the_image_are_followed_inside_the_root(path: str, landed: str) -> None:
    assert places(*LINKS).resolve(path) == landed
    assert paths.resolve(Ledger(LINKS), path) == landed


@pytest.mark.parametrize("path", ["/loop", "/a", "/loop/x"])
def test_links_without_an_end_are_given_up(path: str) -> None:
    assert places(*LINKS).resolve(path).startswith("/")
    assert paths.resolve(Ledger(LINKS), path).startswith("/")


@pytest.mark.parametrize(("number", "landed"), [(40, "/end"), (41, "/l40")])
def test_as_many_links_as_the_kernel_follows(number: int, landed: str) -> None:
    chain = [link(f"/l{step}", f"l{step + 1}") for step in range(number)]
    chain[-1] = link(f"/l{number - 1}", "end")
    assert places(*chain).resolve("/l0") == landed
    assert paths.resolve(Ledger(chain), "/l0") == landed


def test_a_name_above_the_root_is_the_root() -> None:
    assert places(link("/x", "../../../../y")).resolve("/x") == "/y"
    assert places(link("/x", "./y/.")).resolve("/x/z") == "/y/z"


def test_the_init_layers_entries_are_no_links_of_the_image() -> None:
    image = (link("/etc", "conf"), link("/proc", "p"), link("/etc/mtab", "/elsewhere"))
    docker = places(*image, engine=DOCKER)
    assert docker.resolve("/etc/x") == "/etc/x"
    assert docker.resolve("/proc/x") == "/proc/x"
    assert docker.resolve("/etc/mtab") == "/proc/mounts"
    assert places(*image).resolve("/etc/x") == "/conf/x"


def test_below_a_mount_there_are_no_links_of_the_image() -> None:
    image = (directory("/run"), link("/run/x", "/y"), link("/data/x", "/y"), link("/m", "/y"))
    shown = places(*image, links={"/data/x": "/z", "/other/x": "/z"})
    assert shown.resolve("/run/x") == "/y"
    shown.add("/run", Content.NEW)
    assert shown.resolve("/run/x") == "/run/x"
    shown.add("/data", Content.USERS)
    assert shown.resolve("/data/x") == "/z"
    assert shown.resolve("/data/none") == "/data/none"
    assert shown.resolve("/other/x") == "/other/x"
    shown.add("/data/inner", Content.ENGINES)
    assert shown.resolve("/data/inner/x") == "/data/inner/x"


def test_a_mount_point_is_not_a_link_any_more() -> None:
    shown = places(link("/m", "/y"))
    assert shown.add("/m", Content.NEW) == "/y"
    assert "/y" in shown
    assert "/m" not in shown
    shown._content["/m"] = Content.NEW
    assert shown.resolve("/m/z") == "/m/z"


def test_a_place_knows_what_covers_it() -> None:
    shown = places()
    shown.add("/a", Content.NEW)
    shown.add("/a/b", Content.KERNEL)
    assert [shown.covering(path) for path in ("/a/b/c", "/a/b", "/a/x", "/x", "/")] == [
        "/a/b", "/a/b", "/a", "/", "/",
    ]  # fmt: skip
    assert shown.content("/a") is Content.NEW
    assert shown.content("/") is None
    assert shown.is_hidden_in_kernel("/a/b/c")
    assert not shown.is_hidden_in_kernel("/a/b")
    assert not shown.is_hidden_in_kernel("/a/x")
    assert not shown.is_hidden_in_kernel("/x")


def test_links_in_a_filesystem_of_the_kernels_are_followed() -> None:
    kernels = {"/proc/mounts": "self/mounts", "/proc/self": "1", "/sys/class/net/lo": "../../dev"}
    shown = places(link("/etc/mtab", "../proc/mounts"), links=kernels, engine=NO_INIT)
    shown.add("/proc", Content.KERNEL)
    shown.add("/sys", Content.KERNEL)
    assert shown.resolve("/etc/mtab") == "/proc/1/mounts"
    assert shown.resolve("/sys/class/net/lo/mtu") == "/sys/dev/mtu"


_names = st.sampled_from(["a", "b", "c", "..", "."])
_paths = st.lists(_names, max_size=5).map(lambda parts: "/" + "/".join(parts))
_targets = st.one_of(_paths, st.lists(_names, min_size=1, max_size=4).map("/".join))


@given(
    st.dictionaries(_paths, _targets, max_size=8),
    st.dictionaries(_paths, _targets, max_size=8),
    st.lists(st.tuples(_paths, st.sampled_from(Content)), max_size=6),
    _paths,
)
def test_every_path_leads_to_one_inside_the_root(
    image: dict[str, str], links: dict[str, str], mounted: list[tuple[str, Content]], path: str
) -> None:
    ledger = Ledger(link(name, target) for name, target in image.items() if name != "/")
    shown = Places(facts(engine=NO_INIT, links=links), ledger)
    for target, content in mounted:
        shown.add(target, content)
    for landed in (shown.resolve(path), paths.resolve(ledger, path)):
        assert landed == clean(landed)
        assert not {".", ".."} & set(landed.split("/"))
    ledger.close()


# Requests:


@pytest.mark.parametrize(
    ("type_", "source", "options", "wish", "content"),
    [
        ("proc", "proc", (), None, Content.KERNEL),
        ("cgroup2", "cgroup", (), {}, Content.KERNEL),
        ("tmpfs", "tmpfs", (), None, Content.NEW),
        ("tmpfs", "tmpfs", (), {}, Content.NEW),
        ("bind", "/x", (), None, Content.ENGINES),
        ("bind", "/x", (), {}, Content.USERS),
        ("none", "/x", ("rbind",), {}, Content.USERS),
        ("", "/x", ("bind",), {}, Content.USERS),
        ("bind", "/sys/fs/cgroup", (), {}, Content.KERNEL),
        ("bind", "/proc", (), None, Content.KERNEL),
        ("bind", "/system", (), {}, Content.USERS),
    ],
)
def test_what_a_requested_mount_holds(
    type_: str, source: str, options: tuple[str, ...], wish: dict[str, Any] | None, content: Content
) -> None:
    assert RequestedMount("/t", type_, source, options, "inspect", wish).content is content


def test_a_request_is_shown_with_its_options() -> None:
    request = RequestedMount("/t", "bind", "/s", ("rbind", "ro"), "oci-config")
    assert str(request) == "bind /s on /t (rbind, ro)"
    assert str(RequestedMount("/t", "tmpfs", "tmpfs", (), "inspect")) == "tmpfs tmpfs on /t"
    unnamed = RequestedMount("/t", "", "/s", ("rbind",), "oci-config")
    assert str(unnamed) == "bind /s on /t (rbind)"


@pytest.mark.parametrize(
    ("engine", "has"),
    [
        (DOCKER, True), (PODMAN, False), (Engine("docker", "24.0.9", containerd_store=True), False),
        (Engine("docker", "24.0.9"), True), (Engine("docker", "25.0", containerd_store=True), True),
    ],
)  # fmt: skip
def test_which_engines_have_an_init_layer(engine: Engine, has: bool) -> None:
    assert has_init_layer(facts(engine=engine)) is has


def test_the_users_wishes_are_named_once_and_by_their_clean_target() -> None:
    first = {"Destination": "/a/", "Source": "/x"}
    inspect = {
        "Mounts": [first, {"Destination": ""}, {}],
        "HostConfig": {
            "Tmpfs": {"//t": "size=1"},
            "Mounts": [{"Target": "/a", "Source": "/y"}, {"Target": "b/../c"}],
        },
    }
    assert wishes(inspect) == {"/a": first, "/t": {"Type": "tmpfs"}, "/c": {"Target": "b/../c"}}
    assert wishes({}) == {}
    assert wishes({"Mounts": None, "HostConfig": None}) == {}


def test_outer_targets_are_mounted_first() -> None:
    targets: dict[str, dict[str, Any]] = {"/b/c/d": {}, "/z": {}, "/b": {}, "/a/b": {}}
    assert in_mount_order(targets) == ["/z", "/b", "/a/b", "/b/c/d"]


def test_config_json_is_the_list_where_it_can_be_read() -> None:
    asked = facts(
        config={"mounts": [
            {"destination": "data/", "type": "bind", "source": "/s", "options": ["rbind"]},
            {"destination": "/x"},
        ]},
        inspect={"Mounts": [{"Destination": "/data", "Type": "volume"}]},
    )  # fmt: skip
    found = list(requests(asked))
    assert [(item.target, item.type, item.source, item.options) for item in found] == [
        ("/data", "bind", "/s", ("rbind",)), ("/x", "", "", ()),
    ]  # fmt: skip
    _, placed = placed_requests(asked, Ledger())
    assert placed["/data"][0].wish == {"Destination": "/data", "Type": "volume"}
    assert placed["/x"][0].wish is None
    assert {item.listed_in for item in found} == {"oci-config"}
    assert list(requests(facts(config={"mounts": None}))) == []


def by_inspect(engine: Engine = DOCKER, **inspect: Any) -> dict[str, tuple[str, str]]:
    found = list(requests(facts(engine=engine, inspect=inspect)))
    assert {item.listed_in for item in found} == {"inspect"}
    return {item.target: (item.type, item.source) for item in found}


DEFAULTS = {"/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm"}


def test_inspect_names_users_mounts_engines_files_and_the_rest_is_known() -> None:
    found = by_inspect(
        Mounts=[{"Destination": "/data/in", "Type": "bind", "Source": "/s", "RW": False},
                {"Destination": "/data", "Type": "volume", "Source": "/v"},
                {"Destination": "/sys"}, {"Destination": "/etc/hosts", "Source": "/h"}],
        HostConfig={"Tmpfs": {"/t": ""}, "Init": True},
        HostsPath="/d/hosts", HostnamePath="/d/hostname", ResolvConfPath="",
    )  # fmt: skip
    assert set(found) == DEFAULTS | {
        "/data", "/data/in", "/t", "/etc/hosts", "/etc/hostname", "/sbin/docker-init"
    }  # fmt: skip
    assert found["/data/in"] == ("bind", "/s")
    assert found["/t"] == ("tmpfs", "tmpfs")
    assert found["/etc/hosts"] == ("bind", "/h")
    assert found["/etc/hostname"] == ("bind", "/d/hostname")
    assert found["/sbin/docker-init"] == ("bind", "")
    assert found["/proc"] == ("proc", "proc")
    assert list(found).index("/data") < list(found).index("/data/in")


def test_a_read_only_wish_is_asked_for_as_such() -> None:
    inspect = {"Mounts": [{"Destination": "/a", "RW": False}, {"Destination": "/b", "RW": True},
                          {"Destination": "/c"}]}  # fmt: skip
    options = {item.target: item.options for item in requests(facts(inspect=inspect))}
    assert (options["/a"], options["/b"], options["/c"]) == (("ro",), (), ())


@pytest.mark.parametrize(
    ("mode", "shm"),
    [
        (None, ("tmpfs", "tmpfs")), ("private", ("tmpfs", "tmpfs")), ("none", None),
        ("host", ("bind", "")), ("shareable", ("bind", "")), ("container:x", ("bind", "")),
    ],
)  # fmt: skip
def test_shared_memory_follows_the_ipc_mode(mode: str | None, shm: tuple[str, str] | None) -> None:
    assert by_inspect(HostConfig={"IpcMode": mode}).get("/dev/shm") == shm


def test_a_users_dev_replaces_all_of_it() -> None:
    found = by_inspect(Mounts=[{"Destination": "/dev", "Type": "bind", "Source": "/dev"}])
    assert [target for target in found if target.startswith("/dev")] == ["/dev"]


def test_podman_adds_a_file_of_its_own() -> None:
    found = by_inspect(PODMAN, HostsPath="/r/hosts")
    assert found["/run/.containerenv"] == ("bind", "/r/.containerenv")
    assert "/run/.containerenv" not in by_inspect(PODMAN)
    assert "/run/.containerenv" not in by_inspect(DOCKER, HostsPath="/r/hosts")


def test_requests_are_placed_where_they_land_in_order() -> None:
    asked = facts(config=config(bind("/data", "/s"), listed("/data/x"), listed("/data/x")),
                  links={"/srv/x": "/opt"})  # fmt: skip
    image = Ledger([link("/data", "/srv")])
    shown, by_target = placed_requests(asked, image)
    assert list(by_target) == ["/srv", "/srv/x"]
    assert len(by_target["/srv/x"]) == 2
    assert "/srv" in shown


def test_a_mount_that_stands_at_the_very_target_landed_there() -> None:
    """A link that was put there since the start leads elsewhere."""
    image = Ledger([link("/data", "/srv")])
    for target, landed in (("/data", "/data"), ("/srv", "/srv"), ("/x", "/srv")):
        asked = facts(mount(9, target), config=config(listed("/data")))
        assert list(placed_requests(asked, image)[1]) == [landed]
    both = facts(mount(8, "/srv"), mount(9, "/data"), config=config(listed("/data")))
    assert list(placed_requests(both, image)[1]) == ["/srv"]


def test_only_what_the_user_asked_for_is_a_users_target() -> None:
    asked = facts(config=config(listed("/x"), bind("/data", "/s")),
                  inspect={"Mounts": [{"Destination": "/data"}]})  # fmt: skip
    assert user_targets(asked, Ledger([link("/data", "/srv")])) == {
        "/srv": {"Destination": "/data"}
    }


def devices(**changes: Any) -> list[tuple[str, tuple[int, int] | None]]:
    return list(configured_devices(facts(**changes)))


def test_devices_are_those_of_config_json_of_the_host_or_of_inspect() -> None:
    asked: dict[str, Any] = {
        "inspect": {"HostConfig": {"Devices": [{"PathInContainer": "/i"}, {}]}}
    }
    node = HostDevice("/h", (1, 5))
    config = {"linux": {"devices": [{"path": "/c", "major": 1, "minor": 3}]}}
    assert devices(config=config, devices=(node,), **asked) == [("/c", (1, 3))]
    assert devices(config={"linux": None}, **asked) == []
    assert devices(devices=(node,), **asked) == [("/h", (1, 5))]
    assert devices(devices=(), **asked) == []
    assert devices(**asked) == [("/i", None), ("", None)]
    assert devices() == []


@pytest.mark.parametrize(
    ("path", "up", "down"),
    [
        ("/", [], []), ("", [], []), ("/a", ["/a"], []), ("/a/b", ["/a/b", "/a"], ["/a"]),
        ("/a/b/c", ["/a/b/c", "/a/b", "/a"], ["/a", "/a/b"]),
    ],
)  # fmt: skip
def test_the_directories_above_a_path(path: str, up: list[str], down: list[str]) -> None:
    assert list(paths.upwards(path)) == up
    assert list(paths.parents(path)) == down


@pytest.mark.parametrize(
    ("path", "directory", "below"),
    [("/a/b", "/a", True), ("/a", "/a", False), ("/ab", "/a", False), ("/a", "/", True),
     ("/", "/", False), ("/a", "/a/b", False)],
)  # fmt: skip
def test_what_lies_strictly_below(path: str, directory: str, below: bool) -> None:
    assert paths.is_below(path, directory) is below


def test_only_a_link_of_the_image_leads_on() -> None:
    assert paths.resolve(Ledger([file("/x")]), "/x/y") == "/x/y"
    assert places(file("/x")).resolve("/x/y") == "/x/y"


def test_facts_without_anything_have_the_default_mounts() -> None:
    assert {item.target for item in requests(Facts())} == DEFAULTS


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a", "/a"), ("a", "/a"), ("//a//b/", "/a/b"), ("X", "/X"), ("/X/../a", "/a"), ("", "/")],
)
def test_a_clean_path_begins_with_one_slash(path: str, expected: str) -> None:
    assert clean(path) == expected
