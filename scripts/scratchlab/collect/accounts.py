"""What an engine that adds accounts to a container took them from, and what it has of them now."""

from __future__ import annotations

import grp
import io
import os
import pwd
from contextlib import suppress

from scratchlab.accounts import FILES, Accounts, HostUser
from scratchlab.collect.root_files import RootFiles
from scratchlab.model import Json
from scratchlab.podman_command import command_line

_MOST_BYTES = 1 << 20
_OPTION = "--hostuser"


def host_accounts(inspect: Json, parent: int) -> Accounts:
    """The host's users that podman may add to the container that ``inspect`` describes.

    ``parent`` is the PID of conmon, which belongs to the user who runs podman.
    """
    config = inspect.get("Config") or {}
    user, *_ = str(config.get("User") or "").split(":")
    asked = [user, *command_line(inspect, _OPTION)]
    found = dict.fromkeys(one for name in asked if (one := _by_name(name)) is not None)
    caller = None
    with suppress(OSError):
        uid = os.stat(f"/proc/{parent}").st_uid if parent > 1 else 0
        caller = _by_name(str(uid)) if uid else None
    group = ""
    with suppress(KeyError):
        group = grp.getgrgid(caller.gid).gr_name if caller is not None else ""
    return Accounts(users=tuple(found), caller=caller, callers_group=group)


def texts(files: RootFiles) -> dict[str, str]:
    """What the root whose ``files`` these are has in FILES."""
    found = {}
    for path in FILES:
        content = io.BytesIO()
        if files.copy(path, _MOST_BYTES, content):
            found[path] = content.getvalue().decode(errors="surrogateescape")
    return found


def _by_name(name: str) -> HostUser | None:
    """The host's user with that number or name (podman v5.4 pkg/util/utils.go LookupUser())."""
    with suppress(KeyError, ValueError, OverflowError):
        user = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        full_name = user.pw_gecos.partition(",")[0]  # as Go's os/user has it
        return HostUser(user.pw_name, user.pw_uid, user.pw_gid, full_name, user.pw_dir)
    return None
