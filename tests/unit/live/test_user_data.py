"""The user's data in a walk: names in their order up to a bound, and what lies on it beyond."""

from __future__ import annotations

import os
from typing import Any

import pytest

from scratchlab.collect.live import user_data
from scratchlab.collect.live.user_data import BoundedMounts, UserDataPlan, come_and_go
from scratchlab.model import Mount
from scratchlab.reading import UserData, UserDataRead, UserMount


def mount(number: int, target: str, parent: int = 1) -> Mount:
    return Mount(number, parent, (0, number), "/", target, (), (), "ext4", "", ())


ROOT, DATA, HOSTS, ENGINES = (
    mount(1, "/", 0), mount(2, "/data"), mount(3, "/data/disk", 2), mount(4, "/data/etc/hosts", 2),
)  # fmt: skip
MOUNTS = (ROOT, DATA, HOSTS, ENGINES)
VISIBLE = {item.target: item for item in MOUNTS}
USERS = (UserMount("/data", 2, members=(2, 3)),)


class Image:
    def has_file(self, path: str, size: int) -> bool:
        return (path, size) == ("/data/known", 7)


def bounded(mode: UserData = UserData.LIST, most: int = 3, **changes: Any) -> BoundedMounts:
    plan = UserDataPlan(mode, changes.pop("mounts", USERS), most, **changes)
    return BoundedMounts(plan, VISIBLE)


def listed(users: BoundedMounts) -> UserMount:
    return users.result().mounts[0]


def test_the_first_names_come_in_the_order_of_their_bytes_the_next_one_last() -> None:
    users = bounded()
    names = ["b", "\udcff", "a", "Z", "c"]
    assert users.first_names(2, "/data/x", iter(names)) == ["b", "a", "Z"]
    assert not listed(users).complete
    high = [os.fsdecode(b"\xc3\xa4"), "\udcff", "z"]
    assert bounded().first_names(2, "/data/x", iter(high)) == ["\udcff", high[0], "z"]


def test_as_many_names_as_the_bound_are_all() -> None:
    users = bounded()
    assert users.first_names(2, "/data/x", iter("cba")) == ["c", "b", "a"]
    assert listed(users).complete


def test_what_another_mounted_there_is_read_beyond_the_bound() -> None:
    users = bounded(most=1)
    assert users.first_names(2, "/data", iter(["a", "b", "etc"])) == ["etc", "a"]
    users.count(2, "/data/a")
    assert not users.may_read(2, "/data", "b")
    assert users.may_read(2, "/data", "etc")
    assert users.first_names(2, "/data/etc", iter(["hosts", "x"])) == ["hosts"]
    assert users.may_read(2, "/data/etc", "hosts")
    assert users.may_read(2, "/", "data")


def test_the_hosts_mounts_below_share_the_bound() -> None:
    users = bounded(most=2)
    users.count(2, "/data")
    users.count(2, "/data/a")
    users.count(3, "/data/disk")
    assert not users.may_read(3, "/data/disk", "x")
    assert listed(users) == UserMount("/data", 2, members=(2, 3), listed=2, complete=False)


def test_an_empty_directory_after_the_last_entry_is_complete() -> None:
    users = bounded(most=1)
    users.count(2, "/data/empty")
    assert users.first_names(2, "/data/empty", iter(())) == []
    assert listed(users).complete
    assert users.first_names(2, "/data/full", iter("a")) == []
    assert not listed(users).complete


def test_of_too_many_names_none_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_data, "MOST_NAMES", 4)
    users = bounded()
    names = iter("abcdefgh")
    assert users.first_names(2, "/data/x", names) == []
    assert next(names) == "f"  # no more were read than it takes to know
    assert not listed(users).complete
    assert bounded().first_names(2, "/data/x", iter("dcba")) == ["c", "b", "a"]


def test_only_what_the_image_has_on_a_volume_is_compared() -> None:
    volume = (UserMount("/data", 2, True, (2, 3)),)
    users = bounded(mounts=volume, image=Image())
    assert users.is_compared(2, "/data/known", 7)
    assert not users.is_compared(2, "/data/known", 8)
    assert not users.is_compared(3, "/data/known", 7)  # no volume: the host's mount below it
    assert not bounded(image=Image()).is_compared(2, "/data/known", 7)
    assert not bounded(mounts=volume).is_compared(2, "/data/known", 7)


def test_none_reads_only_what_leads_to_other_mounts() -> None:
    users = bounded(UserData.NONE)
    assert users.first_names(2, "/data", iter(["a"])) == ["etc"]
    read = UserDataRead(UserData.NONE, 0, (UserMount("/data", 2, members=(2, 3), complete=False),))
    assert users.result() == read


def test_everything_has_no_bound() -> None:
    users = bounded(UserData.HASH)
    assert not users.is_bounded(2)
    assert users.holds(3)
    users.count(2, "/data/a")
    assert users.result() == UserDataRead(UserData.HASH, 0, USERS)


def test_mounts_of_the_host_come_and_go_below_the_users() -> None:
    may_change = come_and_go(UserDataPlan(mounts=USERS), MOUNTS, 1)
    changing = ["/data", "/data/x", "/data/disk/y", "/data/etc", "/data/etc/hosts", "/database"]
    assert [may_change(target) for target in changing] == [False, True, True, False, False, False]
