"""A container of podman's without config.json, or with a root of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.judge.handmade import (
    CRUN,
    DEV,
    ID,
    PODMAN,
    ROOT,
    USERS,
    bind,
    bound,
    causes,
    config,
    directory,
    facts,
    file,
    finding,
    judged,
    listed,
    mount,
    origin,
    source,
)
from tests.unit.judge.test_own_root_again import bound_root

from scratchlab.judge.places import requests
from scratchlab.model import Origin

# A bind of the host's root shows the container's own root again, that podman was given.


@pytest.mark.parametrize("given", ["/srv/BOX", "/srv/BOX/"])
def test_directory_of_any_name_is_the_root(given: str) -> None:
    again = mount(30, "/host/srv/BOX/dev", device=DEV.device, parent=20)
    assert origin(bound_root(again, merged=given), 30) == USERS


# What lies in the shared memory of podman's containers, whose inspect calls each "shareable".


@pytest.mark.parametrize(
    ("option", "expected"),
    [("private", Origin.WRITTEN_LATER), ("container:other", Origin.USER_DATA)],
)
def test_command_line_tells_whose_it_is(option: str, expected: Origin) -> None:
    path = "/var/lib/containers/storage/overlay-containers/c0ffee/userdata/shm"
    found = facts(
        DEV, mount(9, "/dev/shm", parent=DEV.id, super_options=("rw", "mode=1777")),
        config=config(listed("/dev"), bind("/dev/shm", path)), engine=PODMAN,
        sources=(source(path, 9),),
        inspect={
            "HostConfig": {"IpcMode": "shareable"},
            "Config": {"CreateCommand": ["podman", "run", "--ipc", option, "image"]},
        },
    )  # fmt: skip
    live = [directory("/dev", DEV.id), directory("/dev/shm", 9, mode=0o1777), file("/dev/shm/f", 9)]
    assert finding(judged(found, *live), "/dev/shm/f").origin is expected


# podman's /run/.containerenv lies beside its other files, which inspect names.


RUN = f"/run/containers/{ID}/userdata"
PATH = "/run/.containerenv"


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (f"{RUN}/.containerenv", (Origin.ENGINE_MOUNT, "podman-files")),
        (f"{RUN}/hosts", (Origin.UNEXPLAINED, None)),
        ("/srv/.containerenv", (Origin.UNEXPLAINED, None)),
    ],
)
def test_the_file_beside_the_others_is_the_engines(
    root: str, expected: tuple[Origin, str | None]
) -> None:
    found = facts(bound(10, PATH, root=root), engine=PODMAN, runtime=CRUN, vantage="debug",
                  inspect={"HostsPath": f"{RUN}/hosts"})  # fmt: skip
    (asked,) = (item for item in requests(found) if item.target == PATH)
    assert (asked.type, asked.source, asked.options) == ("bind", f"{RUN}/.containerenv", ())
    assert origin(found, 10) == expected


# The root of a filesystem is in no directory of the engine's, whatever names ``/``.


@pytest.mark.parametrize(
    ("root", "expected"),
    [("/srv/tree", Origin.STORAGE_DRIVER), ("/", Origin.UNEXPLAINED)],
)
def test_new_filesystem_is_not_the_hosts_root_that_podman_was_given(
    root: str, expected: Origin
) -> None:
    """As with podman's --rootfs: each tmpfs shows its own top, as the host's disk does."""
    own = replace(ROOT, fstype="tmpfs", root=root)
    listed = {**config(), "root": {"path": root}}
    found = replace(facts(host_mounts=(), config=listed), mounts=(own,))
    assert causes(found)[ROOT.id].origin is expected
