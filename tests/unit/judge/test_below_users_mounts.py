"""What lies on and below the user's mounts, and what is mounted over them."""

from __future__ import annotations

import pytest
from tests.unit.judge.handmade import (
    CRUN,
    PODMAN,
    ROOT,
    RUNTIME,
    SYS,
    bound,
    config,
    directory,
    facts,
    finding,
    judged,
    listed,
    mount,
    origin,
    source,
)
from tests.unit.judge.test_user_data import DATA, asked, users

from scratchlab.judge.places import requests
from scratchlab.judge.prediction import predict
from scratchlab.ledger import Ledger
from scratchlab.model import BindSource, Evidence, Host, Mount, Origin
from scratchlab.reading import UserMount

# What is mounted over the root since the start covers nothing that the process sees.


COVER = mount(40, "/", parent=ROOT.id)


@pytest.mark.parametrize("more", [(), (COVER,)])
def test_another_file_in_the_place_of_the_users_is_none_of_theirs(more: tuple[Mount, ...]) -> None:
    """Its root has the same name: only device and inode, which the host has of both, tell."""
    for shown, found in ((20, (UserMount("/data", 20, False, (20,)),)), (0, ())):
        named = BindSource("/host/data", (8, 1), 7, shown)
        assert users(asked(DATA, *more, sources=(named,))) == found


# A /dev or /proc of the user's takes the place of the runtime's; what lies elsewhere stays.


def test_with_the_users_dev_the_other_filesystems_are_the_runtimes() -> None:
    wish = {"Type": "bind", "Source": "/src", "Destination": "/dev"}
    asked = facts(bound(10, "/dev", root="/src"), SYS, inspect={"Mounts": [wish]},
                  sources=(source("/src", 10),), vantage="debug")  # fmt: skip
    assert {item.target for item in requests(asked)} == {"/dev", "/proc", "/sys", "/sys/fs/cgroup"}
    assert origin(asked, SYS.id) == (RUNTIME, "oci-filesystem")


@pytest.mark.parametrize("target", ["/proc", "/srv"])
def test_only_mountinfo_shows_a_mask(target: str) -> None:
    """Wherever it lies: what it shows is nobody's data."""
    inspect = {"Mounts": [{"Type": "bind", "Source": "/src", "Destination": target}],
               "HostConfig": {"MaskedPaths": ["/proc/acpi"]}}  # fmt: skip
    host = Host(existing=frozenset({"/proc/acpi"}))
    for found in (
        predict(facts(inspect=inspect, host=host), Ledger()),
        predict(facts(inspect=inspect, host=host, engine=PODMAN, runtime=CRUN), Ledger()),
    ):
        mask = found.by_path["/proc/acpi"]
        assert (mask.rule, mask.has_entry) == ("masked-path", False)


# A directory that a runtime makes for a mount in a filesystem that was empty before.


ASKED = facts(
    mount(9, "/run"),
    mount(10, "/run/a/b", parent=9),
    config=config(listed("/run"), listed("/run/a/b"), listed("/run/gone")),
    inspect={"HostConfig": {"Tmpfs": {"/run": "", "/run/a/b": "", "/run/gone": ""}}},
)


def test_the_mount_that_needs_it_is_told() -> None:
    """Also one that was unmounted since, which leaves its directory."""
    live = [directory(path, 9) for path in ("/run", "/run/a", "/run/gone")]
    judgement = judged(ASKED, *live, directory("/run/a/b", 10))
    above, gone = finding(judgement, "/run/a"), finding(judgement, "/run/gone")
    assert above.origin is gone.origin is Origin.RUNTIME_MOUNTPOINT
    assert above.evidence[0] == Evidence("mountinfo", "/run/a/b needs it")
    assert gone.evidence[0] == Evidence("oci-config", "tmpfs tmpfs on /run/gone needs it")
