"""What podman takes accounts from, and the files that it adds them to."""

from __future__ import annotations

import grp
import os
import pwd
from types import SimpleNamespace
from typing import IO, Any

import pytest

from scratchlab.accounts import Accounts, HostUser
from scratchlab.collect import accounts

SAM = HostUser("sam", 1000, 100, "Sam Spade", "/home/sam")
ANN = HostUser("ann", 7, 9)


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(user: HostUser) -> SimpleNamespace:
        gecos = f"{user.full_name},room 7" if user.full_name else ""
        return SimpleNamespace(
            pw_name=user.name, pw_uid=user.uid, pw_gid=user.gid, pw_gecos=gecos, pw_dir=user.home
        )

    users = {key: line(user) for user in (SAM, ANN) for key in (user.name, user.uid)}
    monkeypatch.setattr(pwd, "getpwuid", users.__getitem__)
    monkeypatch.setattr(pwd, "getpwnam", users.__getitem__)
    groups = {100: SimpleNamespace(gr_name="spades")}
    monkeypatch.setattr(grp, "getgrgid", groups.__getitem__)


def asked(user: str = "", *command: object, parent: int = 0) -> Accounts:
    inspect = {"Config": {"User": user, "CreateCommand": list(command)}}
    return accounts.host_accounts(inspect, parent)


@pytest.mark.parametrize(
    ("user", "command", "users"),
    [
        ("", (), ()),
        ("1000:5", (), (SAM,)),
        ("1000", ("--hostuser", "sam", "--hostuser=7", "--hostuser"), (SAM, ANN)),
        ("2000", ("--hostuser=nobody", "ann"), ()),
        ("sam", (), (SAM,)),
    ],
)
def test_users_that_options_name(
    user: str, command: tuple[object, ...], users: tuple[HostUser, ...]
) -> None:
    assert asked(user, *command) == Accounts(users=users)


def test_a_container_without_a_configuration_names_nobody() -> None:
    assert accounts.host_accounts({}, 0) == Accounts()


def test_the_caller_is_the_owner_of_conmon(monkeypatch: pytest.MonkeyPatch) -> None:
    def owned_by(uid: int) -> None:
        monkeypatch.setattr(os, "stat", lambda _: SimpleNamespace(st_uid=uid))

    owned_by(1000)
    assert asked(parent=50) == Accounts(caller=SAM, callers_group="spades")
    assert asked(parent=1) == Accounts()
    owned_by(7)
    assert asked(parent=50) == Accounts(caller=ANN)  # its group has no name
    owned_by(0)
    assert asked(parent=50) == Accounts()
    owned_by(2000)
    assert asked(parent=50) == Accounts()


def test_the_files_are_read_with_what_is_not_utf8() -> None:
    class Files:
        def copy(self, path: str, most: int, out: IO[bytes]) -> bool:
            assert most == 1 << 20
            out.write(b"root\xff")
            return path == "/etc/passwd"

    files: Any = Files()
    assert accounts.texts(files) == {"/etc/passwd": "root\udcff"}
