"""The accounts that podman adds to /etc/passwd and /etc/group of a container when it starts it.

It appends lines for a user, given by a number, and a group that the image's files lack; for the
host's users that an option names; and for its caller, where the container keeps the caller's id
(podman v4.0 to v5.8 libpod/container_internal_common.go generatePasswdEntry() and
generateGroupEntry()). What is there is podman's if it is the image's file and just these lines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scratchlab.accounts import FILES, HostUser
from scratchlab.idmap import IdMap
from scratchlab.judge.cause import Cause
from scratchlab.judge.compare import Pair, attributes
from scratchlab.judge.paths import upwards
from scratchlab.judge.places import wishes
from scratchlab.judge.times import changed_since, start_of
from scratchlab.judge.versions import numbers
from scratchlab.ledger import Ledger
from scratchlab.model import Entry, Evidence, Facts, Kind, Origin
from scratchlab.podman_command import command_line

_PASSWD, _GROUP = FILES
_APPENDED = {"size", "sha256", "mtime"}  # what differs where lines were added
_MODE = 0o600  # of a file that podman makes
_MAKES_FILES = (4, 2)  # before, it only adds to files that are there
_NAMES_OF_HOST = (4, 4)
_GROUP_ENTRY = (4, 5)
_GROUP_OF_ROOT = (5, 5)  # before, a user without a group got one with its own number


class PodmanAccounts:
    """What podman added to one container."""

    def __init__(self, facts: Facts, image: Ledger) -> None:
        self._accounts = facts.accounts
        self._image = image
        inspect = facts.container.inspect
        config = inspect.get("Config") or {}
        self._adds = facts.engine.name == "podman" and config.get("Passwd") is not False
        self._version = numbers(facts.engine.version)
        self._user, _, self._group = str(config.get("User") or "").partition(":")
        self._directory = str(config.get("WorkingDir") or "/")
        self._inspect = inspect
        self._lent = facts.lent
        self._root = IdMap(facts.container.uid_map).uid(0)
        self._start = start_of(facts)

    def cause(self, pair: Pair, place: Evidence) -> Cause | None:
        """Who wrote a file that podman may add to; None where it adds nothing to it. ``place`` is
        the evidence that the writable layer has it.
        """
        live, image = pair.live, pair.image
        if not self._adds or live is None or live.path not in FILES:
            return None
        if live.kind is not Kind.FILE or (image is not None and image.kind is not Kind.FILE):
            return None
        before = self._before(live.path)
        if before is None:
            return None
        added = "".join(self._added(live.path, before))
        if not added:
            return None
        other = self._other(pair, live, before, added)
        if other:
            return Cause(Origin.WRITTEN_LATER, None, (Evidence("stat", other), place))
        of_image = "the image's content and " if before else ""
        detail = f"it has {of_image}what podman adds for the user: {added!r:.200}"
        proof = Evidence("inspect", detail)
        return Cause(Origin.ENGINE_CREATE, "podman-user-files", (proof, place))

    def _other(self, pair: Pair, live: Entry, before: str, added: str) -> str:
        """How ``live`` differs from what podman left there, a sentence; empty where it does not."""
        if live.sha256 != _digest(before + added):
            found = self._accounts.texts.get(live.path, "")
            rest = found.removeprefix(before) if _digest(found) == live.sha256 else None
            have = "other content" if rest is None else repr(rest)[:200]
            return f"podman adds {added!r:.200} for the user, and it has {have}"
        if since := changed_since(live.mtime, self._start):
            return f"it has what podman adds for the user, and {since}"
        others = sorted(set(pair.differences) - _APPENDED)
        if pair.image is None:
            made = {"mode": _MODE, "uid": self._root, "gid": self._root, "links": None}
            others = [name for name, value in made.items() if getattr(live, name) != value]
            others += ["xattrs"] if attributes(live) else []
        return f"podman does not change its {', '.join(others)}" if others else ""

    def _before(self, path: str) -> str | None:
        """What the image has at ``path``, empty where it lacks the file; None if not known: it is
        the first part of what the container has there, if its digest is the image's.
        """
        entry = self._image.get(path)
        if entry is None:
            return ""
        text = self._accounts.texts.get(path)
        if text is None:
            return None
        first = text.encode(errors="surrogateescape")[: entry.size]
        if hashlib.sha256(first).hexdigest() != entry.sha256:
            return None
        return first.decode(errors="surrogateescape")

    def _added(self, path: str, before: str) -> Iterator[str]:
        if self._version < _MAKES_FILES and path not in self._image:
            return
        yield from self._passwd(before) if path == _PASSWD else self._groups(before)

    # /etc/passwd:

    def _passwd(self, before: str) -> Iterator[str]:
        known = list(_rows(before))
        for name in command_line(self._inspect, "--hostuser"):
            user = self._of_host(name)
            if user is not None:
                yield from self._of_a_person(user, known)
        caller = self._caller()
        if caller is not None:
            yield from self._of_a_person(caller, known)
        number = _number(self._user)
        if number is None or (caller is not None and number == caller.uid):
            return
        if any(_number_in(row, 2) == number for row in known):
            return
        gid = self._gid()
        if gid is None:
            return
        name, full_name = str(number), "container user"
        template = self._option("--passwd-entry")
        host = self._of_host(self._user)
        if not template and host is not None and self._version >= _NAMES_OF_HOST:
            name, full_name = host.name, host.full_name
        yield self._line(template, HostUser(name, number, gid, full_name, self._directory))

    def _of_a_person(self, user: HostUser, known: Sequence[Sequence[str]]) -> Iterator[str]:
        """The line of a user of the host."""
        if any(row[0] == user.name or _number_in(row, 2) == user.uid for row in known):
            return
        mounts = wishes(self._inspect, self._lent)
        above = (mounts.get(path) for path in upwards(user.home) if path != "/")
        bound = any(wish is not None and wish.get("Type") != "volume" for wish in above)
        home = user.home if bound or user.home in mounts else self._directory
        template = self._option("--passwd-entry")
        yield self._line(template, HostUser(user.name, user.uid, user.gid, user.full_name, home))

    def _line(self, template: str, user: HostUser) -> str:
        template = template or "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh"
        values = {
            "$USERNAME": user.name, "$UID": str(user.uid), "$GID": str(user.gid),
            "$NAME": user.full_name, "$HOME": user.home,
        }  # fmt: skip
        return _filled(template, values)

    def _gid(self) -> int | None:
        """The number of the user's group; None where it is a name that is not known."""
        if not self._group or (number := _number(self._group)) is not None:
            return number if self._group else 0
        groups = self._before(_GROUP)
        rows = _rows(groups or "")
        return next((_number_in(row, 2) for row in rows if row[0] == self._group), None)

    # /etc/group:

    def _groups(self, before: str) -> Iterator[str]:
        known = list(_rows(before))
        caller = self._caller()
        added = None
        if caller is not None:
            added = caller.gid
            name = self._accounts.callers_group
            if not any(row[0] == name or _number_in(row, 2) == added for row in known):
                yield f"{name}:x:{added}:{caller.name}\n"
        template = self._option("--group-entry") if self._version >= _GROUP_ENTRY else ""
        if not self._user and not template:
            return
        without = "0" if self._version >= _GROUP_OF_ROOT else self._user
        number = _number(self._group or without)
        if number is None or number == added:
            return
        if any(_number_in(row, 2) == number for row in known):
            return
        values = {"$GROUPNAME": "", "$GID": str(number), "$USERLIST": ""}
        yield _filled(template or f"{number}:x:{number}:{self._user}", values)

    # Both:

    def _caller(self) -> HostUser | None:
        """Who runs podman, where the container keeps the caller's id (--userns keep-id)."""
        keeps = any(value == "keep-id" for value in command_line(self._inspect, "--userns"))
        return self._accounts.caller if keeps else None

    def _of_host(self, name: str) -> HostUser | None:
        """The host's user of that number, or name."""
        users = self._accounts.users
        by_number = next((user for user in users if user.uid == _number(name)), None)
        return by_number or next((user for user in users if user.name == name), None)

    def _option(self, name: str) -> str:
        return next(reversed(list(command_line(self._inspect, name))), "")


def _rows(text: str) -> Iterator[list[str]]:
    """The lines of a file of accounts, each in its fields, as podman reads them (runc v1.1.5
    libcontainer/user/user.go).
    """
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield stripped.split(":")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and int(text) < 1 << 32 else None


def _number_in(row: Sequence[str], field: int) -> int:
    """A number of a line; 0 where there is none, as podman reads it."""
    return (_number(row[field]) or 0) if field < len(row) else 0


def _filled(template: str, values: Mapping[str, Any]) -> str:
    for name, value in values.items():
        template = template.replace(name, value)
    return f"{template}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
