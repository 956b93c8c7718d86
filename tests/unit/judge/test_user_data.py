"""Which mounts hold the user's data, told before anything is read."""

from __future__ import annotations

from typing import Any

from tests.unit.judge.handmade import (
    DEV,
    PROC,
    ROOT,
    bind,
    bound,
    config,
    facts,
    link,
    listed,
    mount,
    source,
)

from scratchlab.judge.user_data import user_mounts
from scratchlab.ledger import Ledger
from scratchlab.model import Facts, Mount
from scratchlab.reading import UserMount

DATA = bound(20, "/data", device=(8, 1), root="/host/data")
WISH = {"Type": "bind", "Source": "/host/data", "Destination": "/data"}


def asked(*mounts: Mount, wishes: tuple[dict[str, Any], ...] = (WISH,), **changes: Any) -> Facts:
    """Facts of a container with a bind on /data and ``mounts``."""
    entries = [
        bind(str(wish["Destination"]), str(wish.get("Source") or ""))
        if wish["Type"] != "tmpfs"
        else listed(str(wish["Destination"]))
        for wish in wishes
    ]
    fields: dict[str, Any] = {
        "config": config(listed("/proc", "proc"), listed("/dev"), *entries),
        "inspect": {"Mounts": list(wishes)},
        "sources": (source("/host/data", 20),),
        "host_mounts": (),
    }
    return facts(PROC, DEV, *mounts, **(fields | changes))


def users(facts: Facts, *image: Any) -> tuple[UserMount, ...]:
    return user_mounts(facts, Ledger(image), ROOT.id)


def test_a_bind_is_the_users_and_no_volume() -> None:
    assert users(asked(DATA)) == (UserMount("/data", 20, False, (20,)),)


def test_a_volume_may_hold_what_the_engine_copied() -> None:
    volume = {**WISH, "Type": "volume", "Name": "v"}
    assert users(asked(DATA, wishes=(volume,))) == (UserMount("/data", 20, True, (20,)),)


def test_a_link_of_the_image_leads_to_the_bind() -> None:
    wish = {**WISH, "Destination": "/link/data"}
    found = users(asked(DATA, wishes=(wish,)), link("/link", "/"))
    assert [user.target for user in found] == ["/data"]


def test_a_tmpfs_of_the_users_was_empty_and_is_read() -> None:
    tmpfs = {"Type": "tmpfs", "Destination": "/t"}
    assert users(asked(mount(21, "/t"), wishes=(tmpfs,))) == ()


def test_what_the_host_mounted_below_shares_the_bound_whatever_it_is() -> None:
    host = (
        mount(30, "/host/data/disk", "xfs", device=(8, 2)),
        mount(31, "/host/data/proc", "proc", device=(0, 5)),
    )
    inside = (
        mount(22, "/data/disk", "xfs", device=(8, 2), parent=20),
        mount(23, "/data/proc", "proc", device=(0, 5), parent=20),
    )
    (user,) = users(asked(DATA, *inside, host_mounts=host))
    assert user.members == (20, 22, 23)


def test_a_mount_of_the_users_below_another_has_a_bound_of_its_own() -> None:
    inner = bound(24, "/data/in", root="/host/in", parent=20)
    wishes = (WISH, {"Type": "bind", "Source": "/host/in", "Destination": "/data/in"})
    sources = (
        source("/host/data", 20),
        source("/host/in", 24, inode=8),
    )
    found = users(asked(DATA, inner, wishes=wishes, sources=sources))
    assert [(user.target, user.members) for user in found] == [
        ("/data", (20,)), ("/data/in", (24,)),
    ]  # fmt: skip


def test_a_filesystem_made_inside_is_no_data_of_the_users() -> None:
    made = mount(25, "/data/made", parent=20)
    (user,) = users(asked(DATA, made))
    assert user.members == (20,)


def test_the_users_filesystem_mounted_inside_once_more_is_bounded() -> None:
    again = bound(26, "/again", root="/host/data/big")
    assert [user.target for user in users(asked(DATA, again))] == ["/data", "/again"]


def test_a_filesystem_that_the_root_is_on_is_not_the_users_elsewhere() -> None:
    again = mount(27, "/again", "ext4", device=ROOT.device, root="/x")
    same = bound(20, "/data", device=ROOT.device, root="/host/data")
    sources = (source("/host/data", 20, device=ROOT.device),)
    found = users(asked(same, again, sources=sources))
    assert [user.target for user in found] == ["/data"]


def test_a_covered_mount_is_not_read() -> None:
    over = mount(28, "/data", parent=20)
    assert users(asked(DATA, over)) == ()


def test_what_came_by_propagation_and_is_gone_on_the_host_shares_the_bound() -> None:
    data = bound(20, "/data", device=(8, 1), root="/host/data", propagation=("master:1",))
    gone = mount(29, "/data/gone", parent=20, propagation=("master:2",))
    assert [user.members for user in users(asked(data, gone))] == [(20, 29)]
    assert [user.members for user in users(asked(DATA, gone))] == [(20,)]
